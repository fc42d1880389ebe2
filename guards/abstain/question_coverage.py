"""Whether the evidence holds what the question names, and a value of the type it asks for."""

from __future__ import annotations

from collections.abc import Sequence

from assay.guards.verify.typed_values import ValueType, asked_type, values
from assay.pipeline.component import Node, register
from assay.pipeline.context import RunContext
from assay.pipeline.text import content_words, words
from assay.pipeline.words import Passage, Query, Selection, Signals


@register("abstain.question_coverage@1")
class QuestionCoverage(Node):
    """``best`` and ``all`` (share of the question's content words in the first kept passage, and
    in all), ``missing`` (its names and numbers that no kept passage has), ``typed`` (1 if a kept
    passage has a value of the type that the question asks for, 0 if none has, 0.5 where its words
    do not tell a type).

    A question that nothing answers often names what the corpus knows, but not all of it in one
    place. Words are compared by their first five letters. Cost: no model calls.
    """

    def run(self, query: Query, selection: Selection, context: RunContext) -> Signals:
        """The four figures."""
        figures = coverage(query.text, [hit.passage for hit in selection.kept])
        context.note(**figures)
        return Signals(self.name, figures)


def coverage(question: str, passages: Sequence[Passage]) -> dict[str, float]:
    """The figures of ``abstain.question_coverage``; passages best first, maybe none."""
    texts = [f"{one.title}. {one.text}" for one in passages]
    wanted = {_stem(one) for one in content_words(question)}
    held = [wanted & {_stem(word) for word in words(text)} for text in texts]
    everywhere: set[str] = set().union(*held)
    whole = " ".join(texts).lower()
    named = values(f": {question}", ValueType.NAME, ()) | values(question, ValueType.NUMBER, ())
    kind = asked_type(question)
    known = frozenset(words(question))
    typed = 0.5
    if kind is not None and kind is not ValueType.POLARITY:
        typed = float(any(values(one.text, kind, known) for one in passages))
    return {
        "best": len(held[0]) / len(wanted) if held and wanted else 0.0,
        "all": len(everywhere) / len(wanted) if wanted else 0.0,
        "missing": float(sum(one not in whole for one in named)),
        "typed": typed,
    }


def _stem(word: str) -> str:
    return word[:5]
