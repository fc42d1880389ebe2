"""The vocabulary: what travels along the edges of a pipeline.

Every word is a frozen dataclass, equal by value. ``to_json`` and ``from_json``
(``assay.pipeline.codec``) convert each of them both ways.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date as Day  # a field is called date
from enum import StrEnum
from typing import TypeAlias

Scalar: TypeAlias = str | int | float | bool

LEFT_OUT = "\n\n"
"""What stands between the pieces of a shortened passage; no sentence goes on over it."""


class ScoreKind(StrEnum):
    """What a score's value means; two kinds never meet one threshold."""

    BM25 = "bm25"
    """BM25 sum, from 0 up, comparable within one query only."""
    COSINE = "cosine"
    """Cosine of two embeddings, -1 to 1."""
    LOGIT = "logit"
    """A model's raw output for 'relevant', any real number."""
    RRF = "rrf"
    """Reciprocal rank fusion sum, from 0 up, comparable within one query only."""
    SPARSE = "sparse"
    """Sum of products of learned term weights, from 0 up."""
    FUSED = "fused"
    """Weighted sum of normalised scores, 0 to 1, comparable within one query only."""
    PAGERANK = "pagerank"
    """Share of a random walk that begins at the seeds, 0 to 1, comparable within one query."""
    LIKELIHOOD = "likelihood"
    """Mean log-probability per token (natural log), at most 0."""
    RATING = "rating"
    """Expected grade on the scale that a prompt asks for, such as 0 to 10."""
    ORDER = "order"
    """1 / place in the order that a reranker made, 0 to 1; tells nothing but the order."""
    PROBABILITY = "probability"
    """0 to 1, made only by a fitted calibrator."""


@dataclass(frozen=True, slots=True)
class Score:
    """A value with its kind.

    Args:
        value: finite; its range is given by ``kind``.
        kind: what the value means.
        source: what made it, for instance ``"retrieve.bm25@1"``.
    """

    value: float
    kind: ScoreKind
    source: str

    def __post_init__(self) -> None:
        if not math.isfinite(self.value):
            raise ValueError(f"a score must be finite; {self.source} gave {self.value}")
        if self.kind is ScoreKind.PROBABILITY and not 0.0 <= self.value <= 1.0:
            raise ValueError(f"a probability lies in [0, 1]; {self.source} gave {self.value}")


@dataclass(frozen=True, slots=True)
class Scope:
    """Who asks, or who may read.

    Args:
        tenant: exactly one tenant; there is no value that means all.
        roles: on a query the roles held; on a passage the roles of which one is
            needed (none means every role of the tenant).
    """

    tenant: str
    roles: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.tenant:
            raise ValueError("a scope needs a tenant: there is no default that means all")

    def admits(self, reader: Scope) -> bool:
        """Whether a passage with this scope may be read by ``reader``."""
        return self.tenant == reader.tenant and (
            not self.roles or not set(self.roles).isdisjoint(reader.roles)
        )


@dataclass(frozen=True, slots=True)
class Turn:
    """One earlier exchange of a conversation."""

    question: str
    answer: str


@dataclass(frozen=True, slots=True)
class Query:
    """A question and everything that belongs to who asks it.

    Args:
        text: the question as it stands now; a rewrite changes it.
        scope: who asks; required.
        id: the caller's name for it, '' where there is none.
        as_of: answer as of this day; None means now.
        filters: passages must carry these metadata values.
        where: and this filter must hold for them, in the language of ``assay.corpora.filters``,
            for instance ``year >= 2020 and not draft = true``; '' for none.
        language: BCP 47 tag, None where unknown.
        history: earlier turns, oldest first.
    """

    text: str
    scope: Scope
    id: str = ""
    as_of: Day | None = None
    filters: Mapping[str, Scalar] = field(default_factory=dict)
    where: str = ""
    language: str | None = None
    history: tuple[Turn, ...] = ()


@dataclass(frozen=True, slots=True)
class QueryVariants:
    """Several wordings of one question, the main one first; never empty."""

    queries: tuple[Query, ...]

    def __post_init__(self) -> None:
        if not self.queries:
            raise ValueError("QueryVariants needs at least one query")

    @property
    def main(self) -> Query:
        """The wording that later stages rerank and answer."""
        return self.queries[0]


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of a document, as it is retrieved, verified and cited.

    Args:
        id: unique in its corpus.
        document_id: the document that it was cut from.
        text: the passage; never empty.
        scope: who may read it.
        title: heading path, '' where there is none.
        position: 0-based place among its document's passages, so that neighbours
            can be asked for.
        start: offset in the document's raw text, in characters.
        end: one past the last character in the raw text.
        date: the document's date, None where unknown.
        metadata: flat labels that filters compare with.
        pieces: start and end in the raw text of each piece that the text is made of, in order,
            where a selector left something out or joined passages; none for one piece, from
            ``start`` to ``end``. In the text ``LEFT_OUT`` stands between them.
    """

    id: str
    document_id: str
    text: str
    scope: Scope
    title: str = ""
    position: int = 0
    start: int = 0
    end: int = 0
    date: Day | None = None
    metadata: Mapping[str, Scalar] = field(default_factory=dict)
    pieces: tuple[tuple[int, int], ...] = ()

    @property
    def digest(self) -> str:
        """sha256 in hex of title and text: what was read, wherever it came from."""
        return hashlib.sha256(f"{self.title}\0{self.text}".encode()).hexdigest()

    @property
    def stretches(self) -> tuple[tuple[int, int], ...]:
        """Start and end in ``text`` of each of its pieces; the whole where there is one."""
        if not self.pieces:
            return ((0, len(self.text)),)
        found, at = [], 0
        for start, end in self.pieces:
            found.append((at, at + end - start))
            at += end - start + len(LEFT_OUT)
        return tuple(found)


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage with the score that placed it."""

    passage: Passage
    score: Score


@dataclass(frozen=True, slots=True)
class Ranking:
    """Passages in order, best first.

    Args:
        query: the query that was ranked for.
        hits: best first; each passage at most once.
        source: the node or nodes that made it.
    """

    query: Query
    hits: tuple[Hit, ...]
    source: str

    @property
    def ids(self) -> tuple[str, ...]:
        """Passage ids in order."""
        return tuple(hit.passage.id for hit in self.hits)

    @property
    def alike(self) -> tuple[Hit, ...]:
        """The leading hits whose scores are of one kind: a reranker that scores only the best
        leaves the others behind them with the scores that they had."""
        kinds = [hit.score.kind for hit in self.hits]
        end = next((n for n, kind in enumerate(kinds) if kind is not kinds[0]), len(kinds))
        return self.hits[:end]


@dataclass(frozen=True, slots=True)
class Dropped:
    """A passage that a selector or verifier left out, with the reason."""

    hit: Hit
    reason: str


@dataclass(frozen=True, slots=True)
class Rationale:
    """One thing that the evidence should show, and the passages that were chosen for it.

    Args:
        text: what to look for.
        flag: what would make a passage suspicious in this respect, for a verifier; '' for none.
        chosen: ids of the passages that it chose, each with the score that chose it.
    """

    text: str
    flag: str = ""
    chosen: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Selection:
    """What goes on towards the generator, and what does not. May be empty.

    Args:
        query: the query that was selected for.
        kept: the passages that go on, in the order in which the generator reads them.
        dropped: the others, each with the reason.
        reasons: id of a kept passage to one sentence that says why it was kept.
        rationales: what the passages were chosen by, where a selector has that.
    """

    query: Query
    kept: tuple[Hit, ...]
    dropped: tuple[Dropped, ...] = ()
    reasons: Mapping[str, str] = field(default_factory=dict)
    rationales: tuple[Rationale, ...] = ()

    @property
    def ids(self) -> tuple[str, ...]:
        """Ids of the kept passages, in order."""
        return tuple(hit.passage.id for hit in self.kept)

    def narrowed(
        self, kept: tuple[Hit, ...], dropped: tuple[Dropped, ...], reasons: Mapping[str, str] = {}
    ) -> Selection:
        """What a later step leaves of this selection.

        Args:
            kept: the hits that still go on; their passages may have been shortened.
            dropped: the others, with that step's reasons; they come after the ones before.
            reasons: of that step, by passage id; a passage without one keeps the reason it has.
        """
        why = {**self.reasons, **reasons}
        ids = [hit.passage.id for hit in kept]
        return replace(
            self,
            kept=kept,
            dropped=self.dropped + dropped,
            reasons={one: why[one] for one in ids if one in why},
        )


@dataclass(frozen=True, slots=True)
class Flag:
    """One finding of a verifier about one passage.

    Args:
        name: the finding, for instance ``hidden_text``.
        score: how strong, in the check's own unit, larger is worse.
        reason: one sentence for the audit.
        p_value: share of clean passages that look at least as bad, where the
            check was calibrated; None where it was not.
    """

    name: str
    score: float
    reason: str
    p_value: float | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """Everything that one verifier says about one passage; no flags: nothing found."""

    passage_id: str
    flags: tuple[Flag, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdicts:
    """One verifier's verdicts on a whole set of passages."""

    source: str
    verdicts: tuple[Verdict, ...]


@dataclass(frozen=True, slots=True)
class Citation:
    """A span of the answer's text and the passages that it rests on."""

    start: int
    end: int
    passage_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that somebody can check.

    Args:
        text: the answer.
        citations: spans of ``text`` with the passages that support them.
        evidence: the cited passages, in the order of their numbers.
        confidence: how sure; its kind says how to read it. None before any
            confidence stage ran.
        source: the node that wrote the text.
        signals: named figures that the confidence was made from.
        certificate: id of the certificate that it was given under, None where
            the pipeline ran uncertified.
    """

    text: str
    citations: tuple[Citation, ...]
    evidence: tuple[Passage, ...]
    confidence: Score | None = None
    source: str = ""
    signals: Mapping[str, float] = field(default_factory=dict)
    certificate: str | None = None


@dataclass(frozen=True, slots=True)
class Signals:
    """Named figures that tell how good one answer may be; none of them promises anything.

    Args:
        source: the node that made them.
        figures: finite, by name; a node gives the same names for every question.
    """

    source: str
    figures: Mapping[str, float]

    def __post_init__(self) -> None:
        strange = [name for name, one in self.figures.items() if not math.isfinite(one)]
        if strange:
            raise ValueError(f"a signal must be finite; {self.source} gave another '{strange[0]}'")


class AbstentionReason(StrEnum):
    """Why no answer was given."""

    NO_EVIDENCE = "no_evidence"
    LOW_SELECTION = "low_selection"
    POISON_SUSPECT = "poison_suspect"
    CONFLICT = "conflict"
    UNVERIFIED = "unverified"
    LOW_CONFIDENCE = "low_confidence"
    CERTIFICATE_VOID = "certificate_void"
    BUDGET = "budget"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Abstention:
    """No answer, as an outcome: where, why, on what evidence, and what to do next.

    Args:
        stage: the node that abstained.
        reason: one of a closed set.
        detail: one sentence for the person who asked.
        evidence: the nearest passages, best first; may be empty.
        score: the score that missed its threshold, where there is one.
        threshold: that threshold.
        next_step: what the person can do.
        certificate: id of the certificate in force, None where there is none.
    """

    stage: str
    reason: AbstentionReason
    detail: str
    evidence: tuple[Passage, ...] = ()
    score: Score | None = None
    threshold: float | None = None
    next_step: str = ""
    certificate: str | None = None


Outcome: TypeAlias = Answer | Abstention


@dataclass(frozen=True, slots=True)
class Skipped:
    """What a node gives that did not run: its condition did not hold, or its input was skipped.

    Args:
        stage: the node that was routed past.
        reason: its condition, or which input was skipped.
    """

    stage: str
    reason: str
