"""The libraries called bare: each over the same passages, as its own documentation does it.

All of them read a passage's title and text, fold by an English stemmer, leave no stop words out,
and answer a question with the numbers of the ten best passages; none looks a passage's text up but
``TantivyTexts``. ``reader`` says what may be found: ``all``, ``half`` (documents without a role),
``year`` (one in ten) and ``case`` (one in a thousand), by the means that the library has for it.
"""

from __future__ import annotations

import importlib
import shutil
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator
from functools import cached_property
from typing import Any, Literal, get_args

import numpy as np

from . import passages as made
from .work import Work

Reader = Literal["all", "half", "year", "case"]
READERS: tuple[Reader, ...] = get_args(Reader)
WORD = r"(?u)\b\w+\b"
"""A word for bm25s; by default it leaves out those of one letter, which the others look for."""

YEAR, CASE = made.YEARS[4], 17
BEST = 10


def may_find(passages: int, reader: Reader) -> np.ndarray:
    """For each passage of the main tenant whether a reader may find it, shape ``(passages,)``.

    >>> [int(may_find(20_000, reader).sum()) for reader in READERS]
    [20000, 10000, 2000, 20]
    """
    numbers = np.arange(passages) // made.PER_DOCUMENT
    match reader:
        case "all":
            return np.ones(passages, dtype=np.bool_)
        case "half":
            return np.asarray(numbers % 2 == 0)
        case "year":
            return np.asarray(numbers // 2 % len(made.YEARS) == YEAR - made.YEARS[0])
        case "case":
            return np.asarray(numbers % made.CASES == CASE)


class Peer(ABC):
    """A library with its index.

    Args:
        work: where the index lies and what it is made of.
    """

    folder_name: str

    def __init__(self, work: Work) -> None:
        self.work = work
        self.folder = work.folder / "peers" / self.folder_name

    @property
    def built(self) -> float | None:
        """Seconds that building its index took; None where it is not there."""
        noted = self.folder / "seconds"
        return float(noted.read_text(encoding="ascii")) if noted.exists() else None

    def make(self) -> None:
        """Build its index and note the time."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        begin = time.perf_counter()
        self.build()
        seconds = time.perf_counter() - begin
        (self.folder / "seconds").write_text(str(seconds), encoding="ascii")

    @abstractmethod
    def build(self) -> None:
        """Write its index into its folder, which is empty."""

    @abstractmethod
    def open(self) -> None:
        """Open its index."""

    @abstractmethod
    def search(self, question: str, reader: Reader) -> list[int]:
        """Numbers of the ten best passages, best first."""

    def texts(self) -> Iterator[str]:
        """What every system indexes of each passage, in order."""
        return made.texts(self.work.pool, self.work.passages)


class Tantivy(Peer):
    """tantivy: tokenizer ``en_stem``, a union of terms, no count, numbers from a fast field.

    Its query parser is not asked: it reads "spider-man" as a phrase, which is another question.
    """

    folder_name = "tantivy"

    def __init__(self, work: Work) -> None:
        super().__init__(work)
        import tantivy

        self._tantivy = tantivy
        builder = tantivy.SchemaBuilder()
        builder.add_unsigned_field("number", indexed=True, fast=True)
        for name in ("half", "year", "case"):
            builder.add_unsigned_field(name, indexed=True)
        builder.add_text_field("text", stored=True, tokenizer_name="en_stem", index_option="freq")
        self._schema = builder.build()
        filters = tantivy.Filter
        self._analyzer = (
            tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.simple())
            .filter(filters.remove_long(40))
            .filter(filters.lowercase())
            .filter(filters.stemmer("english"))
            .build()
        )
        """What ``en_stem`` is."""

    def build(self) -> None:
        """See ``Peer.build``; two threads, segments merged as tantivy thinks best."""
        index = self._tantivy.Index(self._schema, path=str(self.folder))
        writer = index.writer(heap_size=256_000_000, num_threads=2)
        for number, text in enumerate(self.texts()):
            document = self._tantivy.Document()
            own = number // made.PER_DOCUMENT
            document.add_unsigned("number", number)
            document.add_unsigned("half", own % 2)
            document.add_unsigned("year", made.YEARS[own // 2 % len(made.YEARS)])
            document.add_unsigned("case", own % made.CASES)
            document.add_text("text", text)
            writer.add_document(document)
        writer.commit()
        writer.wait_merging_threads()

    def open(self) -> None:
        """See ``Peer.open``; its files are mapped."""
        self._index = self._tantivy.Index.open(str(self.folder))
        self._searcher = self._index.searcher()
        wanted = (("half", 0), ("year", YEAR), ("case", CASE))
        self._limits = {name: self._equals(name, value) for name, value in wanted}

    def search(self, question: str, reader: Reader) -> list[int]:
        """See ``Peer.search``; who may find what is a clause of the query that adds no score."""
        return [int(one) for one in self._numbers(self._places(question, reader))]

    def _places(self, question: str, reader: Reader) -> list[Any]:
        kinds, occur = self._tantivy.Query, self._tantivy.Occur
        terms = Counter(self._analyzer.analyze(question))
        clauses = []
        for term, count in terms.items():
            one = kinds.term_query(self._schema, "text", term, "freq")
            one = one if count == 1 else kinds.boost_query(one, float(count))
            clauses.append((occur.Should, one))
        query = kinds.boolean_query(clauses)
        if reader != "all":
            parts = [(occur.Must, query), (occur.Must, self._limits[reader])]
            query = kinds.boolean_query(parts)
        return [place for _, place in self._searcher.search(query, BEST, count=False).hits]

    def _numbers(self, places: list[Any]) -> Any:
        return self._searcher.fast_field_values("number", places)

    def _equals(self, name: str, value: int) -> Any:
        one = self._tantivy.Query.term_query(self._schema, name, value)
        return self._tantivy.Query.const_score_query(one, 0.0)


class TantivyTexts(Tantivy):
    """The same, and the ten passages' texts are read from its store."""

    def search(self, question: str, reader: Reader) -> list[int]:
        """See ``Peer.search``."""
        places = self._places(question, reader)
        found = [self._searcher.doc(place) for place in places]
        if not all(one.get_first("text") for one in found):
            raise ValueError("a passage without a text")
        return [int(one) for one in self._numbers(places)]


class Bm25s(Peer):
    """bm25s with numpy; filters by its ``weight_mask``."""

    folder_name = "bm25s"
    backend = "numpy"

    def __init__(self, work: Work) -> None:
        super().__init__(work)
        import bm25s
        import Stemmer

        self._bm25s = bm25s
        self._stemmer = Stemmer.Stemmer("english")

    def build(self) -> None:
        """See ``Peer.build``."""
        tokenizer = self._bm25s.tokenization.Tokenizer(
            splitter=WORD, stopwords=None, stemmer=self._stemmer
        )
        ids = tokenizer.tokenize(
            self.texts(), length=self.work.passages, return_as="ids", show_progress=False
        )
        index = self._bm25s.BM25(k1=1.2, b=0.75)
        index.index((ids, tokenizer.get_vocab_dict()), show_progress=False)
        index.save(str(self.folder), show_progress=False)

    def open(self) -> None:
        """See ``Peer.open``; in memory."""
        self._index = self._bm25s.BM25.load(str(self.folder), show_progress=False)
        self._index.backend = self.backend
        if self.backend == "numba":
            self._index.activate_numba_scorer()

    @cached_property
    def _masks(self) -> dict[str, np.ndarray | None]:
        count = self.work.passages
        return {
            name: None if name == "all" else may_find(count, name).astype(np.float32)
            for name in READERS
        }

    def search(self, question: str, reader: Reader) -> list[int]:
        """See ``Peer.search``."""
        terms = self._bm25s.tokenize(
            [question],
            token_pattern=WORD,
            stopwords=None,
            stemmer=self._stemmer,
            return_ids=False,
            show_progress=False,
        )
        found = self._index.retrieve(
            terms, k=BEST, show_progress=False, n_threads=0, weight_mask=self._masks[reader]
        )
        best = zip(found.documents[0].tolist(), found.scores[0].tolist(), strict=True)
        return [number for number, score in best if score > 0]


class Bm25sNumba(Bm25s):
    """bm25s compiled by numba."""

    backend = "numba"


class RankBm25(Peer):
    """rank-bm25's ``BM25Okapi``; its scores filtered by a mask. It has no index on the disk."""

    folder_name = "rank_bm25"

    @property
    def built(self) -> float:
        """It is built when it is opened."""
        return 0.0

    def build(self) -> None:
        """See ``Peer.build``; nothing."""

    def open(self) -> None:
        """See ``Peer.open``; built anew each time, of our own terms."""
        from assay.corpora.analyzer import Analyzer

        self._analyzer = Analyzer(stemmer="english")
        self._index = importlib.import_module("rank_bm25").BM25Okapi(
            [self._analyzer.terms(text) for text in self.texts()], k1=1.2, b=0.75
        )

    def search(self, question: str, reader: Reader) -> list[int]:
        """See ``Peer.search``."""
        scores = self._index.get_scores(self._analyzer.terms(question))
        if reader != "all":
            scores = np.where(may_find(len(scores), reader), scores, 0.0)
        best = np.argpartition(-scores, BEST)[:BEST]
        return [int(one) for one in best[np.argsort(-scores[best], kind="stable")]]
