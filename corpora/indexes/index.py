"""What an index does: one way to search the passages of one tenant.

An index knows passages by their *rows*: numbers that the store gives out, each once and for good.
What it knows of a passage is one *item* of its kind: terms by field (words), a vector (meaning),
weights by term (learned sparse).

An index lies in a folder that never changes once it is written. ``update`` writes the next
folder, which holds what the last one holds, less some rows and plus others; files that stay as
they are may be linked (``folders.link``). The corpus makes the new folder count, together with
the store, in one step; so an index needs no locks, no logs and no repair of its own.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from assay.models.protocols import Floats

Rows = NDArray[np.int64]
"""Rows of passages, in rising order where nothing else is said."""

Terms = Mapping[str, Sequence[str]]
"""A passage's terms by field, in order, with repetitions; a field may be missing."""

Weights = Mapping[str, float]
"""Weights by term, above 0; of a passage or of a query."""

Item = TypeVar("Item")
Asked = TypeVar("Asked")


@dataclass(frozen=True, slots=True)
class Found:
    """What a search gives, best first.

    Args:
        rows: shape ``(n,)``; not in rising order.
        scores: shape ``(n,)``, falling; equal scores in rising order of rows.
    """

    rows: Rows
    scores: Floats


class Searcher(ABC, Generic[Asked]):
    """An index that was opened; safe between threads. Its files may vanish while it is open."""

    @property
    @abstractmethod
    def size(self) -> int:
        """Rows that can be found."""

    @abstractmethod
    def search(self, asked: Asked, k: int, *, allowed: Rows | None = None) -> Found:
        """The best k of the rows that are allowed, and all that tie with the last of them.

        The result is that of a search over the allowed rows alone (an index that is approximate
        says how near it comes): nothing is taken first and filtered afterwards in a way that
        leaves fewer than k where there are k. Statistics (how rare a term is) may be those of the
        whole index. ``exact`` tells whether it is approximate.

        Args:
            asked: the query, in the form of this kind of index.
            k: from 1.
            allowed: rows to choose from, in rising order; None for all. Rows that the index does
                not hold are no error.
        """

    @property
    def exact(self) -> bool:
        """Whether results are those of a comparison with every row."""
        return True

    @abstractmethod
    def fingerprint(self) -> str:
        """sha256 in hex over what results depend on besides the rows and their items: settings,
        and whatever is left of rows that were removed. A fresh index of the same rows has the
        same one wherever its results are the same."""

    @property
    def note(self) -> str:
        """What a person who indexes should know, such as which method was chosen and why; ''."""
        return ""

    def close(self) -> None:
        """Give memory and files back."""


class Index(ABC, Generic[Item, Asked]):
    """A kind of index with its settings. It holds no data: folders do."""

    @abstractmethod
    def settings(self) -> Mapping[str, object]:
        """Everything that decides what ``update`` writes; JSON-like. Where the settings of a
        folder differ, the corpus makes it anew from all rows."""

    @abstractmethod
    def update(
        self,
        old: Path | None,
        new: Path,
        *,
        added: Iterable[tuple[int, Item]],
        removed: Rows,
    ) -> bool:
        """Write the folder that follows ``old``.

        Args:
            old: stays as it is to the last bit; None where there is none yet.
            new: an empty folder. All of its files are on the disk (flushed) on return.
            added: rows with their items, in rising order, all above those that ``old`` ever had.
            removed: rows of ``old``, in rising order.

        Returns:
            False where it is better to begin anew from all rows (too much of ``old`` was removed,
            or it has outgrown its method): ``new`` is then not to be used, ``added`` may be
            unread. Always True where ``old`` is None.

        Raises:
            CorpusError: if ``old`` is damaged.
            OSError: if the disk refuses.
        """

    @abstractmethod
    def open(self, folder: Path) -> Searcher[Asked]:
        """Open what ``update`` wrote.

        Raises:
            CorpusError: if it is damaged.
        """
