"""Reads the events of an HTML parser into pieces: words with kind, line and region.

Nothing is decided here but what a reader can see: hidden elements, scripts and comments never
get in. Whether a piece is boilerplate is decided in ``html`` when all pieces are known.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from assay.corpora.block import Kind
from assay.corpora.loaders.html_elements import HEADINGS, INLINE, Region, State, inside
from assay.corpora.loaders.html_tables import Cell, Row, is_data, readable, span
from assay.corpora.loaders.loaded import Source, Unreadable

_DEEPEST = 200_000
_MOST_PIECES = 1_000_000


@dataclass(frozen=True, slots=True)
class Piece:
    """Words that belong together.

    Args:
        text: the words, white space collapsed except in code.
        kind: what they are.
        line: where they begin in the file.
        level: of a heading.
        region: ``around`` in navigation, headers, footers, asides; ``form`` in forms; ``named``
            where a class or id says so; else ``body``.
        main: whether they stand in the main element.
        linked: how many of the characters are links.
        element: the id of the element, '' for none.
    """

    text: str
    kind: Kind
    line: int
    level: int = 0
    region: Region = "body"
    main: bool = False
    linked: int = 0
    element: str = ""


@dataclass(slots=True)
class _Table:
    pieces: list[Piece] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    head: bool = False
    layout: bool = False
    caption: bool = False


class Collector:
    """The target of a parser; ``line`` is set by the one who feeds it."""

    def __init__(self, source: Source) -> None:
        self.line = 1
        self.pieces: list[Piece] = []
        self.metas: list[Mapping[str, str]] = []
        self.title = ""
        self.language = ""
        self.ended = 0
        self._source = source
        self._stack = [State("")]
        self._tables: list[_Table] = []
        self._counters: list[int] = []
        self._words: list[str] = []
        self._linked = 0
        self._line = 0
        self._since = 1  # the line of the event before: words are handed over when they end
        self._element = ""
        self._characters = 0
        self._count = 0

    @property
    def depth(self) -> int:
        """How many elements are open."""
        return len(self._stack)

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        """An element begins."""
        self._since = self.line
        above = self._stack[-1]
        if len(self._stack) > _DEEPEST:
            raise Unreadable(
                f"{self._source.id}: line {self.line}: elements are nested more than {_DEEPEST} "
                "deep; a page has some dozens: check what wrote the file"
            )
        if tag in ("meta", "link", "time") and len(self.metas) < 1000:
            self.metas.append({"tag": tag, **attributes})
        if tag == "html":
            self.language = attributes.get("lang") or attributes.get("xml:lang") or ""
        if tag not in INLINE and tag != "br":
            self._flush()
        if tag == "br" and not above.hidden:
            self._words.append("\x1e" if not above.pre else "\n")
        state = inside(above, tag, attributes)
        if not state.hidden:
            self._structure(tag, attributes)
            if tag == "li":
                state = state._replace(mark=self._mark())
            if attributes.get("id") and not self._words:
                self._element = attributes["id"][:100]
        self._stack.append(state)

    def end(self, tag: str) -> None:
        """An element ends."""
        self.ended += 1
        if tag not in INLINE and tag != "br":
            self._flush()
        self._since = self.line
        state = self._stack.pop() if len(self._stack) > 1 else self._stack[0]
        if state.hidden:
            return
        if tag == "table" and self._tables:
            self._close_table()
        elif tag in ("ul", "ol") and self._counters:
            self._counters.pop()
        elif tag == "thead" and self._tables:
            self._tables[-1].head = False

    def data(self, text: str) -> None:
        """Words."""
        state, since = self._stack[-1], self._since
        self._since = self.line
        if state.tag == "title" and self._stack[-2].tag in ("head", "html", "body"):
            self.title = (self.title + text)[:1000]
        if state.hidden:
            return
        if not self._words or self._line == 0:
            if not text.strip() and not self._words:
                return
            blank = len(text) - len(text.lstrip())
            self._line = since + text.count("\n", 0, blank)
        self._words.append(text)
        if state.link:
            self._linked += len(text.strip())

    def close(self) -> Collector:
        """The file ends."""
        self._flush()
        while self._tables:
            self._close_table()
        return self

    def _structure(self, tag: str, attributes: Mapping[str, str]) -> None:
        """Lists and tables as they open."""
        if tag in ("ul", "ol"):
            first = attributes.get("start") or "1"
            number = int(first) if first.isdecimal() and len(first) < 9 else 1
            self._counters.append(number if tag == "ol" else -1)
        elif tag == "table":
            if self._tables:
                self._tables[-1].layout = True
            role = attributes.get("role") or ""
            self._tables.append(_Table(layout=role in ("presentation", "none")))
        elif self._tables:
            table = self._tables[-1]
            if tag == "thead":
                table.head = True
            elif tag == "tr":
                table.rows.append(Row(self.line, table.head))
            elif tag in ("td", "th"):
                if not table.rows:
                    table.rows.append(Row(self.line, table.head))
                columns, rows = attributes.get("colspan"), attributes.get("rowspan")
                cell = Cell(tag == "th", span(columns), span(rows, 65_534))
                table.rows[-1].cells.append(cell)
            elif tag in HEADINGS:
                table.layout = True

    def _mark(self) -> str:
        if not self._counters or self._counters[-1] < 0:
            return "- "
        self._counters[-1] += 1
        return f"{self._counters[-1] - 1}. "

    def _flush(self) -> None:
        """The words so far become a piece."""
        words = "".join(self._words)
        state, line, linked = self._stack[-1], self._line or self.line, self._linked
        element = self._element
        self._words, self._linked, self._line = [], 0, 0
        text = words.strip("\n").rstrip() if state.pre else _collapsed(words)
        if not text.strip():
            return
        self._element = ""
        kind = state.kind
        if kind == "list" and state.mark:
            text = state.mark + text
            self._stack[-1] = state._replace(mark="")
        region = "body" if state.region == "around" and state.level == 1 else state.region
        piece = Piece(text, kind, line, state.level, region, state.main, linked, element)
        if self._tables:
            table = self._tables[-1]
            table.pieces.append(piece)
            if kind == "caption":
                table.caption = True
            elif table.rows and table.rows[-1].cells:
                table.rows[-1].cells[-1].parts.append(text)
            else:
                table.layout = True  # words outside any cell: keep them where they are
            self._count_in(len(text))
        else:
            self.pieces.append(piece)
            self._count_in(len(text))

    def _close_table(self) -> None:
        """The innermost table becomes rows, or stays the paragraphs that it was."""
        table = self._tables.pop()
        out = self._tables[-1].pieces if self._tables else self.pieces
        if not table.pieces:
            return
        if table.layout or not is_data(table.rows):
            out += table.pieces
            return
        out += [piece for piece in table.pieces if piece.kind == "caption"]
        like = next((one for one in table.pieces if one.kind != "caption"), table.pieces[0])
        linked = sum(piece.linked for piece in table.pieces) // max(len(table.rows), 1)
        for text, line in readable(table.rows):
            self._count_in(len(text))
            out.append(
                replace(like, text=text, kind="table_row", line=line, level=0, linked=linked)
            )

    def _count_in(self, characters: int) -> None:
        self._count += 1
        self._characters += characters
        limit = 2 * self._source.limits.characters  # words of a table are counted twice
        if self._characters > limit or self._count > _MOST_PIECES:
            raise Unreadable(
                f"{self._source.id}: line {self.line}: {self._count} blocks and "
                f"{self._characters} characters so far, the limits are {_MOST_PIECES} and "
                f"{limit}; split the file or raise the limit 'characters'"
            )


def _collapsed(words: str) -> str:
    """White space as a browser shows it; line breaks asked for stay."""
    return "\n".join(filter(None, (" ".join(row.split()) for row in words.split("\x1e"))))
