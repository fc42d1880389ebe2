"""Two records of one query are compared node by node, and the first difference is named."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.pipeline import Flag, Pipeline, RunContext, Verdict, Verdicts
from assay.pipeline.errors import DataError, NodeError
from assay.pipeline.record import stage
from assay.pipeline.replay import IGNORED, OUTCOME, Difference, check_record, compare, moved
from tests.pipeline.test_build import GOOD
from tests.pipeline.toys import ask

Record = dict[str, Any]
ORDER = ("found", "chosen", "judged", "said")


def hits(*pairs: tuple[str, float]) -> list[Record]:
    return [{"id": name, "score": score, "kind": "bm25"} for name, score in pairs]


def record() -> Record:
    """A run of four nodes, as it stands in a file."""
    verdicts = Verdicts("t", (Verdict("a", (Flag("echo", 0.5, "it echoes", 0.1),)), Verdict("b")))
    return {
        "query_id": "q1",
        "text": "what is a list",
        "outcome": "answered",
        "answer": {"text": "A list.", "citations": []},
        "stages": {
            "found": {"passages": hits(("a", 3.0), ("b", 2.0), ("c", 1.0)), "notes": {"cut": 0}},
            "chosen": {
                "passages": hits(("a", 3.0), ("b", 2.0)),
                "kept": ["a", "b"],
                "dropped": [{"id": "c", "reason": "below k"}],
            },
            "judged": stage(verdicts, RunContext()),
            "said": {"answer": {"text": "A list.", "citations": []}},
        },
        "cost": {"calls": 3, "seconds": 0.25, "by_node": {"found": {"seconds": 0.25}}},
        "pipeline": "f" * 64,
        "certificate": None,
        "seed": 0,
    }


def changed(*path: str | int, to: object) -> Record:
    """The record with one value set."""
    one = copy.deepcopy(record())
    spot: Any = one
    for key in path[:-1]:
        spot = spot[key]
    spot[path[-1]] = to
    return one


FOUND = ("stages", "found", "passages")
CHOSEN = ("stages", "chosen")


@pytest.mark.parametrize(
    ("new", "node", "lines"),
    [
        (changed(*FOUND, to=hits(("a", 3.0), ("b", 2.0))), "found", ["passages removed: c"]),
        (
            changed(*FOUND, to=hits(("a", 3.0), ("x", 2.5), ("b", 2.0), ("c", 1.0))),
            "found",
            ["passages added: x"],
        ),
        (
            changed(*FOUND, to=hits(("c", 1.0), ("a", 3.0), ("b", 2.0))),
            "found",
            ["passages moved: c 3 -> 1"],
        ),
        (
            changed(*FOUND, to=hits(("a", 3.5), ("b", 2.25), ("c", 1.0))),
            "found",
            ["scores: 2 of 3 differ, by 0.5 at most (a: 3 -> 3.5)"],
        ),
        (changed(*FOUND, 0, "kind", to="logit"), "found", ["kind of score: bm25 -> logit"]),
        (changed(*FOUND, 0, "page", to=7), "found", None),
        (changed("stages", "found", "notes", "cut", to=2), "found", ["note cut: 0 -> 2"]),
        (changed(*CHOSEN, "kept", to=["b", "a"]), "chosen", ["kept moved: b 2 -> 1"]),
        (changed(*CHOSEN, "dropped", to=[]), "chosen", ["dropped removed: c"]),
        (
            changed(*CHOSEN, "dropped", 0, "reason", to="a copy"),
            "chosen",
            ["dropped for another reason: c: below k -> a copy"],
        ),
        (
            changed("stages", "judged", "verdicts", 0, "flags", to=[]),
            "judged",
            ["verdicts: a: echo 0.5 0.1 it echoes -> no flag"],
        ),
        (
            changed("stages", "said", "answer", "text", to="A tuple."),
            "said",
            ["answer text: A list. -> A tuple."],
        ),
        (changed("stages", "said", "skipped", to="no need"), "said", ["skipped: nothing -> no need"]),
        (changed("outcome", to="abstained"), OUTCOME, ["outcome: answered -> abstained"]),
    ],
)  # fmt: skip
def test_each_kind_of_difference_is_told_in_its_own_words(
    new: Record, node: str, lines: list[str] | None
) -> None:
    difference = compare(record(), new, ORDER)
    assert difference is not None
    assert difference.node == node
    assert difference.lines
    assert lines is None or list(difference.lines) == lines
    assert json.loads(json.dumps(difference.to_json()))["node"] == node


def test_an_answer_that_became_an_abstention_is_a_difference_of_its_stage() -> None:
    new = changed("stages", "said", to={"abstention": {"reason": "no_evidence"}})
    difference = compare(record(), new, ORDER)
    assert difference is not None
    assert difference.node == "said"
    assert [line.split(":")[0] for line in difference.lines] == ["answer", "abstention"]
    assert "no_evidence" in difference.lines[1]


def test_the_first_node_of_the_plan_is_named_whatever_the_order_in_the_file() -> None:
    new = changed("stages", "said", "answer", "text", to="A tuple.")
    new["stages"]["chosen"]["kept"] = ["a"]
    new["stages"] = dict(reversed(new["stages"].items()))
    first = compare(record(), new, ORDER)
    assert first is not None and first.node == "chosen"
    last = compare(record(), new, tuple(reversed(ORDER)))
    assert last is not None and last.node == "said"


def test_seconds_costs_and_fingerprints_are_no_difference() -> None:
    new = changed("pipeline", to="0" * 64)
    new["cost"] = {"calls": 4, "seconds": 9.0}
    new["certificate"] = "abc"
    for key in IGNORED:
        new["stages"]["found"][key] = 1.5
        new["stages"]["found"]["notes"][key] = 1.5
    assert compare(record(), new, ORDER) is None


def test_the_last_bit_of_a_score_is_a_difference() -> None:
    difference = compare(record(), changed(*FOUND, 0, "score", to=3.0000000000000004), ORDER)
    assert difference is not None
    assert "4.44e-16 at most" in difference.lines[0]


def failed(node: str, message: str = "the paper jammed", *, until: int = 0) -> Record:
    one = record()
    one |= {
        "outcome": "failed",
        "error": {"node": node, "type": "ValueError", "message": message},
        "stages": dict(list(one["stages"].items())[:until]),
    }
    del one["answer"]
    return one


@pytest.mark.parametrize("until", [0, 1])
def test_a_failure_is_a_difference_of_the_node_that_failed(until: int) -> None:
    difference = compare(record(), failed("chosen", until=until), ORDER)
    told = "before: did not fail; now: failed with ValueError: the paper jammed"
    assert difference == Difference("chosen", (told,))
    back = compare(failed("chosen", until=until), record(), ORDER)
    assert back is not None
    assert (back.node, back.lines[0][:14]) == ("chosen", "before: failed")


def test_two_equal_failures_are_equal_and_two_others_are_not() -> None:
    assert compare(failed("chosen"), failed("chosen"), ORDER) is None
    difference = compare(failed("chosen"), failed("chosen", "no ink"), ORDER)
    assert difference is not None and "no ink" in difference.lines[0]
    earlier = compare(failed("judged"), failed("chosen"), ORDER)
    assert earlier is not None and earlier.node == "chosen"


def test_a_stage_before_the_failure_is_still_compared() -> None:
    new = failed("chosen", until=1)
    new["stages"]["found"]["passages"] = []
    difference = compare(record(), new, ORDER)
    assert difference is not None and difference.node == "found"


def test_a_node_that_did_not_run_is_told_with_how_the_run_ended() -> None:
    new = changed("outcome", to="abstained")
    new["stages"] = {}
    difference = compare(record(), new, ORDER)
    assert difference is not None
    told = ("it ran before and not now", "outcome: answered -> abstained")
    assert (difference.node, difference.lines) == ("found", told)
    back = compare(new, record(), ORDER)
    assert back is not None and back.lines[0] == "it ran now and not before"


def test_long_lists_and_long_texts_are_cut() -> None:
    many = changed(*FOUND, to=hits(*((f"p{n}", 1.0) for n in range(9))))
    difference = compare(record(), many, ORDER)
    assert difference is not None
    assert difference.lines[0] == "passages added: p0, p1, p2, p3, p4 and 4 more"
    long = compare(record(), changed("stages", "said", "answer", "text", to="x" * 999), ORDER)
    assert long is not None and len(long.lines[0]) < 200


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@given(old=JSON, new=JSON)
def test_a_part_that_nobody_foresaw_is_compared_too(old: object, new: object) -> None:
    one, other = changed("stages", "found", "more", to=old), record()
    other["stages"]["found"]["more"] = new
    assert (compare(one, other, ORDER) is None) == (
        json.dumps(old) == json.dumps(new) or old == new
    )


IDS = st.permutations("abcdef").map(lambda ids: ids[:5])


@given(old=IDS, new=IDS)
def test_those_that_did_not_move_keep_their_order_and_no_larger_set_does(
    old: list[str], new: list[str]
) -> None:
    gone = moved(old, new)
    common = [one for one in new if one in old]
    stay = [one for one in common if one not in gone]
    assert stay == [one for one in old if one in stay]
    larger = combinations(common, len(stay) + 1)
    assert not any(list(some) == [one for one in old if one in some] for some in larger)


def test_a_real_run_is_equal_to_itself_and_a_change_is_found_at_its_node(
    make: Callable[[str], Pipeline],
) -> None:
    def run(text: str) -> tuple[Record, tuple[str, ...]]:
        with make(text) as pipeline:
            done: Record = json.loads(json.dumps(pipeline.run(ask()).to_json()))
            return check_record(done, "r.jsonl:1"), tuple(pipeline.steps)

    old, order = run(GOOD)
    assert compare(old, run(GOOD)[0], order) is None
    other = compare(old, run(GOOD.replace("letter: b", "letter: c"))[0], order)
    assert other is not None and other.node == "right"
    assert other.lines[:2] == ("passages added: c", "passages removed: b")


def test_a_real_failure_is_a_record_that_can_be_compared(make: Callable[[str], Pipeline]) -> None:
    broken = GOOD.replace("toys.say@1", "toys.broken@1").split("thresholds")[0]
    with make(GOOD) as pipeline:
        old = pipeline.run(ask()).to_json()
    with make(broken) as pipeline:
        with pytest.raises(NodeError) as caught:
            pipeline.run(ask())
        new = check_record(pipeline.failed(ask(), caught.value).to_json(), "r.jsonl:1")
        difference = compare(old, new, tuple(pipeline.steps))
    assert difference is not None
    assert (difference.node, "the paper jammed" in difference.lines[0]) == ("said", True)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ([1], "expected a JSON object, found list"),
        ({}, "'query_id': Field required"),
        (changed("text", to=""), "'text': String should have at least 1 character"),
        (changed("seed", to="0"), "'seed': Input should be a valid integer"),
        (changed("outcome", to="lost"), "'outcome': Input should be"),
        (changed("stages", to=[]), "'stages': Input should be a valid dictionary"),
        (changed(*FOUND, 1, "score", to="high"), "'stages.found.passages.1.score'"),
        (changed(*CHOSEN, "kept", to=[1]), "'stages.chosen.kept.0'"),
        (changed("stages", "judged", "verdicts", to=[{"id": "a"}]), "verdicts.0.flags"),
    ],
)
def test_what_is_no_record_is_refused_with_its_field(value: object, words: str) -> None:
    with pytest.raises(DataError) as caught:
        check_record(value, "r.jsonl:7")
    assert str(caught.value).startswith("r.jsonl:7 is no run record: ")
    assert words in str(caught.value)
