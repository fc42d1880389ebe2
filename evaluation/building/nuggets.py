"""Nuggets: the single facts that an answer needs (FreshStack's second step, Thakur et al. 2025)."""

from __future__ import annotations

from collections.abc import Sequence

from assay.corpora.matching import is_correct
from assay.corpora.passages import SEPARATOR
from assay.evaluation.building.quotes import stands_at
from assay.evaluation.building.support import Terms, share_held
from assay.evaluation.building.writer import Writer
from assay.pipeline.sentences import sentences
from assay.pipeline.text import fold, words
from assay.pipeline.words import Passage

IN_SOURCE = 0.6
"""Share of a written fact's terms that its passage must hold: else the model made it up."""

_OPENING = frozenset("it they he she this these that those its their his her".split())


def by_rule(evidence: Sequence[str], source: Passage) -> tuple[str, ...]:
    """The sentences of the source that hold the evidence, each once. No model calls.

    A sentence that begins with a pronoun gets the source's title in front.

    Args:
        evidence: quotes of the source.
        source: where they stand.
    """
    found: dict[str, None] = {}
    whole = sentences(source.text)
    for quote in evidence:
        place = stands_at(quote, source.text)
        if place is None:
            found[fold(quote)] = None
            continue
        for one in whole:
            if one.start < place[1] and place[0] < one.end:
                found[_alone(one.text, source.title)] = None
    return tuple(found)


def by_model(
    question: str, answers: Sequence[str], evidence: Sequence[str], source: Passage,
    writer: Writer, terms: Terms,
) -> tuple[str, ...]:  # fmt: skip
    """The facts that a model names, as far as the source holds them; else those by rule.

    One of them must state the answer. Cost: one generation.
    """
    read = f"{fold(source.title)}: {fold(source.text)}" if source.title else fold(source.text)
    written = writer.facts(question, " / ".join(answers), read)
    sound = tuple(one for one in written if share_held(one, source, terms) >= IN_SOURCE)
    if answers and not any(is_correct(one, answers) for one in sound):
        return by_rule(evidence, source)
    return sound or by_rule(evidence, source)


def _alone(sentence: str, title: str) -> str:
    said = fold(sentence)
    first = words(said)[:1]
    if title and first and first[0] in _OPENING:
        return f"{title.rpartition(SEPARATOR)[2]}: {said}"
    return said
