"""The documents that a question may be about, each with the evidence for it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from assay.corpora.corpus import Corpus
from assay.corpora.document_match import Asked, Facts, asked_of, facts_of, match, may_match
from assay.corpora.filters import And, Compare, Filter, In, IsNull, Or, Value
from assay.corpora.labels import labels_of_passage
from assay.corpora.storage.store import labels_of
from assay.pipeline.errors import UsageError
from assay.pipeline.words import Passage, Query, Scalar

Signal = Literal["best", "pooled", "title", "names", "dates"]
"""Kinds of evidence: the best passage, the best few, and what the document says of itself."""

POOLED = 3
"""How many of a document's best passages count together."""


@dataclass(frozen=True, slots=True)
class Home:
    """What passages of one document have in common: a label and its value."""

    field: str
    value: Value

    @property
    def key(self) -> str:
        """Unique text; ``1``, ``'1'`` and ``true`` are three values."""
        return Compare(self.field, "=", self.value).to_text()


@dataclass(frozen=True, slots=True)
class Candidate:
    """A document that was looked at.

    Args:
        home: which one.
        signals: evidence by kind: ``best`` and ``pooled`` 0 to 1, the others as in ``Match``.
    """

    home: Home
    signals: Mapping[Signal, float]

    @property
    def is_named(self) -> bool:
        """Whether the question says anything that speaks for this document."""
        return max(self.signals["title"], self.signals["names"], self.signals["dates"]) > 0

    def score(self, weights: Mapping[Signal, float]) -> float:
        """The weighted mean of the signals, 0 to 1; below 0 it is 0."""
        total = math.fsum(weights.values())
        mean = math.fsum(weight * self.signals[kind] for kind, weight in weights.items()) / total
        return min(1.0, max(0.0, mean))


def home_of(labels: Mapping[str, Scalar], by: str) -> Home:
    """Which document a passage is of: the label ``by``, where it lacks that ``document``."""
    field = by if by in labels else "document"
    return Home(field, labels[field])


def inside(homes: Iterable[Home], by: str) -> Filter:
    """The filter that holds for the passages of these documents, of which there is one or more."""
    values: dict[str, list[Value]] = {}
    for home in homes:
        values.setdefault(home.field, []).append(home.value)
    parts: list[Filter] = []
    for field, some in sorted(values.items()):
        found = In(field, tuple(some))
        parts.append(found if field == by else And((IsNull(by), found)))
    return parts[0] if len(parts) == 1 else Or(tuple(parts))


def candidates(
    corpus: Corpus,
    query: Query,
    found: Sequence[tuple[Passage, float]],
    *,
    by: str,
    where: Filter | None,
    titles: int,
    listed: int,
) -> dict[str, Candidate]:
    """The documents that a question may be about, by ``Home.key``.

    They are those of the passages that were found, and besides, in a corpus of at most ``listed``
    passages, all that share a word or a year with the question in title, id or labels; in a
    larger one those of the best passages by BM25 over titles, or, where the corpus keeps no
    titles apart, again all that share a word or a year.

    Signals, with the scores of a document's passages among those found:

    * ``best``: the largest.
    * ``pooled``: the sum of the best ``POOLED``, divided by the largest such sum of a document.
    * ``title``, ``names``, ``dates``: see ``document_match.match``. How rare a term is counts as
      ``ln(1 + (N - n + 0.5) / (n + 0.5))``, with n of the tenant's N passages holding it.

    Passages as evidence for their document: Callan 1994, "Passage-level evidence in document
    retrieval", SIGIR (the best passage); Liu and Croft 2002, "Passage retrieval based on language
    models", CIKM. Where equal passages were merged, the document that stands for all has them.

    Cost: no model calls; a search over titles or a list of the documents.

    Args:
        corpus: where they are.
        query: the question.
        found: passages with scores of 0 to 1.
        by: see ``home_of``.
        where: must hold besides the query's filters.
        titles: most passages that the search over titles gives.
        listed: most passages of a corpus whose documents are listed.
    """
    asked = asked_of(query.text, corpus.terms)
    known = corpus.statistics(sorted(asked.terms), query)
    labels: dict[str, Mapping[str, Scalar]] = {}
    homes: dict[str, Home] = {}
    scores: dict[str, list[float]] = {}
    evidence: list[tuple[Mapping[str, Scalar], float | None]] = [
        (labels_of_passage(passage), score) for passage, score in found
    ]
    more = _more(corpus, query, asked, where, titles, known.passages <= listed)
    for own, score in (*evidence, *((one, None) for one in more)):
        home = home_of(own, by)
        homes.setdefault(home.key, home)
        labels.setdefault(home.key, own)
        if score is not None:
            scores.setdefault(home.key, []).append(score)
    facts = {key: facts_of(own, corpus.terms) for key, own in labels.items()}
    rarity = _rarity(corpus, query, asked, facts.values())
    sums = {key: math.fsum(sorted(some)[-POOLED:]) for key, some in scores.items()}
    largest = max(sums.values(), default=0.0) or 1.0
    made: dict[str, Candidate] = {}
    for key, home in homes.items():
        said = match(asked, facts[key], rarity)
        signals: dict[Signal, float] = {
            "best": max(scores.get(key, [0.0])),
            "pooled": sums.get(key, 0.0) / largest,
            "title": said.title,
            "names": said.names,
            "dates": said.dates,
        }
        made[key] = Candidate(home, signals)
    return made


def _more(
    corpus: Corpus, query: Query, asked: Asked, where: Filter | None, titles: int, small: bool
) -> Iterable[Mapping[str, Scalar]]:
    """Labels of documents that no passage was found of."""
    if not asked.terms and not asked.times:
        return []
    if not small:
        try:
            hits = corpus.search_bm25(query, titles, where=where, field="title")
            return [labels_of_passage(hit.passage) for hit in hits]
        except UsageError:
            pass  # it keeps no titles apart; the list of its documents tells them
    all_labels = (labels_of(one.document) for one in corpus.documents(query, where=where))
    return [own for own in all_labels if may_match(asked, own)]


def _rarity(corpus: Corpus, query: Query, asked: Asked, facts: Iterable[Facts]) -> dict[str, float]:
    terms = sorted(asked.terms.union(*(one.title for one in facts)))
    known = corpus.statistics(terms, query)
    return {
        term: math.log1p((known.passages - count + 0.5) / (count + 0.5))
        for term, count in known.counts.items()
    }
