"""Typing errors in questions: one edit in a word, by operators.

Source: the operators with which dense retrievers are trained and tested against typing
errors (Zhuang and Zuccon 2021; Penha, Câmara and Hauff 2022): insert, delete, substitute
and swap letters, and substitute a neighbour on the keyboard. Words that are mistyped are
made of letters only, have more than three of them and are no stop words; numbers,
identifiers and what stands in quotation marks are left alone. No model calls.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from typing import Literal, get_args

from assay.pipeline.text import STOP_WORDS

Operator = Literal["insert", "delete", "substitute", "swap", "keyboard"]

OPERATORS: tuple[Operator, ...] = get_args(Operator)

SHORTEST = 4
"""Letters of the shortest word that is mistyped."""

_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_CHUNK = re.compile(r"\S+")
_WORD = re.compile(r"[(\[¿¡]*([^\W\d_]+)(?:['’]s)?[)\].,;:!?…]*")
_QUOTED = re.compile(r"\"[^\"]*\"|`[^`]*`|“[^”]*”|«[^»]*»|„[^“”]*[“”]|(?<!\w)'[^']*'(?!\w)")


def _neighbours() -> dict[str, str]:
    """Letters beside each letter on a QWERTY keyboard, in its row and the rows next to it."""
    found: dict[str, str] = {}
    for height, row in enumerate(_ROWS):
        for place, letter in enumerate(row):
            near = [row[place - 1 : place], row[place + 1 : place + 2]]
            if height > 0:  # keys above stand half a key to the left
                near.append(_ROWS[height - 1][place : place + 2])
            if height + 1 < len(_ROWS):
                near.append(_ROWS[height + 1][max(place - 1, 0) : place + 1])
            found[letter] = "".join(near)
    return found


NEIGHBOURS = _neighbours()
"""Letter to the letters whose keys touch its key."""


def words_to_mistype(text: str) -> list[tuple[int, int]]:
    """Offsets of the words that may be mistyped, in order.

    >>> text = 'Who wrote "Silent Spring" in 1962?'
    >>> [text[start:end] for start, end in words_to_mistype(text)]
    ['wrote']
    """
    quoted = [match.span() for match in _QUOTED.finditer(text)]
    found = []
    for chunk in _CHUNK.finditer(text):
        match = _WORD.fullmatch(chunk.group())
        if match is None or len(match[1]) < SHORTEST or match[1].lower() in STOP_WORDS:
            continue
        start = chunk.start() + match.start(1)
        end = chunk.start() + match.end(1)
        if not any(begin < end and start < stop for begin, stop in quoted):
            found.append((start, end))
    return found


def mistyped(word: str, operator: Operator, generator: random.Random) -> str | None:
    """A word with one edit; None where the operator cannot change it.

    The result differs from the word by exactly one Damerau-Levenshtein edit, case aside.

    Args:
        word: letters only.
        operator: which edit.
        generator: draws place and letter.

    >>> mistyped("seven", "swap", random.Random(1))
    'sveen'
    >>> mistyped("aaaa", "swap", random.Random(1)) is None
    True
    """
    match operator:
        case "insert":
            place = generator.randrange(len(word) + 1)
            return word[:place] + _letter(word, place - 1, "", generator) + word[place:]
        case "delete":
            place = generator.randrange(len(word))
            return word[:place] + word[place + 1 :]
        case "substitute":
            place = generator.randrange(len(word))
            other = _letter(word, place, word[place], generator)
            return word[:place] + other + word[place + 1 :] if other else None
        case "swap":
            places = [
                place
                for place in range(len(word) - 1)
                if word[place].lower() != word[place + 1].lower()
            ]
            if not places:
                return None
            place = generator.choice(places)
            first, second = word[place], word[place + 1]
            # A capital stays where it was: 'Paris' becomes 'Apris', not 'aPris'.
            return word[:place] + _as(second, first) + _as(first, second) + word[place + 2 :]
        case "keyboard":
            places = [place for place, one in enumerate(word) if one.lower() in NEIGHBOURS]
            if not places:
                return None
            place = generator.choice(places)
            near = generator.choice(NEIGHBOURS[word[place].lower()])
            return word[:place] + _as(near, word[place]) + word[place + 1 :]


def with_typos(
    text: str, count: int, operators: Sequence[Operator], generator: random.Random
) -> tuple[str, int]:
    """A text with typing errors in ``count`` different words.

    The first errors of a higher count are those of a lower one, where the generator
    starts from the same seed and all operators can change the words.

    Args:
        text: a question.
        count: words to mistype, 0 or more.
        operators: one of them is drawn for each word.
        generator: draws words, operators, places and letters.

    Returns:
        The text, and how many words were mistyped: fewer where it has not so many.
    """
    places = words_to_mistype(text)
    generator.shuffle(places)
    edits: list[tuple[int, int, str]] = []
    for start, end in places:
        if len(edits) == count:
            break
        order = list(operators)
        generator.shuffle(order)
        word = text[start:end]
        made = next((new for one in order if (new := mistyped(word, one, generator))), None)
        if made is not None:
            edits.append((start, end, made))
    for start, end, made in sorted(edits, reverse=True):
        text = text[:start] + made + text[end:]
    return text, len(edits)


def _letter(word: str, place: int, but: str, generator: random.Random) -> str:
    """A letter other than ``but``; of the word's own letters where it is not in a-z."""
    own = sorted(set(word.lower()))
    letters = _LETTERS if all(one in _LETTERS for one in own) else "".join(own)
    possible = [one for one in letters if one != but.lower()]
    if not possible:
        return ""
    return _as(generator.choice(possible), word[max(place, 0)])


def _as(letter: str, model: str) -> str:
    """A letter as capital or small as another one."""
    made = letter.upper() if model.isupper() else letter.lower()
    return made if len(made) == 1 else letter  # 'ß' has two capitals
