"""The checks of a config can fail: each is given a config that breaks just its promise."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, WrapValidator, create_model, model_validator

from assay.pipeline import Config, Node
from tests.conformance.node import CHECKS
from tests.conformance.settings import probes
from tests.conformance.subject import Subject
from tests.conformance.toys import INPUTS, Head, failing


def with_config(config: type[BaseModel]) -> type[Node]:
    return type("Wrong", (Head,), {"__doc__": "Wrong.", "Config": config})


class TupleConfig(Config):
    names: tuple[str, ...] = Field(("a",), description="does not take its own JSON form")


class ForgetfulConfig(Config):
    k: int = Field(2, description="what it serialises to is not what it was", exclude=True)


class MutableConfig(BaseModel):
    model_config = ConfigDict(extra="forbid")
    k: int = Field(2, description="can be changed")


class OpenConfig(BaseModel):
    model_config = ConfigDict(frozen=True)
    k: int = Field(2, description="takes any key beside it")


class SilentConfig(Config):
    k: int = 2


class Inner(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    depth: int = 1


class OuterConfig(Config):
    inner: Inner = Field(Inner(), description="holds a field without description")


@pytest.mark.parametrize(
    ("config", "values", "sentence"),
    [
        (TupleConfig, {}, "does not take its own JSON form"),
        (ForgetfulConfig, {"k": 3}, "changes on its way through JSON"),
        (MutableConfig, {}, "not frozen"),
        (OpenConfig, {}, "takes an unknown key"),
        (SilentConfig, {}, "'k' of SilentConfig has no description"),
        (OuterConfig, {}, "'depth' of Inner has no description"),
    ],
    ids=lambda one: getattr(one, "__name__", ""),
)
def test_a_config_that_is_not_frozen_closed_and_faithful_is_caught(
    config: type[BaseModel], values: Mapping[str, Any], sentence: str
) -> None:
    with pytest.raises(AssertionError, match=sentence):
        CHECKS["config_round_trip"](Subject(with_config(config), values, {}, INPUTS))


def lenient(value: Any, handler: Callable[[Any], Any]) -> Any:
    """Takes everything: what is declared below it is only said, never asked for."""
    del handler
    return value


BOUNDS: Mapping[str, tuple[Any, Any, str, Any]] = {
    "ge": (int, Field(ge=3), "ge=3", 2),
    "gt": (int, Field(gt=3), "gt=3", 3),
    "le": (float, Field(le=0.5), "le=0.5", 0.5000000000000001),
    "lt": (float, Field(lt=0.5), "lt=0.5", 0.5),
    "min_length": (str, Field(min_length=4), "min_length=4", "aaa"),
    "max_length": (str, Field(max_length=4), "max_length=4", "aaaaa"),
    "min_items": (list[int], Field(min_length=1), "min_length=1", []),
    "max_items": (list[int], Field(max_length=2), "max_length=2", [1, 1, 1]),
    "max_properties": (
        dict[str, float],
        Field(max_length=1),
        "max_length=1",
        {"x": 1.0, "made_0": 1.0},
    ),
    "pattern": (str, Field(pattern="^[a-z]{4}$"), "the pattern ^[a-z]{4}$", "-" * 300),
    "choices": (Literal["all", "none"], Field(), "the choices ['all', 'none']", "none_of_these"),
    "numbers": (Literal[1, 3], Field(), "the choices [1, 3]", 4),
}


@pytest.mark.parametrize(("kind", "field", "bound", "wrong"), BOUNDS.values(), ids=BOUNDS)
def test_a_bound_that_is_only_declared_is_caught(
    kind: Any, field: Any, bound: str, wrong: Any
) -> None:
    def config(*, checked: bool) -> type[BaseModel]:
        more = () if checked else (WrapValidator(lenient),)
        annotation: Any = kind
        for part in (field, *more):
            annotation = Annotated[annotation, part]
        made: Any = create_model(
            "Made", __base__=Config, bound=(annotation | None, Field(None, description="bounded"))
        )
        return made

    found = probes(config(checked=True), {"bound": None})
    assert [(one.place, one.bound, one.wrong) for one in found] == [(("bound",), bound, wrong)]
    assert failing(with_config(config(checked=True))) == set()
    deaf = with_config(config(checked=False))
    assert failing(deaf) == {"bounds_are_refused"}
    with pytest.raises(AssertionError, match=r"'bound' declares .* and takes"):
        CHECKS["bounds_are_refused"](Subject(deaf, {}, {}, INPUTS))


def test_a_refusal_that_names_no_field_is_caught() -> None:
    class Wrong(Config):
        k: int = Field(2, json_schema_extra={"minimum": 1}, description="hits kept")

        @model_validator(mode="after")
        def _positive(self) -> Wrong:
            if self.k < 1:
                raise ValueError("too small")
            return self

    with pytest.raises(AssertionError, match="does not name 'k'"):
        CHECKS["bounds_are_refused"](Subject(with_config(Wrong), {}, {}, INPUTS))


def test_bounds_inside_containers_and_unions_are_probed_where_they_decide() -> None:
    class Step(BaseModel):
        width: int = Field(ge=1, description="width")

    class Deep(Config):
        steps: list[Step] = Field(description="items that are models")
        weights: dict[str, Annotated[float, Field(gt=0)]] = Field(description="values")
        pair: tuple[Annotated[int, Field(le=9)], str] = Field(strict=False, description="places")
        k: Literal["all"] | Annotated[int, Field(ge=1)] = Field("all", description="a union")
        free: Literal["x"] | str = Field("x", description="a choice that does not decide")
        zero: Literal[0] | Annotated[int, Field(ge=1)] = Field(0, description="all from 0 up")
        gap: Literal[0] | Annotated[int, Field(ge=5)] = Field(0, description="0, or 5 and up")

    plain = {"steps": [{"width": 2}], "weights": {"a": 1.0}, "pair": [1, "x"]}
    assert [(one.place, one.wrong) for one in probes(Deep, plain)] == [
        (("steps", 0, "width"), 0),
        (("weights", "a"), 0.0),
        (("pair",), [1]),
        (("pair",), [1, "x", 1]),
        (("pair", 0), 10),
        (("k",), "none_of_these"),
        (("k",), 0),
        (("gap",), 1),
        (("gap",), 4),
    ]
    right = Deep.model_validate(plain).model_dump(mode="json")
    subject = Subject(with_config(Deep), right, {}, INPUTS)
    CHECKS["bounds_are_refused"](subject)


def test_a_sample_config_that_is_refused_is_told() -> None:
    with pytest.raises(AssertionError, match=r"toys\.head@1: its config raised ValidationError"):
        CHECKS["bounds_are_refused"](Subject(Head, {"k": 9}, {}, INPUTS))
