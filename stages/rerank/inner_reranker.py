"""A reranker that another node holds: by name, with its settings and resources."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, get_type_hints

from pydantic import ValidationError

from assay.pipeline.component import Node, Resource
from assay.pipeline.errors import UsageError, nearest
from assay.pipeline.registry import find
from assay.pipeline.types import describe, refused, signature
from assay.pipeline.words import Ranking

PORTS = {"query", "ranking"}
"""What such a reranker may need; other inputs it goes without."""
EXAMPLE = "rerank.sliding_window@1"


def checked_name(name: str) -> str:
    """A registered name, if it is that of a reranker that needs but a ranking and tells its cost.

    Raises:
        ValueError: if it is not.
    """
    try:
        within = find(name)
    except UsageError as error:
        raise ValueError(str(error)) from error
    if not issubclass(within, Node):
        raise ValueError(f"{name} is no node: take a reranker, such as {EXAMPLE}")
    run = signature(within.run)
    more = [port for port, it in run.ports.items() if it.required and port not in PORTS]
    if more:
        raise ValueError(f"{name} needs the input '{more[0]}', which it would not get here")
    if run.output is not Ranking or not hasattr(within, "estimate"):
        raise ValueError(f"{name} gives no ranking, or tells no cost: take {EXAMPLE}")
    return name


def checked_settings(
    name: str, settings: Mapping[str, Any], context: dict[str, Any] | None
) -> dict[str, Any]:
    """All settings of a reranker, with defaults, as its config takes them.

    Args:
        name: see ``checked_name``.
        settings: as they were written.
        context: of the validation; it knows the folder that paths are seen from.

    Raises:
        ValueError: if the config refuses one.
    """
    within = find(name)
    try:
        made = within.Config.model_validate(dict(settings), context=context)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        found = f"{place}: {first['msg']}" if place else first["msg"].removeprefix("Value error, ")
        raise ValueError(f"{within.name}: {found}") from error
    return made.model_dump(mode="json")


def inner_reranker(
    name: str, settings: Mapping[str, Any], resources: Mapping[str, Resource]
) -> Node:
    """The reranker.

    Args:
        name: see ``checked_name``.
        settings: see ``checked_settings``.
        resources: by the names that its constructor has for them.

    Raises:
        UsageError: if the resources are not those that it takes.
    """
    within = find(name)
    init = within.__init__
    slots = {
        slot: parameter
        for slot, parameter in inspect.signature(init).parameters.items()
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY
    }
    hints = get_type_hints(init)
    for slot, resource in resources.items():
        if slot not in slots:
            raise UsageError(f"{within.name} takes no resource '{slot}'; {nearest(slot, slots)}")
        if refused(type(resource), hints[slot]):
            raise UsageError(
                f"'{slot}' of {within.name} takes a {describe(hints[slot])}; found {resource.name}"
            )
    for slot, parameter in slots.items():
        if slot not in resources and parameter.default is inspect.Parameter.empty:
            wanted = describe(hints[slot])
            raise UsageError(f"{within.name} needs 'resources: {{{slot}: ...}}', a {wanted}")
    made = within(within.Config.model_validate(dict(settings)), **resources)
    assert isinstance(made, Node)
    return made
