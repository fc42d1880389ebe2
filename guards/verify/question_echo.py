"""Flag passages that repeat the question: planted text does, to be retrieved."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

from pydantic import Field

from assay.corpora.normalise import normalise
from assay.pipeline.component import Config, Node, register
from assay.pipeline.text import STOP_WORDS
from assay.pipeline.words import Flag, Passage, Query, Selection, Verdict, Verdicts

_TOKEN = re.compile(r"[^\W_]+|_+")
_HEADING = re.compile(r"\s*([^:?\n]{10,300}(?:\n[^:?\n]{1,300})?):(?=\s)")
_LONGEST_QUESTION = 256
_SHORTEST_HEADING = 3
_SLACK = 5


class QuestionEchoConfig(Config):
    """Settings of ``verify.question_echo@1``."""

    threshold: float = Field(
        0.8, gt=0, le=1, description="longest common run over question length that is flagged"
    )
    opening_threshold: float | None = Field(
        0.9,
        gt=0,
        le=1,
        description="share of the question in the passage's opening that is flagged; none: never",
    )
    heading_threshold: float | None = Field(
        0.6,
        gt=0,
        le=1,
        description="F1 of the question's content words and the passage's opening phrase (up to"
        " a colon) that is flagged; none: never",
    )
    min_question: int = Field(
        5, ge=1, description="questions with fewer word tokens are not looked for"
    )


@register("verify.question_echo@1")
class QuestionEcho(Node):
    """Flag ``question_echo``, ``question_opening`` or ``question_heading``, the first that fits.

    The standard black-box poison is the question, then a text (Zou et al. 2024,
    PoisonedRAG, section 4). Titles are not read: clean titles echo questions.
    Pages of questions and answers echo them too; exempt those by policy. A
    paraphrase passes. Thresholds do not travel between corpora: calibrate on
    selected clean passages. Cost: no model calls.
    """

    Config = QuestionEchoConfig

    def run(self, query: Query, selection: Selection) -> Verdicts:
        """One verdict for every kept passage, in order."""
        question = tokens(query.text)[:_LONGEST_QUESTION]
        verdicts = tuple(
            Verdict(hit.passage.id, self._flags(question, hit.passage)) for hit in selection.kept
        )
        return Verdicts("verify.question_echo@1", verdicts)

    def _flags(self, question: Sequence[str], passage: Passage) -> tuple[Flag, ...]:
        if len(question) < self.config.min_question:
            return ()
        clean = normalise(passage.text).text
        text = tokens(clean)
        score = echo(question, text)
        if score >= self.config.threshold:
            reason = f"it repeats {score:.0%} of the question word for word"
            return (Flag("question_echo", score, reason),)
        limit = self.config.opening_threshold
        share = opening_share(question, text)
        if limit is not None and share >= limit:
            reason = f"it opens with {share:.0%} of the question's words"
            return (Flag("question_opening", share, reason),)
        limit = self.config.heading_threshold
        alike = heading_likeness(question, clean)
        if limit is not None and alike >= limit:
            reason = f"its opening phrase restates the question ({alike:.0%} the same words)"
            return (Flag("question_heading", alike, reason),)
        return ()


def tokens(text: str) -> tuple[str, ...]:
    """Runs of letters and digits, compatibility forms and case folded.

    >>> tokens("Who wrote `x.y`?")
    ('who', 'wrote', 'x', 'y')
    """
    folded = unicodedata.normalize("NFKC", text).casefold()
    return tuple(_TOKEN.findall(folded))


def echo(question: Sequence[str], text: Sequence[str]) -> float:
    """Longest common run of tokens over the question's length, 0 to 1.

    Time: the question's length times the text's, at most.

    >>> echo(("a", "b", "c", "d"), ("x", "b", "c", "y"))
    0.5
    """
    places: dict[str, list[int]] = {}
    for place, token in enumerate(question):
        places.setdefault(token, []).append(place)
    longest = 0
    runs: dict[int, int] = {}
    for token in text:
        runs = {place: runs.get(place - 1, 0) + 1 for place in places.get(token, ())}
        longest = max(longest, max(runs.values(), default=0))
    return longest / len(question) if question else 0.0


def opening_share(question: Sequence[str], text: Sequence[str]) -> float:
    """Share of the question's tokens in the text's first ``len(question) + 5``, 0 to 1."""
    opening = Counter(text[: len(question) + _SLACK])
    met = (Counter(question) & opening).total()
    return met / len(question) if question else 0.0


def heading_likeness(question: Sequence[str], text: str) -> float:
    """F1 of the content words of a question and of a text's opening phrase, 0 to 1.

    The opening phrase ends at a colon; a text without one, or with a full stop or a
    question mark before it, has none, and so has one of fewer than three content
    words or of over five tokens more than the question. Word forms meet by their
    first five letters.

    >>> question = ("what", "is", "a", "mutable", "sequence")
    >>> heading_likeness(question, "On all mutable sequences: x")
    0.8
    """
    match = _HEADING.match(text)
    if match is None or ". " in match[1]:
        return 0.0
    asked = _stems(question)
    phrase = tokens(match[1])
    opening = _stems(phrase)
    if len(phrase) > len(question) + _SLACK or not asked or len(opening) < _SHORTEST_HEADING:
        return 0.0
    return 2 * len(asked & opening) / (len(asked) + len(opening))


def _stems(words: Sequence[str]) -> set[str]:
    return {one[:5] for one in words if one not in STOP_WORDS}
