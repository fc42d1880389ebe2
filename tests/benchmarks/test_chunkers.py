"""The figures of the chunkers on a set small enough to work them out by hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from assay.corpora.chunkers.by_sentences import BySentences
from assay.corpora.chunkers.by_tokens import ByTokens
from assay.corpora.chunkers.spans import word_offsets
from benchmarks.chunkers import (
    Question,
    Words,
    compare,
    document,
    main,
    measure,
    read,
    score,
)

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data" / "chunkeval"
TEXT = "Ravens eat grain daily. Owls hunt mice nightly. Herons stalk frogs slowly."
OWLS = Question("q", "What do owls hunt?", "birds", (("birds", 24, 39),))
OTHER = {"birds": TEXT, "fish": "Owls hunt mice, owls hunt, owls hunt."}


def test_figures_are_those_worked_out_by_hand() -> None:
    # The evidence is 'Owls hunt mice', three words; one chunk holds it and has four.
    found, sizes = measure({"birds": TEXT}, [OWLS], BySentences(4))
    assert sizes == [4, 4, 4]
    assert found == {"recall": [1.0], "precision": [0.75], "iou": [0.75], "omega": [0.75]}


def test_the_omega_precision_gives_every_chunk_that_touches_the_evidence() -> None:
    # Windows of six words: 'Ravens ... hunt' and 'mice ... slowly' touch it, 3 of 12 words.
    found, sizes = measure({"birds": TEXT}, [OWLS], ByTokens(word_offsets, 6))
    assert sizes == [6, 6]
    assert found["omega"] == [0.25]
    # BM25 finds 'Owls hunt' in the first window only: 2 of 3 words, 2 of 6, 2 of 3 + 6 - 2.
    assert found["recall"] == [pytest.approx(2 / 3)]
    assert found["precision"] == [pytest.approx(1 / 3)]
    assert found["iou"] == [pytest.approx(2 / 7)]


def test_a_question_about_one_document_is_not_answered_from_another() -> None:
    inside, _ = measure(OTHER, [OWLS], BySentences(4))
    assert inside["recall"] == [1.0] and inside["precision"] == [0.75]
    everywhere = Question("q", OWLS.text, None, OWLS.spans)
    outside, _ = measure(OTHER, [everywhere], BySentences(4))
    assert outside["precision"][0] < 0.75


def test_a_word_retrieved_twice_counts_twice_against_precision_and_once_for_recall() -> None:
    assert score([("d", (0, 2))], [("d", (0, 2)), ("d", (0, 2))]) == (1.0, 0.5, 0.5)
    assert score([("d", (0, 2))], [("e", (0, 2))]) == (0.0, 0.0, 0.0)
    assert score([("d", (0, 2))], []) == (0.0, 0.0, 0.0)


def test_a_word_is_touched_by_a_stretch_that_shares_a_character() -> None:
    words = Words("one two three")
    assert [words.touched(*one) for one in ((2, 5), (3, 4), (3, 3), (0, 13), (12, 13))] == [
        (0, 2), (1, 1), (1, 1), (0, 3), (2, 3),
    ]  # fmt: skip


def test_raw_texts_get_their_headings_paragraphs_and_rows() -> None:
    text = " = Title = \n\none\ntwo\n\na | b\nthree\n = = Deeper = = \nfour"
    assert [
        (text[one.start : one.end], one.kind, one.level) for one in document(text).blocks
    ] == [
        ("= Title =", "heading", 1), ("one\ntwo", "paragraph", 0), ("a | b", "table_row", 0),
        ("three", "paragraph", 0), ("= = Deeper = =", "heading", 2), ("four", "paragraph", 0),
    ]  # fmt: skip


def test_the_script_prints_a_table_and_writes_its_figures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows: dict[str, list[dict[str, object]]] = {
        "docs": [{"id": "birds", "text": TEXT}],
        "queries": [{"id": "q", "text": OWLS.text}, {"id": "none", "text": "No evidence?"}],
        "spans": [{"qid": "q", "docid": "birds", "start": 24, "end": 39}],
    }
    for name, found in rows.items():
        lines = "".join(json.dumps(row) + "\n" for row in found)
        (tmp_path / f"{name}.jsonl").write_text(lines, encoding="utf-8")
    out = tmp_path / "out"
    assert main(["--data", str(tmp_path), "--out", str(out), "--budgets", "4"]) == 0
    assert (out / "table.md").read_text(encoding="utf-8") in capsys.readouterr().out
    written = json.loads((out / "figures.json").read_text(encoding="utf-8"))
    assert written["run"]["questions"] == 1
    sentences = next(one for one in written["figures"] if one["chunker"] == "sentences")
    assert (sentences["recall"], sentences["precision"], sentences["omega"]) == (1.0, 0.75, 0.75)


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.exists(), reason="needs chunkeval beside the project")
def test_on_the_labelled_set_every_chunker_finds_most_of_the_evidence() -> None:
    texts, questions = read(SHARED)
    small = {"state_of_the_union": texts["state_of_the_union"]}
    asked = [one for one in questions if one.scope == "state_of_the_union"]
    rows = {one["chunker"]: one for one in compare(small, asked, [120])}
    assert len(asked) > 50
    assert all(row["recall"] > 0.6 for row in rows.values())
    assert rows["structure"]["omega"] > rows["tokens"]["omega"] + 0.05
