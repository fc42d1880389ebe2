"""Where in a relevant passage the evidence for a question stands."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from assay.corpora.dataset import Dataset, LabelledQuery
from assay.corpora.document import Document
from assay.corpora.matching import normalise_answer
from assay.evaluation.spans import inside_passages
from assay.pipeline.sentences import Sentence, sentences

NOT_THERE = "no span is known and no accepted answer stands word for word in the passage"
NOT_JUDGED = "no passage of the set is judged relevant"

LABELS = frozenset(
    {
        "yes", "no", "true", "false", "entailment", "contradiction", "neutral", "notmentioned",
        "not mentioned",
    }
)  # fmt: skip
"""Answers that say something of a passage and need not stand in it."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """A question, a passage that answers it, and where.

    Args:
        query: the question.
        passage: the passage.
        start: offset of the first character.
        end: offset behind the last one.
        source: whether the set has a span there, or the answer was found there.
        repeated: whether the answer stands elsewhere in the passage as well; only where
            it was found.
    """

    query: LabelledQuery
    passage: Document
    start: int
    end: int
    source: Literal["span", "answer"]
    repeated: bool = False

    @property
    def share(self) -> float:
        """Where its middle stands, as a share of the passage, above 0 and below 1."""
        return (self.start + self.end) / 2 / len(self.passage.text)


def evidence_of(dataset: Dataset) -> tuple[list[Evidence], Counter[str]]:
    """The evidence in every relevant passage of every question, in their order.

    It is the first span of the passage where the set has one for the question, else the
    first place where an accepted answer stands.

    Returns:
        The evidence, and reason to the number of pairs of a question and a relevant passage
        (or of questions without one) that have none.
    """
    inside, _ = inside_passages(dataset)
    documents = {one.id: one for one in inside.documents}
    found: list[Evidence] = []
    left_out: Counter[str] = Counter()
    for query in inside.queries:
        spans: dict[str, tuple[int, int]] = {}
        for span in sorted(inside.spans.get(query.id, ()), key=lambda one: one.start):
            spans.setdefault(span.document_id, (span.start, span.end))
        grades = inside.qrels.get(query.id, {})
        names = [name for name, grade in grades.items() if grade > 0 and name in documents]
        # A span in a passage that nobody judged is evidence all the same.
        names += [name for name in spans if name not in grades and name in documents]
        left_out[NOT_JUDGED] += not names
        for name in names:
            one = _evidence(query, documents[name], spans)
            if one is None:
                left_out[NOT_THERE] += 1
            else:
                found.append(one)
    return found, +left_out


def _evidence(
    query: LabelledQuery, passage: Document, spans: Mapping[str, tuple[int, int]]
) -> Evidence | None:
    span = spans.get(passage.id)
    if span is not None:
        return Evidence(query, passage, *span, source="span")
    places = answer_places(passage.text, query.answers)
    if not places:
        return None
    return Evidence(query, passage, *places[0], source="answer", repeated=len(places) > 1)


def answer_places(text: str, accepted: Sequence[str]) -> list[tuple[int, int]]:
    """Offsets of accepted answers that stand word for word in a text, in order.

    Case and white space do not matter; labels such as yes and no are not looked for.

    >>> answer_places("Rome, then Paris; rome again.", ["Rome", "yes"])
    [(0, 4), (18, 22)]
    """
    wanted = [one for one in accepted if one.strip() and normalise_answer(one) not in LABELS]
    patterns = [_pattern(one) for one in sorted(wanted, key=len, reverse=True)]
    if not patterns:
        return []
    return [match.span() for match in re.finditer("|".join(patterns), text, re.IGNORECASE)]


def around(evidence: Evidence) -> tuple[list[Sentence], range]:
    """The sentences of a passage, and the places of those that hold the evidence."""
    found = sentences(evidence.passage.text)
    held = [
        place
        for place, one in enumerate(found)
        if one.start < evidence.end and evidence.start < one.end
    ]
    return found, range(held[0], held[-1] + 1) if held else range(0)


def _pattern(answer: str) -> str:
    inner = r"\s+".join(re.escape(word) for word in answer.split())
    return rf"(?<!\w){inner}(?!\w)"
