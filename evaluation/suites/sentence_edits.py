"""Edits of passages that keep an answer, or change it.

A passage may hold the answers of several questions: an edit that keeps is told all of
them, and a sentence that would lose one is left as it was. No model calls.
"""

from __future__ import annotations

import random
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from assay.corpora.matching import is_correct
from assay.evaluation.suites.paraphrase import reworded_sentence
from assay.pipeline.sentences import sentences
from assay.pipeline.text import content_words


@dataclass(frozen=True, slots=True)
class Needed:
    """What an edit must leave as it is.

    Args:
        answers: accepted answers, each question's own.
        spans: offsets of evidence.
        words: content words of the questions; a sentence that has one is about them.
    """

    answers: tuple[tuple[str, ...], ...] = ()
    spans: tuple[tuple[int, int], ...] = ()
    words: frozenset[str] = frozenset()


def keeps(before: str, after: str, needed: Needed) -> bool:
    """Whether every answer that stood in a text stands in another one."""
    return all(
        is_correct(after, (answer,))
        for accepted in needed.answers
        for answer in accepted
        if is_correct(before, (answer,))
    )


def reworded(text: str, needed: Needed) -> str:
    """A passage with each sentence in other words, by ``reworded_sentence``.

    A sentence that would lose an answer, or that holds evidence and an answer that stops
    at its edge, stays.
    """
    made: list[str] = []
    place = 0
    for sentence in sentences(text):
        new = reworded_sentence(sentence.text).text
        if not keeps(sentence.text, new, needed):
            new = sentence.text
        made += [text[place : sentence.start], new]
        place = sentence.end
    whole = "".join([*made, text[place:]])
    return whole if keeps(text, whole, needed) else text


def shortened(text: str, needed: Needed) -> str:
    """A passage without the sentences that have nothing to do with the questions.

    A sentence stays if it holds an answer, evidence, or a content word of a question. The
    text comes back as it is where no sentence could go, or none would stay.
    """
    found = list(sentences(text))
    kept = [one for one in found if _holds(one.text, one.start, one.end, needed, about=True)]
    if not kept or len(kept) == len(found):
        return text
    made = " ".join(one.text for one in kept)
    return made if keeps(text, made, needed) else text


def shuffled(text: str, needed: Needed, generator: random.Random) -> str:
    """A passage whose sentences without an answer or evidence have changed places.

    The others stay where they are; the text comes back as it is where fewer than two
    sentences could move.
    """
    found = list(sentences(text))
    free = [
        place
        for place, one in enumerate(found)
        if not _holds(one.text, one.start, one.end, needed, about=False)
    ]
    if len(free) < 2:
        return text
    order = list(free)
    while order == free:
        generator.shuffle(order)
    moved = dict(zip(free, order, strict=True))
    made = " ".join(found[moved.get(place, place)].text for place in range(len(found)))
    return made if keeps(text, made, needed) else text


def with_answer(text: str, accepted: Collection[str], wrong: str) -> str | None:
    """A passage in which another answer stands in the place of the right one.

    Every occurrence of every accepted answer is replaced, longest first.

    Args:
        text: the passage.
        accepted: the right answers.
        wrong: what stands there then.

    Returns:
        The new text; None if no accepted answer stands in the passage word for word, or
        one is left in it, or the other answer would not be found.

    >>> with_answer("Paris is big. I like Paris!", ["Paris"], "Rome")
    'Rome is big. I like Rome!'
    """
    patterns = [_pattern(one) for one in sorted(accepted, key=len, reverse=True) if one.strip()]
    if not patterns:
        return None
    made, count = re.compile("|".join(patterns), re.IGNORECASE).subn(lambda _: wrong, text)
    if not count or is_correct(made, tuple(accepted)) or not is_correct(made, (wrong,)):
        return None
    return made


def about(texts: Sequence[str]) -> frozenset[str]:
    """Content words of questions, for ``Needed.words``."""
    return frozenset(word for text in texts for word in content_words(text))


def _pattern(answer: str) -> str:
    inner = r"\s+".join(re.escape(word) for word in answer.split())
    return rf"(?<!\w){inner}(?!\w)"


def _holds(text: str, start: int, end: int, needed: Needed, *, about: bool) -> bool:
    if any(is_correct(text, accepted) for accepted in needed.answers if accepted):
        return True
    if any(begin < end and start < stop for begin, stop in needed.spans):
        return True
    return about and not needed.words.isdisjoint(content_words(text))
