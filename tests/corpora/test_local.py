from __future__ import annotations

import json
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from assay.corpora.deduplicate import merkle_root
from assay.corpora.document import Document
from assay.corpora.generations import locked
from assay.corpora.local import LocalCorpus
from assay.corpora.selection import best_rows
from assay.pipeline.context import RunContext
from assay.pipeline.errors import CorpusError, DataError, UsageError
from assay.pipeline.words import Scope
from tests.corpora.doubles import WordHashEmbedder, ask, corpus_at, document, index, started

PETS = [
    document("cat", "The cat sleeps on the mat.", metadata={"kind": "pet"}),
    document("dog", "The dog barks at the postman.", metadata={"kind": "pet"}),
    document("law", "The statute binds the postman.", metadata={"kind": "law"}),
]


def test_bm25_finds_the_passage_with_the_words(tmp_path: Path) -> None:
    corpus = started(tmp_path, PETS)
    hits = corpus.search_bm25(ask("barking dogs"), 5)
    assert [hit.passage.document_id for hit in hits] == ["dog"]
    assert hits[0].score.kind == "bm25"
    assert hits[0].score.value > 0


def test_bm25_agrees_with_the_formula(tmp_path: Path) -> None:
    corpus = started(tmp_path, PETS, stemmer="none")
    (hit,) = corpus.search_bm25(ask("statute"), 5)
    lengths, tf, df, n = [6, 6, 5], 1, 1, 3
    norm = 1 - 0.75 + 0.75 * 5 / (sum(lengths) / 3)
    expected = np.log(1 + (n - df + 0.5) / (df + 0.5)) * tf / (tf + 1.2 * norm)
    assert hit.score.value == pytest.approx(expected, rel=1e-5)


def test_dense_search_equals_the_cosine_of_every_vector(tmp_path: Path) -> None:
    embedder = WordHashEmbedder()
    corpus = started(tmp_path, PETS, embedder)
    hits = corpus.search_dense(ask("the postman"), 3, RunContext())
    query = embedder.embed_queries(["the postman"], [RunContext()])[0]
    for hit in hits:
        vector = embedder.embed_passages([hit.passage.text], [RunContext()])[0]
        assert hit.score.value == pytest.approx(float(vector @ query), abs=1e-5)
    assert [hit.score.value for hit in hits] == sorted((h.score.value for h in hits), reverse=True)


def test_scope_is_applied_before_the_best_k(tmp_path: Path) -> None:
    rich = [replace(document(f"r{n}", "gold gold gold"), scope=Scope("rich")) for n in range(9)]
    corpus = started(tmp_path, [*rich, document("poor", "one gold coin")], WordHashEmbedder())
    for hits in (
        corpus.search_bm25(ask("gold"), 1),
        corpus.search_dense(ask("gold"), 1, RunContext()),
    ):
        assert [hit.passage.document_id for hit in hits] == ["poor"]


def test_roles_and_filters_hide_passages(tmp_path: Path) -> None:
    secret = replace(document("secret", "the postman spies"), scope=Scope("local", ("audit",)))
    corpus = started(tmp_path, [*PETS, secret])

    def found(**more: object) -> set[str]:
        return {hit.passage.document_id for hit in corpus.search_bm25(ask("postman", **more), 9)}

    assert found() == {"dog", "law"}
    assert found(scope=Scope("local", ("audit",))) == {"dog", "law", "secret"}
    assert found(filters={"kind": "law"}) == {"law"}
    assert found(filters={"kind": "law", "colour": "red"}) == set()
    assert found(scope=Scope("other")) == set()


def test_a_filter_for_one_is_not_a_filter_for_true(tmp_path: Path) -> None:
    corpus = started(
        tmp_path,
        [document("a", "word", metadata={"x": True}), document("b", "word b", metadata={"x": 1})],
    )
    hits = corpus.search_bm25(ask("word", filters={"x": 1}), 9)
    assert [hit.passage.document_id for hit in hits] == ["b"]


def test_ties_are_broken_by_passage_id_whatever_the_input_order(tmp_path: Path) -> None:
    same = [document(name, f"same words {name * 3}", whole=True) for name in "cab"]
    forward = started(tmp_path / "f", same)
    backward = started(tmp_path / "b", same[::-1])
    for corpus in (forward, backward):
        assert [hit.passage.id for hit in corpus.search_bm25(ask("same words"), 2)] == ["a", "b"]
    assert forward.fingerprint() == backward.fingerprint()


def test_the_fingerprint_follows_texts_settings_and_embedder_but_not_the_path(
    tmp_path: Path,
) -> None:
    prints = [
        started(tmp_path / "1", PETS).fingerprint(),
        started(tmp_path / "2", PETS[:2]).fingerprint(),
        started(tmp_path / "3", PETS, k1=0.9).fingerprint(),
        started(tmp_path / "4", PETS, WordHashEmbedder()).fingerprint(),
    ]
    assert len(set(prints)) == 4
    assert started(tmp_path / "5", PETS).fingerprint() == prints[0]


def test_a_second_run_reports_what_changed_and_embeds_only_that(tmp_path: Path) -> None:
    embedder = WordHashEmbedder()
    corpus = corpus_at(tmp_path, embedder)
    first = index(corpus, PETS)
    assert (first.added, first.unchanged) == (("cat", "dog", "law"), 0)
    embedder.embedded.clear()
    changed = replace(PETS[1], text="The dog digs.")
    report = index(corpus, [PETS[0], changed, document("owl", "The owl hoots.")])
    assert (report.added, report.changed, report.removed, report.unchanged) == (
        ("owl",),
        ("dog",),
        ("law",),
        1,
    )
    assert sorted(embedder.embedded) == ["The dog digs.", "The owl hoots."]


def test_indexing_the_same_again_writes_nothing(tmp_path: Path) -> None:
    corpus = corpus_at(tmp_path)
    index(corpus, PETS)
    before = (tmp_path / "CURRENT").read_text()
    assert index(corpus, PETS[::-1]).unchanged == 3
    assert (tmp_path / "CURRENT").read_text() == before


def test_an_interrupted_run_leaves_the_old_index_and_keeps_what_was_embedded(
    tmp_path: Path,
) -> None:
    corpus = started(tmp_path, PETS, WordHashEmbedder())
    many = [document(f"n{n:03d}", f"number word{n}") for n in range(150)]
    failing = WordHashEmbedder(fail_after=64)
    with pytest.raises(KeyboardInterrupt):
        index(corpus_at(tmp_path, failing), many)
    reader = corpus_at(tmp_path, WordHashEmbedder())
    reader.start()
    assert reader.fingerprint() == corpus.fingerprint()
    patient = WordHashEmbedder()
    index(corpus_at(tmp_path, patient), many)
    assert len(failing.embedded) == 64
    assert len(patient.embedded) == 150 - 64
    assert set(failing.embedded).isdisjoint(patient.embedded)


def test_a_started_corpus_sees_its_own_new_index(tmp_path: Path) -> None:
    corpus = started(tmp_path, PETS)
    index(corpus, [*PETS, document("owl", "The owl hoots.")])
    assert [hit.passage.document_id for hit in corpus.search_bm25(ask("owl"), 1)] == ["owl"]


def test_two_index_runs_at_once_are_refused(tmp_path: Path) -> None:
    with locked(tmp_path), pytest.raises(CorpusError, match="another index run"):
        index(corpus_at(tmp_path), PETS)
    index(corpus_at(tmp_path), PETS)


def test_a_missing_index_names_the_command_that_makes_one(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="assay index"):
        corpus_at(tmp_path / "nowhere").start()


@pytest.mark.parametrize(
    "name", ["CURRENT", "manifest.json", "passages.jsonl", "vectors.npy", "vocab.index.json"]
)
def test_a_damaged_index_says_to_index_again_and_indexing_again_repairs_it(
    tmp_path: Path, name: str
) -> None:
    index(corpus_at(tmp_path, WordHashEmbedder()), PETS)
    (path,) = tmp_path.rglob(name)
    path.write_bytes(path.read_bytes()[:-2] + b"!!")
    with pytest.raises(CorpusError, match=r"damaged.*index again"):
        corpus_at(tmp_path, WordHashEmbedder()).start()
    index(corpus_at(tmp_path, WordHashEmbedder()), PETS)
    corpus_at(tmp_path, WordHashEmbedder()).start()


def test_an_index_made_with_other_settings_or_embedder_is_refused(tmp_path: Path) -> None:
    index(corpus_at(tmp_path, WordHashEmbedder()), PETS)
    with pytest.raises(CorpusError, match="max_words"):
        corpus_at(tmp_path, WordHashEmbedder(), max_words=60).start()
    with pytest.raises(CorpusError, match="embedder"):
        corpus_at(tmp_path, WordHashEmbedder(salt="other")).start()


def test_nothing_in_the_index_is_pickled(tmp_path: Path) -> None:
    index(corpus_at(tmp_path, WordHashEmbedder()), PETS)
    for path in tmp_path.rglob("*.npy"):
        np.load(path, allow_pickle=False)
    suffixes = {path.suffix for path in (tmp_path / "generations").rglob("*") if path.is_file()}
    assert suffixes == {".npy", ".json", ".jsonl"}


def test_the_same_text_is_indexed_once_under_the_smallest_document(tmp_path: Path) -> None:
    small = document("small", "Part\n****\n\nShared text.", markup="underlined")
    large = document(
        "large", "All\n***\n\nOwn.\n\nPart\n====\n\nShared\ntext.", markup="underlined"
    )
    small, large = (replace(one, metadata={"topic": one.id}) for one in (small, large))
    corpus = corpus_at(tmp_path)
    report = index(corpus, [large, small])
    corpus.start()
    assert (report.passages, report.duplicates) == (2, 1)
    (hit,) = corpus.search_bm25(ask("shared"), 9)
    assert hit.passage.id == "small#0"
    (manifest,) = tmp_path.rglob("manifest.json")
    assert json.loads(manifest.read_text())["aliases"] == {"small#0": ["large#1"]}
    assert corpus.get(["large#1"], ask("x"))[0].id == "small#0"
    # A filter on the document whose copy was dropped still finds the text.
    filtered = corpus.search_bm25(ask("shared", filters={"topic": "large"}), 9)
    assert [one.passage.id for one in filtered] == ["small#0"]


def test_equal_texts_of_different_readers_or_of_whole_documents_stay_apart(tmp_path: Path) -> None:
    ours = document("a", "Shared text.")
    theirs: Document = replace(ours, id="b", scope=Scope("other"))
    assert index(corpus_at(tmp_path / "1"), [ours, theirs]).duplicates == 0
    whole = [replace(ours, id=name, whole=True) for name in "ab"]
    assert index(corpus_at(tmp_path / "2"), whole).passages == 2


def test_neighbours_stand_in_order_without_the_passage_itself(tmp_path: Path) -> None:
    text = "\n\n".join("w " * 17 + f"number{n}" for n in range(4))
    corpus = started(tmp_path, [document("d", text)], max_words=20)
    middle = corpus.get(["d#1"], ask("x"))[0]
    assert [one.id for one in corpus.neighbours(middle, ask("x"), 1)] == ["d#0", "d#2"]
    assert [one.id for one in corpus.neighbours(middle, ask("x"), 9)] == ["d#0", "d#2", "d#3"]


def test_a_passage_of_another_tenant_cannot_be_fetched_by_id(tmp_path: Path) -> None:
    corpus = started(tmp_path, PETS)
    with pytest.raises(UsageError, match="cat#0"):
        corpus.get(["cat#0"], ask("x", scope=Scope("other")))


def test_ids_that_clash_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="two documents"):
        index(corpus_at(tmp_path), [PETS[0], PETS[0]])
    with pytest.raises(DataError, match="two passages"):
        index(corpus_at(tmp_path), [document("a", "x"), document("a#0", "y", whole=True)])


def test_an_input_without_text_is_refused_with_the_reasons(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no text below"):
        index(corpus_at(tmp_path), [document("a", " \n")])


def test_an_embedder_that_is_not_compared_by_cosine_is_refused(tmp_path: Path) -> None:
    corpus = corpus_at(tmp_path, WordHashEmbedder(compared="dot"))
    (sentence,) = corpus.prepare(tmp_path)
    assert "compared by dot product: write 'normalise: true'" in sentence
    for refused in (corpus.start, lambda: index(corpus, PETS)):
        with pytest.raises(UsageError, match="ranked by cosine"):
            refused()
    assert not list(tmp_path.iterdir())
    assert corpus_at(tmp_path, WordHashEmbedder()).prepare(tmp_path) == ()


def test_a_corpus_without_embedder_refuses_dense_search(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="embedder"):
        started(tmp_path, PETS).search_dense(ask("x"), 1, RunContext())


def test_a_question_without_known_words_finds_nothing(tmp_path: Path) -> None:
    corpus = started(tmp_path, PETS)
    assert list(corpus.search_bm25(ask("zebra ?!"), 5)) == []
    assert list(corpus.search_bm25(ask(""), 5)) == []


def test_a_corpus_of_signs_only_can_be_searched(tmp_path: Path) -> None:
    corpus = started(tmp_path, [document("a", "— ! —")])
    assert list(corpus.search_bm25(ask("word"), 5)) == []


def test_the_path_is_seen_from_the_pipeline_file(tmp_path: Path) -> None:
    config = LocalCorpus.Config.model_validate({"path": "index"}, context={"base": tmp_path})
    assert config.path == str(tmp_path / "index")
    with pytest.raises(ValidationError, match="needs a folder"):
        LocalCorpus.Config.model_validate({"path": " "})


def test_many_readers_at_once_get_what_one_gets(tmp_path: Path) -> None:
    corpus = started(tmp_path, PETS)
    expected = corpus.search_bm25(ask("the postman"), 5)
    wrong: list[object] = []

    def read(number: int) -> None:
        for step in range(50):
            corpus.search_bm25(ask("the", filters={"kind": f"{number}-{step}"}), 5)
            found = corpus.search_bm25(ask("the postman"), 5)
            if found != expected:
                wrong.append(found)

    threads = [threading.Thread(target=read, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@given(st.lists(st.tuples(st.integers(0, 4), st.booleans()), min_size=1), st.integers(1, 12))
def test_the_best_rows_are_those_of_a_full_sort(rows: list[tuple[int, bool]], k: int) -> None:
    scores = np.array([score for score, _ in rows], dtype=np.float32)
    mask = np.array([visible for _, visible in rows])
    expected = sorted(np.flatnonzero(mask).tolist(), key=lambda row: (-scores[row], row))[:k]
    assert best_rows(scores, mask, k).tolist() == expected


@given(st.lists(st.text(), unique=True), st.randoms())
def test_the_merkle_root_ignores_order_and_sees_every_leaf(
    leaves: list[str], random: object
) -> None:
    shuffled = list(leaves)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert merkle_root(shuffled) == merkle_root(leaves)
    if leaves:
        assert merkle_root(leaves[1:]) != merkle_root(leaves)
