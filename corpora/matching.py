"""Whether an answer is right: accepted answers against a text."""

from __future__ import annotations

import re
import string
import unicodedata
from collections import Counter
from collections.abc import Sequence

_QUOTES = re.compile(r"[\"'`*“”„‘’‚«»]")
_TOKEN = re.compile(
    r"(?:(?<![\w)\]])[-+])?\d\w*(?:[.,]\d\w*)*"  # a number with sign, separators, unit
    r"|\w+"
    r"|[.,;()\[\]{}]"
    r"|[^\w\s.,;()\[\]{}]+"
)
_ARTICLES = re.compile(r"\b(?:a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)

_LABELS = (
    frozenset({("yes",), ("no",)}),
    frozenset({("true",), ("false",)}),
    frozenset(
        {
            ("entailment",),
            ("contradiction",),
            ("neutral",),
            ("notmentioned",),
            ("not", "mentioned"),
        }
    ),
)
"""Families of labels: a text names one of a family by the first that it mentions."""


def normalise_answer(text: str) -> str:
    """NFKC, lower case, quotes, backticks and asterisks dropped, white space folded.

    >>> normalise_answer('The  "__enter__()" *method*')
    'the __enter__() method'
    """
    folded = unicodedata.normalize("NFKC", text).lower().replace("−", "-")
    return " ".join(_QUOTES.sub("", folded).split())


def is_correct(text: str, accepted: Sequence[str]) -> bool:
    """Whether a text contains an accepted answer at token boundaries.

    A token is a number (with its sign, separators and letters), a run of word
    characters, a bracket or stop, or a run of other signs. So ``3`` is not found
    in ``13`` or ``3.11``. An accepted answer that is a label (yes/no, true/false,
    entailment/contradiction/neutral/not mentioned) counts only where it is the
    first of its family in the text.

    Args:
        text: the system's answer.
        accepted: any one of these is right; none means that nothing is.

    >>> is_correct("It needs Python 3.11.", ["3"]), is_correct("Exactly 3.", ["3"])
    (False, True)
    >>> is_correct("No, never; yes is wrong", ["yes"])
    False
    """
    return any(_matches(text, answer) for answer in accepted)


def exact_match(text: str, accepted: Sequence[str]) -> bool:
    """SQuAD's exact match: equal after dropping case, punctuation and articles.

    Source: Rajpurkar et al. 2016, evaluation script v1.1.

    >>> exact_match("The Eiffel Tower!", ["eiffel tower"])
    True
    """
    return any(_squad_tokens(text) == _squad_tokens(answer) for answer in accepted)


def token_f1(text: str, accepted: Sequence[str]) -> float:
    """SQuAD's token F1 with the best accepted answer, 0 to 1; 0 where there is none.

    Source: Rajpurkar et al. 2016, evaluation script v1.1; as there in version 2, two
    texts without tokens have F1 1.

    >>> round(token_f1("in the year 1999", ["1999"]), 3)
    0.5
    """
    return max(
        (_f1(_squad_tokens(text), _squad_tokens(answer)) for answer in accepted), default=0.0
    )


def _tokens(text: str) -> tuple[str, ...]:
    return tuple(_TOKEN.findall(text))


def _matches(text: str, answer: str) -> bool:
    wanted = _tokens(normalise_answer(answer))
    if not wanted:
        # Nothing but quotes and asterisks, such as the operator '**': compare it as it is.
        sign = answer.strip()
        return bool(sign) and sign in re.findall(r"[^\w\s]+", text)
    found = _tokens(normalise_answer(text))
    for family in _LABELS:
        if wanted in family:
            return _first_label(found, family) == "".join(wanted)
    size = len(wanted)
    return any(found[i : i + size] == wanted for i in range(len(found) - size + 1))


def _first_label(tokens: tuple[str, ...], family: frozenset[tuple[str, ...]]) -> str:
    for place in range(len(tokens)):
        for label in family:
            if tokens[place : place + len(label)] == label:
                return "".join(label)
    return ""


def _squad_tokens(text: str) -> list[str]:
    return _ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split()


def _f1(predicted: list[str], gold: list[str]) -> float:
    if not predicted or not gold:
        return float(predicted == gold)
    common = sum((Counter(predicted) & Counter(gold)).values())
    if not common:
        return 0.0
    precision, recall = common / len(predicted), common / len(gold)
    return 2 * precision * recall / (precision + recall)
