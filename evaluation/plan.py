"""Which nodes of a pipeline make the rankings and selections that are scored."""

from __future__ import annotations

from dataclasses import dataclass

from assay.pipeline.graph import Pipeline
from assay.pipeline.plan import Step
from assay.pipeline.types import members
from assay.pipeline.words import Ranking, Selection, Verdicts


@dataclass(frozen=True, slots=True)
class Plan:
    """What evaluation has to know about a pipeline.

    Args:
        rankings: nodes that put out a ranking, in plan order.
        ranking: the last of them before anything is selected, None if there is none.
        selections: nodes that put out a selection, in plan order; the last one feeds
            the generator.
        verifies: whether any node puts out verdicts.
        refuses: whether a selection node reads verdicts and may drop passages by them.
    """

    rankings: tuple[str, ...] = ()
    ranking: str | None = None
    selections: tuple[str, ...] = ()
    verifies: bool = False
    refuses: bool = False


def plan_of(pipeline: Pipeline) -> Plan:
    """Read the plan off the types that the pipeline's nodes put out."""
    steps = pipeline.steps
    rankings = tuple(name for name, step in steps.items() if _gives(step, Ranking))
    selections = tuple(name for name, step in steps.items() if _gives(step, Selection))
    before = _ancestors(pipeline, selections[0]) if selections else set(rankings)
    ranked = [name for name in rankings if name in before]
    return Plan(
        rankings=rankings,
        ranking=ranked[-1] if ranked else None,
        selections=selections,
        verifies=any(_gives(step, Verdicts) for step in steps.values()),
        refuses=any(
            (port.joined or port.type) is Verdicts
            for name in selections
            for port in steps[name].signature.ports.values()
        ),
    )


def _gives(step: Step, word: type) -> bool:
    return word in members(step.signature.output)


def _ancestors(pipeline: Pipeline, name: str) -> set[str]:
    found: set[str] = set()
    waiting = [name]
    while waiting:
        for feed in pipeline.steps[waiting.pop()].inputs.values():
            for one in (feed,) if isinstance(feed, str) else feed.values():
                if one in pipeline.steps and one not in found:
                    found.add(one)
                    waiting.append(one)
    return found
