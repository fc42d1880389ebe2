"""Texts over a model's length, cut into windows that fit, by the model's own tokens.

A long text is read in blocks, so that time and memory grow with its length alone and a
request that is over stops in its middle.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from assay.pipeline.context import RunContext
from assay.pipeline.errors import UsageError

BLOCK = 1 << 16
"""Most characters that a tokenizer gets at once."""


@dataclass(frozen=True, slots=True)
class Window:
    """A piece of input with its special tokens, ready for the model.

    Args:
        ids: token ids.
        types: segment of each token, 0 or 1.
        own: tokens of the text itself.
    """

    ids: Sequence[int]
    types: Sequence[int]
    own: int


@dataclass(frozen=True, slots=True)
class TextWindow:
    """A part of a text.

    Args:
        text: as it was written.
        tokens: how many, special ones not counted.
    """

    text: str
    tokens: int


def readable(text: str) -> str:
    """The text as UTF-8 can hold it: half a surrogate pair becomes a question mark.

    >>> readable("a\\ud800b")
    'a?b'
    """
    return text.encode("utf-8", errors="replace").decode("utf-8")


def blocks(text: str, context: RunContext | None = None) -> Iterator[str]:
    """The text in pieces of at most ``BLOCK`` characters that end before white space.

    Where there is none, a piece ends in a word. Joined they are the text.

    Args:
        text: any text; an empty one is one empty piece.
        context: looked at between pieces.

    Raises:
        DeadlineExceeded: if the request is over.
    """
    start = 0
    while len(text) - start > BLOCK:
        if context is not None:
            context.check()
        end = max(text.rfind(space, start + 1, start + BLOCK) for space in " \n\t")
        end = end if end > start else start + BLOCK
        yield text[start:end]
        start = end
    yield text[start:]


def room_beside(taken: int, max_tokens: int) -> int:
    """Tokens that a window has for the text.

    Args:
        taken: tokens of prefix, query and special ones.
        max_tokens: tokens of the whole window.

    Raises:
        UsageError: if there is none.
    """
    if taken >= max_tokens:
        raise UsageError(
            f"a query or prefix of {taken} tokens, special ones included, leaves no room for a"
            f" passage in a window of {max_tokens} tokens: shorten it"
        )
    return max_tokens - taken


def spaced(prefix: str, text: str) -> tuple[str, str]:
    """A prefix and a text with the space between them moved to the text's side.

    Most tokenizers put a word's space into its first token, so this is how both are read when
    they stand in one string.

    >>> spaced("query: ", "why")
    ('query:', ' why')
    """
    bare = prefix.rstrip(" ")
    return bare, prefix[len(bare) :] + text


def token_offsets(tokenizer: Any, text: str) -> list[tuple[int, int]]:
    """Where a text's tokens stand in it, special ones left out.

    A token that stands for no character of its own counts with the one before or after it.

    Args:
        tokenizer: of the library tokenizers, without padding and truncation.
        text: any text.
    """
    found: list[tuple[int, int]] = []
    before = 0
    for block in blocks(readable(text)):
        for first, last in tokenizer.encode(block, add_special_tokens=False).offsets:
            start = first if first < last else max(0, min(first, len(block) - 1))
            found.append((before + start, before + max(last, start + bool(block))))
        before += len(block)
    return found


def token_windows(
    tokenizer: Any,
    text: str,
    max_tokens: int,
    *,
    before: Any = None,
    pair: bool = False,
    context: RunContext | None = None,
) -> list[Window]:
    """A text in few windows, of about equal length within each block, in order.

    Args:
        tokenizer: of the library tokenizers, without padding and truncation.
        text: any text.
        max_tokens: most tokens of a window, special ones included.
        before: encoding that each window starts with (a prefix or a query).
        pair: whether ``before`` is a segment of its own.
        context: looked at between blocks.

    Raises:
        UsageError: if ``before`` leaves no room for the text.
        DeadlineExceeded: if the request is over.
    """
    lead = len(before.ids) if before is not None else 0
    room = room_beside(lead + tokenizer.num_special_tokens_to_add(pair), max_tokens)
    found: list[Window] = []
    for block in blocks(readable(text), context):
        whole = tokenizer.encode(block, add_special_tokens=False)
        count = max(1, -(-len(whole.ids) // room))
        pieces = [whole]
        if count > 1:
            whole.truncate(-(-len(whole.ids) // count))
            pieces = [whole, *whole.overflowing]
        found += [_window(tokenizer, piece, before, pair) for piece in pieces]
    return [one for one in found if one.own] or found[:1]


def _window(tokenizer: Any, piece: Any, before: Any, pair: bool) -> Window:
    own = len(piece.ids)
    if before is None:
        joined = tokenizer.post_process(piece)
    elif pair:
        joined = tokenizer.post_process(before, piece)
    else:
        joined = tokenizer.post_process(type(piece).merge([before, piece]))
    return Window(joined.ids, joined.type_ids, own)
