"""Other wordings of English questions and sentences, by rules and without any model.

The rules change function words, question forms and the order of a leading phrase; names,
numbers and content words stay, so that the meaning does. That makes them weaker than a
language model's paraphrase and certain where that one is not. Each rule is one line of a
table below. No model calls.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from assay.pipeline.text import STOP_WORDS, words

_AUX = r"(?:is|are|was|were|do|does|did|has|have|had|can|could|will|would|should|may|might|must)"
_OPEN = r")(?<!".join(
    rf"\b{one}" for one in "of in for to from with by at on about as called named like".split()
)
"""Words that end a question whose object stands in front; such a question is no noun phrase."""

_FORMS: tuple[tuple[str, str, str], ...] = (
    ("what is", rf"^what (?:is|are|was|were) (?P<rest>(?:the|a|an) .+)(?<!{_OPEN})$",
     "Tell me {rest}."),
    ("who did", rf"^who (?!{_AUX}\b)(?P<rest>\w+ .+)$", "Name the person or group who {rest}."),
    ("who", rf"^who (?P<rest>{_AUX} .+)$", "Which person or group {rest}?"),
    ("when", rf"^when (?P<rest>{_AUX} .+)$", "At what point in time {rest}?"),
    ("where", rf"^where (?P<rest>{_AUX} .+)$", "In which place {rest}?"),
    ("why", rf"^why (?P<rest>{_AUX} .+)$", "For what reason {rest}?"),
    ("how many", r"^how many (?P<rest>.+)$", "What number of {rest}?"),
    ("how did", rf"^how (?P<rest>{_AUX} .+)$", "In what way {rest}?"),
    ("in what", r"^(?P<prep>in|on|at|for|from|to|by|of|with) what (?P<rest>\w+ .+)$",
     "{prep} which {rest}?"),
    ("which", r"^which (?P<rest>\w+ .+)$", "What {rest}?"),
    ("what", rf"^what (?!{_AUX}\b)(?P<rest>\w+ .+)$", "Which {rest}?"),
    ("whether", rf"^(?P<rest>{_AUX} .+)$", "Please answer this: {rest}?"),
)  # fmt: skip
"""Question forms: name, pattern over the question without its mark, what it becomes."""

_ANY_FORM = "I would like to know the following: {rest}?"

_WORDS: tuple[tuple[str, str], ...] = (
    ("in order to", "so as to"),
    ("because of", "owing to"),
    ("for example", "for instance"),
    ("for instance", "for example"),
    ("such as", "including"),
    ("as well as", "and also"),
    ("prior to", "before"),
    ("a number of", "several"),
    ("several", "a number of"),
    ("approximately", "about"),
    ("nearly", "almost"),
    ("almost", "nearly"),
    ("also known as", "also called"),
    ("also called", "also known as"),
    ("located in", "situated in"),
    ("situated in", "located in"),
    ("however", "though"),
    ("therefore", "for this reason"),
    ("although", "even though"),
    ("until", "up to the time of"),
    ("throughout", "all through"),
    ("often", "frequently"),
    ("frequently", "often"),
    ("began", "started"),
    ("started", "began"),
    ("whereas", "while"),
    ("numerous", "many"),
    ("primarily", "mainly"),
    ("mainly", "primarily"),
    ("is not", "isn't"),
    ("are not", "aren't"),
    ("was not", "wasn't"),
    ("were not", "weren't"),
    ("did not", "didn't"),
    ("does not", "doesn't"),
    ("do not", "don't"),
    ("cannot", "can't"),
    ("could not", "couldn't"),
    ("concerning", "about"),
    ("regarding", "about"),
    ("upon", "on"),
)
"""Function words and set phrases that may stand for one another, left for right."""

_SYNONYMS = dict(_WORDS)
_SYNONYM = re.compile(
    r"(?<![\w'’-])(?:" + "|".join(sorted(map(re.escape, _SYNONYMS), key=len, reverse=True))
    + r")(?![\w'’-])",
    re.IGNORECASE,
)  # fmt: skip
_LEADING = re.compile(
    r"^(?P<prep>In|On|At|During|After|Before|By|From|Since|Under|With|For|Among|Within)"
    r" (?P<phrase>[^,.;:!?()\"“”]{2,60}), (?P<rest>[^;:!?()\"“”\n]{12,}?)(?P<end>\.)$"
)
_CLAUSE = re.compile(r",\s*(?:and|but|who|which|where)\b")
_NOISE: tuple[str, ...] = (
    "Hi, quick question: {text}",
    "Hello, I hope somebody can help me with this. {text}",
    "{text} Thanks in advance!",
    "um so basically {text}",
    "{text} (asking for a friend, no hurry at all)",
    "Sorry if this was asked before, I have been looking around for a while. {text}",
)
"""What people write around a question; says nothing about it."""


@dataclass(frozen=True, slots=True)
class Reworded:
    """A text in other words.

    Args:
        text: the new text; the old one where no rule fits.
        rules: names of the rules that changed it, in order; none where it is the old one.
    """

    text: str
    rules: tuple[str, ...]


def is_english(text: str) -> bool:
    """Whether a quarter of a text's words are English function words: enough for the rules."""
    found = words(text)
    return 4 * sum(word in STOP_WORDS for word in found) >= len(found) > 0


def reworded_question(text: str) -> Reworded:
    """A question in another form, with other function words.

    The first form of the table that fits is taken; any other English question is put
    behind a phrase that introduces it. A text that is not English stays.

    >>> reworded_question("What is the capital of France?").text
    'Tell me the capital of France.'
    >>> reworded_question("When did the war begin?").text
    'At what point in time did the war begin?'
    """
    folded = " ".join(text.split())
    if not is_english(folded):
        return Reworded(text, ())
    plain = folded.rstrip(" ?!.")
    inner, swapped = _with_synonyms(plain)
    for name, pattern, form in _FORMS:
        match = re.match(pattern, inner, re.IGNORECASE)
        if match is not None:
            made = form.format(**match.groupdict())
            return Reworded(made[:1].upper() + made[1:], (*swapped, f"form: {name}"))
    return Reworded(_ANY_FORM.format(rest=inner), (*swapped, "form: any"))


def reworded_sentence(text: str) -> Reworded:
    """A sentence with other function words, and a leading phrase moved to its end.

    >>> reworded_sentence("In 1999, the firm moved to Paris.").text
    'The firm moved to Paris in 1999.'
    """
    made, rules = _with_synonyms(text)
    match = _LEADING.match(made)
    if match is not None and not re.search(r",\s*(?:and|but|who|which|where)\b", match["rest"]):
        rest = match["rest"]
        made = (
            f"{rest[0].upper()}{rest[1:]} {match['prep'].lower()} {match['phrase']}{match['end']}"
        )
        rules = (*rules, "order")
    return Reworded(made, rules)


def with_noise(text: str, generator: random.Random) -> str:
    """A question among words that say nothing about it.

    >>> with_noise("Who won?", random.Random(0))
    'um so basically Who won?'
    """
    return generator.choice(_NOISE).format_map({"text": text})


def _with_synonyms(text: str) -> tuple[str, tuple[str, ...]]:
    used: list[str] = []

    def other(match: re.Match[str]) -> str:
        found = _SYNONYMS[match[0].lower()]
        used.append(match[0].lower())
        return found[0].upper() + found[1:] if match[0][0].isupper() else found

    made = _SYNONYM.sub(other, text)
    return made, tuple(f"words: {one}" for one in used)


def prompt_for_paraphrase(question: str) -> tuple[str, str]:
    """A few-shot prompt for one other wording, for a model with or without a chat template.

    Returns:
        The beginning, which is the same for every question, and the question's own part.
    """
    return _SHOTS, f"Question: {' '.join(question.split())}\nParaphrase:"


_SHOTS = (
    "Each question is said again in other words; names and numbers stay.\n\n"
    "Question: How long is a parental leave request kept on file?\n"
    "Paraphrase: For what period do files on requests for parental leave remain stored?\n\n"
    "Question: Which river flows through Vienna?\n"
    "Paraphrase: What is the name of the river that runs through Vienna?\n\n"
)

PARAPHRASE_TOKENS = 64


def first_line(text: str) -> str:
    """A model's paraphrase: its first line that is not empty, without quotes.

    >>> first_line(' "Who was it?" \\nQuestion: next')
    'Who was it?'
    """
    lines: Sequence[Any] = [line.strip().strip("\"'“”` ") for line in text.splitlines()]
    return next((line for line in lines if line), "")
