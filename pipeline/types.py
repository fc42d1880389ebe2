"""Whether what one node returns may enter another node's port."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Union, get_args, get_origin, get_type_hints

from assay.pipeline.context import RunContext


@dataclass(frozen=True, slots=True)
class Port:
    """One input of a node.

    Args:
        type: its annotation.
        required: False where ``run`` has a default for it.
    """

    type: Any
    required: bool

    @property
    def joined(self) -> Any | None:
        """The value type of a named join (``Mapping[str, X]`` gives X), else None."""
        if get_origin(self.type) is Mapping:
            return get_args(self.type)[1]
        return None


@dataclass(frozen=True, slots=True)
class Signature:
    """What a node's ``run`` takes and gives.

    Args:
        ports: input ports in the order of ``run``.
        output: the return annotation.
        context: name of the parameter that takes the ``RunContext``, if any.
    """

    ports: Mapping[str, Port]
    output: Any
    context: str | None


def signature(function: Callable[..., Any]) -> Signature:
    """Read the ports and the output from annotations.

    Raises:
        TypeError: if an annotation is missing; that is the node author's mistake.
    """
    hints = get_type_hints(function)
    ports: dict[str, Port] = {}
    context: str | None = None
    for name, parameter in inspect.signature(function).parameters.items():
        if name == "self" or parameter.kind is inspect.Parameter.KEYWORD_ONLY:
            continue  # keyword-only parameters of a function node are its config
        if name not in hints:
            raise TypeError(f"{function.__qualname__}: parameter '{name}' has no annotation")
        if hints[name] is RunContext:
            context = name
        else:
            ports[name] = Port(hints[name], parameter.default is inspect.Parameter.empty)
    if "return" not in hints:
        raise TypeError(f"{function.__qualname__} has no return annotation")
    return Signature(ports, hints["return"], context)


def members(annotation: Any) -> tuple[Any, ...]:
    """The members of a union, or the annotation itself.

    >>> members(int | None)
    (<class 'int'>, <class 'NoneType'>)
    """
    if get_origin(annotation) in (Union, types.UnionType):
        return tuple(member for part in get_args(annotation) for member in members(part))
    return (annotation,)


def refused(value: Any, port: Any) -> tuple[Any, ...]:
    """The members of ``value`` that ``port`` does not accept.

    >>> refused(int | None, int)
    (<class 'NoneType'>,)
    >>> refused(tuple[int, str, bytes], tuple[int, str])
    (tuple[int, str, bytes],)
    >>> refused(bool, int | str)
    ()
    """
    accepting = members(port)
    return tuple(
        member for member in members(value) if not any(_fits(member, one) for one in accepting)
    )


def _fits(value: Any, port: Any) -> bool:
    if port is Any or value == port:
        return True
    value_origin, port_origin = get_origin(value) or value, get_origin(port) or port
    if not (isinstance(value_origin, type) and isinstance(port_origin, type)):
        return False
    if not issubclass(value_origin, port_origin):
        return False
    expected, found = get_args(port), get_args(value)
    if not expected:
        return True
    if port_origin is tuple:
        return _tuple_fits(found, expected)
    return len(expected) == len(found) and all(
        not refused(one, other) for one, other in zip(found, expected, strict=True)
    )


def _tuple_fits(found: tuple[Any, ...], expected: tuple[Any, ...]) -> bool:
    if len(expected) == 2 and expected[1] is Ellipsis:
        return bool(found) and all(
            not refused(one, expected[0]) for one in found if one is not Ellipsis
        )
    if Ellipsis in found:
        return False
    return len(found) == len(expected) and all(
        not refused(one, other) for one, other in zip(found, expected, strict=True)
    )


def holds(annotation: Any, value: object) -> bool:
    """Whether a value is of an annotation's class, looking no deeper (O(1)).

    >>> holds(list[int] | None, ["not", "looked", "into"])
    True
    >>> holds(int, "3")
    False
    """
    return annotation is Any or any(
        isinstance(value, get_origin(member) or member) for member in members(annotation)
    )


def describe(annotation: Any) -> str:
    """An annotation in words that a user of pipeline files knows.

    >>> describe(int | None)
    'int | nothing'
    """
    return " | ".join(
        "nothing" if member is types.NoneType else _short(member) for member in members(annotation)
    )


def _short(annotation: Any) -> str:
    arguments = get_args(annotation)
    name = getattr(typing.get_origin(annotation) or annotation, "__name__", str(annotation))
    if arguments:
        inner = ", ".join("..." if one is Ellipsis else describe(one) for one in arguments)
        return f"{name}[{inner}]"
    return name
