"""HTML: ``.html``, ``.htm``, ``.xhtml``.

libxml2's parser (lxml) repairs the markup and hands over events, line by line; no tree is built, so
depth and size cost no recursion and little memory, and each block knows its line. What is hidden
never gets in. Of the rest navigation, page headers and footers, asides, forms and what a class
calls by such a name is left out, and outside the main element all is, but only where this leaves
most of the page: a page that is one table, one form or one line stays whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from html import escape
from typing import TYPE_CHECKING

from assay.corpora.loaders.decoding import declared_charset, decode
from assay.corpora.loaders.html_blocks import Collector, Piece
from assay.corpora.loaders.html_facts import facts_of, page_date, page_metadata, page_title
from assay.corpora.loaders.loaded import Loaded, Source, TextBuilder, Unreadable
from assay.corpora.loaders.reading import read, refuse_long
from assay.pipeline.errors import UsageError
from assay.pipeline.words import Scalar

if TYPE_CHECKING:
    from lxml.etree import HTMLParser

_VOID = "area|base|br|col|embed|hr|img|input|link|meta|param|source|track|wbr"
_EMPTY = re.compile(rf"<(?!(?:{_VOID})\b)([A-Za-z][\w:-]*)((?:\s[^<>]*)?)/>")
_SUBSET = re.compile(r"<!DOCTYPE[^\[<>]*\[", re.IGNORECASE)
_PIECE = 64 * 1024  # characters fed at once
# end tags times open elements: for a tag that closes nothing the parser looks through all of them
_MOST_WORK = 7_000_000_000
_MOST_VAIN_WORK = 1_500_000_000
_LINKED = 0.8
_SHORT = 80


def load(source: Source) -> Iterator[Loaded]:
    """The page as one document.

    Raises:
        Unreadable: if it is binary, too large, changes while it is read, or is built to keep a
            parser busy.
        OSError: if it cannot be opened.
        UsageError: if lxml is not installed.
    """
    raw = read(source)
    text, problems = decode(raw, source.id, declared=declared_charset(raw))
    del raw
    if source.path.suffix.lower() == ".xhtml" or text.lstrip()[:5] == "<?xml":
        text, more = _as_html(text, source)
        problems += more
    found = _parsed(text, source)
    made = TextBuilder()
    for piece in _chosen(found.pieces):
        place: dict[str, Scalar] = {"line": piece.line}
        if piece.element:
            place["element"] = piece.element
        words = _fenced(piece.text) if piece.kind == "code" else piece.text
        made.add(words, piece.kind, level=piece.level, place=place)
    if not made.blocks:
        problems.append(f"{source.id}: has no text that a reader sees")
    refuse_long(made.text, source)
    facts = facts_of(found.metas)
    heading = next((one.text for one in found.pieces if one.level == 1), "")
    yield Loaded(
        made.text,
        made.blocks,
        title=page_title(facts, found.title) or " ".join(heading.split()),
        date=page_date(facts),
        metadata=page_metadata(facts, found.language),
        problems=tuple(problems),
    )


def _parsed(text: str, source: Source) -> Collector:
    """What a reader sees, piece by piece."""
    target = Collector(source)
    parser = _parser(target)
    work, vain, started = 0, 0, False
    for line, piece in _fed(text):
        if not started and not piece.strip():
            continue
        started = True
        target.line = line
        data = piece.encode("utf-8", "replace")
        depth, ended = target.depth, target.ended
        parser.feed(data)
        depth = max(depth, target.depth)
        if depth > 1000:
            tags = data.count(b"</")
            work += tags * depth
            vain += max(0, tags - (target.ended - ended)) * depth
        if work > _MOST_WORK or vain > _MOST_VAIN_WORK:
            raise Unreadable(
                f"{source.id}: line {line}: {target.depth} elements are open and end tags go on; "
                "reading it would take minutes: check what wrote the file"
            )
    if started:
        parser.close()
    return target


def _parser(target: Collector) -> HTMLParser:
    try:
        from lxml.etree import HTMLParser
    except ImportError as error:
        raise UsageError("reading HTML needs lxml: pip install 'assay[documents]'") from error
    return HTMLParser(
        target=target,
        encoding="utf-8",
        huge_tree=True,  # no tree is built; without it a long text node is cut off
        no_network=True,
        remove_comments=True,
        remove_pis=True,
    )


def _fed(text: str) -> Iterator[tuple[int, str]]:
    """The text in lines, long ones in pieces, with the number of the line."""
    start, line = 0, 1
    while start < len(text):
        end = text.find("\n", start, start + _PIECE) + 1
        yield line, text[start : end or start + _PIECE]
        line += bool(end)
        start = end or start + _PIECE


def _as_html(text: str, source: Source) -> tuple[str, list[str]]:
    """XHTML as HTML: empty elements closed, CDATA as text, entities of its own never expanded."""
    problems = []
    subset = _SUBSET.search(text[:10_000])
    if subset:
        end = text.find("]", subset.end())
        close = text.find(">", end) + 1 if end >= 0 else 0
        if not close:
            raise Unreadable(f"{source.id}: the document type that begins it never ends")
        dropped = text[subset.start() : close]
        text = text[: subset.start()] + "\n" * dropped.count("\n") + text[close:]
        names = re.findall(r"<!ENTITY\s+(?:%\s*)?([\w.:-]{1,100})", dropped)
        if names:
            problems.append(
                f"{source.id}: declares {len(names)} entities of its own "
                f"({', '.join(names[:5])}); they are never expanded and stand as written"
            )
    parts, position = [], 0
    while (start := text.find("<![CDATA[", position)) >= 0:
        end = text.find("]]>", start)
        stop = end if end >= 0 else len(text)
        parts += [text[position:start], escape(text[start + 9 : stop], quote=False)]
        position = min(stop + 3, len(text))
    text = "".join([*parts, text[position:]])
    return _EMPTY.sub(r"<\1\2></\1>", text), problems


def _chosen(pieces: Sequence[Piece]) -> Sequence[Piece]:
    """The pieces that are the page's own; where a rule would leave little it does not apply."""
    kept = [one for one in pieces if one.region != "around"]
    if not kept:
        return pieces
    for region in ("form", "named"):
        rest = [one for one in kept if one.region != region]
        if _size(rest) * 2 >= _size(kept):
            kept = rest
    main = [one for one in kept if one.main]
    if _size(main) * 2 >= _size(kept):
        # the page's one great heading often stands in a header above the main element
        return [one for one in kept if one.main or one.level == 1]
    rest = _without_link_lists(kept)
    return rest if _size(rest) * 2 >= _size(kept) else kept


def _without_link_lists(pieces: Sequence[Piece]) -> list[Piece]:
    """Runs of three and more short list items that are all links are menus."""
    kept: list[Piece] = []
    run: list[Piece] = []
    for piece in [*pieces, None]:
        if piece is not None and piece.kind == "list" and len(piece.text) < _SHORT:
            linked = piece.linked >= _LINKED * len(piece.text.lstrip("- "))
            if linked and not piece.main:
                run.append(piece)
                continue
        kept += run if len(run) < 3 else []
        run = []
        if piece is not None:
            kept.append(piece)
    return kept


def _size(pieces: Sequence[Piece]) -> int:
    return sum(len(one.text) for one in pieces)


def _fenced(code: str) -> str:
    """Code between fences longer than any in it."""
    longest = max((len(run) for run in re.findall(r"`{3,}", code)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}\n{code}\n{fence}"
