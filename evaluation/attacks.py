"""Planted passages for attacked questions, made from templates without any model.

Sources of the forms: prefix (PoisonedRAG, Zou et al. 2024), instruction (Liu et al.
2024 and plain injections), hidden carriers (zero-width characters, Unicode tags,
HTML comments, ``display:none``).
"""

from __future__ import annotations

import hashlib
import html
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assay.corpora.dataset import LabelledQuery
from assay.corpora.document import Document
from assay.pipeline.errors import DataError, UsageError, nearest
from assay.pipeline.words import Scope

ATTACKS = ("prefix", "topic_prefix", "none", "instruction", "hidden")
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
    """

    frames: tuple[str, ...]
    wrappers: Mapping[str, str]
    instruction: tuple[str, ...]
    hidden: tuple[Hidden, ...]


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
        )
    except (KeyError, TypeError) as error:
        raise DataError(f"{path}: the attack templates lack {error}") from error
    for one in templates.hidden:
        if one.carrier not in CARRIERS:
            raise DataError(f"{path}: no carrier '{one.carrier}'; {nearest(one.carrier, CARRIERS)}")
    if not (templates.frames and templates.instruction and templates.hidden):
        raise DataError(f"{path}: 'frames', 'instruction' and 'hidden' must not be empty")
    return templates


def plant(query: LabelledQuery, templates: AttackTemplates, *, tenant: str) -> tuple[Document, ...]:
    """The planted passages of one attacked question.

    Only a reader with the role ``attack-<question id>`` sees them, so that every
    attack stands alone against the clean corpus.

    Args:
        query: its meta holds ``attack`` (one of ``ATTACKS``), ``m`` (how many),
            ``subject`` and ``incorrect_answer``.
        templates: what the texts are made of.
        tenant: whose corpus it is.

    Raises:
        DataError: if the question's meta lacks one of them, or more different
            passages are asked for than the templates give.
    """
    attack, count = _of(query, "attack", str), _of(query, "m", int)
    if attack not in ATTACKS:
        raise DataError(f"question '{query.id}': no attack '{attack}'; {nearest(attack, ATTACKS)}")
    fields = {
        "question": query.text.strip(),
        "subject": _of(query, "subject", str),
        "wrong": _of(query, "incorrect_answer", str),
    }
    role = f"attack-{query.id}"
    return tuple(
        Document(
            id=f"planted-{query.id}-{number}",
            text=text,
            scope=Scope(tenant, (role,)),
            metadata={
                "source": "contribution",
                "poison": True,
                "attack": attack,
                "target_qid": query.id,
                "visible_to": role,
            },
            whole=True,
        )
        for number, text in enumerate(_texts(query.id, attack, count, fields, templates))
    )


def _texts(
    query_id: str, attack: str, count: int, fields: Mapping[str, str], templates: AttackTemplates
) -> list[str]:
    match attack:
        case "instruction":
            chosen = _choose(query_id, count, len(templates.instruction))
            return [_fill(templates.instruction[place], fields) for place in chosen]
        case "hidden":
            chosen = _choose(query_id, count, len(templates.hidden))
            return [_hide(templates.hidden[place], fields) for place in chosen]
        case _:
            chosen = _choose(query_id, count, len(templates.frames))
            bodies = [_fill(templates.frames[place], fields) for place in chosen]
            wrapper = templates.wrappers[attack]
            asked = fields["question"]
            texts = [_fill(wrapper, {**fields, "body": body}) for body in bodies]
            # The template ends the question with a stop; most questions have their own.
            ended = asked.endswith((".", "?", "!"))
            return [text.replace(f"{asked}.", asked, 1) if ended else text for text in texts]


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
