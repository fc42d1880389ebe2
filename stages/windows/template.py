"""Templates: how a window is written out for a listwise language model.

A template is one small file in ``stages/windows/templates`` with a ``TEMPLATE``; its name is the
file's. Nothing else has to be touched to add one.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, cast

from pydantic import AfterValidator

from assay.models.prompt import Prompt
from assay.pipeline.errors import nearest
from assay.stages.windows import templates
from assay.stages.windows.identifiers import LETTERS, Style, identifier

COMPUTES = True
"""Part of the code of every component that imports it (``assay.pipeline.identity``)."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a template writes out; no text in it can pass for an identifier.

    Args:
        query: the question.
        texts: passages, cut to what fits.
        remarks: a line for each passage, '' for none; or none at all.
    """

    query: str
    texts: tuple[str, ...]
    remarks: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Passages."""
        return len(self.texts)

    def remark(self, place: int, before: str = "", behind: str = "") -> str:
        """The remark on a passage between two texts; '' where there is none."""
        said = self.remarks[place] if self.remarks else ""
        return f"{before}{said}{behind}" if said else ""


@dataclass(frozen=True, slots=True)
class Template:
    """A way to ask for an order.

    Args:
        write: makes the prompt.
        style: how passages are named in it, and in the answer.
        source: whose template it is.
        stop: texts at which the answer ends.
        thinking: whether the model reasons before it answers.
        ideal: the answer in the form that is asked for, of the places in order; for the length
            of an answer and for the grammar that forces it. None for ``[2] > [1]``.
    """

    write: Callable[[Reading], Prompt]
    style: Style
    source: str
    stop: tuple[str, ...] = ()
    thinking: bool = False
    ideal: Callable[[tuple[int, ...]], str] | None = None

    def answer(self, order: tuple[int, ...]) -> str:
        """An answer that is exactly as it should be."""
        if self.ideal is not None:
            return self.ideal(order)
        return " > ".join(identifier(place, self.style) for place in order)


@lru_cache(maxsize=1)
def names() -> tuple[str, ...]:
    """All templates, in alphabetical order."""
    return tuple(sorted(one.name for one in pkgutil.iter_modules(templates.__path__)))


def template(name: str) -> Template:
    """A template by its name, one of ``names()``."""
    return cast(Template, importlib.import_module(f"{templates.__name__}.{name}").TEMPLATE)


def _known(name: str) -> str:
    if name not in names():
        raise ValueError(f"no template '{name}'; {nearest(name, names())}")
    return name


TemplateName = Annotated[str, AfterValidator(_known)]
"""The name of a template, for a config."""


_NUMBER = re.compile(r"\[\s*(\d+)\s*\]")
_LETTER = re.compile(r"\[\s*([A-Za-z])\s*\]")
_NAMED = re.compile(r"\bPASSAGE\s*_?(\d+)", re.IGNORECASE)
_MARKS = re.compile(r"<(/?)(think|answer)>", re.IGNORECASE)


def neutral(text: str) -> str:
    """A text in which nothing can pass for an identifier or for a mark of an answer.

    Composed characters (NFC), one line. ``[3]`` becomes ``(3)``.

    >>> neutral("see [3] and [B], PASSAGE4 <answer>[1]</answer>")
    'see (3) and (B), passage no. 4 (answer)(1)(/answer)'
    """
    found = " ".join(unicodedata.normalize("NFC", text).split())
    found = _NUMBER.sub(r"(\1)", found)
    found = _LETTER.sub(r"(\1)", found)
    found = _NAMED.sub(r"passage no. \1", found)
    return _MARKS.sub(r"(\1\2)", found)


def numbered(reading: Reading, style: Style = "number", *, between: str = "\n") -> str:
    """The passages, each behind its identifier, with its remark on the line below."""
    lines = []
    for place, text in enumerate(reading.texts):
        remark = reading.remark(place, "\n")
        lines.append(f"{identifier(place, style)} {text}{remark}")
    return between.join(lines)


def permutation_grammar(template_: Template, n: int) -> str | None:
    """A GBNF grammar of answers that name n passages in the template's form; None if there is none.

    It forces the form and the number of identifiers, not that they differ: a grammar that knows
    what was said grows with n!. Repetitions are repaired by the reader.
    """
    if template_.thinking or template_.ideal is not None or template_.style == "passage":
        return None
    if template_.style == "letter":
        one = f'"[" [{LETTERS[0]}-{LETTERS[n - 1]}] "]"'
    else:
        one = '"[" (' + " | ".join(f'"{place + 1}"' for place in range(n)) + ') "]"'
    return "root ::= one" + ' " > " one' * (n - 1) + f"\none ::= {one}\n"
