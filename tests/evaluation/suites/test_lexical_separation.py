from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.corpora.dataset import LabelledQuery
from assay.evaluation.suites.candidate_bm25 import CandidateBm25, analyzer_for, order_by
from assay.evaluation.suites.lexical_separation import LexicalSeparationSuite, separation
from assay.evaluation.suites.registry import find, make
from assay.pipeline.errors import UsageError
from tests.evaluation.made import dataset, document, question
from tests.evaluation.suites.direct_runner import DirectRunner, words_then
from tests.evaluation.suites.toy_rerankers import TOYS, rivers


@pytest.fixture(autouse=True)
def plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    from assay.pipeline import registry

    monkeypatch.setattr(registry, "_plugins", lambda: TOYS)


OVERLAP: dict[str, Any] = {"use": "rerank.cross_encoder@1", "resources": {"model": "judge"}}


def test_the_worked_numbers_of_the_source_hold() -> None:
    assert separation([3.1, 2.0, 4.0], [0]) == pytest.approx(-0.9)
    assert separation([3.1, 2.0, 4.0], [0, 2]) == pytest.approx(2.0)


def test_without_a_relevant_candidate_or_any_other_there_is_no_separation() -> None:
    assert separation([1.0, 2.0], []) is None
    assert separation([1.0, 2.0], [0, 1]) is None
    assert separation([], []) is None


@given(
    st.lists(st.integers(0, 5).map(float), min_size=2, max_size=8),
    st.sets(st.integers(0, 7), min_size=1),
)
def test_bm25_is_first_exactly_where_the_separation_is_above_0(
    scores: list[float], gold: set[int]
) -> None:
    places = [place for place in gold if place < len(scores)]
    value = separation(scores, places)
    names = [str(place) for place in range(len(scores))]
    first = int(order_by(scores, names)[0])
    if value is not None and value != 0:
        assert (first in places) == (value > 0)


def test_bm25_is_the_formula_over_the_candidates() -> None:
    texts = ["green green apples", "red pears ripen slowly", "apples"]
    found = CandidateBm25(texts, analyzer_for("none")).scores("green apples")
    mean_length = (3 + 4 + 1) / 3

    def part(tf: int, n: int, length: int) -> float:
        idf = math.log(1 + (3 - n + 0.5) / (n + 0.5))
        return idf * tf / (tf + 1.5 * (1 - 0.75 + 0.75 * length / mean_length))

    assert found.tolist() == pytest.approx([part(2, 1, 3) + part(1, 2, 3), 0.0, part(1, 2, 1)])


def test_texts_and_questions_without_words_score_0() -> None:
    assert CandidateBm25(["...", ""], analyzer_for("english")).scores("apples").tolist() == [0, 0]
    assert CandidateBm25(["apples"], analyzer_for("english")).scores("the of").tolist() == [0]


def misleading() -> DirectRunner:
    """Two questions: words find the one passage and mislead about the other."""
    documents = [
        document("right", "Wool was sold in the harbour."),
        document("wrong", "What goods were traded in the town: goods traded, goods traded."),
        document("plain", "Copper came from Eastlyn, say miners of Eastlyn."),
        document("other", "Miners sleep."),
    ]
    queries = [
        LabelledQuery("goods", "What goods were traded in the harbour?", ("Wool",), True),
        LabelledQuery("copper", "Do miners say copper came from Eastlyn?", ("miners",), True),
        question("unseen"),
    ]
    qrels = {"goods": {"right": 1, "wrong": 0}, "copper": {"plain": 1}, "unseen": {"other": 1}}
    return DirectRunner(words_then(), dataset(queries, documents, qrels), Path())


def test_slices_part_the_questions_and_bm25_gets_none_right_where_words_mislead(
    tmp_path: Path,
) -> None:
    runner = misleading()
    runner.folder = tmp_path
    found = LexicalSeparationSuite().measure(runner.dataset, runner, seed=0)
    by_name = {row.name: row for row in found.rows}
    low, high = by_name["words mislead (below -0.5)"], by_name["words help (-0.5 and above)"]
    assert (by_name["all"].n, low.n, high.n) == (2, 1, 1)
    assert low.values["bm25 p@1"].value == 0
    assert high.values["bm25 p@1"].value == 1
    # The pipeline is BM25 too, so it falls for the same words.
    assert low.values["p@1"].value == 0
    assert by_name["all"].values["same first"].value == 1
    assert any("1 question left out: none of their relevant" in one for one in found.notes)
    assert {one["query_id"] for one in found.per_query} == {"goods", "copper"}


def test_agreement_says_who_follows_bm25_and_who_does_not(tmp_path: Path) -> None:
    data = rivers()
    tau: dict[str, float] = {}
    nodes: dict[str, dict[str, Any]] = {"alike": OVERLAP, "against": {"use": "toys.fewest@1"}}
    for name, node in nodes.items():
        runner = DirectRunner(words_then(("reranked", node)), data, tmp_path / name)
        found = LexicalSeparationSuite().measure(data, runner, seed=0)
        tau[name] = found.rows[0].values["tau"].value or 0.0
        assert found.rows[0].n == len(data.queries)
        gain = found.rows[0].values["p@1 over bm25"].value
        assert gain == (0 if name == "alike" else -1)
    assert tau["alike"] > 0 > tau["against"]


def test_the_gate_is_told_with_its_interval_or_why_not(tmp_path: Path) -> None:
    data = rivers()
    runner = DirectRunner(words_then(("reranked", {"use": "toys.fewest@1"})), data, tmp_path)
    found = LexicalSeparationSuite(threshold=100.0).measure(data, runner, seed=0)
    [gate] = [one for one in found.notes if one.startswith("Gate")]
    assert "failed" in gate
    assert "12 questions" in gate
    high = LexicalSeparationSuite(threshold=-100.0).measure(data, runner, seed=0)
    assert any("Gate: not decided, since no question" in one for one in high.notes)


def test_a_set_without_judgements_is_refused(tmp_path: Path) -> None:
    data = dataset([question("a")], [document("d")])
    runner = DirectRunner(words_then(), data, tmp_path)
    with pytest.raises(UsageError, match="judged relevant for any of 1 questions"):
        LexicalSeparationSuite().measure(data, runner, seed=0)


def test_an_unknown_node_is_named_with_the_nearest(tmp_path: Path) -> None:
    data = rivers()
    runner = DirectRunner(words_then(), data, tmp_path)
    with pytest.raises(UsageError, match="did you mean 'found'"):
        LexicalSeparationSuite(node="fond").measure(data, runner, seed=0)


def test_it_is_found_by_its_name_with_its_options() -> None:
    assert find("lexical-separation") is LexicalSeparationSuite
    assert make("lexical_separation", ["threshold=0", "language=none"]) == LexicalSeparationSuite(
        threshold=0, language="none"
    )
