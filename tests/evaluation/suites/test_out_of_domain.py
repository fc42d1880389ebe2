from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from assay.corpora import dataset as labelled
from assay.corpora.dataset import Dataset, LabelledQuery
from assay.evaluation.suites.candidate_bm25 import analyzer_for
from assay.evaluation.suites.out_of_domain import OutOfDomainSuite
from assay.evaluation.suites.question_features import BM25, UNCOVERED, Vocabulary, text_features
from assay.evaluation.suites.suite import Findings
from assay.guards.risk.ledger import Files, read_ledger
from assay.pipeline.errors import CertificateError, UsageError
from tests.evaluation.made import dataset, document
from tests.evaluation.suites.direct_runner import DirectRunner, EmbeddingRunner, words_then
from tests.guards.risk.worlds import World
from tests.guards.risk.worlds import run as certify

GOODS = ("wool", "slate", "barley", "eels", "copper", "cider", "salt", "timber", "glass", "tin")
PLACES = ("harbour", "market", "mill", "abbey")


def trade(part: int) -> list[tuple[str, str, str]]:
    """Questions, their passages and answers; parts share their words and no question."""
    return [
        (f"Who sold {one} at the {place} in year {part}{number}?",
         f"At the {place} in year {part}{number} Smith sold {one}.", "Smith")
        for number, (one, place) in enumerate((g, p) for g in GOODS for p in PLACES)
    ]  # fmt: skip


def stars() -> list[tuple[str, str, str]]:
    names = ("Vega", "Altair", "Rigel", "Deneb", "Spica", "Capella", "Mira", "Polaris")
    kinds = ("luminosity", "parallax", "spectrum", "temperature", "radius")
    return [
        (f"Please estimate roughly what patient astronomers measured concerning {name} regarding {kind}",
         f"Astronomers measured the {kind} of {name} carefully.", "carefully")
        for name in names for kind in kinds
    ]  # fmt: skip


def made(kind: str, items: Sequence[tuple[str, str, str]]) -> Dataset:
    queries, documents, qrels = [], [], {}
    for number, (text, passage, answer) in enumerate(items):
        name = f"{kind}{number}"
        queries.append(LabelledQuery(name, text, (answer,), True))
        documents.append(document(name, passage))
        qrels[name] = {name: 1}
    return dataset(queries, documents, qrels)


def written(folder: Path, data: Dataset) -> Path:
    folder.mkdir()
    files: dict[str, list[dict[str, Any]]] = {
        "corpus.jsonl": [
            {"id": one.id, "title": one.title, "text": one.text, "meta": {}}
            for one in data.documents
        ],
        "queries.jsonl": [
            {"id": one.id, "text": one.text, "answers": list(one.answers), "answerable": True,
             "meta": dict(one.meta)}
            for one in data.queries
        ],
    }  # fmt: skip
    for name, lines in files.items():
        (folder / name).write_text("".join(json.dumps(one) + "\n" for one in lines))
    judged = [f"{name}\t{one}\t1\n" for name, grades in data.qrels.items() for one in grades]
    (folder / "qrels.tsv").write_text("".join(judged))
    return folder


def compared(
    tmp_path: Path, asked: Dataset, reference: Dataset, *, embeds: bool = True, **options: Any
) -> Findings:
    folder = written(tmp_path / "reference", reference)
    kind = EmbeddingRunner if embeds else DirectRunner
    runner = kind(words_then(by="dense" if embeds else "bm25"), asked, tmp_path / "runs")
    options = {"permutations": 199, **options}
    return OutOfDomainSuite(reference=str(folder), **options).measure(asked, runner, seed=0)


def test_questions_of_another_kind_are_found_unlike(tmp_path: Path) -> None:
    found = compared(tmp_path, made("s", stars()), made("t", trade(1)))
    rows = {row.name: row.values for row in found.rows}
    assert next(iter(rows)) == "embeddings"
    assert (rows["embeddings"]["effect"].value or 0) > 0.9
    assert rows["embeddings"]["effect"].interval is not None
    assert rows["words unknown to the reference"]["asked"].value == 1.0
    assert rows["words unknown to the reference"]["reference"].value == 0.0
    assert (rows["words"]["p"].value or 1) < 0.05
    assert found.notes[0].startswith("These questions are unlike the reference (40 questions")
    assert "Thresholds and certificates" in found.notes[1]
    assert any("each is asked over its own" in one for one in found.notes)
    shares = [one["neighbours asked"] for one in found.per_query]
    assert shares == sorted(shares, reverse=True)
    assert len(shares) == 40


def test_questions_of_the_same_kind_are_not_and_what_could_be_seen_is_told(tmp_path: Path) -> None:
    items = trade(1)
    random.Random(0).shuffle(items)
    whole = [document(f"p{n}", text) for n, (_, text, _) in enumerate(items)]

    def half(start: int) -> Dataset:
        some = made("t", items[start::2])
        qrels = {one.id: {f"p{start + 2 * n}": 1} for n, one in enumerate(some.queries)}
        return dataset(some.queries, whole, qrels)

    asked = half(0)
    folder = written(tmp_path / "reference", half(1))
    runner = EmbeddingRunner(words_then(by="dense"), asked, tmp_path / "runs")
    data = replace(asked, documents=labelled.load(folder).documents)
    found = OutOfDomainSuite(reference=str(folder), permutations=199).measure(data, runner, seed=0)
    assert found.notes[0].startswith("No difference from the reference was found (20 questions")
    assert "would have been found four times out of five" in found.notes[0]
    assert not any("over its own" in one for one in found.notes)  # the same passages
    assert all((row.values["p"].value or 0) >= 0.05 for row in found.rows)


def test_p_values_are_adjusted_for_all_rows(tmp_path: Path) -> None:
    found = compared(tmp_path, made("s", stars()), made("t", trade(1)), embeds=False)
    known = [row.values["p"].value for row in found.rows]
    # 1 / 200 is the least that 199 permutations give; Holm multiplies the least by the rows.
    assert min(one for one in known if one is not None) == pytest.approx(len(known) / 200)
    assert any("lends no embedder" in one for one in found.notes)


def test_without_asking_the_pipeline_nothing_is_run(tmp_path: Path) -> None:
    folder = written(tmp_path / "reference", made("t", trade(1)))
    data = made("s", stars())
    runner = DirectRunner(words_then(), data, tmp_path / "runs")
    suite = OutOfDomainSuite(reference=str(folder), ask=False, permutations=99)
    found = suite.measure(data, runner, seed=0)
    assert runner.asked == []
    assert [row.name for row in found.rows] == [
        "words", "words unknown to the reference", "words in none of its passages",
        "best bm25 score, a word",
    ]  # fmt: skip


def test_questions_that_are_in_both_sets_leave_the_reference(tmp_path: Path) -> None:
    asked, reference = made("a", trade(1)[:30]), made("b", [*trade(1)[:5], *trade(2)])
    found = compared(tmp_path, asked, reference, embeds=False, ask=False)
    assert any("5 questions of the reference asked as well" in one for one in found.notes)
    assert found.rows[0].n == 30 + 40


def test_a_sample_is_drawn_and_told(tmp_path: Path) -> None:
    found = compared(
        tmp_path, made("a", trade(1)), made("b", trade(2)), embeds=False, ask=False, most=10
    )
    assert found.rows[0].n == 20
    assert "asked: 10 of 40 questions, drawn by seed 0." in found.notes


def test_a_question_that_is_its_own_reference_does_not_know_its_own_words() -> None:
    queries = [
        LabelledQuery("a", "Quartz glimmers", (), False),
        LabelledQuery("b", "Quartz", (), False),
    ]
    data = dataset(queries, [document("d", "Nothing of it.")])
    analyzer = analyzer_for("english")
    known = Vocabulary(queries, data, analyzer)
    assert [known.unknown(one, own=True) for one in queries] == [0.5, 0.0]
    assert known.unknown(LabelledQuery("c", "Glimmers of mica", (), False), own=False) == 0.5
    assert known.unknown(LabelledQuery("c", "the of", (), False), own=False) is None


def test_scores_and_words_are_of_the_questions_own_passages() -> None:
    scoped = [
        LabelledQuery(name, "green apples", (), False, {"scope": {"field": "shop", "value": shop}})
        for name, shop in (("here", "one"), ("there", "two"))
    ]
    data = dataset(
        scoped,
        [document("d", "Green apples.", shop="one"), document("e", "Red pears.", shop="two")],
    )
    analyzer = analyzer_for("english")
    found = text_features(scoped, data, analyzer, Vocabulary(scoped, data, analyzer), own=True)
    here, there = found[BM25]
    assert (here or 0) > 0
    assert there == 0
    assert found[UNCOVERED] == [0.0, 0.0]


def test_with_a_certificate_only_its_own_questions_are_the_reference(tmp_path: Path) -> None:
    certificate = certify(World(), tmp_path)
    certified = sorted(
        one.id for one in read_ledger(Files(tmp_path / "certificate.json").ledger.read_bytes())
    )
    assert len(certified) > 10
    known = [
        replace(one, id=name)
        for one, name in zip(
            made("b", trade(2)).queries, [*certified[:10], *map(str, range(30))], strict=True
        )
    ]
    reference = dataset(known, [document("d", "Smith sold wool.")], {})
    found = compared(
        tmp_path, made("a", trade(1)), reference, embeds=False, ask=False,
        certificate=str(tmp_path / "certificate.json"),
    )  # fmt: skip
    assert found.rows[0].n == 40 + 10
    assert any(
        f"the 10 questions that the certificate {certificate.id}" in one for one in found.notes
    )


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({}, UsageError, "say which questions to compare with"),
        ({"reference": "{tmp}/none"}, UsageError, "is missing: a data set is a folder"),
        ({"reference": "{tmp}/file.json"}, UsageError, "a certificate holds no questions"),
        ({"reference": "{tmp}/same"}, UsageError, "all questions of the reference"),
        ({"reference": "{tmp}/other", "certificate": "{tmp}/c.json"}, CertificateError, "no cert"),
        ({"reference": "{tmp}/one"}, UsageError, "the least that can be compared"),
    ],
)
def test_a_reference_that_cannot_be_is_refused(
    tmp_path: Path, options: dict[str, str], error: type[Exception], message: str
) -> None:
    data = made("a", trade(1))
    (tmp_path / "file.json").write_text("{}")
    written(tmp_path / "same", data)
    written(tmp_path / "other", made("b", trade(2)))
    written(tmp_path / "one", made("b", trade(2)[:1]))
    suite = OutOfDomainSuite(
        **{key: text.replace("{tmp}", str(tmp_path)) for key, text in options.items()}
    )
    with pytest.raises(error, match=message):
        suite.measure(data, DirectRunner(words_then(), data, tmp_path / "runs"), seed=0)
