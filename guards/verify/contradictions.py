"""Flag passages that give another answer of the same type than the others do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import Field

from assay.corpora.normalise import normalise
from assay.guards.verify.near_duplicates import duplicate_groups
from assay.guards.verify.typed_values import ValueType, asked_type, values
from assay.pipeline.component import Config, Node, register
from assay.pipeline.sentences import sentences
from assay.pipeline.text import content_words, words
from assay.pipeline.words import Flag, Passage, Query, Selection, Verdict, Verdicts


class ContradictionsConfig(Config):
    """Settings of ``verify.contradictions@1``."""

    min_coverage: float = Field(
        0.7, gt=0, le=1, description="share of the question's content words in a sentence"
    )
    min_words: int = Field(
        3, ge=1, description="questions with fewer content words are not compared"
    )
    max_values: int = Field(
        2, ge=1, le=10, description="values of the asked type in one sentence; more say nothing"
    )
    min_jaccard: float = Field(
        0.4, gt=0, le=1, description="shingle similarity from which passages are one vote"
    )
    min_word_overlap: float | None = Field(
        None, gt=0, le=1, description="word-set similarity that also makes one vote; none: never"
    )


@dataclass(frozen=True, slots=True)
class _Side:
    """Passages that share a value: their places, their values, their votes."""

    places: tuple[int, ...]
    values: frozenset[str]
    votes: int


@register("verify.contradictions@1")
class Contradictions(Node):
    """Flag ``contradiction``: same question, same type of answer, another value.

    The type comes from the question's words (number, year, version, name, code
    name, yes or no). From each passage only sentences count that cover the
    question; passages that share a value are one side; a side has as many votes
    as it has documents, copies counted once. Passages outside a strict majority
    are flagged with the majority's share of the votes as score; in a tie every
    side is flagged, with a score of at most one half. A contradiction is not
    poison: questions can have several right answers, and a majority can be
    planted. Flag, do not drop. Cost: no model calls.
    """

    Config = ContradictionsConfig

    def run(self, query: Query, selection: Selection) -> Verdicts:
        """One verdict for every kept passage, in order."""
        passages = [hit.passage for hit in selection.kept]
        flags: dict[int, Flag] = {}
        kind = asked_type(query.text)
        question = set(content_words(query.text))
        if kind is not None and len(question) >= self.config.min_words:
            texts = [normalise(one.text).text for one in passages]
            said = [
                self._values(text, one, query.text, kind)
                for text, one in zip(texts, passages, strict=True)
            ]
            flags = _flags(self._sides(passages, texts, said), kind)
        verdicts = tuple(
            Verdict(passage.id, (flags[place],) if place in flags else ())
            for place, passage in enumerate(passages)
        )
        return Verdicts("verify.contradictions@1", verdicts)

    def _values(
        self, text: str, passage: Passage, question: str, kind: ValueType
    ) -> frozenset[str]:
        """The values in the sentence that covers the question best; the first in a tie."""
        wanted = {_stem(one) for one in content_words(question)}
        known = frozenset(words(question)) | frozenset(words(passage.title))
        best: tuple[float, frozenset[str]] = (0.0, frozenset())
        for sentence in sentences(text):
            if sentence.text.endswith("?") or "|" in sentence.text:
                continue
            held = {_stem(one) for one in words(sentence.text)}
            coverage = len(wanted & held) / len(wanted)
            if coverage < self.config.min_coverage or coverage <= best[0]:
                continue
            found = values(sentence.text, kind, known)
            if 0 < len(found) <= self.config.max_values:
                best = (coverage, found)
        return best[1]

    def _sides(
        self, passages: Sequence[Passage], texts: Sequence[str], said: Sequence[frozenset[str]]
    ) -> list[_Side]:
        copies = duplicate_groups(
            texts,
            min_jaccard=self.config.min_jaccard,
            min_word_overlap=self.config.min_word_overlap,
        )
        groups: list[tuple[list[int], frozenset[str]]] = []
        for place, found in enumerate(said):
            if not found:
                continue
            meeting = [group for group in groups if _agree(group[1], found)]
            merged = sorted([place, *(one for group in meeting for one in group[0])])
            union = found.union(*(group[1] for group in meeting))
            groups = [group for group in groups if group not in meeting] + [(merged, union)]
        return [
            _Side(tuple(places), union, _votes(places, passages, copies))
            for places, union in sorted(groups)
        ]


def _votes(places: Sequence[int], passages: Sequence[Passage], copies: Sequence[int]) -> int:
    """Distinct documents, where copies count once."""
    documents = {passages[place].document_id for place in places}
    return min(len(documents), len({copies[place] for place in places}))


def _agree(one: frozenset[str], other: frozenset[str]) -> bool:
    """Whether two sets share a value, or a value of one is a part of one of the other."""
    parts = [set(value.split()) for value in one]
    others = [set(value.split()) for value in other]
    return any(mine <= theirs or theirs <= mine for mine in parts for theirs in others)


def _stem(word: str) -> str:
    """A plural or a possessive meets its singular."""
    return word.removesuffix("'s").removesuffix("s") if len(word) > 3 else word


def _flags(sides: Sequence[_Side], kind: ValueType) -> dict[int, Flag]:
    if len(sides) < 2:
        return {}
    total = sum(side.votes for side in sides)
    most = max(side.votes for side in sides)
    leading = [side for side in sides if side.votes == most]
    flags: dict[int, Flag] = {}
    for side in sides:
        if leading == [side]:
            continue
        others = sorted({one for rest in sides if rest is not side for one in rest.values})
        reason = (
            f"it says {_listed(sorted(side.values))} ({kind.value}) where other passages say"
            f" {_listed(others)}"
        )
        score = most / total if len(leading) == 1 else min(0.5, 1 - side.votes / total)
        flags |= {place: Flag("contradiction", score, reason) for place in side.places}
    return flags


def _listed(found: Sequence[str]) -> str:
    shown = ", ".join(f"'{one}'" for one in found[:3])
    return shown if len(found) <= 3 else f"{shown} and {len(found) - 3} more"
