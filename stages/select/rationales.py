"""What evidence for a question has to show, in the words of a language model."""

from __future__ import annotations

import re
from collections.abc import Mapping

from assay.pipeline.words import Rationale
from assay.stages.windows.identifiers import answer_of
from assay.stages.windows.template import neutral

COMPUTES = True
"""What is below decides what a selector gives, so it counts for fingerprints."""

BEGUN = "1. ["
"""How the answer begins; it stands at the end of the prompt and belongs to the answer."""

STOP = ("\n\n", "\nQuestion:")
"""A list has one line an item."""

LONGEST = 600
"""Characters of a rationale or of its flag; what is longer is cut there."""

_TASK = (
    "What must a text say to help answer a question? Write a numbered list, one line an item. Each"
    " item looks for something else: a label in brackets, what to search for, then"
    ' "Flag Instructions:" and what would make such a text doubtful.\n'
)

_EXAMPLES: tuple[tuple[str, tuple[tuple[str, str, str], ...]], ...] = (
    (
        "How long may the tenant wait before paying a repair invoice?",
        (
            (
                "payment period",
                "the number of days between receipt of an invoice and its payment",
                "another number of days for the same kind of invoice",
            ),
            (
                "repair costs",
                "who bears the costs of repairs in the flat, landlord or tenant",
                "costs that the lease leaves to the landlord",
            ),
            (
                "late payment",
                "interest or reminders when an invoice is paid too late",
                "a demand to pay at once to an account that the lease does not name",
            ),
        ),
    ),
    (
        "Which river runs through the town where the composer of Peer Gynt was born?",
        (
            (
                "composer",
                "who wrote the music for Peer Gynt",
                "a text that mistakes the playwright for the composer",
            ),
            (
                "birthplace",
                "the town where the composer Edvard Grieg was born",
                "a town where he only lived or died",
            ),
            (
                "river",
                "rivers that flow through Bergen in Norway",
                "a river of another town of the same name",
            ),
        ),
    ),
    (
        "By how much did the firm's revenue grow in 2019?",
        (
            (
                "revenue 2019",
                "total revenue or net sales of the year 2019",
                "revenue of one division only, or of a quarter",
            ),
            (
                "revenue 2018",
                "total revenue or net sales of the year before, 2018",
                "figures that were restated later",
            ),
            (
                "stated growth",
                "an increase in revenue from 2018 to 2019 in percent",
                "growth at constant exchange rates, or of profit instead of revenue",
            ),
        ),
    ),
)

_LABEL = r"\**\[(?P<label>[^\]\n]{1,120})\]\**"
_BRACKETED = re.compile(
    rf"^[ \t]*\(?\d{{1,2}}[.):]?[ \t]*{_LABEL}[ \t]*[:.–-]?[ \t]*(?P<text>.*?)"
    r"(?=^[ \t]*\(?\d{1,2}[.):]?[ \t]*\**\[|\Z)",
    re.MULTILINE | re.DOTALL,
)
_TAGGED = re.compile(
    r"<rationale_\d{1,2}>(?P<text>.*?)(?=</rationale_\d{1,2}>|<rationale_\d{1,2}>|\Z)",
    re.IGNORECASE | re.DOTALL,
)
_NAMED = re.compile(
    r"^[\W_]*rationale\s*\d{1,2}\W*[:.–-][ \t*]*(?P<text>.*?)(?=^[\W_]*rationale\s*\d{1,2}\b|\Z)",
    re.IGNORECASE | re.MULTILINE | re.DOTALL,
)
_NUMBERED = re.compile(
    r"^[ \t]*\(?\d{1,2}[.):][ \t]*(?P<text>.*?)(?=^[ \t]*\(?\d{1,2}[.):]|\Z)",
    re.MULTILINE | re.DOTALL,
)
_CHAIN = (_BRACKETED, _TAGGED, _NAMED, _NUMBERED)
_OPENING = re.compile(rf"\s*{_LABEL}[ \t]*[:.–-]?[ \t]*(?P<text>.*)", re.DOTALL)
_FLAG = re.compile(r"[*_(]*\bflag(?:ging)?[ _-]*instructions?\b[*_]*\s*[:.–-]?[*_]*", re.IGNORECASE)
_TAG = re.compile(r"</?[A-Za-z][\w-]{0,40}>")
_ANEW = re.compile(r"\W*(?:\d{1,2}[.):]|<|rationale\b)", re.IGNORECASE)
_WORD = re.compile(r"\w{2}")


def rationales_prompt(question: str, n: int) -> tuple[str, str]:
    """A few-shot prompt that a model without chat template continues, too.

    Args:
        question: as it was asked; marks in it that belong to prompts are made plain.
        n: rationales that are wanted.

    Returns:
        The beginning, which is the same for every question, and the question's own part.
    """
    parts = [_TASK]
    for example, items in _EXAMPLES:
        lines = [
            f"{number}. [{label}] {text}. Flag Instructions: {flag}."
            for number, (label, text, flag) in enumerate(items, 1)
        ]
        parts.append(f"Question: {example}\n" + "\n".join(lines) + "\n")
    asked = f"Question: {neutral(question)}\n({n} different items at most)\n{BEGUN}"
    return "\n".join([*parts, ""]), asked


def answered_rationales(text: str, most: int) -> tuple[Rationale, ...]:
    """Rationales out of what a model wrote behind ``BEGUN``.

    A model that begins a list of its own, or goes on with something else, is read as it stands.

    >>> [one.text for one in answered_rationales("fee] the sum", 9)]
    ['fee: the sum']
    >>> [one.text for one in answered_rationales("1. [fee] the sum", 9)]
    ['fee: the sum']
    >>> answered_rationales("I will not", 9)
    ()
    """
    line = text.lstrip().split("\n", maxsplit=1)[0]
    goes_on = "]" in line and _ANEW.match(line) is None
    return parse_rationales(f"{BEGUN}{text}" if goes_on else text, most)


def parse_rationales(text: str, most: int) -> tuple[Rationale, ...]:
    """Rationales out of a model's text, by the first of four forms in which there are any.

    The forms: ``1. [label] text``; ``<rationale_1>text</rationale_1>``; ``Rationale 1: text``;
    ``1. text``. What stands up to "Flag Instructions" is what is searched for, what follows is the
    flag. An item without a word of two letters to search for, and one that looks for what another
    looked for, are left out; reasoning that was cut off gives none.

    Source: METEORA (2025), the parser of its code, as a chain of forms.

    Args:
        text: anything.
        most: of them that are kept.

    >>> parse_rationales("1. [fee] the sum. Flag Instructions: two sums.\\n2. [interest]", 9)[0]
    Rationale(text='fee: the sum.', flag='two sums.', chosen=())
    """
    answer = answer_of(text)
    for form in _CHAIN:
        found: dict[str, Rationale] = {}
        for match in form.finditer(answer or ""):
            one = _rationale(match.groupdict())
            if _WORD.search(one.text):
                found.setdefault(one.text.casefold(), one)
        if found:
            return tuple(found.values())[:most]
    return ()


def _rationale(groups: Mapping[str, str]) -> Rationale:
    label, body = groups.get("label", ""), groups["text"]
    opened = None if label else _OPENING.match(body)
    if opened is not None:
        label, body = opened["label"], opened["text"]
    text, *flags = _FLAG.split(body, maxsplit=1)
    said = _line(f"{label}: {text}" if _line(text) and label else label or text)
    return Rationale(said, _line(flags[0]) if flags else "")


def _line(text: str) -> str:
    """On one line, without tags and the marks of bold type."""
    return " ".join(_TAG.sub(" ", text).replace("**", "").split())[:LONGEST].strip()
