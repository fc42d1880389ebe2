"""Finds suites: the name is the name of the file, the class is the one ``Suite`` in it."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import pkgutil
import typing
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError

from assay.evaluation import suites
from assay.evaluation.suites.suite import Suite
from assay.pipeline.errors import UsageError, nearest
from assay.pipeline.source import read_value

_LISTS = (tuple, list, set, frozenset, Sequence, Iterable)


@dataclass(frozen=True, slots=True)
class Option:
    """One field of a suite.

    Args:
        name: of the field.
        default: as a text; '' where it must be given.
        description: what it does, '' where nobody said.
    """

    name: str
    default: str
    description: str


def every_suite() -> dict[str, type[Suite]]:
    """All suites by name, in the order of their names."""
    found = {}
    for module in sorted(pkgutil.iter_modules(suites.__path__), key=lambda one: one.name):
        suite = _suite_in(module.name)
        if suite is not None:
            found[module.name] = suite
    return found


def find(name: str) -> type[Suite]:
    """A suite by name; a dash is read as an underscore.

    Raises:
        UsageError: if there is none, with the nearest name.
    """
    wanted = name.replace("-", "_")
    files = {module.name for module in pkgutil.iter_modules(suites.__path__)}
    suite = _suite_in(wanted) if wanted in files else None
    if suite is None:
        raise UsageError(f"no suite '{name}'; {nearest(wanted, every_suite())}")
    return suite


def options_of(suite: type[Suite]) -> tuple[Option, ...]:
    """The fields of a suite, in order."""
    return tuple(_options(suite))


def make(name: str, given: Sequence[str] = ()) -> Suite:
    """A suite with its options set.

    Args:
        name: of the suite.
        given: ``FIELD=VALUE`` each; a list as ``1,2,3`` or ``[1, 2, 3]``.

    Raises:
        UsageError: for an unknown suite or field, with the nearest name, a field that is
            given twice, or a value that does not fit.
    """
    suite = find(name)
    known = [option.name for option in options_of(suite)]
    kinds = typing.get_type_hints(suite)
    values: dict[str, Any] = {}
    for one in given:
        field, equals, text = one.partition("=")
        field = field.strip()
        if not equals:
            raise UsageError(f"--option {one}: expected FIELD=VALUE, such as seed=1")
        if field not in known:
            raise UsageError(f"the suite '{name}' has no option '{field}'; {nearest(field, known)}")
        if field in values:
            raise UsageError(f"--option {field} is given twice; say it once")
        values[field] = _value(name, field, text, kinds.get(field))
    try:
        return TypeAdapter(suite).validate_python(values)
    except ValidationError as error:
        lines = "; ".join(
            f"'{'.'.join(map(str, one['loc']))}': {one['msg']}, found {one['input']!r}"
            for one in error.errors()
        )
        raise UsageError(f"the suite '{name}' cannot be made: {lines}") from error


def _suite_in(name: str) -> type[Suite] | None:
    """The suite that a module defines; None where it defines none."""
    module = importlib.import_module(f"{suites.__name__}.{name}")
    for one in vars(module).values():
        if (
            isinstance(one, type)
            and issubclass(one, Suite)
            and one.__module__ == module.__name__
            and not inspect.isabstract(one)
        ):
            return one
    return None


def _options(suite: type[Suite]) -> Iterator[Option]:
    if issubclass(suite, BaseModel):
        fields: Mapping[str, Any] = suite.model_fields
        for name, field in fields.items():
            default = "" if field.is_required() else _shown(field.get_default())
            yield Option(name, default, field.description or "")
        return
    plain: Mapping[str, Any] = getattr(suite, "__dataclass_fields__", {})
    for name, field in plain.items():
        known = field.default is not dataclasses.MISSING
        said = str(field.metadata.get("description", ""))
        yield Option(name, _shown(field.default) if known else "", said)


def _shown(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple | list) else str(value)


def _value(suite: str, field: str, text: str, kind: Any) -> Any:
    read = read_value(text)
    if read.problems:
        raise UsageError(f"the suite '{suite}', option '{field}': {read.problems[0].message}")
    if _is_list(kind) and not isinstance(read.data, list):
        # '1,2,3' is one text in YAML, and '1' one number.
        return [read_value(part).data for part in text.split(",")]
    return read.data


def _is_list(kind: Any) -> bool:
    return (typing.get_origin(kind) or kind) in _LISTS
