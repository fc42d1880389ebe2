"""BM25 by bm25s: any k1 and b, scores of all passages at once, made anew on every change."""

from __future__ import annotations

import hashlib
import importlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.corpora.corpus import TermStatistics
from assay.corpora.indexes.folders import damaged, flush, seal, verify
from assay.corpora.indexes.index import Found, Rows, Terms
from assay.corpora.indexes.lexical import EVERYTHING, LexicalIndex, LexicalSearcher, best, positions
from assay.pipeline.errors import UsageError

FACTS, ROWS = "index.json", "rows.npy"


class Bm25sBm25(LexicalIndex):
    """BM25 by bm25s, method ``lucene``: scores are made when the index is, a query adds them up.

    The score of a term is ``ln(1 + (N - n + 0.5) / (n + 0.5)) * tf / (tf + k1 * (1 - b + b *
    length / mean length))`` in single precision; see ``assay.corpora.indexes.lexical``. A query
    costs time in the number of all rows. Every change makes the index anew.

    Args:
        fields: names of the fields.
        k1: how soon repetitions of a term stop counting, from 0.
        b: how far long passages are marked down, 0 to 1.
    """

    library = "bm25s"

    def __init__(
        self, fields: Sequence[str] = (EVERYTHING,), *, k1: float = 1.2, b: float = 0.75
    ) -> None:
        super().__init__(fields, k1=k1, b=b)

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
        bm25s = _library()
        rows: list[int] = []
        numbers: list[dict[str, int]] = [{} for _ in self._fields]
        passages: list[list[list[int]]] = [[] for _ in self._fields]
        for row, item in added:
            rows.append(row)
            for text, known, texts in zip(self._spelled(row, item), numbers, passages, strict=True):
                texts.append(
                    [known.setdefault(term, len(known)) for term in text.split(" ") if term]
                )
        for name, known, texts in zip(self._fields, numbers, passages, strict=True):
            if known:
                engine = bm25s.BM25(k1=self._k1, b=self._b, method="lucene", backend="numpy")
                engine.index((texts, known), create_empty_token=False, show_progress=False)
                engine.save(new, show_progress=False, **_names(name))
        np.save(new / ROWS, np.array(rows, dtype=np.int64), allow_pickle=False)
        held = [name for name, known in zip(self._fields, numbers, strict=True) if known]
        facts = {"fields": self._fields, "held": held}
        (new / FACTS).write_text(json.dumps(facts), encoding="utf-8")
        seal(new)
        flush(new)
        return True

    def open(self, folder: Path) -> Bm25sSearcher:
        """See ``Index.open``; cost: everything is read."""
        verify(folder)
        bm25s = _library()
        try:
            facts = json.loads((folder / FACTS).read_text(encoding="utf-8"))
            rows = np.load(folder / ROWS, allow_pickle=False)
            engines = {
                name: bm25s.BM25.load(folder, load_corpus=False, **_names(name))
                for name in facts["held"]
            }
            fields = tuple(facts["fields"])
        except (OSError, ValueError, KeyError, TypeError, EOFError) as error:
            raise damaged(folder, f"bm25s cannot read it: {error}") from error
        mark = hashlib.sha256(json.dumps(self.settings(), sort_keys=True).encode()).hexdigest()
        return Bm25sSearcher(fields, engines=engines, rows=rows, mark=mark)


class Bm25sSearcher(LexicalSearcher):
    """What bm25s made, in memory.

    Args:
        fields: names of the fields.
        engines: bm25s by field; none for a field without any term.
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
        counts = dict.fromkeys(terms, 0)
        engine = self._engines.get(field)
        if engine is not None:
            starts = engine.scores["indptr"]
            for term in terms:
                number = engine.vocab_dict.get(term)
                if number is not None:
                    counts[term] = int(starts[number + 1] - starts[number])
        return TermStatistics(self.size, counts)

    def _find(self, field: str, terms: Mapping[str, int], k: int, allowed: Rows | None) -> Found:
        engine = self._engines.get(field)
        known = {} if engine is None else {t: n for t, n in terms.items() if t in engine.vocab_dict}
        if engine is None or not known:
            return best(self._all[:0], np.empty(0), k, parts=0)
        tokens = [term for term, count in known.items() for _ in range(count)]
        scores: NDArray[np.float32] = np.asarray(engine.get_scores(tokens))
        places = np.flatnonzero(scores > 0) if allowed is None else positions(self._all, allowed)
        return best(self._all[places], scores[places], k, parts=len(tokens))


def _names(field: str) -> dict[str, str]:
    """What bm25s calls its files, each with the field in front."""
    names = {part: f"{field}.{part}.npy" for part in ("data", "indices", "indptr")}
    files = {f"{part}_name": name for part, name in names.items()}
    return {**files, "vocab_name": f"{field}.vocab.json", "params_name": f"{field}.params.json"}


def _library() -> Any:
    try:
        return importlib.import_module("bm25s")
    except ImportError as error:
        raise UsageError(
            "this index needs bm25s, which is not installed; run 'pip install bm25s'"
            " or choose the library numpy"
        ) from error
