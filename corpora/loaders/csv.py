"""CSV and TSV: each row a line that can be read alone, its column names repeated.

Options: ``delimiter`` and ``quote`` (one character each; else sniffed, see ``csv_dialect``),
``header`` (true or false; else decided by ``tables.looks_like_header``) and ``rows``:

- ``file``, the default: the file is one document with its name as heading. A file of more than
  ``PART_ROWS`` rows, or of more characters than the limit, becomes several with the ids
  ``rows-1-100000`` and so on: nothing is left out, and never more than one part is in memory
  beside the file's own text.
- ``documents``: each row is a document, by a field map over column names (see ``field_map``), or
  without one the row as a line.

Rows at the top with one cell, above a table of several columns, are captions: text of the
document, and the label ``caption``. What was taken is in the labels ``delimiter``, ``quote``,
``header`` (how many rows) and ``columns``. Numbers and units stay as written; row 1 is the file's
first, as a spreadsheet counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice

from assay.corpora.block import Block
from assay.corpora.loaders.csv_dialect import Dialect, Row, rows, sniff
from assay.corpora.loaders.decoding import decode
from assay.corpora.loaders.field_map import (
    FieldMap,
    Names,
    Problems,
    field_map,
    held_back,
    to_loaded,
)
from assay.corpora.loaders.loaded import Loaded, Source, TextBuilder, Unreadable
from assay.corpora.loaders.reading import read
from assay.corpora.loaders.tables import (
    SAMPLE_ROWS,
    caption_rows,
    column_names,
    header_text,
    join_header,
    looks_like_header,
    row_text,
)
from assay.pipeline.errors import UsageError, nearest
from assay.pipeline.words import Scalar

PART_ROWS = 100_000
"""Most rows of one document."""

NAME_CHARACTERS = 200
"""Longest name of a column: it is repeated in each row."""

CELL_CHARACTERS = 1_000_000
"""Longest cell; what is longer is cut, and said."""


@dataclass(frozen=True, slots=True)
class _Table:
    """What is known of a file before its rows are read."""

    source: Source
    title: str
    header: tuple[str, ...]
    header_rows: int
    labels: dict[str, Scalar]
    captions: tuple[tuple[int, str], ...]


def load(source: Source) -> Iterator[Loaded]:
    """The rows of a CSV or TSV file, as one document or one each.

    Raises:
        Unreadable: if it has no row.
        UsageError: if an option cannot be understood.
        OSError: if the file cannot be opened.
    """
    mode = source.options.get("rows", "file")
    if mode not in ("file", "documents"):
        raise UsageError(f"option 'rows': expected 'file' or 'documents', found {mode!r:.60}")
    fields = field_map(source.options)
    problems = Problems()
    text, said = decode(read(source), source.id)
    for sentence in said:
        problems.add(sentence)
    dialect = _dialect(source, text)
    given = (row for row in rows(text, dialect))
    sample = list(islice(given, SAMPLE_ROWS))
    if not text.strip(" \t\r\n;,|\"'"):
        raise Unreadable(f"{source.id}: expected rows, found none")
    table = _table(source, dialect, sample, problems)
    every = chain(sample, given)
    found = (
        _documents(table, every, fields, problems)
        if mode == "documents"
        else _parts(table, every, problems)
    )
    count = 0
    for one in held_back(found, problems):
        count += 1
        yield one
    if not count:
        why = "; ".join(problems.take()[:3]) or "none below the header"
        raise Unreadable(f"{source.id}: expected rows, found none that can be read: {why}")


def _dialect(source: Source, text: str) -> Dialect:
    taken = sniff(text, tabs=source.path.suffix.lower() in (".tsv", ".tab"))
    for key in ("delimiter", "quote"):
        if key in source.options:
            sign = source.options[key]
            sign = "\t" if sign == "tab" else sign
            if not isinstance(sign, str) or len(sign) != 1 or sign in "\r\n":
                raise UsageError(f"option '{key}': expected one character, found {sign!r:.60}")
            taken = (
                replace(taken, delimiter=sign) if key == "delimiter" else replace(taken, quote=sign)
            )
    if taken.delimiter == taken.quote:
        raise UsageError(f"options: delimiter and quote are both {taken.quote!r}; change one")
    return taken


def _table(source: Source, dialect: Dialect, sample: Sequence[Row], problems: Problems) -> _Table:
    filled = [row for row in sample if any(cell.strip() for cell in row.cells)]
    wanted = source.options.get("header")
    above = 0
    if wanted is None:
        above = caption_rows([row.cells for row in filled])
        count = looks_like_header([row.cells for row in filled[above:]])
    elif isinstance(wanted, bool):
        count = min(int(wanted), len(filled))
    else:
        raise UsageError(f"option 'header': expected true or false, found {wanted!r:.60}")
    names = join_header([row.cells for row in filled[above : above + count]])
    header = tuple(name[:NAME_CHARACTERS] for name in names)
    if header != names:
        problems.add(f"the header has names of more than {NAME_CHARACTERS} characters; cut there")
    captions = tuple((row.number, " ".join(" ".join(row.cells).split())) for row in filled[:above])
    labels: dict[str, Scalar] = {
        "delimiter": {"\t": "tab", "": "none"}.get(dialect.delimiter, dialect.delimiter),
        "quote": dialect.quote,
        "header": count,
        "columns": max((len(row.cells) for row in filled), default=0),
    }
    if captions:
        labels["caption"] = " / ".join(said for _, said in captions)[:NAME_CHARACTERS]
    last = filled[above + count - 1].number if above + count else 0
    return _Table(source, source.id.rsplit("/", 1)[-1], header, last, labels, captions)


def _sound(table: _Table, given: Iterator[Row], problems: Problems) -> Iterator[Row]:
    """The rows below the header that say something; what is wrong with them is said."""
    width = len(table.header) or int(table.labels["columns"])
    most = min(CELL_CHARACTERS, table.source.limits.characters // 4)
    for row in given:
        if row.problem:
            problems.add(row.problem)
        cells = row.cells
        if row.number <= table.header_rows or not any(cell.strip() for cell in cells):
            continue
        if len(cells) != width:
            problems.add(
                f"row {row.number} (line {row.line}): expected {width} cells, found {len(cells)};"
                " read as they stand"
            )
        if sum(map(len, cells)) > most:
            # many cells can be as long as one: the row as a whole is what is bounded
            cells = _shortened(row, most, problems)
        yield replace(row, cells=cells)


def _shortened(row: Row, most: int, problems: Problems) -> list[str]:
    kept: list[str] = []
    room = most
    for cell in row.cells:
        kept.append(cell[:room])
        room -= len(kept[-1])
    problems.add(
        f"row {row.number} (line {row.line}): its cells have {sum(map(len, row.cells))}"
        f" characters; the first {most} are read"
    )
    return kept


def _parts(table: _Table, given: Iterator[Row], problems: Problems) -> Iterator[Loaded]:
    """The file as one document, or as several where it is long."""
    part = _Part(table)
    whole = True
    for row in _sound(table, given, problems):
        line = row_text(table.header, row.cells)
        if part.count and (
            part.count >= PART_ROWS or part.length + len(line) > table.source.limits.characters
        ):
            whole = False
            yield part.loaded(problems, named=True)
            part = _Part(table)
        part.add(row.number, line)
    if part.count or (whole and any(table.header)):
        yield part.loaded(problems, named=not whole)


class _Part:
    """Rows on their way into one document, the file's name and the column names on top."""

    def __init__(self, table: _Table) -> None:
        self.table = table
        self.built = TextBuilder()
        self.built.add(table.title, "heading", level=1)
        for number, caption in table.captions:
            self.built.add(caption, "paragraph", place={"row": number})
        said = header_text(table.header)
        if said:
            self.built.add(said, "caption", place={"row": table.header_rows})
        self.length = len(self.built.text) + 2
        self.count = self.first = self.last = 0

    def add(self, number: int, line: str) -> None:
        self.built.add(line, "table_row", place={"row": number})
        self.length += len(line) + 1
        self.count += 1
        self.first = self.first or number
        self.last = number

    def loaded(self, problems: Problems, *, named: bool) -> Loaded:
        return Loaded(
            text=self.built.text,
            blocks=self.built.blocks,
            title=self.table.title,
            id=f"rows-{self.first}-{self.last}" if named else "",
            metadata={**self.table.labels, "rows": self.count},
            problems=problems.take(),
        )


def _documents(
    table: _Table, given: Iterator[Row], fields: FieldMap | None, problems: Problems
) -> Iterator[Loaded]:
    """Each row as a document."""
    names = Names()
    if fields:
        known = column_names(table.header, int(table.labels["columns"]))
        for path in (*fields.text, fields.title, fields.id, fields.date, *fields.metadata):
            if path and path not in known:
                raise UsageError(
                    f"{table.source.id}: no column '{path:.60}'; {nearest(path, known[:50])}"
                )
    for row in _sound(table, given, problems):
        place: dict[str, Scalar] = {"row": row.number}
        if fields is None:
            line = row_text(table.header, row.cells)
            yield Loaded(
                text=line,
                blocks=(Block(0, len(line), "table_row", place=place),),
                title=table.title,
                id=f"row-{row.number}",
                metadata=table.labels,
                problems=problems.take(),
            )
            continue
        columns = column_names(table.header, len(row.cells))
        record = {
            name: cell for name, cell in zip(columns, row.cells, strict=False) if cell.strip()
        }
        one = to_loaded(
            record,
            fields,
            place=place,
            limits=table.source.limits,
            names=names,
            problems=problems,
        )
        if one is not None:
            yield replace(one, metadata={**table.labels, **one.metadata})
