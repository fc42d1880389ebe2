"""A language model is asked for questions, facts and answers: the prompts and how they are read.

All prompts are plain completions with worked examples, which small models follow better than
instructions. What comes from passages stands in JSON strings on one line each, so that no
passage can open a new example.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from assay.models.prompt import Prompt
from assay.pipeline.sentences import sentences
from assay.pipeline.text import fold
from assay.pipeline.words import Passage

QUESTION_TOKENS = 48
FACT_TOKENS = 96
LINE_STOP = ("\n",)
FACTS_STOP = ("\n\n", "Question:")

MOST_FACTS = 4

_QUESTION = """\
For each passage a question is written whose answer is given. The question says itself what it is\
 about, so that it is understood by a reader who has not seen the passage.

Passage: "Aldgate Library: A member may keep a book for three weeks and renew the loan once."
Answer: three weeks
Question: How long may a member of the Aldgate Library keep a book?

Passage: "Brio kettle: The lid locks when the water boils. It opens again after the cool-down,\
 which takes 30 seconds."
Answer: 30 seconds
Question: How long does the cool-down of the Brio kettle take?

Passage: "Harbour bridge: After the flood of 1901 the work was finished by Ida Holm with steel\
 from Kiruna."
Answer: Ida Holm
Question: Who finished the harbour bridge after the flood of 1901?

Passage: "Harbour bridge: It was opened to carts in May 1904, two years late."
Answer: May 1904
Question: When was the harbour bridge opened to carts?

Passage: "Sockets: If the peer is gone, `send()` raises a BrokenPipeError."
Answer: send()
Question: Which function of sockets raises a BrokenPipeError if the peer is gone?

"""

_ANSWER = """\
The question is answered with a short phrase from the passage, or with "unknown" where the passage\
 does not say.

Passage: "Aldgate Library: A member may keep a book for three weeks and renew the loan once."
Question: How long can members of the library keep a book?
Answer: three weeks

Passage: "Harbour bridge: After the flood of 1901 the work was finished by Ida Holm with steel\
 from Kiruna."
Question: How long is the harbour bridge?
Answer: unknown

Passage: "Sockets: If the peer is gone, `send()` raises a BrokenPipeError."
Question: Which error is raised when the peer is gone?
Answer: BrokenPipeError

"""

UNKNOWN = "unknown"
ANSWER_TOKENS = 32

_FACTS = """\
The single facts that an answer needs, each a short sentence on a line of its own.

Question: How long may a member of the Aldgate Library keep a book?
Answer: three weeks
Passage: "Aldgate Library: A member may keep a book for three weeks and renew the loan once."
Facts:
- A member of the Aldgate Library may keep a book for three weeks.

Question: Who finished the harbour bridge, and with what steel?
Answer: Ida Holm, with steel from Kiruna
Passage: "Harbour bridge: After the flood of 1901 the work was finished by Ida Holm with steel\
 from Kiruna."
Facts:
- Ida Holm finished the harbour bridge.
- The harbour bridge was finished with steel from Kiruna.

"""

_JUDGE = """\
Does the passage say what the fact says? The answer is yes or no.

Passage: "Aldgate Library: A member may keep a book for three weeks and renew the loan once."
Fact: Members of the Aldgate Library may keep a book for three weeks.
Answer: yes

Passage: "Aldgate Library: The reading room is open from nine to five on weekdays."
Fact: Members of the Aldgate Library may keep a book for three weeks.
Answer: no

"""

JUDGEMENTS = ("yes", "no")
"""What may stand next after ``support_prompt``."""

_MARK = re.compile(r"^\s*(?:\(?\d{1,2}[.):]|[-*•–])\s*")


def reading(passage: Passage, start: int, end: int) -> str:
    """What a writer of questions reads: the title, the sentence, and the one before it.

    Args:
        passage: where the sentence stands.
        start: of the sentence, in the passage's text.
        end: behind it.
    """
    before = [one for one in sentences(passage.text) if one.end <= start]
    first = before[-1].start if before else start
    text = fold(passage.text[first:end])
    return f"{fold(passage.title)}: {text}" if passage.title else text


def question_prompt(read: str, answer: str) -> Prompt:
    """Asks for a question to an answer; what is written is one line."""
    return (_QUESTION, f"Passage: {_quoted(read)}\nAnswer: {fold(answer)}\nQuestion:")


def answer_prompt(question: str, read: str) -> Prompt:
    """Asks for the answer that a passage gives, one line."""
    return (_ANSWER, f"Passage: {_quoted(read)}\nQuestion: {fold(question)}\nAnswer:")


def facts_prompt(question: str, answer: str, read: str) -> Prompt:
    """Asks for the facts that an answer needs, a line each."""
    own = f"Question: {fold(question)}\nAnswer: {fold(answer)}\nPassage: {_quoted(read)}\nFacts:\n-"
    return (_FACTS, own)


def support_prompt(fact: str, read: str) -> Prompt:
    """Asks whether a passage says what a fact says."""
    return (_JUDGE, f"Passage: {_quoted(read)}\nFact: {fold(fact)}\nAnswer:")


def question_of(text: str) -> str:
    """The question that a model wrote: its first line, without quotes and list marks.

    >>> question_of(' "Who was it?" Answer: he\\nPassage: x')
    'Who was it?'
    """
    line = next((one for one in text.splitlines() if one.strip()), "")
    said = fold(_MARK.sub("", line)).strip("\"'“”` ")
    mark = said.find("?")
    return said if mark < 0 else said[: mark + 1]


def answer_of(text: str) -> str:
    """The answer that a model wrote, '' where it knows none.

    >>> answer_of(" 'three weeks'.\\nPassage: x"), answer_of(" Unknown.")
    ('three weeks', '')
    """
    line = next((one for one in text.splitlines() if one.strip()), "")
    said = fold(line).strip("\"'“”` ").rstrip(".").strip("\"'“”` ")
    return "" if said.casefold() == UNKNOWN else said


def facts_of(text: str) -> tuple[str, ...]:
    """The facts that a model wrote, each once.

    >>> facts_of(' It is red.\\n- It is red.\\n2. It is big.')
    ('It is red.', 'It is big.')
    """
    lines: Sequence[str] = [fold(_MARK.sub("", one)).strip('"“” ') for one in text.splitlines()]
    return tuple(dict.fromkeys(one for one in lines if one))[:MOST_FACTS]


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
