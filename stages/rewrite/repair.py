"""Clean a question and mend its typing errors against the corpus."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import replace

from pydantic import Field
from rapidfuzz import process
from rapidfuzz.distance import DamerauLevenshtein

from assay.corpora.corpus import Corpus
from assay.pipeline.component import Config, Node, register
from assay.pipeline.context import RunContext
from assay.pipeline.words import Query

LONG_WORD = 8
_QUOTED = re.compile(r"\"[^\"]*\"|`[^`]*`|“[^”]*”|«[^»]*»|(?<!\w)'[^']*'(?!\w)")
_CHUNK = re.compile(r"\S+")
_PLAIN = re.compile(r"([(\[]*)([a-z]+)((?:['’]s)?[)\].,;:!?]*)")
_ENDINGS = ("s", "es", "e", "d", "ed", "r", "er", "ers", "ing", "ings", "ly", "y")


class RepairConfig(Config):
    """Settings of ``rewrite.repair@1``."""

    repair: bool = Field(True, description="mend typing errors; false only cleans")
    max_distance: int = Field(
        1, ge=1, le=2, description="most edits in a word of 8 letters or more; 1 in a shorter one"
    )
    min_count: int = Field(
        2, ge=1, le=1000, description="least occurrences in the corpus of a word to mend towards"
    )
    min_length: int = Field(6, ge=4, le=20, description="letters below which a word is left alone")


@register("rewrite.repair@1")
class Repair(Node):
    """Unicode NFC, white space folded, control characters dropped, typing errors mended.

    A word is mended where the corpus does not know it and knows one at a
    Damerau-Levenshtein distance (Damerau 1964) of at most ``max_distance`` that
    begins alike; the nearest wins, then the most frequent, then the first in the
    alphabet. Below 8 letters only a missing, additional or swapped letter is mended,
    not a replaced one: too many short words are one letter from another right word.
    The defaults are careful for the same reason. Left alone: words with capitals,
    digits, dots or underscores (names and identifiers), quoted text, words in another
    script than Latin letters, and other endings of a known word (``deletes`` beside
    ``deleted``). Cost: no model calls.

    Args:
        config: see ``RepairConfig``.
        corpus: whose vocabulary is the dictionary.
    """

    Config = RepairConfig

    def __init__(self, config: RepairConfig, *, corpus: Corpus) -> None:
        super().__init__(config)
        self._corpus = corpus

    def run(self, query: Query, context: RunContext) -> Query:
        """The query with its text mended; notes the number of mended words."""
        text = clean(query.text)
        mended = self._mend(text, query) if self.config.repair else text
        before, after = text.split(" "), mended.split(" ")
        context.note(repaired=sum(a != b for a, b in zip(before, after, strict=True)))
        return replace(query, text=mended)

    def _mend(self, text: str, query: Query) -> str:
        vocabulary = self._corpus.vocabulary(query)
        quoted = [match.span() for match in _QUOTED.finditer(text)]

        def mend_one(match: re.Match[str]) -> str:
            plain = _PLAIN.fullmatch(match.group())
            if plain is None or any(
                start < match.end() and match.start() < end for start, end in quoted
            ):
                return match.group()
            opening, word, rest = plain.groups()
            return f"{opening}{self._nearest(word, vocabulary)}{rest}"

        return _CHUNK.sub(mend_one, text)

    def _nearest(self, word: str, vocabulary: Mapping[str, int]) -> str:
        if len(word) < self.config.min_length or word in vocabulary:
            return word
        distance = min(self.config.max_distance, 2 if len(word) >= LONG_WORD else 1)
        candidates = [
            known
            for known, count in vocabulary.items()
            if count >= self.config.min_count
            and abs(len(known) - len(word)) <= distance
            and len(known) >= self.config.min_length
            and (known[0] == word[0] or known[:2] == word[1::-1])
            and (len(word) >= LONG_WORD or not _is_replacement(word, known))
        ]
        found = process.extract(
            word,
            candidates,
            scorer=DamerauLevenshtein.distance,
            score_cutoff=distance,
            limit=None,
        )
        if not found or any(_forms(known) & _forms(word) for known, _, _ in found):
            return word
        best = min(found, key=lambda item: (item[1], -vocabulary[item[0]], item[0]))
        return str(best[0])


def clean(text: str) -> str:
    """NFC, control and invisible format characters dropped, white space folded.

    >>> clean("a\\u0000b \\n c")
    'ab c'
    """
    composed = unicodedata.normalize("NFC", text)
    # Joiners (Cf) are letters' business in Arabic, Persian and Indic scripts: they stay.
    kept = "".join(
        sign
        for sign in composed
        if sign.isspace()
        or sign in "\u200c\u200d"
        or unicodedata.category(sign) not in ("Cc", "Cf", "Cs", "Co")
    )
    return " ".join(kept.split())


def _is_replacement(word: str, known: str) -> bool:
    return len(word) == len(known) and sorted(word) != sorted(known)


def _forms(word: str) -> frozenset[str]:
    """The word and what is left of it without one of the common endings."""
    return frozenset(
        {word, *(word.removesuffix(end) for end in _ENDINGS if len(word) - len(end) >= 3)}
    )
