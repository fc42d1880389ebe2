"""Searching what ``TantivyBm25`` wrote."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.corpora.corpus import TermStatistics
from assay.corpora.indexes.folders import damaged
from assay.corpora.indexes.index import Found, Rows
from assay.corpora.indexes.lexical import LexicalSearcher, among, best, floor
from assay.pipeline.errors import UsageError

ROW = "row_number"
"""Tantivy's field for the rows."""

ROW_COST = 8
"""To look for one row costs as much time as to fetch so many of the best (measured, roughly)."""

SPARE = 16
"""Least number of rows fetched beyond k, so that ties show without a second search."""


class TantivySearcher(LexicalSearcher):
    """Tantivy's files, mapped into memory.

    Args:
        fields: names of the fields.
        folder: for messages.
        schema: tantivy's.
        searcher: tantivy's.
        gone: removed rows, in rising order.
        mark: the fingerprint.
    """

    def __init__(
        self,
        fields: Sequence[str],
        *,
        folder: Path,
        schema: Any,
        searcher: Any,
        gone: Rows,
        mark: str,
    ) -> None:
        super().__init__(fields)
        self._tantivy = library()
        self._folder = folder
        self._schema = schema
        self._searcher = searcher
        self._rows = int(searcher.num_docs)
        self._gone = gone
        self._mark = mark

    @property
    def size(self) -> int:
        """Rows that can be found."""
        return self._rows - len(self._gone)

    def fingerprint(self) -> str:
        """See ``Searcher.fingerprint``: settings, and the removed rows with their terms."""
        return self._mark

    def close(self) -> None:
        """Let go of the files."""
        self._searcher = None

    def _statistics(self, terms: Sequence[str], field: str) -> TermStatistics:
        searcher = self._opened()
        with damage_told(self._folder):
            counts = {term: int(searcher.doc_freq(field, term)) for term in terms}
        return TermStatistics(self._rows, counts)

    def _find(self, field: str, terms: Mapping[str, int], k: int, allowed: Rows | None) -> Found:
        if allowed is not None:
            allowed = allowed[np.searchsorted(allowed, 0) :]
            allowed = allowed[~among(allowed, self._gone)]
        query, parts = self._query(field, terms), len(terms)
        enough = k + max(SPARE, k // 4)
        limit, narrowed = enough, False
        if allowed is not None:
            if not len(allowed):
                return best(allowed, np.empty(0), k, parts=parts)
            # Of what is fetched, one row in rows / allowed is allowed, unless the query is at odds
            # with what allows them.
            limit = enough * self._rows // len(allowed) * 3 // 2
            narrowed = ROW_COST * len(allowed) <= limit
        if narrowed:
            query, limit = self._narrowed(query, allowed), enough
        while True:
            limit = min(limit, self._rows)
            rows, scores = self._fetch(query, limit)
            kept = ~among(rows, self._gone)
            if allowed is not None and not narrowed:
                kept &= among(rows, allowed)
            candidates, values = rows[kept], scores[kept]
            whole = len(rows) < limit or limit == self._rows
            short = len(candidates) < k
            if whole or (not short and scores[-1] < floor(candidates, values, k, parts=parts)):
                return best(candidates, values, k, parts=parts)
            if allowed is not None and not narrowed and short:
                query, limit, narrowed = self._narrowed(query, allowed), enough, True
            else:
                limit *= 4

    def _query(self, field: str, terms: Mapping[str, int]) -> Any:
        kinds, should = self._tantivy.Query, self._tantivy.Occur.Should
        clauses = []
        for term, count in terms.items():
            one = kinds.term_query(self._schema, field, term, "freq")
            clauses.append((should, one if count == 1 else kinds.boost_query(one, float(count))))
        return kinds.boolean_query(clauses)

    def _narrowed(self, query: Any, allowed: Rows | None) -> Any:
        """The query over some rows alone; what restricts it adds 0 to the scores."""
        kinds, must = self._tantivy.Query, self._tantivy.Occur.Must
        rows = [] if allowed is None else allowed.tolist()
        limits = kinds.const_score_query(kinds.term_set_query(self._schema, ROW, rows), 0.0)
        return kinds.boolean_query([(must, query), (must, limits)])

    def _fetch(self, query: Any, limit: int) -> tuple[Rows, NDArray[np.float64]]:
        searcher = self._opened()
        with damage_told(self._folder):
            # Without a count tantivy skips blocks of passages that cannot be among the best.
            hits = searcher.search(query, limit, count=False).hits
            rows = searcher.fast_field_values(ROW, [place for _, place in hits])
        return np.array(rows, dtype=np.int64), np.array([score for score, _ in hits], dtype=float)

    def _opened(self) -> Any:
        searcher = self._searcher
        if searcher is None:
            raise UsageError("the index was closed; open it again to search")
        return searcher


def library() -> Any:
    """Tantivy.

    Raises:
        UsageError: if it is not installed.
    """
    try:
        return importlib.import_module("tantivy")
    except ImportError as error:
        raise UsageError(
            "this index needs tantivy, which is not installed; run 'pip install tantivy'"
            " or choose the library numpy"
        ) from error


@contextmanager
def damage_told(folder: Path) -> Iterator[None]:
    """Make whatever tantivy raises inside a ``CorpusError``."""
    try:
        yield
    except (ValueError, OSError) as error:
        raise damaged(folder, f"tantivy cannot read it: {error}") from error
    except BaseException as error:
        if type(error).__name__ == "PanicException":  # tantivy's own crash; no Exception
            raise damaged(folder, f"tantivy cannot read it: {error}") from error
        raise
