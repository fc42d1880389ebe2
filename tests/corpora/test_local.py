from __future__ import annotations

import shutil
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from assay.corpora.document import Document
from assay.corpora.filters import parse
from assay.corpora.local import LocalCorpus
from assay.corpora.storage.sqlite_store import SqliteStore
from assay.pipeline.context import RunContext
from assay.pipeline.errors import CorpusError, DataError, UsageError
from assay.pipeline.words import Hit, Scope
from tests.corpora.doubles import WordHashEmbedder, ask, corpus_at, document, index, silent, started

PETS = [
    document("cat", "The cat sleeps on the mat.", metadata={"kind": "pet"}),
    document("dog", "The dog barks at the postman.", metadata={"kind": "pet"}),
    document("law", "The statute binds the postman.", metadata={"kind": "law"}),
]


def dense(corpus: LocalCorpus, text: str, k: int) -> Sequence[Hit]:
    (hits,) = corpus.search_dense([ask(text)], k, [RunContext()])
    return hits


def test_bm25_finds_the_passage_with_the_words(tmp_path: Path) -> None:
    corpus = started(tmp_path, PETS)
    hits = corpus.search_bm25(ask("barking dogs"), 5)
    assert [hit.passage.document_id for hit in hits] == ["dog"]
    assert hits[0].score.kind == "bm25"
    assert hits[0].score.value > 0


@pytest.mark.parametrize(("lexical", "factor"), [("numpy", 2.2), ("tantivy", 2.2), ("bm25s", 1.0)])
def test_bm25_agrees_with_the_formula(tmp_path: Path, lexical: str, factor: float) -> None:
    corpus = started(tmp_path, PETS, stemmer="none", lexical=lexical)
    (hit,) = corpus.search_bm25(ask("statute"), 5)
    lengths, tf, df, n = [6, 6, 5], 1, 1, 3
    norm = 1 - 0.75 + 0.75 * 5 / (sum(lengths) / 3)
    expected = np.log(1 + (n - df + 0.5) / (df + 0.5)) * tf / (tf + 1.2 * norm)
    assert hit.score.value == pytest.approx(factor * expected, rel=1e-4)


def test_dense_search_equals_the_cosine_of_every_vector(tmp_path: Path) -> None:
    embedder = WordHashEmbedder()
    corpus = started(tmp_path, PETS, embedder)
    hits = dense(corpus, "the postman", 3)
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
        dense(corpus, "gold", 1),
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
        started(tmp_path / "3", PETS, k1=0.9, lexical="bm25s").fingerprint(),
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
    corpus.start()
    before, folders = corpus.generation, sorted((tmp_path / "indexes").iterdir())
    assert index(corpus, PETS[::-1]).unchanged == 3
    assert corpus.generation == before
    assert sorted((tmp_path / "indexes").iterdir()) == folders


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
    with SqliteStore(tmp_path).updating(), pytest.raises(CorpusError, match="another index run"):
        index(corpus_at(tmp_path), PETS)
    index(corpus_at(tmp_path), PETS)


def test_a_missing_index_names_the_command_that_makes_one(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="assay index"):
        corpus_at(tmp_path / "nowhere").start()


@pytest.mark.parametrize("kind", ["bm25", "dense"])
def test_a_damaged_index_says_to_index_again_and_indexing_again_repairs_it(
    tmp_path: Path, kind: str
) -> None:
    index(corpus_at(tmp_path, WordHashEmbedder()), PETS)
    (folder,) = (tmp_path / "indexes").glob(f"{kind}-*")
    for path in folder.iterdir():
        path.chmod(0o644)
        path.write_bytes(path.read_bytes()[:-2] + b"!!")
    with pytest.raises(CorpusError, match=r"damaged.*index again"):
        corpus_at(tmp_path, WordHashEmbedder()).start()
    index(corpus_at(tmp_path, WordHashEmbedder()), PETS)
    corpus_at(tmp_path, WordHashEmbedder()).start()


def test_a_missing_index_folder_is_told_and_made_again(tmp_path: Path) -> None:
    index(corpus_at(tmp_path), PETS)
    shutil.rmtree(tmp_path / "indexes")
    with pytest.raises(CorpusError, match=r"lacks its index.*index again"):
        corpus_at(tmp_path).start()
    index(corpus_at(tmp_path), PETS)
    corpus_at(tmp_path).start()


def test_an_index_made_with_other_settings_or_embedder_is_refused(tmp_path: Path) -> None:
    index(corpus_at(tmp_path, WordHashEmbedder()), PETS)
    with pytest.raises(CorpusError, match="max_words"):
        corpus_at(tmp_path, WordHashEmbedder(), max_words=60).start()
    with pytest.raises(CorpusError, match="embedder"):
        corpus_at(tmp_path, WordHashEmbedder(salt="other")).start()


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
    assert corpus.holds(["small#0", "large#1", "large#2"], "local") == {"small#0", "large#1"}
    assert corpus.get(["large#1"], ask("x"))[0].id == "small#0"
    # A filter on the other document finds the text there, not in one that it does not hold for.
    filtered = corpus.search_bm25(ask("shared", filters={"topic": "large"}), 9)
    assert [one.passage.id for one in filtered] == ["large#1"]
    assert [one.passage.metadata["topic"] for one in filtered] == ["large"]


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
        dense(started(tmp_path, PETS), "x", 1)


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


def test_tenants_have_indexes_of_their_own_and_are_indexed_one_by_one(tmp_path: Path) -> None:
    corpus = started(tmp_path, PETS)
    theirs = [replace(document("cat", "A cat of theirs."), scope=Scope("other"))]
    report = index(corpus, theirs)
    assert (report.added, report.removed, report.passages) == (("cat",), (), 4)
    (mine,) = corpus.search_bm25(ask("cat"), 9)
    (other,) = corpus.search_bm25(ask("cat", scope=Scope("other")), 9)
    assert (mine.passage.text, other.passage.text) == (PETS[0].text, "A cat of theirs.")
    # How rare a word is among my passages does not depend on theirs.
    assert mine.score == started(tmp_path / "alone", PETS).search_bm25(ask("cat"), 9)[0].score


def test_documents_can_be_added_and_taken_out_one_by_one(tmp_path: Path) -> None:
    corpus = started(tmp_path, PETS, WordHashEmbedder())
    added = corpus.index(
        [document("owl", "The owl hoots.")], skipped={}, progress=silent, keep=True
    )
    assert (added.added, added.removed, added.passages) == (("owl",), (), 4)
    gone = corpus.remove("local", ["cat", "cow"], progress=silent)
    assert (gone.removed, dict(gone.skipped)) == (
        ("cat",),
        {"cow": "tenant 'local' has no document with this id"},
    )
    assert [hit.passage.document_id for hit in dense(corpus, "hoots", 1)] == ["owl"]
    fresh = started(tmp_path / "fresh", [*PETS[1:], document("owl", "The owl hoots.")])
    assert set(corpus.vocabulary(ask(""))) == set(fresh.vocabulary(ask("")))


def test_a_reader_of_the_old_generation_finishes_undisturbed(tmp_path: Path) -> None:
    reader = started(tmp_path, PETS, WordHashEmbedder())
    before = (reader.search_bm25(ask("the"), 9), dense(reader, "the", 9), reader.fingerprint())
    for number in range(3):
        writer = corpus_at(tmp_path, WordHashEmbedder())
        index(writer, [document("new", f"the new text {number}")])
        after = (reader.search_bm25(ask("the"), 9), dense(reader, "the", 9), reader.fingerprint())
        assert after == before
    reader.close()
    reader.start()
    assert [hit.passage.text for hit in reader.search_bm25(ask("the"), 9)] == ["the new text 2"]


def test_two_tenants_under_eight_threads_never_see_one_another(tmp_path: Path) -> None:
    mine = [document(f"d{n}", f"gold number{n} mine", metadata={"n": n}) for n in range(40)]
    theirs = [
        replace(document(f"d{n}", f"gold number{n} theirs"), scope=Scope("other", ("boss",)))
        for n in range(40)
    ]
    corpus = started(tmp_path, [*mine, *theirs], WordHashEmbedder())
    wrong: list[object] = []

    def read(number: int) -> None:
        tenant, word = (("local", "mine"), ("other", "theirs"))[number % 2]
        scope = Scope(tenant, ("boss",) if number < 6 else ())
        for step in range(30):
            query = ask(f"gold number{step}", scope=scope, filters={"n": step} if step % 3 else {})
            for hits in (
                corpus.search_bm25(query, 5),
                *corpus.search_dense([query], 5, [RunContext()]),
            ):
                hidden = tenant == "other" and (number >= 6 or bool(step % 3))
                texts = [hit.passage.text for hit in hits]
                if bool(texts) == hidden or not all(text.endswith(word) for text in texts):
                    wrong.append((number, step, texts))

    threads = [threading.Thread(target=read, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_several_fields_are_fused_by_rank_and_one_can_be_asked_alone(tmp_path: Path) -> None:
    documents = [
        document("a", "It sleeps all day.", title="Cats"),
        document("b", "It chases cats.", title="Dogs"),
    ]
    corpus = started(tmp_path, documents, fields={"body": 1.0, "title": 1.0})
    both = corpus.search_bm25(ask("cats"), 9)
    assert {hit.passage.document_id for hit in both} == {"a", "b"}
    assert {hit.score.kind for hit in both} == {"rrf"}
    (titled,) = corpus.search_bm25(ask("cats"), 9, field="title")
    assert (titled.passage.document_id, titled.score.kind) == ("a", "bm25")
    with pytest.raises(UsageError, match="no field 'headings'"):
        corpus.search_bm25(ask("cats"), 9, field="headings")


def test_filters_in_the_query_and_from_the_node_both_hold(tmp_path: Path) -> None:
    many = [
        document(f"d{year}", f"report of {year}", metadata={"year": year}, tier=tier)
        for year, tier in ((2019, "old"), (2020, "house"), (2021, "house"))
    ]
    corpus = started(tmp_path, many)

    def found(where: str = "", node: str = "") -> set[str]:
        hits = corpus.search_bm25(
            ask("report", where=where), 9, where=parse(node) if node else None
        )
        return {hit.passage.document_id for hit in hits}

    assert found("year >= 2020") == {"d2020", "d2021"}
    assert found("year >= 2020", "not year = 2021") == {"d2020"}
    assert found(node="tier = 'old' or document = 'd2021'") == {"d2019", "d2021"}
    assert found("colour = 'red'") == set()
    assert found("not colour = 'red'") == set()
    assert found("colour is null") == {"d2019", "d2020", "d2021"}
    with pytest.raises(UsageError):
        found("year >=")
