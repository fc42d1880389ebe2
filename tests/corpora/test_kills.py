"""Kill -9 at any moment of an index run leaves the old corpus or the new one, never a mix."""

from __future__ import annotations

import importlib
import multiprocessing
import os
import random
import signal
import time
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

# Imported here so that a process of the fork server has them from the start.
from assay.corpora.document import Document
from assay.corpora.indexes import faiss_vectors, numpy_bm25
from assay.corpora.local import LocalCorpus
from assay.pipeline.context import RunContext
from tests.corpora.doubles import WordHashEmbedder, ask, corpus_at, document, index

LOADED = (faiss_vectors, numpy_bm25, importlib.import_module("faiss"))

KILLS = 100
DOCUMENTS = 10


def content(number: int) -> list[Document]:
    """What generation ``number`` holds: every text says its number, so that a mix is seen."""
    count = DOCUMENTS + number % 3  # documents come and go
    return [document(f"d{one}", f"turn{number} of the wheel item{one}") for one in range(count)]


def keep_indexing(folder: str, first: int, ready: Connection) -> None:
    """Index one generation after the other until somebody kills this process."""
    index(corpus_at(Path(f"{folder}-warm"), WordHashEmbedder()), content(first))  # loads the rest
    corpus = corpus_at(Path(folder), WordHashEmbedder())
    number = first
    ready.send("indexing")
    while True:
        index(corpus, content(number))
        number += 1


@pytest.fixture(scope="module")
def processes() -> multiprocessing.context.ForkServerContext:
    """Processes that begin with everything imported."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    return context


def turn(corpus: LocalCorpus) -> int:
    """The one generation whose content a corpus holds, in every way to look at it."""
    passages = {one.id: one.text for one in corpus.every_passage()}
    (word,) = {text.split()[0] for text in passages.values()}
    number = int(word.removeprefix("turn"))
    assert passages == {f"{one.id}#0": one.text for one in content(number)}
    query = ask("wheel")
    by_words = corpus.search_bm25(query, 99)
    (by_meaning,) = corpus.search_dense([query], 99, [RunContext()])
    for hits in (by_words, by_meaning):
        assert {hit.passage.id: hit.passage.text for hit in hits} == passages
    assert corpus.vocabulary(query)["turn"] == len(passages)
    return number


def test_a_hundred_kills_leave_the_old_or_the_new_corpus(
    tmp_path: Path, processes: multiprocessing.context.ForkServerContext
) -> None:
    random_one = random.Random(5)
    index(corpus_at(tmp_path, WordHashEmbedder()), content(0))
    begin = time.monotonic()
    index(corpus_at(tmp_path, WordHashEmbedder()), content(1))
    one_run = time.monotonic() - begin
    seen = [1]
    in_the_middle = 0
    for kill in range(KILLS):
        told, ready = processes.Pipe(duplex=False)
        process = processes.Process(target=keep_indexing, args=(str(tmp_path), seen[-1] + 1, ready))
        process.start()
        told.recv()
        time.sleep(random_one.uniform(0.0, 2 * one_run))
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        told.close()
        ready.close()
        named = len(list((tmp_path / "indexes").iterdir()))
        in_the_middle += named > 2
        corpus = corpus_at(tmp_path, WordHashEmbedder())
        corpus.start()
        number = turn(corpus)
        corpus.close()
        assert number >= seen[-1]
        seen.append(number)
        if kill % 10 == 9:  # indexing again repairs whatever the kill left behind
            index(corpus_at(tmp_path, WordHashEmbedder()), content(number + 1))
            seen.append(number + 1)
    assert len(set(seen)) > KILLS // 6, "the runs were killed too early to prove anything"
    assert in_the_middle > KILLS // 20, "no run was killed between its folders and its commit"
