"""Made-up documents for the chunkers' tests."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import get_args

from hypothesis import strategies as st

from assay.corpora.block import Block, Kind
from assay.corpora.chunkers.chunker import Chunk
from assay.corpora.document import Document
from assay.corpora.loaders.loaded import TextBuilder
from assay.pipeline.words import Scope

WORDS = re.compile(r"\S+")
TENANT = Scope("local")


def word_offsets(text: str) -> list[tuple[int, int]]:
    return [match.span() for match in WORDS.finditer(text)]


def document(text: str, *blocks: Block, **more: object) -> Document:
    """A document with these blocks; without any its markup counts."""
    return Document("d", text, TENANT, blocks=blocks, **more)  # type: ignore[arg-type]


def made(*blocks: tuple[Kind, str], whole: bool = False) -> Document:
    """A document of blocks; a heading's level is its number of '#'."""
    builder = TextBuilder()
    for kind, text in blocks:
        level = len(text) - len(text.lstrip("#")) if kind == "heading" else 0
        builder.add(text.lstrip("#").strip(), kind, level=level or 1)
    return document(builder.text, *builder.blocks, whole=whole)


def texts(made: Document, chunks: Iterable[Chunk]) -> list[str]:
    return [made.text[one.start : one.end] for one in chunks]


SENTENCES = st.sampled_from(
    [
        "One two three.",
        "He saw Dr. Roe at 3.50, e.g. then:",
        "word " * 9,
        "word " * 50,
        "x" * 700,
        "東京都は大きい。京都も。",
        "a\n b\n\tc",
        ". . . !!! ???",
        "「行く。」と言った。",
        "é\u0301" * 30,
        "1. Item",
        "Name: Ada; Born: 1815",
    ]
)
KINDS: st.SearchStrategy[Kind] = st.sampled_from(get_args(Kind))


@st.composite
def documents(draw: st.DrawFn) -> Document:
    """Blocks with white space of every kind between, and at times text in no block."""
    text = draw(st.sampled_from(["", "\n \n", "\ufeff", "stray text\n"]))
    blocks: list[Block] = []
    for number in range(draw(st.integers(0, 9))):
        body = " ".join(draw(st.lists(SENTENCES, min_size=1, max_size=4))).strip()
        kind = draw(KINDS)
        text += draw(st.sampled_from(["", "  ", "    "]))
        start = len(text)
        text += body
        level = draw(st.integers(1, 9)) if kind == "heading" else 0
        blocks.append(Block(start, len(text), kind, level, {"page": number // 2 + 1}))
        text += draw(st.sampled_from(["\n\n", "\n", " ", "\r\n\u2003\n", "\n\nlost words\n\n"]))
    return document(text, *blocks)


def repeated(kind: Kind, text: str, times: int) -> Document:
    """The same block many times."""
    return made(*[(kind, text) for _ in range(times)])
