from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.corpora.dataset import EvidenceSpan, LabelledQuery, load
from assay.corpora.matching import is_correct
from assay.evaluation.suites.evidence_moved import PLACES, TAKEN, TOO_SHORT, moved_to, rounds_of
from assay.evaluation.suites.evidence_places import (
    NOT_JUDGED,
    NOT_THERE,
    Evidence,
    answer_places,
    around,
    evidence_of,
)
from assay.evaluation.suites.position import PositionSuite, discounted, within
from assay.pipeline import registry
from assay.pipeline.errors import UsageError
from tests.evaluation.made import dataset, document
from tests.evaluation.suites.direct_runner import DirectRunner, words_then
from tests.evaluation.suites.toy_rerankers import TOYS, rivers


@pytest.fixture(autouse=True)
def plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_plugins", lambda: TOYS)


SHARED = Path(__file__).parents[4] / "shared" / "data" / "squad2_dev"
MYOPIC = ("reranked", {"use": "toys.myopic@1"})
TEXT = "Wool came first. Then came Slate. Eels came last. Nobody asked why."


def asked(name: str, *answers: str) -> LabelledQuery:
    return LabelledQuery(name, f"What of {name}?", answers, bool(answers))


# -- where evidence stands ----------------------------------------------------------


def test_a_span_counts_before_an_answer_and_the_first_one_of_several() -> None:
    spans = (EvidenceSpan("d", 34, 48, TEXT[34:48]), EvidenceSpan("d", 17, 33, TEXT[17:33]))
    data = dataset([asked("a", "Wool")], [document("d", TEXT)], {"a": {"d": 1}}, {"a": spans})
    [one], lost = evidence_of(data)
    assert (one.start, one.end, one.source, not lost) == (17, 33, "span", True)


def test_without_a_span_the_first_place_of_an_answer_counts_and_repeats_are_told() -> None:
    text = "slate roofs. Slate walls. Slater."
    data = dataset([asked("a", "Slate")], [document("d", text)], {"a": {"d": 1}})
    [one], _ = evidence_of(data)
    assert (one.start, one.end, one.source, one.repeated) == (0, 5, "answer", True)


def test_labels_parts_of_words_and_empty_answers_are_no_evidence() -> None:
    assert answer_places("No, yes, Slater; entailment.", ["yes", "Entailment", "Slate", " "]) == []


def test_an_answer_may_run_over_a_line_end_and_hold_signs() -> None:
    assert answer_places("in New\n York (N.Y.)", ["new york (n.y.)"]) == [(3, 19)]


def test_questions_without_passage_and_passages_without_evidence_are_counted() -> None:
    data = dataset(
        [asked("a", "Wool"), asked("b", "Gold"), asked("c", "Wool")],
        [document("d", TEXT)],
        {"a": {"d": 1}, "b": {"d": 1}, "c": {"d": 0}},
    )
    found, lost = evidence_of(data)
    assert [one.query.id for one in found] == ["a"]
    assert lost == {NOT_THERE: 1, NOT_JUDGED: 1}


# -- moving it ------------------------------------------------------------------------


def evidence(text: str, start: int, end: int, name: str = "a", passage: str = "d") -> Evidence:
    return Evidence(asked(name, "x"), document(passage, text), start, end, "span")


def test_the_sentences_of_the_evidence_move_and_the_others_keep_their_order() -> None:
    one = evidence(TEXT, 20, 30)
    assert [moved_to(one, place).text for place in PLACES] == [
        "Then came Slate. Wool came first. Eels came last. Nobody asked why.",
        "Wool came first. Then came Slate. Eels came last. Nobody asked why.",
        "Wool came first. Eels came last. Nobody asked why. Then came Slate.",
    ]


@given(st.integers(3, 9), st.data())
def test_moving_keeps_every_sentence_and_puts_the_evidence_where_it_should_be(
    count: int, data: st.DataObject
) -> None:
    texts = [f"Sentence {'abcdefghij'[n]} ends here." for n in range(count)]
    first = data.draw(st.integers(0, count - 1))
    last = data.draw(st.integers(first, min(first + 1, count - 1)))
    start = len(" ".join(texts[:first])) + (first > 0)
    end = len(" ".join(texts[: last + 1]))
    one = evidence(" ".join(texts), start, end)
    for place in PLACES:
        moved = around(replace(one, passage=moved_to(one, place)))[0]
        found = [sentence.text for sentence in moved]
        assert Counter(found) == Counter(texts)
        at = found.index(texts[first])
        others = count - (last - first + 1)
        assert at == {PLACES[0]: 0, PLACES[1]: others // 2, PLACES[2]: others}[place]


def test_a_passage_takes_one_stretch_a_round_and_the_rest_is_counted() -> None:
    found = [
        evidence(TEXT, 0, 4, "a"), evidence(TEXT, 0, 8, "b"), evidence(TEXT, 17, 20, "c"),
        evidence(TEXT, 40, 44, "d"), evidence("One. Two.", 0, 3, "e", "short"),
    ]  # fmt: skip
    [one], left_out = rounds_of(found, 1, seed=0)
    assert [each.query.id for each in one.evidence] == ["a", "b"]  # the same sentence serves both
    assert left_out == {TAKEN: 2, TOO_SHORT: 1}
    rounds, left_out = rounds_of(found, 5, seed=0)
    assert sorted(each.query.id for one in rounds for each in one.evidence) == list("abcd")
    assert left_out == {TOO_SHORT: 1}
    corpus = one.corpus(PLACES[2], [document("d", TEXT), document("else", "Kept.")])
    assert corpus[0].text.endswith("Wool came first.")
    assert corpus[1] == document("else", "Kept.")


# -- the suite --------------------------------------------------------------------------


def test_a_reranker_that_reads_only_the_beginning_is_found_out(tmp_path: Path) -> None:
    decoys = [
        document(f"decoy{n}", f"A bridge across brook{n} was opened. Nobody came.")
        for n in range(3)
    ]
    data = replace(rivers(), documents=(*rivers().documents, *decoys))
    runner = DirectRunner(words_then(MYOPIC), data, tmp_path)
    found = PositionSuite(nodes=("found", "reranked")).measure(data, runner, seed=0)
    rows = {row.name: row for row in found.rows}
    assert sum(rows[name].n for name in ("first third", "middle third", "last third")) == 12
    assert {rows[name].n for name in rows if not name.endswith("third")} == {12}
    late = rows["evidence at the end"]
    early = rows["evidence at the beginning"]
    assert (early.values["recall@1 reranked"].value or 0) == 1
    assert (late.values["recall@1 reranked"].value or 0) < 0.5
    assert (late.differences["ndcg@10 reranked"].value or 0) < -0.05
    # BM25 has no order of words, so moving a sentence changes nothing at all.
    for place in PLACES:
        assert rows[f"evidence {place}"].differences["ndcg@10 found"].value == 0
    [said] = [one for one in found.notes if one.startswith("'reranked', evidence at the end")]
    assert "12 passages" in said
    assert "better at the end 0" in said
    assert any("'found', evidence at the end" in one and "p = 1.000" in one for one in found.notes)


def test_parts_partition_the_cases_and_say_where_they_are(tmp_path: Path) -> None:
    data = rivers()
    runner = DirectRunner(words_then(), data, tmp_path)
    by_share = PositionSuite(move=False, parts=4).measure(data, runner, seed=0)
    assert runner.asked == [("position as it is", 12)]
    assert [(row.name, row.n) for row in by_share.rows] == [
        ("as they are", 12), ("part 1 of 4", 3), ("part 2 of 4", 3), ("part 3 of 4", 3),
        ("part 4 of 4", 3),
    ]  # fmt: skip
    by_characters = PositionSuite(move=False, by="characters", width=50, parts=3)
    rows = by_characters.measure(data, runner, seed=0).rows
    assert [row.name for row in rows] == [
        "as they are", "from character 0 to 50", "from character 50 to 100", "from character 100",
    ]  # fmt: skip
    assert sum(row.n for row in rows[1:]) == 12


def test_other_relevant_passages_do_not_push_a_passage_down(tmp_path: Path) -> None:
    text = "The bridge was opened by Number0. Herons nest. Boats pass."
    data = dataset(
        [asked("bridge", "Number0")],
        [document("one", text), document("two", text + " More words follow here.")],
        {"bridge": {"one": 1, "two": 1}},
    )
    runner = DirectRunner(words_then(), data, tmp_path)
    found = PositionSuite(move=False).measure(data, runner, seed=0)
    assert found.rows[0].values["recall@1"].value == 1
    assert found.rows[0].n == 2


def test_rank_and_discount() -> None:
    assert [within(None, 3), within(3, 3), within(4, 3)] == [0, 1, 0]
    assert [discounted(1), discounted(3), discounted(11), discounted(None)] == [1, 0.5, 0, 0]


def test_a_set_without_evidence_is_refused(tmp_path: Path) -> None:
    data = dataset([asked("a", "yes")], [document("d", TEXT)], {"a": {"d": 1}})
    with pytest.raises(UsageError, match=r"no evidence is known .* spans.jsonl"):
        PositionSuite().measure(data, DirectRunner(words_then(), data, tmp_path), seed=0)


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.exists(), reason="needs squad2_dev beside the project")
def test_every_span_of_a_labelled_set_is_found_and_holds_an_answer() -> None:
    data = load(SHARED)
    found, lost = evidence_of(data)
    assert len(found) == sum(map(len, data.qrels.values()))
    assert set(lost) == {NOT_JUDGED}
    assert {one.source for one in found} == {"span"}
    assert all(0 < one.share < 1 for one in found)
    right = [is_correct(one.passage.text[one.start : one.end], one.query.answers) for one in found]
    assert sum(right) > 0.97 * len(right)
