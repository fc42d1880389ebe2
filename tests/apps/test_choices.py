"""What a person reads of what each step kept and dropped."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from assay.apps.choices import choices, show_choices, sizes
from assay.apps.show import funnel
from assay.pipeline import RunContext, RunRecord, Selection
from assay.pipeline.record import stage
from assay.pipeline.words import Dropped, Hit, Rationale
from tests.words import hit, query

A, B, C, D, E = (hit(name) for name in "abcde")


def chosen(
    kept: list[tuple[Hit, str]], dropped: list[tuple[Hit, str]], *rationales: Rationale
) -> Mapping[str, Any]:
    return stage(
        Selection(
            query(),
            tuple(one for one, _ in kept),
            tuple(Dropped(*pair) for pair in dropped),
            {one.passage.id: reason for one, reason in kept},
            rationales,
        ),
        RunContext(),
    )


LOOKED = Rationale("the year", chosen=(("a", 0.9), ("b", 0.25)))
POOR = [(C, "poor"), (D, "poorer"), (E, "poorest")]
FIRST = chosen([(A, "good"), (B, "fair")], POOR, LOOKED)
SECOND = chosen([(A, "good")], [*POOR, (B, "verifier: hidden text")], LOOKED)


def told(
    capsys: pytest.CaptureFixture[str], stages: Mapping[str, Mapping[str, Any]], *, everything: bool
) -> list[str]:
    record = RunRecord(query(), None, None, stages)
    show_choices(record, lambda name: f"T{name}", everything=everything)
    return [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]


def test_each_step_tells_what_it_did_itself_and_nothing_twice(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert told(capsys, {"selected": FIRST, "verified": SECOND}, everything=True) == [
        "selected: kept 2 of 5",
        "looked for the year: a (0.9), b (0.25)",
        "kept a (Ta): good",
        "kept b (Tb): fair",
        "dropped c (Tc): poor",
        "dropped d (Td): poorer",
        "dropped e (Te): poorest",
        "verified: kept 1 of 2",
        "dropped b (Tb): verifier: hidden text",
    ]


def test_shortly_three_of_each_sort_are_told_and_how_to_see_the_others(
    capsys: pytest.CaptureFixture[str],
) -> None:
    poor = [(one, "poor") for one in (A, B, C, D, E)]
    more = chosen([], poor, Rationale("nowhere to be found"))
    assert told(capsys, {"selected": more}, everything=False) == [
        "selected: kept 0 of 5",
        "looked for nowhere to be found: found nowhere",
        "dropped a (Ta): poor",
        "dropped b (Tb): poor",
        "dropped c (Tc): poor",
        "and 2 more dropped",
        "--why shows all of them",
    ]


def test_what_would_move_the_cursor_is_taken_out(capsys: pytest.CaptureFixture[str]) -> None:
    odd = chosen([(hit("x\x1b[2J"), "a [red]reason\n\x1b[1A")], [])
    lines = told(capsys, {"selected": odd}, everything=True)
    assert lines[1].startswith("kept x [2J")
    assert lines[1].endswith("a [red]reason [1A")


def test_a_step_that_only_hands_on_is_passed_over() -> None:
    assert [one.node for one in choices({"one": FIRST, "gate": FIRST})] == ["one"]
    assert list(choices({"ranked": {"passages": []}})) == []


def test_the_funnel_tells_selectors_from_verifiers() -> None:
    stages = {"one": FIRST, "short": SECOND, "checked": {"verdicts": []}, "gate": SECOND}
    assert sizes(list(stages.values())) == (1, 1)
    assert sizes([]) == (0, 0)
    record = RunRecord(query(), None, None, {"one": FIRST, "checked": {"verdicts": []}})
    assert "selected 2, verified 2" in funnel(record)
