"""A built pipeline runs its plan, whatever finishes first, and records what happened."""

from __future__ import annotations

import ast
import importlib
import inspect
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from assay.pipeline import Abstention, AbstentionReason, Answer, Pipeline
from assay.pipeline.errors import NodeError, UsageError
from assay.pipeline.identity import code_digest
from tests.pipeline.test_build import GOOD
from tests.pipeline.toys import Shelf, ask

Make = Callable[[str], Pipeline]


def without_time(record: dict[str, object]) -> str:
    return json.dumps({key: value for key, value in record.items() if key != "cost"})


@pytest.mark.parametrize("slow", ["a", "b"])
def test_the_join_does_not_depend_on_which_branch_finishes_first(make: Make, slow: str) -> None:
    text = GOOD.replace(f"letter: {slow}", f"letter: {slow}, wait: 0.05")
    with make(text) as pipeline:
        record = pipeline.run(ask()).to_json()
    assert [one["id"] for one in record["stages"]["both"]["passages"]] == ["a", "b"]


def test_independent_nodes_run_at_the_same_time(make: Make) -> None:
    text = GOOD.replace("letter: a", "letter: a, wait: 0.2").replace(
        "letter: b", "letter: b, wait: 0.2"
    )
    with make(text) as pipeline:
        record = pipeline.run(ask())
    assert record.seconds < 0.35


def test_the_same_query_gives_the_same_record_twice(make: Make) -> None:
    with make(GOOD) as pipeline:
        first, second = (without_time(pipeline.run(ask()).to_json()) for _ in range(2))
    assert first == second


def test_the_record_names_outcome_cost_and_fingerprint(make: Make) -> None:
    with make(GOOD) as pipeline:
        record = pipeline.run(ask()).to_json()
        fingerprint = pipeline.fingerprint()
    assert record["outcome"] == "answered"
    assert record["answer"]["text"] == "what is a list"
    assert record["cost"]["calls"] == 1
    assert record["cost"]["by_node"]["said"]["tokens_in"] == 3
    assert record["pipeline"] == fingerprint
    json.dumps(record, allow_nan=False)


def test_an_abstention_passes_by_ports_that_do_not_take_it(make: Make) -> None:
    with make(GOOD) as pipeline:
        outcome = pipeline.with_thresholds({"low": 2.0}).run(ask()).outcome
    assert isinstance(outcome, Abstention)
    assert outcome.reason is AbstentionReason.LOW_CONFIDENCE


def test_a_failing_node_is_named_with_its_input_digest_and_cause(make: Make) -> None:
    with (
        make(
            GOOD.replace("toys.say@1", "toys.broken@1").replace(
                "thresholds: {low: said.threshold}", ""
            )
        ) as pipeline,
        pytest.raises(
            NodeError, match=r"node 'said' failed on query [0-9a-f]{12}: ValueError: the paper"
        ),
    ):
        pipeline.run(ask())


def test_a_node_that_breaks_its_promise_is_an_error(make: Make) -> None:
    text = GOOD.replace("toys.say@1", "toys.liar@1").replace(
        "thresholds: {low: said.threshold}", ""
    )
    with make(text) as pipeline, pytest.raises(NodeError, match="promised Answer and gave str"):
        pipeline.run(ask())


def test_time_that_runs_out_is_an_abstention_not_an_error(make: Make) -> None:
    with make(GOOD.replace("letter: a", "letter: a, wait: 0.05")) as pipeline:
        outcome = pipeline.run(ask(), timeout=0.01).outcome
    assert isinstance(outcome, Abstention)
    assert outcome.reason is AbstentionReason.BUDGET


def test_resources_are_started_and_closed_once(make: Make) -> None:
    pipeline = make(GOOD)
    shelf = pipeline.resources["shelf"]
    assert isinstance(shelf, Shelf)
    with pipeline:
        pipeline.start()
        pipeline.run(ask())
    pipeline.close()
    assert (shelf.started, shelf.closed) == (1, 1)


def test_only_the_resources_that_are_asked_for_are_started(make: Make) -> None:
    pipeline = make(GOOD)
    shelf = pipeline.resources["shelf"]
    assert isinstance(shelf, Shelf)
    pipeline.start(only=pipeline.needs("shelf"))
    assert (pipeline.needs("shelf"), shelf.started) == (frozenset(), 0)
    pipeline.start(only={"shelf"})
    pipeline.start()
    assert shelf.started == 1
    pipeline.close()


def test_thresholds_are_no_part_of_the_fingerprint_but_every_other_setting_is(make: Make) -> None:
    base = make(GOOD)
    assert base.with_thresholds({"low": 2.0}).fingerprint() == base.fingerprint()
    assert make(GOOD.replace("letter: b", "letter: c")).fingerprint() != base.fingerprint()
    assert (
        make(
            GOOD.replace("right: right", "right: left").replace("  right:", "  # right:")
        ).fingerprint()
        != base.fingerprint()
    )


def test_an_unknown_threshold_is_refused(make: Make) -> None:
    with pytest.raises(UsageError, match="no threshold 'high'"):
        make(GOOD).with_thresholds({"high": 1.0})


def test_a_void_pipeline_answers_nothing(make: Make) -> None:
    outcome = replace(make(GOOD), void="its certificate does not fit").run(ask()).outcome
    assert isinstance(outcome, Abstention)
    assert outcome.reason is AbstentionReason.CERTIFICATE_VOID


def test_outcomes_carry_the_certificate_that_they_were_given_under(make: Make) -> None:
    with make(GOOD) as pipeline:
        outcome = pipeline.with_thresholds({"low": 0.0}, certificate_id="abc").run(ask()).outcome
    assert isinstance(outcome, Answer)
    assert outcome.certificate == "abc"


def test_only_what_outputs_depend_on_changes_a_code_digest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = "from assay.pipeline import Node, Query\n\n\nclass Same(Node):\n"
    run = "    def run(self, query: Query) -> str:\n        return query.text\n"
    texts = {
        "plain": first + run,
        "spoken": '"""A module."""\n' + first + '    """A class."""\n\n' + run + "        # end\n",
        "declared": first + '    gives = ("bm25",)\n    compares = "query"\n\n' + run,
        "other": first + run.replace("query.text", "query.id"),
    }
    monkeypatch.syspath_prepend(tmp_path)
    digests = {}
    for name, text in texts.items():
        (tmp_path / f"digest_of_{name}.py").write_text(text, encoding="utf-8")
        digests[name] = code_digest(importlib.import_module(f"digest_of_{name}").Same)
    assert digests["plain"] == digests["spoken"] == digests["declared"] != digests["other"]


def test_a_code_digest_covers_the_modules_beside_it_that_it_imports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "digest_folder"
    folder.mkdir()
    texts = {
        "__init__": "",
        "alone": "VALUE = 1\n",
        "inner": "def said() -> str:\n    return 'yes'\n",
        "outer": "from assay.pipeline import Node, Query\nfrom digest_folder.inner import said\n\n\n"
        "class Same(Node):\n    def run(self, query: Query) -> str:\n        return said()\n",
    }
    for name, text in texts.items():
        (folder / f"{name}.py").write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    component = importlib.import_module("digest_folder.outer").Same

    def digest_after(name: str, text: str) -> str:
        (folder / f"{name}.py").write_text(text, encoding="utf-8")
        code_digest.cache_clear()
        return code_digest(component)

    before = code_digest(component)
    assert digest_after("alone", "VALUE = 12\n") == before
    assert digest_after("inner", texts["inner"] + "# a comment\n") == before
    assert digest_after("inner", texts["inner"].replace("yes", "never")) != before


def test_a_code_digest_covers_shared_modules_that_say_they_compute() -> None:
    from assay.pipeline.identity import _trees
    from assay.stages.select import sentences

    source = inspect.getsource(sentences)
    covered = _trees(sentences.__name__, ast.parse(source)).keys()
    assert {"assay.pipeline.sentences", "assay.pipeline.abbreviations"} <= covered
    assert "assay.pipeline.words" not in covered
