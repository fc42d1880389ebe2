"""How many of the kept passages say what an answer says, and how many say something else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from assay.guards.verify.typed_values import ValueType, asked_type, values
from assay.pipeline.component import Config, Node, register
from assay.pipeline.context import RunContext
from assay.pipeline.sentences import sentences
from assay.pipeline.text import content_words, words
from assay.pipeline.words import Answer, Passage, Query, Selection, Signals

Side = Literal["supports", "contradicts", "silent"]


class PassageAgreementConfig(Config):
    """Settings of ``abstain.passage_agreement@1``."""

    min_coverage: float = Field(
        0.5,
        gt=0,
        le=1,
        description="share of the question's content words that a sentence must hold to contradict",
    )


@register("abstain.passage_agreement@1")
class PassageAgreement(Node):
    """Counts documents for and against the answer.

    A passage supports the answer if it holds all its content words (those of the question left
    out), or, where the question asks for a type (number, year, version, name, code name), one of
    its values in a sentence about the question. It contradicts if the sentence about the question
    has values of that type and none is the answer's. Otherwise it is silent. A document has one
    vote: support before contradiction.

    Signals: ``supporting``, ``contradicting`` (counts), ``agreement`` (share of support among
    the votes that are not silent; 0 without any). A majority can be planted: see
    ``verify.contradictions``. Cost: no model calls.
    """

    Config = PassageAgreementConfig

    def run(
        self, query: Query, answer: Answer, selection: Selection, context: RunContext
    ) -> Signals:
        """The three figures."""
        votes: dict[str, set[Side]] = {}
        for hit in selection.kept:
            said = self._side(query.text, answer.text, hit.passage)
            votes.setdefault(hit.passage.document_id, set()).add(said)
        figures = _counted(votes)
        context.note(**figures)
        return Signals(self.name, figures)

    def _side(self, question: str, answer: str, passage: Passage) -> Side:
        asked = set(words(question))
        text = f"{passage.title} {passage.text}"
        new = {word for word in content_words(answer) if word not in asked}
        if new and new <= set(words(text)):
            return "supports"
        kind = asked_type(question)
        if kind is None or kind is ValueType.POLARITY:
            return "silent"
        # The answer is no sentence: its first word may be a name.
        mine = values(f": {answer}", kind, asked)
        theirs = self._values(question, passage, kind)
        if not mine or not theirs:
            return "silent"
        return "supports" if mine & theirs else "contradicts"

    def _values(self, question: str, passage: Passage, kind: ValueType) -> frozenset[str]:
        """The values in the sentences that are about the question."""
        wanted = set(content_words(question))
        known = frozenset(words(question))
        found: set[str] = set()
        for sentence in sentences(passage.text):
            held = wanted & set(words(f"{passage.title} {sentence.text}"))
            if wanted and len(held) / len(wanted) >= self.config.min_coverage:
                found |= values(sentence.text, kind, known)
        return frozenset(found)


def _counted(votes: Mapping[str, set[Side]]) -> dict[str, float]:
    supporting = sum("supports" in said for said in votes.values())
    contradicting = sum("contradicts" in said and "supports" not in said for said in votes.values())
    voices = supporting + contradicting
    return {
        "supporting": float(supporting),
        "contradicting": float(contradicting),
        "agreement": supporting / voices if voices else 0.0,
    }
