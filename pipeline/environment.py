"""Secrets of a config: ``{env: NAME}`` becomes what the environment holds.

A secret is a field of type ``SecretStr`` or ``SecretStr | None``, also inside
lists, mappings and nested models. Only secrets come from the environment, and
secrets come from nowhere else: a pipeline file never holds one, and what it
says never depends on where it runs.
"""

from __future__ import annotations

import re
import types
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, is_dataclass
from typing import Annotated, Any, get_args, get_origin, get_type_hints, is_typeddict

from pydantic import BaseModel, SecretStr

from assay.pipeline.source import Path
from assay.pipeline.types import describe, members

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(slots=True)
class Filled:
    """A config whose secrets are filled in.

    Args:
        values: the config, ready for validation; what was refused is left out or
            stands as an empty secret.
        problems: path inside the config to what is wrong there.
        secrets: every value that was taken, so that no message repeats it.
    """

    values: dict[str, Any]
    problems: dict[Path, str] = field(default_factory=dict)
    secrets: set[str] = field(default_factory=set)

    def refused(self, path: Path) -> bool:
        """Whether a place, or one above it, is among the problems already."""
        return any(path[:end] in self.problems for end in range(len(path) + 1))

    def tells(self, message: str) -> bool:
        """Whether a message repeats a secret."""
        return any(secret in message for secret in self.secrets)


def fill(
    config: Mapping[str, Any], model: type[BaseModel], environment: Mapping[str, str]
) -> Filled:
    """Take the secrets of a config from the environment.

    Args:
        config: as written.
        model: what the component says that its config must be.
        environment: names to values.
    """
    filled = Filled({})
    fields = _fields(model)
    for key, value in config.items():
        if key in fields:
            value = _value(value, fields[key], (key,), environment, filled)  # noqa: PLW2901
        filled.values[key] = value
    return filled


def _value(
    value: Any, annotation: Any, path: Path, environment: Mapping[str, str], filled: Filled
) -> Any:
    kinds = _kinds(annotation)
    if _is_secret(kinds):
        if value is None and types.NoneType in kinds:
            return None
        return _secret(value, path, environment, filled)
    if _is_reference(value) and not any(_takes_mapping(kind) for kind in kinds):
        filled.problems[path] = (
            f"'{path[-1]}' is no secret, and only secrets (SecretStr) come from the environment;"
            f" write the value, which is {describe(annotation)}"
        )
        return value
    for kind in kinds:
        origin, arguments = get_origin(kind) or kind, get_args(kind)
        if isinstance(value, dict):
            inner = _fields(kind)
            if inner or not (_is_class(origin, Mapping) and len(arguments) == 2):
                of_key = inner
            else:
                of_key = dict.fromkeys(value, arguments[1])
            if of_key.keys() & value.keys():
                return {
                    key: _value(one, of_key[key], (*path, key), environment, filled)
                    if key in of_key
                    else one
                    for key, one in value.items()
                }
        elif isinstance(value, list) and arguments and _is_class(origin, Collection):
            several = origin is tuple and arguments[-1] is not Ellipsis
            of_item = arguments if several else (arguments[0],) * len(value)
            return [
                _value(one, of_item[index], (*path, index), environment, filled)
                if index < len(of_item)
                else one
                for index, one in enumerate(value)
            ]
    return value


def _secret(value: Any, path: Path, environment: Mapping[str, str], filled: Filled) -> SecretStr:
    name = value["env"] if _is_reference(value) else None
    if name is None:
        problem = f"'{path[-1]}': secrets come from the environment: write {{env: NAME}}"
    elif not _NAME.fullmatch(name):
        problem = f"'{path[-1]}': no name of a variable; write {{env: NAME}} with A-Z, 0-9 and '_'"
    elif not environment.get(name):
        state = "empty" if name in environment else "not set"
        problem = f"'{path[-1]}': the environment variable {name} is {state}; set it and try again"
    else:
        filled.secrets.add(environment[name])
        return SecretStr(environment[name])
    filled.problems[path] = problem
    return SecretStr("")


def _is_reference(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() == {"env"} and isinstance(value["env"], str)


def _kinds(annotation: Any) -> tuple[Any, ...]:
    found: list[Any] = []
    for kind in members(annotation):
        found += _kinds(get_args(kind)[0]) if get_origin(kind) is Annotated else [kind]
    return tuple(found)


def _is_secret(kinds: tuple[Any, ...]) -> bool:
    rest = [kind for kind in kinds if kind is not types.NoneType]
    return bool(rest) and all(_is_class(kind, SecretStr) for kind in rest)


def _is_class(kind: Any, parent: type) -> bool:
    return isinstance(kind, type) and issubclass(kind, parent)


def _takes_mapping(kind: Any) -> bool:
    return kind in (Any, object) or _is_class(get_origin(kind) or kind, Mapping) or _is_shape(kind)


def _is_shape(kind: Any) -> bool:
    return (
        is_typeddict(kind)
        or (isinstance(kind, type) and is_dataclass(kind))
        or _is_class(kind, BaseModel)
    )


def _fields(kind: Any) -> dict[str, Any]:
    """Names and types of what a model, dataclass or typed dictionary holds."""
    if _is_class(kind, BaseModel):
        return {name: one.annotation for name, one in kind.model_fields.items()}
    return get_type_hints(kind, include_extras=True) if _is_shape(kind) else {}
