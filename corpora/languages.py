"""What the analyzer knows of languages: stemmers, and scripts that are written without spaces.

Character classes here are the inside of ``[...]`` in a pattern.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable
from itertools import pairwise
from typing import Any, Literal

from assay.pipeline.errors import UsageError

StemmerName = Literal[
    "none",
    "arabic",
    "armenian",
    "basque",
    "catalan",
    "czech",
    "danish",
    "dutch",
    "dutch_porter",
    "english",
    "esperanto",
    "estonian",
    "finnish",
    "french",
    "german",
    "greek",
    "hindi",
    "hungarian",
    "indonesian",
    "irish",
    "italian",
    "lithuanian",
    "nepali",
    "norwegian",
    "persian",
    "polish",
    "porter",
    "portuguese",
    "romanian",
    "russian",
    "serbian",
    "sesotho",
    "spanish",
    "swedish",
    "tamil",
    "turkish",
    "yiddish",
]
"""Snowball's stemmers; an older PyStemmer may lack some."""

CjkTerms = Literal["bigrams", "unigrams", "jieba"]
"""How Chinese, Japanese and Korean are cut into terms."""

UNSPACED = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af"
"""Kana, Han and Hangul, roughly: enough to count them."""

HAN = "\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003ffff"
"""Han, with the signs for repetition and zero and the rare characters beyond the first plane."""

CJK = (
    HAN
    + "\u3031-\u3035\u3041-\u309f\u30a1-\u30fa\u30fc-\u30ff\u3100-\u312f\u31a0-\u31bf\u31f0-\u31ff"
    + "\uac00-\ud7a3"
)
"""Han, Kana, Bopomofo and Hangul, letters only."""

_ASIAN_MARKS = (
    "\u0e31\u0e34-\u0e3a\u0e47-\u0e4e"  # Thai
    "\u0eb1\u0eb4-\u0ebc\u0ec8-\u0ece"  # Lao
    "\u102b-\u103e\u1056-\u1059\u105e-\u1060\u1062-\u1064\u1067-\u106d\u1071-\u1074\u1082-\u108d"
    "\u108f\u109a-\u109d"  # Burmese and its neighbours
    "\u17b4-\u17d3\u17dd"  # Khmer
)
SOUTH_EAST_ASIAN = (
    _ASIAN_MARKS + "\u0e01-\u0e30\u0e32-\u0e33\u0e40-\u0e46"
    "\u0e81-\u0eb0\u0eb2-\u0eb3\u0ebd-\u0ec6\u0edc-\u0edf"
    "\u1000-\u102a\u103f\u1050-\u1055\u105a-\u105d\u1061\u1065-\u1066\u106e-\u1070\u1075-\u1081"
    "\u108e\u1780-\u17b3\u17d7\u17dc"
)
"""Thai, Lao, Burmese and Khmer: letters and the signs that belong to them, no digits."""

MARKS = (
    "\u0300-\u036f\u0483-\u0487"  # Latin, Greek, Cyrillic
    "\u0591-\u05bd\u05bf\u05c1-\u05c2\u05c4-\u05c5\u05c7"  # Hebrew
    "\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e4\u06e7-\u06e8\u06ea-\u06ed"  # Arabic
    "\u0711\u0730-\u074a\u07a6-\u07b0"  # Syriac, Thaana
    "\u0900-\u0903\u093a-\u093c\u093e-\u094f\u0951-\u0957\u0962-\u0963"  # Devanagari
    "\u0981-\u0983\u09bc\u09be-\u09cd\u09d7\u09e2-\u09e3"  # Bengali
    "\u0a01-\u0a03\u0a3c-\u0a51\u0a70-\u0a71\u0a75\u0a81-\u0a83\u0abc\u0abe-\u0acd\u0ae2-\u0ae3"
    "\u0b01-\u0b03\u0b3c\u0b3e-\u0b57\u0b62-\u0b63\u0b82\u0bbe-\u0bcd\u0bd7"  # Oriya, Tamil
    "\u0c00-\u0c04\u0c3c\u0c3e-\u0c56\u0c62-\u0c63\u0c81-\u0c83\u0cbc\u0cbe-\u0cd6\u0ce2-\u0ce3"
    "\u0d00-\u0d03\u0d3b-\u0d3c\u0d3e-\u0d4d\u0d57\u0d62-\u0d63\u0d81-\u0d83\u0dca-\u0ddf\u0df2-\u0df3"
    "\u0f18-\u0f19\u0f35\u0f37\u0f39\u0f71-\u0f84\u0f86-\u0f87\u0f8d-\u0fbc"  # Tibetan
)
"""Signs that belong to the letter before them: accents, vowel signs, points."""

_CLUSTER = re.compile(f"[{SOUTH_EAST_ASIAN}][{_ASIAN_MARKS}]*")
_HAN = re.compile(f"[{HAN}]")
_SEGMENT = re.compile(f"[{HAN}]+|[^{HAN}]+")


def pairs(run: str) -> tuple[str, ...]:
    """Each two neighbouring characters of a run; the one where it has one.

    >>> pairs("東京都"), pairs("猫")
    (('東京', '京都'), ('猫',))
    """
    return tuple(map("".join, pairwise(run))) if len(run) > 1 else (run,)


def cluster_pairs(run: str) -> tuple[str, ...]:
    """As ``pairs``, where a letter and its signs count as one character.

    >>> cluster_pairs("ที่นี่")
    ('ที่นี่',)
    """
    clusters = _CLUSTER.findall(run)
    return tuple(map("".join, pairwise(clusters))) if len(clusters) > 1 else (run,)


def cjk_cutter(how: CjkTerms) -> Callable[[str], tuple[str, ...]]:
    """What cuts a run of Chinese, Japanese or Korean into terms.

    Args:
        how: ``bigrams`` overlap; ``jieba`` takes Han apart by a dictionary, with the words inside
            long words as terms of their own, and the rest into bigrams.

    Raises:
        UsageError: for ``jieba`` where rjieba is not installed.
    """
    if how == "unigrams":
        return tuple
    if how == "bigrams":
        return pairs
    try:
        segmenter: Any = importlib.import_module("rjieba")
    except ImportError as error:
        raise UsageError(
            "cjk: jieba needs rjieba, which is not installed; run 'pip install rjieba'"
            " or set cjk: bigrams"
        ) from error

    def cut(run: str) -> tuple[str, ...]:
        terms: list[str] = []
        for part in _SEGMENT.findall(run):
            # Without the model for unknown words: it guesses by context, and a query has another.
            found = segmenter.cut_for_search(part, False) if _HAN.match(part) else pairs(part)
            terms += found
        return tuple(terms)

    return cut


def stemmer(name: StemmerName) -> Callable[[str], str]:
    """A Snowball stemmer (Porter 2001, "Snowball: a language for stemming algorithms").

    It holds working memory: each thread needs its own.

    Raises:
        UsageError: if PyStemmer is not installed, or does not know the language.
    """
    try:
        snowball: Any = importlib.import_module("Stemmer")
    except ImportError as error:
        raise UsageError(
            f"stemmer: {name} needs PyStemmer, which is not installed; "
            "run 'pip install PyStemmer' or set stemmer: none"
        ) from error
    try:
        made = snowball.Stemmer(name)
    except KeyError as error:
        raise UsageError(
            f"the PyStemmer that is installed has no stemmer '{name}'; "
            "run 'pip install --upgrade PyStemmer' or set stemmer: none"
        ) from error
    word: Callable[[str], str] = made.stemWord
    return word
