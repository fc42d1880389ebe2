"""The conformance checks of a node's config: round trip, closed world, bounds."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from tests.conformance.subject import Subject, demand

_STRANGER = "no_such_setting"
_ODD_STRINGS = ("", " ", "\x00", "!", "é", "0", "a", "A", "a b", "-" * 300)
_CLASSES: Mapping[str, tuple[type, ...]] = {
    "integer": (int,),
    "number": (int, float),
    "string": (str,),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
    "null": (type(None),),
}


def config_round_trip(subject: Subject) -> None:
    """The config survives JSON, is frozen and closed, and every field says what it means."""
    model, settings = subject.component.Config, subject.settings()
    _described(subject, model)
    plain = settings.model_dump(mode="json")
    try:
        again = model.model_validate(plain)
    except ValidationError as error:
        raise AssertionError(
            f"{subject.name}: the config does not take its own JSON form ({_first(error)});"
            " a tuple or an enum needs Field(strict=False)"
        ) from error
    demand(again == settings, f"{subject.name}: the config changes on its way through JSON")
    name = next(iter(model.model_fields), _STRANGER)
    try:
        setattr(again, name, getattr(settings, name, 1))
    except (ValidationError, AttributeError, ValueError) as error:
        frozen = isinstance(error, ValidationError) and "frozen" in error.errors()[0]["type"]
    else:
        frozen = False
    demand(frozen, f"{subject.name}: the config is not frozen; derive it from Config")
    found = _refusals(model, plain | {_STRANGER: 1})
    demand(
        any(_STRANGER in place for place in found),
        f"{subject.name}: the config takes an unknown key without a word; derive it from Config",
    )


def bounds_are_refused(subject: Subject) -> None:
    """A value just outside each declared bound is refused, and the refusal names the field."""
    model = subject.component.Config
    plain = subject.settings().model_dump(mode="json")
    for probe in probes(model, plain):
        place = ".".join(str(part) for part in probe.place)
        found = _refusals(model, probe.value)
        demand(
            bool(found),
            f"{subject.name}: '{place}' declares {probe.bound} and takes {probe.wrong!r}",
        )
        demand(
            any(_within(probe.place, one) for one in found),
            f"{subject.name}: the refusal of {probe.wrong!r} ({probe.bound}) does not name"
            f" '{place}'; it names {[list(one) for one in found]}",
        )


@dataclass(frozen=True, slots=True)
class Probe:
    """A config that breaks one declared bound.

    Args:
        place: keys and indexes down to the value that is wrong.
        wrong: that value.
        bound: the bound in words.
        value: the whole config (on the way up, the part that holds the wrong value).
    """

    place: tuple[str | int, ...]
    wrong: Any
    bound: str
    value: Any

    def inside(self, step: str | int, whole: Any) -> Probe:
        """The same probe one level up."""
        return Probe((step, *self.place), self.wrong, self.bound, whole)


def probes(model: type[BaseModel], plain: Mapping[str, Any]) -> list[Probe]:
    """One probe for each bound of a config that its JSON Schema declares.

    Args:
        model: the config class.
        plain: a right config as plain values, into which the wrong ones are put.
    """
    schema = model.model_json_schema()
    return list(_probes(schema, dict(plain), schema.get("$defs", {}), ()))


def _probes(
    schema: Mapping[str, Any], value: Any, defs: Mapping[str, Any], seen: tuple[str, ...]
) -> Iterator[Probe]:
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[1]
        if name not in seen:
            yield from _probes(defs[name], value, defs, (*seen, name))
        return
    for key in ("anyOf", "oneOf", "allOf"):
        members = schema.get(key, ())
        for member in members:
            others = () if key == "allOf" else [one for one in members if one is not member]
            for probe in _probes(member, value, defs, seen):
                if not any(_takes(one, probe.value, defs) for one in others):
                    yield probe
    for bound, wrong in _outside(schema, value):
        yield Probe((), wrong, bound, wrong)
    yield from _inside(schema, value, defs, seen)


def _inside(
    schema: Mapping[str, Any], value: Any, defs: Mapping[str, Any], seen: tuple[str, ...]
) -> Iterator[Probe]:
    """Probes of what a container holds, put back into the container."""
    match schema.get("type"):
        case "array":
            held = value if isinstance(value, list) else []
            items = schema.get("prefixItems", [schema.get("items", {})])
            for index, item in enumerate(items):
                for probe in _probes(item, held[index] if index < len(held) else None, defs, seen):
                    yield probe.inside(index, [*held[:index], probe.value, *held[index + 1 :]])
        case "object":
            content = value if isinstance(value, dict) else {}
            parts = dict(schema.get("properties", {}))
            if isinstance(schema.get("additionalProperties"), dict):
                parts[next(iter(content), "x")] = schema["additionalProperties"]
            for name, part in parts.items():
                for probe in _probes(part, content.get(name), defs, seen):
                    yield probe.inside(name, {**content, name: probe.value})


def _outside(schema: Mapping[str, Any], value: Any) -> Iterator[tuple[str, Any]]:
    """The bounds of one schema, each with a value just outside."""
    whole = schema.get("type") == "integer"
    for key, step, sign in (("minimum", -1, "ge"), ("maximum", 1, "le")):
        if key in schema:
            bound = schema[key]
            yield (
                f"{sign}={bound}",
                bound + step if whole else math.nextafter(bound, step * math.inf),
            )
    for key, sign in (("exclusiveMinimum", "gt"), ("exclusiveMaximum", "lt")):
        if key in schema:
            yield f"{sign}={schema[key]}", schema[key] if whole else float(schema[key])
    choices = schema.get("enum", [schema["const"]] if "const" in schema else None)
    if choices is not None:
        numbers = [one for one in choices if isinstance(one, int)]
        yield f"the choices {choices}", max(numbers) + 1 if numbers else "none_of_these"
    for key, step, sign in (
        ("minLength", -1, "min_length"),
        ("maxLength", 1, "max_length"),
        ("minItems", -1, "min_length"),
        ("maxItems", 1, "max_length"),
        ("minProperties", -1, "min_length"),
        ("maxProperties", 1, "max_length"),
    ):
        size = schema.get(key, 0) + step
        if key in schema and size >= 0:
            yield f"{sign}={schema[key]}", _of_size(schema, value, size)
    if "pattern" in schema:
        odd = [one for one in _ODD_STRINGS if not re.search(schema["pattern"], one)]
        if odd:  # a pattern that all of these meet is no bound
            yield f"the pattern {schema['pattern']}", odd[-1]


def _of_size(schema: Mapping[str, Any], value: Any, size: int) -> Any:
    match schema.get("type"):
        case "array":
            items = list(value or [_example(schema.get("items", {}))])
            return (items * (size // len(items) + 1))[:size]
        case "object":
            held = dict(value or {"x": _example(schema.get("additionalProperties", {}))})
            some = next(iter(held.values()))
            more = {f"made_{number}": some for number in range(size)}
            return dict(list({**held, **more}.items())[:size])
        case _:
            return ((value if isinstance(value, str) and value else "a") * (size + 1))[:size]


def _example(schema: Any) -> Any:
    kind = schema.get("type", "string") if isinstance(schema, dict) else "string"
    return {"integer": 1, "number": 1.0, "boolean": True, "array": [], "object": {}}.get(kind, "a")


def _takes(schema: Mapping[str, Any], value: Any, defs: Mapping[str, Any]) -> bool:
    """Whether another member of a union takes the value, so that it proves nothing."""
    if "$ref" in schema:
        return _takes(defs[schema["$ref"].rsplit("/", 1)[1]], value, defs)
    for key in ("anyOf", "oneOf"):
        if key in schema:
            return any(_takes(one, value, defs) for one in schema[key])
    if "const" in schema or "enum" in schema:
        return value in schema.get("enum", [schema.get("const")])
    kind = schema.get("type")
    if kind is None:
        return True
    if not isinstance(value, _CLASSES[kind]) or (isinstance(value, bool) and kind != "boolean"):
        return False
    return not any(wrong == value for _, wrong in _outside(schema, value)) and not (
        isinstance(value, (int, float))
        and (
            value < schema.get("minimum", -math.inf)
            or value > schema.get("maximum", math.inf)
            or value <= schema.get("exclusiveMinimum", -math.inf)
            or value >= schema.get("exclusiveMaximum", math.inf)
        )
    )


def _described(subject: Subject, model: type[BaseModel]) -> None:
    schema = model.model_json_schema()
    for title, part in {model.__name__: schema, **schema.get("$defs", {})}.items():
        for name, field in part.get("properties", {}).items():
            demand(
                bool(field.get("description")),
                f"{subject.name}: '{name}' of {title} has no description; give"
                " Field(description=...)",
            )


def _refusals(model: type[BaseModel], value: Any) -> list[tuple[str | int, ...]]:
    """The places that a refusal names; none where the value was taken."""
    try:
        model.model_validate(value)
    except ValidationError as error:
        return [one["loc"] for one in error.errors()]
    return []


def _within(place: Sequence[str | int], found: Sequence[str | int]) -> bool:
    """Whether a place occurs, in order, in a location (unions add parts of their own)."""
    rest = iter(found)
    return all(part in rest for part in place)


def _first(error: ValidationError) -> str:
    first = error.errors()[0]
    return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
