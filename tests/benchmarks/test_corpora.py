"""What the corpora benchmark relies on: its passages, who may find them, and its own arithmetic."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import pytest

from assay.corpora.chunkers.making import make_chunker
from assay.corpora.chunkers.spans import count_words
from assay.corpora.passages import passages_of
from assay.pipeline.context import RunContext
from benchmarks.corpus_speed import ingest, passages, updating
from benchmarks.corpus_speed.building import quiet
from benchmarks.corpus_speed.dense import exact, recall
from benchmarks.corpus_speed.lexical import overlap
from benchmarks.corpus_speed.peers import BEST, READERS, may_find
from benchmarks.corpus_speed.timers import REST, Timers, watched
from benchmarks.corpus_speed.vectors import means, write_vectors
from benchmarks.corpus_speed.work import Work
from benchmarks.corpus_speed.worker import BESIDE, query

COUNT = 1000
WORDS = "river stone lamp engine paper winter market signal garden copper violin harbour".split()


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Work:
    """Two small sets, with random vectors in the place of embeddings."""
    folder = tmp_path_factory.mktemp("benchmark")
    chance = random.Random(1)
    for name in ("first", "second"):
        (folder / "sets" / name).mkdir(parents=True)
        lines, asked = [], []
        for number in range(40):
            text = " ".join(
                f"The {' '.join(chance.choices(WORDS, k=chance.randint(4, 20)))} {name} {number}."
                for _ in range(4)
            )
            lines.append(json.dumps({"id": str(number), "title": f"{name} {number}", "text": text}))
            asked.append(
                json.dumps(
                    {"id": str(number), "text": f"Which {chance.choice(WORDS)} is {name} {number}?"}
                )
            )
        (folder / "sets" / name / "corpus.jsonl").write_text("\n".join(lines))
        (folder / "sets" / name / "queries.jsonl").write_text("\n".join(asked))
    made = Work(folder / "sets", folder / "work", folder / "cache", COUNT, 20)
    made.folder.mkdir(parents=True)
    draws = np.random.default_rng(0)
    for name, texts in (("sentences", made.pool.sentences), ("questions", made.questions)):
        vectors = draws.standard_normal((len(texts), 16)).astype(np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        np.save(made.folder / f"{name}.npy", vectors)
        (made.folder / f"{name}.txt").write_text("\n".join(texts))
    sentences = np.load(made.folder / "sentences.npy")
    write_vectors(made.folder / "vectors.npy", made.pool, sentences, COUNT)
    corpus = made.corpus(embedder=made.embedder())
    corpus.index(passages.documents(made.pool, COUNT), skipped={}, progress=quiet)
    return made


def test_a_document_is_cut_into_exactly_its_passages(work: Work) -> None:
    chunker = make_chunker("structure", max_words=passages.MOST)
    for number in range(50):
        document = passages.document(work.pool, number)
        bodies = [
            passages.body(work.pool, one) for one in passages.make(work.pool, number).passages
        ]
        assert [one.text for one in passages_of(document, chunker)] == bodies
        assert all(passages.LEAST <= count_words(one) <= passages.MOST for one in bodies)


def test_a_passage_keeps_to_one_set_and_near_its_place(work: Work) -> None:
    for number in range(50):
        made = passages.make(work.pool, number)
        used = {one for passage in made.passages for one in passage}
        assert {work.pool.set_of(one) for one in used} == {work.pool.set_of(made.place)}
        assert max(abs(one - made.place) for one in used) <= passages.AROUND


def test_documents_are_the_same_each_time_and_each_revision_is_another(work: Work) -> None:
    first = passages.document(work.pool, 7)
    assert first == passages.document(work.pool, 7)
    assert first != passages.document(work.pool, 8)
    revised = passages.document(work.pool, 7, revision=1)
    assert revised.id == first.id and revised.text != first.text


def test_the_texts_that_peers_get_are_those_of_the_documents_in_order(work: Work) -> None:
    texts = list(passages.texts(work.pool, COUNT))
    assert len(texts) == COUNT
    one = passages.document(work.pool, 3)
    expected = [f"{one.title}\n{body}" for body in one.text.split("\n\n")]
    assert texts[30:40] == expected


def test_the_vectors_of_the_file_are_those_that_the_corpus_was_given(work: Work) -> None:
    corpus = work.corpus(embedder=work.embedder())
    corpus.start()
    vectors = np.load(work.folder / "vectors.npy")
    asked = query("anything", "all")
    ids = ["d0000000#0", "d0000042#7", "d0000099#9"]
    found = corpus.vectors(corpus.get(ids, asked), asked)
    corpus.close()
    assert np.allclose(found, vectors[[passages.place_of(one) for one in ids]], atol=1e-6)


@pytest.mark.parametrize("reader", READERS)
def test_a_reader_of_the_corpus_finds_what_the_peers_may_find(work: Work, reader: str) -> None:
    corpus = work.corpus(embedder=work.embedder())
    corpus.start()
    allowed = may_find(COUNT, reader)  # type: ignore[arg-type]
    asked = query("the river stone lamp", reader)
    hits = corpus.search_bm25(asked, COUNT)
    dense = corpus.search_dense([query(work.questions[0], reader)], COUNT, [RunContext()])[0]
    corpus.close()
    everything = {passages.place_of(hit.passage.id) for hit in dense}
    # Passages of equal text and readers are merged, so a few of those allowed are not there.
    assert everything <= set(np.flatnonzero(allowed).tolist())
    assert len(everything) >= 0.9 * allowed.sum()
    assert {passages.place_of(hit.passage.id) for hit in hits} <= everything


def test_the_other_tenant_has_a_hundredth_and_other_texts(work: Work) -> None:
    corpus = work.corpus(embedder=work.embedder())
    corpus.start()
    hits = corpus.search_bm25(query("the river stone lamp", BESIDE), COUNT)
    corpus.close()
    assert 0 < len(hits) <= COUNT // 100
    assert {hit.passage.scope.tenant for hit in hits} == {passages.BESIDE}


def test_the_exact_best_have_recall_one_and_others_less(work: Work) -> None:
    vectors = np.load(work.folder / "vectors.npy")
    order = np.argsort(-(work.question_vectors @ vectors.T), axis=1)
    assert exact(work, 20)["all"][0] == pytest.approx(
        float(vectors[order[0, BEST - 1]] @ work.question_vectors[0]), abs=1e-6
    )
    assert recall(work, "all", order[:, :BEST].tolist()) == [1.0] * 20
    wrong = np.concatenate([order[:, : BEST - 1], order[:, -1:]], axis=1)
    assert max(recall(work, "all", wrong.tolist())) == pytest.approx(0.9)


def test_a_passage_that_a_reader_may_not_find_stops_the_benchmark(work: Work) -> None:
    hidden = [passages.PER_DOCUMENT] * BEST  # of document 1, which asks for the role
    with pytest.raises(SystemExit, match="may not find"):
        recall(work, "half", [hidden] * 20)


def test_changed_documents_are_others_in_every_run(work: Work) -> None:
    runs = [updating.changed(work, run, 10) for run in range(3)]
    ids = [one.id for run in runs for one in run]
    assert len(ids) == len(set(ids)) == 30
    assert all(one.text != passages.document(work.pool, int(one.id[1:])).text for one in runs[0])


def test_an_update_of_the_copy_is_found_and_leaves_the_corpus_as_it_was(work: Work) -> None:
    place = updating.copied(work)
    before = work.corpus(embedder=work.embedder())
    before.start()
    corpus = work.corpus(place, embedder=work.embedder())
    documents = updating.changed(work, 0, 5)
    report = corpus.index(documents, skipped={}, progress=quiet, keep=True)
    assert sorted(report.changed) == sorted(one.id for one in documents)
    corpus.start()
    assert all(updating.found(corpus, one) for one in documents)
    again = work.corpus(embedder=work.embedder())
    again.start()
    assert again.fingerprint() == before.fingerprint() != corpus.fingerprint()
    for one in (corpus, before, again):
        one.close()


def test_timers_are_exclusive_and_lose_nothing(work: Work, tmp_path: Path) -> None:
    corpus = work.corpus(tmp_path / "timed", embedder=work.embedder())
    kinds = corpus._kinds
    timers = Timers()
    documents = timers.each("making", passages.documents(work.pool, COUNT))
    with watched(corpus, timers):
        corpus.index(documents, skipped={}, progress=quiet)
    assert {"making", "cutting", "store", "analysing", "postings", "vectors", REST} <= set(
        timers.seconds
    )
    assert all(one > 0 for one in timers.seconds.values())
    assert corpus._kinds == kinds


def test_ingest_tells_a_speed_and_where_the_time_went(
    work: Work, capsys: pytest.CaptureFixture[str]
) -> None:
    ingest.measure(work, 100, 0)
    shown = capsys.readouterr().out
    assert "passages a second" in shown and "| cutting |" in shown
    figures = json.loads((work.figures / "ingest.json").read_text())
    assert len(figures["seconds"]) == ingest.RUNS and not figures["embedded"]


def test_means_have_length_one_and_the_direction_of_the_sum() -> None:
    sentences = np.array([[1.0, 0.0], [0.0, 1.0]], dtype=np.float32)
    assert np.allclose(means(sentences, [[0, 1], [1]]), [[0.5**0.5, 0.5**0.5], [0.0, 1.0]])


def test_the_overlap_of_equal_answers_is_one_in_any_order() -> None:
    assert overlap([[1, 2, 3]], [[3, 2, 1]]) == 1.0
    assert overlap([[1, 2]], [[3]]) == 0.0
