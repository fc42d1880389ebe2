"""Ids of files whatever their names hold: stable, unique, safe to print and to store."""

from __future__ import annotations

import os
import re
import unicodedata

_PERCENT = re.compile(r"%(?=[0-9A-Fa-f]{2})")
_JOINERS = "\u200c\u200d"
"""Invisible, but a part of words (Persian, Hindi) and of emoji."""


def safe(name: str) -> str:
    """A file's name or path as its id.

    What cannot be shown (line ends, terminal codes, marks that turn the writing direction, bytes
    that are no UTF-8) and ``#``, which parts a file from a place in it, is written ``%XX``, byte by
    byte. A ``%`` that could be mistaken for that is ``%25``: no two names have one id.

    >>> safe("Jahresbericht 100 %.md"), safe("a\\nb#1.txt"), safe("caf\\udce9.txt")
    ('Jahresbericht 100 %.md', 'a%0Ab%231.txt', 'caf%E9.txt')
    """
    plain = _PERCENT.sub("%25", name)
    return "".join(one if _is_safe(one) else _escaped(one) for one in plain)


def quoted(part: str) -> str:
    """A part of an id behind the ``#``, such as a sheet's name or a record's own id.

    >>> quoted("R&D #1")
    'R%26D %231'
    """
    return safe(part).replace("&", "%26")


def shortened(name: str, *, most: int = 120) -> str:
    """A long name with its middle left out, for a line on a screen.

    >>> shortened("a" * 30 + ".txt", most=20)
    'aaaaaaaa...aaaaa.txt'
    """
    if len(name) <= most:
        return name
    tail = (most - 3) // 2 + 1
    return f"{name[: most - 3 - tail]}...{name[-tail:]}"


def _is_safe(character: str) -> bool:
    if character in _JOINERS:
        return True
    printable = character.isprintable() or unicodedata.category(character) == "Zs"
    return printable and character != "#"


def _escaped(character: str) -> str:
    try:
        encoded = os.fsencode(character)
    except UnicodeEncodeError:
        encoded = character.encode("utf-8", errors="surrogatepass")
    return "".join(f"%{byte:02X}" for byte in encoded)
