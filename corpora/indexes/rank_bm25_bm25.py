"""BM25 by rank_bm25: the slow reference that the others are compared with."""

from __future__ import annotations

import hashlib
import importlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from assay.corpora.corpus import TermStatistics
from assay.corpora.indexes.folders import damaged, flush, seal, verify
from assay.corpora.indexes.index import Found, Rows, Terms
from assay.corpora.indexes.lexical import EVERYTHING, LexicalIndex, LexicalSearcher, best, positions
from assay.pipeline.errors import UsageError

FACTS, ITEMS = "index.json", "items.jsonl"


class RankBm25Bm25(LexicalIndex):
    """BM25 by ``rank_bm25.BM25Okapi``: small, plain, and slow. For comparison, not for use.

    The score of a term is ``idf * tf * (k1 + 1) / (tf + k1 * (1 - b + b * length / mean length))``
    with ``idf = ln(N - n + 0.5) - ln(n + 0.5)``. Where that is below 0 (more than half of the
    passages hold the term) it is ``epsilon`` times the mean idf of all terms of the field, which in
    a very small corpus is itself below 0; a passage whose sum is not above 0 is not found. A query
    costs a look-up for each term in every passage. Every change makes the index anew, and opening
    it reads all terms.

    Args:
        fields: names of the fields.
        k1: how soon repetitions of a term stop counting, from 0.
        b: how far long passages are marked down, 0 to 1.
        epsilon: see above, from 0.
    """

    library = "rank_bm25"

    def __init__(
        self,
        fields: Sequence[str] = (EVERYTHING,),
        *,
        k1: float = 1.5,
        b: float = 0.75,
        epsilon: float = 0.25,
    ) -> None:
        super().__init__(fields, k1=k1, b=b)
        if not 0 <= epsilon < float("inf"):
            raise UsageError(f"epsilon is a number from 0; found {epsilon}")
        self._epsilon = float(epsilon)

    def settings(self) -> Mapping[str, object]:
        """Library, fields, k1, b and epsilon."""
        return {**super().settings(), "epsilon": self._epsilon}

    def update(
        self,
        old: Path | None,
        new: Path,
        *,
        added: Iterable[tuple[int, Terms]],
        removed: Rows,
    ) -> bool:
        """See ``Index.update``; False where there is an old folder."""
        if old is not None:
            return False
        with (new / ITEMS).open("w", encoding="utf-8") as file:
            for row, item in added:
                file.write(json.dumps([row, *self._spelled(row, item)]) + "\n")
        (new / FACTS).write_text(json.dumps({"fields": self._fields}), encoding="utf-8")
        seal(new)
        flush(new)
        return True

    def open(self, folder: Path) -> RankBm25Searcher:
        """See ``Index.open``; cost: everything is read and counted."""
        verify(folder)
        rows: list[int] = []
        try:
            fields = tuple(json.loads((folder / FACTS).read_text(encoding="utf-8"))["fields"])
            passages: list[list[list[str]]] = [[] for _ in fields]
            with (folder / ITEMS).open(encoding="utf-8") as file:
                for line in file:
                    row, *texts = json.loads(line)
                    rows.append(row)
                    for text, column in zip(texts, passages, strict=True):
                        column.append(text.split(" ") if text else [])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise damaged(folder, f"{ITEMS} cannot be read: {error}") from error
        module = _library()
        engines = {
            name: module.BM25Okapi(column, k1=self._k1, b=self._b, epsilon=self._epsilon)
            for name, column in zip(fields, passages, strict=True)
            if any(column)
        }
        mark = hashlib.sha256(json.dumps(self.settings(), sort_keys=True).encode()).hexdigest()
        return RankBm25Searcher(fields, engines=engines, rows=np.array(rows, np.int64), mark=mark)


class RankBm25Searcher(LexicalSearcher):
    """What rank_bm25 counted, in memory.

    Args:
        fields: names of the fields.
        engines: rank_bm25 by field; none for a field without any term.
        rows: the row of each passage, in rising order.
        mark: the fingerprint.
    """

    def __init__(
        self, fields: Sequence[str], *, engines: Mapping[str, Any], rows: Rows, mark: str
    ) -> None:
        super().__init__(fields)
        self._engines = engines
        self._all = rows
        self._mark = mark

    @property
    def size(self) -> int:
        """Rows that can be found."""
        return len(self._all)

    def fingerprint(self) -> str:
        """See ``Searcher.fingerprint``: the settings."""
        return self._mark

    def _statistics(self, terms: Sequence[str], field: str) -> TermStatistics:
        engine = self._engines.get(field)
        passages = [] if engine is None else engine.doc_freqs
        counts = {term: sum(term in passage for passage in passages) for term in terms}
        return TermStatistics(self.size, counts)

    def _find(self, field: str, terms: Mapping[str, int], k: int, allowed: Rows | None) -> Found:
        engine = self._engines.get(field)
        if engine is None:
            return best(self._all[:0], np.empty(0), k, parts=0)
        tokens = [term for term, count in terms.items() for _ in range(count)]
        scores = np.asarray(engine.get_scores(tokens))
        places = np.flatnonzero(scores > 0) if allowed is None else positions(self._all, allowed)
        return best(self._all[places], scores[places], k, parts=len(tokens))


def _library() -> Any:
    try:
        return importlib.import_module("rank_bm25")
    except ImportError as error:
        raise UsageError(
            "this index needs rank-bm25, which is not installed; run 'pip install rank-bm25'"
            " or choose the library numpy"
        ) from error
