"""A small index over numbers that keeps every promise, and the same with one defect at a time."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from assay.corpora.indexes.folders import damaged, flush, link, seal, verify
from assay.corpora.indexes.index import Found, Index, Rows, Searcher
from tests.conformance.index_subject import IndexSubject

DATA = "numbers.json"

DEFECTS: Mapping[str, str] = {
    "takes k before it looks who is allowed": "allowed_rows_are_exact",
    "gives no more than k": "ties_are_complete_and_in_order",
    "orders ties by falling rows": "ties_are_complete_and_in_order",
    "keeps removed rows": "removed_rows_are_never_found",
    "loses a row with each update": "updates_lead_to_what_a_fresh_index_holds",
    "leaves traces and says nothing": "updates_lead_to_what_a_fresh_index_holds",
    "writes into linked files": "the_old_folder_stays_as_it_is",
    "reads when it searches": "a_searcher_outlives_its_folder",
    "keeps the query in itself": "threads_change_nothing",
    "looks at no seal": "damage_is_told",
    "updates what it did not check": "damage_is_told",
    "has another fingerprint each time": "settings_and_fingerprints_hold_still",
    "has settings that are no JSON": "settings_and_fingerprints_hold_still",
    "fails without rows": "nothing_is_found_in_an_empty_index",
    "allocates k": "a_fresh_index_finds_what_brute_force_finds",
    "adds a thousandth": "a_fresh_index_finds_what_brute_force_finds",
}
"""What can be wrong with a toy, and a check that must notice it."""


class ToySearcher(Searcher[float]):
    """Numbers in memory; the score is how near a number is to the one asked for."""

    def __init__(self, folder: Path, defect: str) -> None:
        self._folder = folder
        self._defect = defect
        self._asked = 0.0
        self._rows, self._numbers, self._lost = self._load()

    @property
    def size(self) -> int:
        return len(self._rows)

    def search(self, asked: float, k: int, *, allowed: Rows | None = None) -> Found:
        if self._defect == "reads when it searches":
            self._load()
        if self._defect == "fails without rows":
            self._rows[0]
        if self._defect == "allocates k":
            np.empty(k * 10**9)
        if self._defect == "keeps the query in itself":
            self._asked = asked
            time.sleep(0.0005)
            asked = self._asked
        rows = self._rows
        scores = -np.abs(self._numbers - asked)
        if self._defect == "leaves traces and says nothing":
            scores = scores - 0.1 * self._lost
        if self._defect == "adds a thousandth":
            scores = scores + 0.005
        late = self._defect == "takes k before it looks who is allowed"
        if allowed is not None and not late:
            chosen = np.isin(rows, allowed)
            rows, scores = rows[chosen], scores[chosen]
        falling = self._defect == "orders ties by falling rows"
        order = np.lexsort((-rows if falling else rows, -scores))
        rows, scores = rows[order], scores[order]
        count = k
        if len(scores) > k and self._defect != "gives no more than k":
            count = int(np.sum(scores >= scores[k - 1]))
        rows, scores = rows[:count], scores[:count]
        if allowed is not None and late:
            chosen = np.isin(rows, allowed)
            rows, scores = rows[chosen], scores[chosen]
        return Found(rows, scores.astype(np.float32))

    def fingerprint(self) -> str:
        salt = str(time.perf_counter_ns()) if "another fingerprint" in self._defect else ""
        return hashlib.sha256(salt.encode()).hexdigest()

    def _load(self) -> tuple[Rows, Any, int]:
        if self._defect != "looks at no seal":
            verify(self._folder)
        try:
            held = json.loads((self._folder / DATA).read_text(encoding="utf-8"))
            pairs = held["pairs"]
        except (OSError, ValueError, KeyError) as error:
            raise damaged(self._folder, "no numbers") from error
        rows = np.array([row for row, _ in pairs], dtype=np.int64)
        return rows, np.array([number for _, number in pairs], dtype=float), held["lost"]


class ToyIndex(Index[float, float]):
    """Numbers in one JSON file."""

    def __init__(self, defect: str = "") -> None:
        self._defect = defect

    def settings(self) -> Mapping[str, object]:
        return {"set": {1}} if "no JSON" in self._defect else {"kind": "toy"}

    def update(
        self,
        old: Path | None,
        new: Path,
        *,
        added: Iterable[tuple[int, float]],
        removed: Rows,
    ) -> bool:
        pairs: list[tuple[int, float]] = []
        lost = 0
        if old is not None:
            if self._defect != "updates what it did not check":
                verify(old)
            try:
                held = json.loads((old / DATA).read_text(encoding="utf-8"))
                pairs, lost = held["pairs"], held["lost"]
            except (OSError, ValueError, KeyError) as error:
                raise damaged(old, "no numbers") from error
            link(old, new)
        if self._defect != "keeps removed rows":
            pairs = [pair for pair in pairs if pair[0] not in set(removed.tolist())]
        if self._defect == "loses a row with each update" and old is not None:
            pairs = pairs[1:]
        text = json.dumps({"pairs": [*pairs, *added], "lost": lost + len(removed)})
        if self._defect != "writes into linked files":
            (new / DATA).unlink(missing_ok=True)
        (new / DATA).write_text(text, encoding="utf-8")
        seal(new)
        flush(new)
        return True

    def open(self, folder: Path) -> ToySearcher:
        return ToySearcher(folder, self._defect)


def toy(defect: str = "") -> IndexSubject[float, float]:
    """The toy for the kit; numbers are drawn so that some are equal."""
    return IndexSubject(
        name=f"toy {defect}".strip(),
        make=lambda: ToyIndex(defect),
        item=lambda rng: float(rng.integers(0, 40)) / 4,
        asked=lambda rng: float(rng.random() * 10),
        scores=lambda live, gone, asked: {row: -abs(one - asked) for row, one in live.items()},
    )
