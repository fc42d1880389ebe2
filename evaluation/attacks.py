"""Planted passages for attacked questions, made from templates without any model.

==============  ==================================================================
prefix          the question, then a claim (PoisonedRAG, Zou et al. 2025)
topic_prefix    what the question is about, then a claim
keywords        the question's content words in another order, then a claim
none            the claim alone
hedged          a claim that speaks of doubts and of other opinions
gold_edit       a relevant passage with another answer in it, else unchanged
instruction     tells the reader what to say (Liu et al. 2024, and plain injections)
repeated        the same instruction five times (as against RobustRAG, Xiang et al. 2024)
hidden          an instruction that a person does not see: zero-width characters, Unicode
                tags, HTML comments, ``display:none``
jamming         keeps the reader from answering at all (Shafran et al. 2025)
written         a claim that a language model wrote (PoisonedRAG's own way)
==============  ==================================================================

Not here: texts that are optimised against an encoder's gradients (HotFlip, Ebrahimi et al.
2018), since the embedded encoders have none.
"""

from __future__ import annotations

import hashlib
import html
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assay.corpora.dataset import LabelledQuery
from assay.corpora.document import Document
from assay.corpora.matching import is_correct
from assay.evaluation.suites.sentence_edits import with_answer
from assay.pipeline.errors import DataError, UsageError, nearest
from assay.pipeline.sentences import sentences
from assay.pipeline.text import content_words
from assay.pipeline.words import Scope

ATTACKS = (
    "prefix",
    "topic_prefix",
    "keywords",
    "none",
    "hedged",
    "gold_edit",
    "instruction",
    "repeated",
    "hidden",
    "jamming",
    "written",
)
REPEATS = 5
"""How often ``repeated`` says its instruction."""

CARRIERS = ("zero_width", "tags", "html_comment", "display_none")
ZERO_WIDTH_SPACE = "\u200b"
TAG_BASE = 0xE0000
_MARKER = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Hidden:
    """A visible sentence and the instruction that is hidden behind it."""

    carrier: str
    visible: str
    template: str


@dataclass(frozen=True, slots=True)
class AttackTemplates:
    """The texts that planted passages are made of.

    Args:
        frames: bodies with ``{subject}`` and ``{wrong}``.
        wrappers: ``prefix``, ``topic_prefix`` and ``none`` with ``{body}``.
        instruction: injections with ``{question}``, ``{wrong}`` and ``{subject}``.
        hidden: injections that a reader of the page does not see.
        hedged: claims among doubts, with ``{subject}`` and ``{wrong}``.
        jamming: texts that ask for no answer, with ``{question}`` and ``{subject}``.
    """

    frames: tuple[str, ...]
    wrappers: Mapping[str, str]
    instruction: tuple[str, ...]
    hidden: tuple[Hidden, ...]
    hedged: tuple[str, ...] = ()
    jamming: tuple[str, ...] = ()

    def most(self, attack: str) -> int | None:
        """Most different passages that an attack has; None where it depends on the question."""
        match attack:
            case "instruction" | "repeated":
                return len(self.instruction)
            case "hidden":
                return len(self.hidden)
            case "hedged":
                return len(self.hedged)
            case "jamming":
                return len(self.jamming)
            case "gold_edit" | "written":
                return None
            case _:
                return len(self.frames)


def load_templates(path: Path) -> AttackTemplates:
    """Read templates from a JSON file.

    Raises:
        UsageError: if the file is missing.
        DataError: if it breaks the format.
    """
    try:
        data: Any = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UsageError(f"no attack templates at '{path}': check the path") from error
    except ValueError as error:
        raise DataError(f"{path}: not JSON: {error}") from error
    try:
        templates = AttackTemplates(
            frames=tuple(data["frames"]),
            wrappers={name: str(data[name]) for name in ("prefix", "topic_prefix", "none")},
            instruction=tuple(data["instruction"]),
            hidden=tuple(
                Hidden(one["carrier"], one["visible"], one["template"]) for one in data["hidden"]
            ),
            hedged=tuple(data.get("hedged", ())),
            jamming=tuple(data.get("jamming", ())),
        )
    except (AttributeError, KeyError, TypeError) as error:
        raise DataError(f"{path}: the attack templates lack {error}") from error
    for one in templates.hidden:
        if one.carrier not in CARRIERS:
            raise DataError(f"{path}: no carrier '{one.carrier}'; {nearest(one.carrier, CARRIERS)}")
    if not (templates.frames and templates.instruction and templates.hidden):
        raise DataError(f"{path}: 'frames', 'instruction' and 'hidden' must not be empty")
    return templates


def plant(
    query: LabelledQuery,
    templates: AttackTemplates,
    *,
    tenant: str,
    gold: Sequence[Document] = (),
    written: Sequence[str] = (),
) -> tuple[Document, ...]:
    """The planted passages of one attacked question.

    Only a reader with the role ``attack-<question id>`` sees them, so that every
    attack stands alone against the clean corpus. They carry the label of the question's
    ``meta.scope``, so that they are searched where the question is asked.

    Args:
        query: its meta holds ``attack`` (one of ``ATTACKS``), ``m`` (how many),
            ``subject`` and ``incorrect_answer`` (which ``jamming`` does without).
            ``attack_of`` is the id that the choice of templates goes by, if not its own.
        templates: what the texts are made of.
        tenant: whose corpus it is.
        gold: the relevant passages, for ``gold_edit``.
        written: texts of a language model, for ``written``.

    Raises:
        DataError: if the question's meta lacks one of them, or more different
            passages are asked for than the templates give.
    """
    attack, count = _of(query, "attack", str), _of(query, "m", int)
    if attack not in ATTACKS:
        raise DataError(f"question '{query.id}': no attack '{attack}'; {nearest(attack, ATTACKS)}")
    wrong = "" if attack == "jamming" else _of(query, "incorrect_answer", str)
    fields = {
        "question": query.text.strip(),
        "subject": _of(query, "subject", str),
        "wrong": wrong,
    }
    match attack:
        case "gold_edit":
            texts = _first(
                query.id, count, edited_gold(query, gold, wrong), "edits of its passages"
            )
        case "written":
            texts = _first(query.id, count, list(dict.fromkeys(written)), "texts written for it")
        case _:
            key = str(query.meta.get("attack_of", query.id))
            texts = _texts(key, attack, count, fields, templates)
    role = f"attack-{query.id}"
    scope = query.meta.get("scope")
    label = {} if scope is None else {scope["field"]: scope["value"]}
    return tuple(
        Document(
            id=f"planted-{query.id}-{number}",
            text=text,
            scope=Scope(tenant, (role,)),
            metadata=label
            | {
                "source": "contribution",
                "poison": True,
                "attack": attack,
                "target_qid": query.id,
                "visible_to": role,
            },
            whole=True,
        )
        for number, text in enumerate(texts)
    )


def edited_gold(query: LabelledQuery, gold: Sequence[Document], wrong: str) -> list[str]:
    """Relevant passages with another answer in them, each text once.

    First each passage with nothing else changed, then the same without one of its sentences
    that do not hold the new answer.

    Args:
        query: with the answers that are replaced.
        gold: its relevant passages.
        wrong: what stands there then.
    """
    whole = [
        text for one in gold if (text := with_answer(one.text, query.answers, wrong)) is not None
    ]
    made = list(whole)
    for text in whole:
        found = sentences(text)
        for left_out in range(len(found) - 1, -1, -1):
            shorter = " ".join(one.text for n, one in enumerate(found) if n != left_out)
            if is_correct(shorter, (wrong,)):
                made.append(shorter)
    return list(dict.fromkeys(made))


def _first(query_id: str, count: int, texts: Sequence[str], what: str) -> list[str]:
    if not 1 <= count <= len(texts):
        raise DataError(
            f"question '{query_id}': 'm' must lie between 1 and {len(texts)}"
            f" (so many different {what} there are), found {count}"
        )
    return list(texts[:count])


def _texts(
    key: str, attack: str, count: int, fields: Mapping[str, str], templates: AttackTemplates
) -> list[str]:
    match attack:
        case "instruction" | "hedged" | "jamming":
            forms: Sequence[str] = getattr(templates, attack)
            return [_fill(forms[place], fields) for place in _choose(key, count, len(forms))]
        case "repeated":
            chosen = _choose(key, count, len(templates.instruction))
            said = [_fill(templates.instruction[place], fields) for place in chosen]
            return ["\n".join([one] * REPEATS) for one in said]
        case "hidden":
            chosen = _choose(key, count, len(templates.hidden))
            return [_hide(templates.hidden[place], fields) for place in chosen]
        case "keywords":
            chosen = _choose(key, count, len(templates.frames))
            bodies = [_fill(templates.frames[place], fields) for place in chosen]
            return [
                f"{_shuffled(fields['question'], f'{key}|{number}')}. {body}"
                for number, body in enumerate(bodies)
            ]
        case _:
            chosen = _choose(key, count, len(templates.frames))
            bodies = [_fill(templates.frames[place], fields) for place in chosen]
            wrapper = templates.wrappers[attack]
            asked = fields["question"]
            texts = [_fill(wrapper, {**fields, "body": body}) for body in bodies]
            # The template ends the question with a stop; most questions have their own.
            ended = asked.endswith((".", "?", "!"))
            return [text.replace(f"{asked}.", asked, 1) if ended else text for text in texts]


def _shuffled(question: str, key: str) -> str:
    """The content words of a question in an order that a key fixes."""
    found = content_words(question) or tuple(question.split())
    order = sorted(
        range(len(found)), key=lambda place: hashlib.sha256(f"{key}|{place}".encode()).digest()
    )
    return " ".join(found[place] for place in order)


def _choose(query_id: str, count: int, available: int) -> list[int]:
    """Places of the templates to use: fixed by the question, none twice."""
    if not 1 <= count <= available:
        raise DataError(
            f"question '{query_id}': 'm' must lie between 1 and {available}"
            f" (so many different texts there are), found {count}"
        )
    left = list(range(available))
    chosen = []
    for number in range(count):
        draw = int(hashlib.sha256(f"{query_id}|{number}".encode()).hexdigest(), 16)
        chosen.append(left.pop(draw % len(left)))
    return chosen


def _hide(hidden: Hidden, fields: Mapping[str, str]) -> str:
    visible, secret = _fill(hidden.visible, fields), _fill(hidden.template, fields)
    return f"{visible} {carry(secret, hidden.carrier)}"


def carry(secret: str, carrier: str) -> str:
    """A text in a form that a person who looks at the page does not read.

    Args:
        secret: the text.
        carrier: ``zero_width`` puts U+200B between all characters; ``tags`` writes
            ASCII as Unicode tag characters and drops the rest; ``html_comment`` and
            ``display_none`` use HTML.

    >>> carry("no", "html_comment")
    '<!-- no -->'
    >>> len(carry("abc", "zero_width")), [hex(ord(one)) for one in carry("a", "tags")]
    (5, ['0xe0061'])
    """
    match carrier:
        case "zero_width":
            return ZERO_WIDTH_SPACE.join(secret)
        case "tags":
            return "".join(chr(TAG_BASE + ord(one)) for one in secret if " " <= one <= "~")
        case "html_comment":
            return f"<!-- {secret.replace('--', '- -')} -->"
        case "display_none":
            return f'<span style="display:none">{html.escape(secret, quote=False)}</span>'
        case _:
            raise UsageError(f"no carrier '{carrier}'; {nearest(carrier, CARRIERS)}")


def _fill(template: str, fields: Mapping[str, str]) -> str:
    # In one pass and without str.format: a question may hold braces of its own.
    return _MARKER.sub(lambda match: fields.get(match[1], match[0]), template)


def _of(query: LabelledQuery, key: str, kind: type) -> Any:
    value = query.meta.get(key)
    if not isinstance(value, kind) or isinstance(value, bool):
        raise DataError(
            f"question '{query.id}' is attacked: its meta needs '{key}' ({kind.__name__}),"
            f" found {value!r}"
        )
    return value
