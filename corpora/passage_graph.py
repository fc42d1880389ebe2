"""The graph of a corpus's passages, looked at from one passage at a time."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Literal

from assay.corpora.corpus import Corpus
from assay.corpora.filters import Filter
from assay.corpora.labels import labels_of_passage
from assay.corpora.names import names
from assay.corpora.visible import wanted
from assay.pipeline.words import Hit, Passage, Query

EdgeKind = Literal["beside", "shared", "nearest"]
"""``beside``: next to one another in a document; ``shared``: rare terms in both; ``nearest``: alike
by embedding."""

COMMON = 0.02
"""A term that is in more than this share of the passages, and in more than two, ties nothing."""

_WORD = re.compile(r"[^\W_]+")


class PassageGraph:
    """Edges between passages, found by searches under one query when they are asked for.

    All edges obey the query's scope and filters. With ``w`` the weight of a kind, the edges of a
    passage are ``w`` times the sum of 1 that the kind spreads over them, summed over kinds:

    * ``beside``: the passages one place before and after it in its document, alike.
    * ``shared``: its ``rare`` rarest terms that are in two passages or more and in at most
      ``COMMON`` of them are searched by BM25; the best ``degree`` others, by score.
    * ``nearest``: the best ``degree`` others by cosine with its own vector, by cosine (above 0).

    As edges between passages that share a rare name, it is the graph of HippoRAG (Gutiérrez, Shu,
    Gu, Yasunaga and Su 2024, NeurIPS) without its nodes for phrases and without a language model
    that extracts them.

    Cost: two searches a passage and no model calls; with weight 0 a kind costs nothing.

    Args:
        corpus: where passages are.
        query: whose reader and filters count; its text does not.
        passages: known ones, such as the seeds of a walk.
        weights: of each kind, at least 0; a kind that is missing has 0.
        degree: most edges of a kind from one passage.
        rare: most terms that are searched.
        terms: ``names``: terms of names only; ``all``: any.
        check: called before each search; raises to stop.
    """

    def __init__(
        self,
        corpus: Corpus,
        query: Query,
        passages: Iterable[Passage],
        *,
        weights: Mapping[EdgeKind, float],
        degree: int,
        rare: int,
        terms: Literal["names", "all"],
        check: Callable[[], None],
    ) -> None:
        self._corpus = corpus
        self._query = query
        self._weights = weights
        self._degree = degree
        self._rare = rare
        self._names_only = terms == "names"
        self._check = check
        self.passages = {one.id: one for one in passages}
        """Every passage that was reached, by id."""

    def edges(self, passage_id: str) -> Mapping[str, float]:
        """Where one can go on to from a passage that was reached, by passage id.

        Raises:
            UsageError: where ``nearest`` has a weight and the corpus no embedder.
        """
        passage = self.passages[passage_id]
        kinds: Mapping[EdgeKind, Callable[[Passage], Mapping[str, float]]] = {
            "beside": self._beside,
            "shared": self._shared,
            "nearest": self._nearest,
        }
        found: dict[str, float] = {}
        for kind, look in kinds.items():
            weight = self._weights.get(kind, 0.0)
            if weight > 0:
                self._check()
                own = look(passage)
                total = math.fsum(own.values())
                for other, strength in own.items():
                    found[other] = found.get(other, 0.0) + weight * strength / total
        return found

    def _beside(self, passage: Passage) -> dict[str, float]:
        near = self._corpus.neighbours(passage, self._query, 1)
        return self._known((one, 1.0) for one in near if self._admits(one))

    def _shared(self, passage: Passage) -> dict[str, float]:
        text = " ".join(self._rarest(passage))
        if not text:
            return {}
        hits = self._corpus.search_bm25(replace(self._query, text=text), self._degree + 1)
        return self._others(passage, hits)

    def _nearest(self, passage: Passage) -> dict[str, float]:
        vector = self._corpus.vectors([passage], self._query)[0]
        hits = self._corpus.search_vector(vector, self._query, self._degree + 1)
        return self._others(passage, hits)

    def _rarest(self, passage: Passage) -> list[str]:
        """Words of a passage for its rarest terms, the rarest first."""
        texts = [passage.title, passage.text]
        if self._names_only:
            texts = [name for text in texts for name in names(text)]
        words: dict[str, str] = {}
        for word in dict.fromkeys(word for text in texts for word in _WORD.findall(text)):
            for term in self._corpus.terms(word):
                words.setdefault(term, word)
        known = self._corpus.statistics(list(words), self._query)
        most = max(2.0, COMMON * known.passages)
        tying = sorted((known.counts[one], one) for one in words if 2 <= known.counts[one] <= most)
        # A term that stands for itself, as pairs of signs do, is better than the word around it.
        return [
            term if self._corpus.terms(term) == [term] else words[term]
            for _, term in tying[: self._rare]
        ]

    def _others(self, passage: Passage, hits: Iterable[Hit]) -> dict[str, float]:
        others = [one for one in hits if one.passage.id != passage.id and one.score.value > 0]
        return self._known((one.passage, one.score.value) for one in others[: self._degree])

    def _known(self, found: Iterable[tuple[Passage, float]]) -> dict[str, float]:
        edges: dict[str, float] = {}
        for passage, strength in found:
            self.passages.setdefault(passage.id, passage)
            edges[passage.id] = strength
        return edges

    def _admits(self, passage: Passage) -> bool:
        """Whether the query's filters hold for a passage that no search gave."""
        if self._filter is None:
            return True
        if self._titled is not None:
            return passage.document_id in self._titled
        return self._filter.holds(labels_of_passage(passage))

    @cached_property
    def _filter(self) -> Filter | None:
        return wanted(self._query)

    @cached_property
    def _titled(self) -> frozenset[str] | None:
        """Documents that the query may see, where a passage does not tell: a passage's title is
        not always its document's."""
        if self._filter is None or "title" not in self._filter.fields():
            return None
        return frozenset(one.document.id for one in self._corpus.documents(self._query))
