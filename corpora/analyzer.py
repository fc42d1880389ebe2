"""Text to index terms, for BM25 and for the vocabulary.

What counts as a term, in this order:

* a format code such as ``%g`` or ``%s``;
* an operator of two or more signs: ``**``, ``//``, ``->``, ``:=``, ``!=``, ``...``;
* a word: letters, digits and underscores, with inner dots, so that ``__enter__``,
  ``str.format`` and ``3.11`` stay whole.

A word with dots or underscores also gives its parts (``str.format`` gives ``str``
and ``format``; ``__enter__`` gives ``enter``), so that a question that spells it
otherwise still meets it. A script without spaces gives one term a character.
Everything is lower case.
"""

from __future__ import annotations

import importlib
import re
import threading
from collections.abc import Sequence
from typing import Literal, Protocol

from assay.pipeline.errors import UsageError

StopWords = Literal["none", "english"]
StemmerName = Literal["none", "english"]

UNSPACED = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af"
"""Kana, Han and Hangul, as the inside of a character class."""

_TERM = re.compile(
    r"(?<![\w%])%[a-z](?!\w)"
    r"|\*\*=?|//=?|<<=?|>>=?|:=|->|[=!<>]=|\.\.\."
    rf"|[{UNSPACED}]"
    rf"|[^\W{UNSPACED}]+(?:\.[^\W{UNSPACED}]+)*"
)
_PARTS = re.compile(r"[._]+")
_WORD = re.compile(r"[^\W\d_]+")

STOP_WORDS = frozenset(
    {
        *("a", "an", "and", "are", "as", "at", "be", "but", "by", "did", "do", "does", "for"),
        *("how", "if", "in", "into", "is", "it", "no", "not", "of", "on", "or", "such", "that"),
        *("the", "their", "then", "there", "these", "they", "this", "to", "was", "what"),
        *("which", "who", "will", "with"),
    }
)
"""Off by default: in technical text ``if``, ``not``, ``with`` and ``is`` are names."""


class _Stemmer(Protocol):
    def stemWord(self, word: str) -> str: ...  # noqa: N802 - PyStemmer's name


def words(text: str) -> list[str]:
    """Plain words of a text, lower case: runs of letters.

    >>> words("It's the '__enter__' method")
    ['it', 's', 'the', 'enter', 'method']
    """
    return _WORD.findall(text.lower())


class Analyzer:
    """A text's index terms; equal settings give equal terms, in every thread.

    Args:
        stop_words: ``english`` leaves out frequent function words.
        stemmer: ``english`` folds plain words by Porter's second (Snowball)
            stemmer; words with dots, underscores or digits are never folded.

    Raises:
        UsageError: if the stemmer is asked for and PyStemmer is not installed.

    >>> Analyzer().terms("Use str.format() or %g")
    ['use', 'str.format', 'str', 'format', 'or', '%g']
    """

    def __init__(self, *, stop_words: StopWords = "none", stemmer: StemmerName = "none") -> None:
        self._stop_words = STOP_WORDS if stop_words == "english" else frozenset[str]()
        self._stems = stemmer == "english"
        self._local = threading.local()
        if self._stems:
            self._snowball()

    def terms(self, text: str) -> list[str]:
        """The text's terms in order, with repetitions."""
        plain: list[str] = []
        for term in _TERM.findall(text.lower()):
            plain.append(term)
            if "_" in term or "." in term:
                plain += [part for part in _PARTS.split(term) if part and part != term]
        kept = [term for term in plain if term not in self._stop_words]
        return self._folded(kept) if self._stems else kept

    def _folded(self, terms: Sequence[str]) -> list[str]:
        stemmer = self._snowball()
        return [stemmer.stemWord(term) if term.isalpha() else term for term in terms]

    def _snowball(self) -> _Stemmer:
        # A Snowball stemmer holds working memory, so each thread has its own.
        if not hasattr(self._local, "stemmer"):
            try:
                snowball = importlib.import_module("Stemmer")
            except ImportError as error:
                raise UsageError(
                    "stemmer: english needs PyStemmer, which is not installed; "
                    "run 'pip install PyStemmer' or set stemmer: none"
                ) from error
            self._local.stemmer = snowball.Stemmer("english")
        stemmer: _Stemmer = self._local.stemmer
        return stemmer
