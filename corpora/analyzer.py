"""Text to index terms, for BM25 and for the vocabulary.

What counts as a term, in this order:

* a format code such as ``%g`` or ``%s``;
* an operator of two or more signs: ``**``, ``//``, ``->``, ``:=``, ``!=``, ``...``;
* a word: letters with their signs, digits and underscores, with inner dots, so that
  ``__enter__``, ``str.format`` and ``3.11`` stay whole;
* a run of a script that is written without spaces, in overlapping pairs of characters: Chinese,
  Japanese, Korean (other ways can be chosen), Thai, Lao, Burmese, Khmer.

A word with dots or underscores also gives its parts (``str.format`` gives ``str`` and ``format``;
``__enter__`` gives ``enter``), so that a question that spells it otherwise still meets it.

Everything is lower case. Wide and narrow forms, ligatures and presentation forms become plain
letters (Unicode's NFKC, for these characters only: ``x²`` and ``½`` stay), what can be one
character is one (NFC). Soft hyphens go, and so do signs that writing mostly leaves out: Hebrew
points, Arabic vowel signs, stress in Cyrillic. Accents stay: they tell words apart, and stemmers
need them.
"""

from __future__ import annotations

import functools
import re
import threading
import unicodedata
from collections.abc import Callable, Iterable
from itertools import chain

from assay.corpora.languages import (
    CJK,
    MARKS,
    SOUTH_EAST_ASIAN,
    UNSPACED,
    CjkTerms,
    StemmerName,
    cjk_cutter,
    cluster_pairs,
)
from assay.corpora.languages import stemmer as make_stemmer
from assay.corpora.stop_words import StopWords
from assay.corpora.stop_words import stop_words as listed

__all__ = ["UNSPACED", "Analyzer", "CjkTerms", "StemmerName", "StopWords", "words"]

_SIGNS = r"(?<![\w%])%[a-z](?!\w)|\*\*=?|//=?|<<=?|>>=?|:=|->|[=!<>]=|\.\.\."
_ASCII_TERM = re.compile(rf"[a-z0-9_]+(?:\.[a-z0-9_]+)*|{_SIGNS}", re.ASCII)
_PARTS = re.compile(r"[._]+")
_WORD = re.compile(r"[^\W\d_]+")
_SIGN = re.compile(f"[{MARKS}]")
_SOUTH_EAST_ASIAN = re.compile(f"[{SOUTH_EAST_ASIAN}]")

_VARIANT = re.compile(
    "[\u00ad\u0300\u0301\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0640\u064b-\u0652"
    "\u0656-\u065f\u0670\u2f00-\u2fdf\uf900-\ufdff\ufe30-\ufefc\uff01-\uffee]+"
)
"""What may be written otherwise: soft hyphens, stress, points and vowel signs; radicals,
compatibility characters, ligatures, presentation forms, wide and narrow forms."""

_SILENT = re.compile(
    "[\u00ad\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0640\u064b-\u0652\u0656-\u065f\u0670]"
)
_STRESS = re.compile("[\u0300\u0301]")

VERSION = 2
"""Counts up when the same settings give other terms, so that indexes are made anew."""

KEPT_TERMS = 100_000
"""Distinct words whose terms a thread remembers: some 25 MB."""

KEPT_LENGTH = 40
"""Characters of the longest word that is remembered."""


def words(text: str) -> list[str]:
    """Plain words of a text, lower case: runs of letters.

    >>> words("It's the '__enter__' method")
    ['it', 's', 'the', 'enter', 'method']
    """
    return _WORD.findall(text.lower())


class Analyzer:
    """A text's index terms; equal settings give equal terms, in every thread.

    Args:
        stop_words: leaves out the frequent function words of a language. Off by default: in
            technical text ``if``, ``not``, ``with`` and ``is`` are names.
        stemmer: folds plain words by the Snowball stemmer of a language; words with dots,
            underscores or digits are never folded.
        cjk: how Chinese, Japanese and Korean become terms: ``bigrams``, each two neighbouring
            characters; ``unigrams``, each character; ``jieba``, Chinese words by the dictionary of
            rjieba, the rest in bigrams.

    Raises:
        UsageError: if a stemmer is asked for and PyStemmer is not installed, or jieba and rjieba
            is not.

    >>> Analyzer().terms("Use str.format() or %g")
    ['use', 'str.format', 'str', 'format', 'or', '%g']
    >>> Analyzer(stemmer="german", stop_words="german").terms("Die Häuser der Städte")
    ['haus', 'stadt']
    >>> Analyzer().terms("東京都 tower")
    ['東京', '京都', 'tower']
    """

    def __init__(
        self,
        *,
        stop_words: StopWords = "none",
        stemmer: StemmerName = "none",
        cjk: CjkTerms = "bigrams",
    ) -> None:
        self._settings = {
            "version": VERSION,
            "stop_words": stop_words,
            "stemmer": stemmer,
            "cjk": cjk,
        }
        self._left_out = listed(stop_words)
        self._stemmer = stemmer
        self._turkish = "turkish" in (stop_words, stemmer)
        self._cut = cjk_cutter(cjk)
        self._cjk = UNSPACED if cjk == "unigrams" else CJK
        self._is_cjk = re.compile(f"[{self._cjk}]").match
        self._pattern = _pattern(self._cjk)
        self._local = threading.local()
        self._known()

    def settings(self) -> dict[str, object]:
        """Everything that decides what the terms of a text are; JSON-like."""
        return dict(self._settings)

    def terms(self, text: str) -> list[str]:
        """The text's terms in order, with repetitions."""
        plain = self._plain(text)
        found = (_ASCII_TERM if plain.isascii() else self._pattern).findall(plain)
        return list(chain.from_iterable(map(self._known().__getitem__, found)))

    def _plain(self, text: str) -> str:
        if not text.isascii():
            text = unicodedata.normalize("NFC", _VARIANT.sub(_usual, text))
        if self._turkish:
            text = text.replace("I", "ı").replace("İ", "i")
        # Of a capital I with a dot, lower case leaves the dot behind as a sign of its own.
        return text.lower().replace("i\u0307", "i")

    def _known(self) -> _Known:
        if not hasattr(self._local, "known"):
            stem = None if self._stemmer == "none" else make_stemmer(self._stemmer)
            self._local.known = _Known(functools.partial(self._terms_of, stem))
        known: _Known = self._local.known
        return known

    def _terms_of(self, stem: Callable[[str], str] | None, found: str) -> tuple[str, ...]:
        """The terms of one match of the pattern."""
        if self._is_cjk(found):
            return self._kept(self._cut(found))
        if _SOUTH_EAST_ASIAN.match(found):
            return self._kept(cluster_pairs(found))
        plain = [found]
        if "_" in found or "." in found:
            plain += [part for part in _PARTS.split(found) if part and part != found]
        kept = self._kept(plain)
        if stem is None:
            return kept
        return tuple(stem(term) if _SIGN.sub("", term).isalpha() else term for term in kept)

    def _kept(self, terms: Iterable[str]) -> tuple[str, ...]:
        return tuple(term for term in terms if term not in self._left_out)


class _Known(dict[str, tuple[str, ...]]):
    """Terms by match, worked out when first asked for; forgets all when it is full."""

    def __init__(self, make: Callable[[str], tuple[str, ...]]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, found: str) -> tuple[str, ...]:
        terms = self._make(found)
        if len(found) <= KEPT_LENGTH:
            if len(self) >= KEPT_TERMS:
                self.clear()
            self[found] = terms
        return terms


@functools.cache
def _pattern(cjk: str) -> re.Pattern[str]:
    letter = rf"[^\W{cjk}{SOUTH_EAST_ASIAN}]"
    word = rf"{letter}+(?:[{MARKS}]+{letter}*)*"
    run = f"[{cjk}]" if cjk == UNSPACED else f"[{cjk}]+"
    return re.compile(rf"{word}(?:\.{word})*|{_SIGNS}|{run}|[{SOUTH_EAST_ASIAN}]+")


def _usual(match: re.Match[str]) -> str:
    """The usual form of characters that may be written otherwise."""
    found = _SILENT.sub("", unicodedata.normalize("NFKC", match.group()))
    before = match.string[max(0, match.start() - 1) : match.start()]
    return _STRESS.sub("", found) if "\u0400" <= before <= "\u04ff" else found
