"""Ruled tables of a PDF page: the rules make a grid, the words fall into its cells."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from assay.corpora.loaders.pdf_words import Rule, Word

_NEAR = 3.0  # points between two rules that count as one, and between rules that touch
_MOST_RULES = 400  # after merging; more is a drawing


@dataclass(frozen=True, slots=True)
class Table:
    """A ruled table.

    Args:
        left: left edge, in points; likewise the other three edges.
        rows: of each row the cells, and of each cell the words in reading order.
    """

    left: float
    top: float
    right: float
    bottom: float
    rows: tuple[tuple[tuple[Word, ...], ...], ...]


def split_tables(
    words: Sequence[Word], rules: Sequence[Rule]
) -> tuple[tuple[Table, ...], list[Word]]:
    """The tables of a page, and the words that stand in none.

    Args:
        words: upright words of the page.
        rules: lines drawn on the page.

    Returns:
        Tables with at least two columns and two rows, from top to bottom; and the other words.
    """
    level = _merged((rule.top, rule.left, rule.right) for rule in rules if _is_level(rule))
    upright = _merged((rule.left, rule.top, rule.bottom) for rule in rules if not _is_level(rule))
    if not level or not upright or len(level) + len(upright) > _MOST_RULES:
        return (), list(words)
    rest = list(words)
    tables = []
    for levels, uprights in _grids(level, upright):
        ys, xs = _steps(line[0] for line in levels), _steps(line[0] for line in uprights)
        if len(xs) < 3 or len(ys) < 3:
            continue
        inside = [
            word
            for word in rest
            if xs[0] <= (word.left + word.right) / 2 <= xs[-1] and ys[0] <= word.base <= ys[-1] + 1
        ]
        if inside:
            taken = {id(word) for word in inside}
            rest = [word for word in rest if id(word) not in taken]
            rows = _rows(inside, xs, ys, uprights)
            tables.append(Table(xs[0], ys[0], xs[-1], ys[-1], rows))
    return tuple(sorted(tables, key=lambda table: (table.top, table.left))), rest


Line = tuple[float, float, float]  # where it lies, from, to


def _is_level(rule: Rule) -> bool:
    return rule.right - rule.left >= rule.bottom - rule.top


def _merged(lines: Iterable[Line]) -> list[Line]:
    """Pieces of one line put together; both sides of a thin bar count as one line."""
    merged: list[Line] = []
    tracks: dict[int, list[int]] = defaultdict(list)
    for at, start, end in sorted(lines, key=lambda line: (line[1], line[0])):
        track = round(at / _NEAR)
        for near in (track - 1, track, track + 1):
            found = next(
                (
                    index
                    for index in reversed(tracks[near][-3:])
                    if abs(merged[index][0] - at) < _NEAR and start <= merged[index][2] + _NEAR
                ),
                None,
            )
            if found is not None:
                known = merged[found]
                merged[found] = (known[0], known[1], max(known[2], end))
                break
        else:
            tracks[track].append(len(merged))
            merged.append((at, start, end))
    return merged


def _grids(level: list[Line], upright: list[Line]) -> list[tuple[list[Line], list[Line]]]:
    """Rules that touch each other, together."""
    parent = list(range(len(level) + len(upright)))

    def root(node: int) -> int:
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    for row, (y, left, right) in enumerate(level):
        for column, (x, top, bottom) in enumerate(upright):
            if left - _NEAR <= x <= right + _NEAR and top - _NEAR <= y <= bottom + _NEAR:
                parent[root(row)] = root(len(level) + column)
    groups: dict[int, tuple[list[Line], list[Line]]] = defaultdict(lambda: ([], []))
    for row, line in enumerate(level):
        groups[root(row)][0].append(line)
    for column, line in enumerate(upright):
        groups[root(len(level) + column)][1].append(line)
    return list(groups.values())


def _steps(values: Iterable[float]) -> list[float]:
    steps: list[float] = []
    for value in sorted(values):
        if not steps or value - steps[-1] > _NEAR:
            steps.append(value)
    return steps


def _rows(
    words: list[Word], xs: list[float], ys: list[float], uprights: list[Line]
) -> tuple[tuple[tuple[Word, ...], ...], ...]:
    rows = []
    for top, bottom in itertools.pairwise(ys):
        middle = (top + bottom) / 2
        # a line between two columns that is missing in this row means a cell across both
        borders = [
            x
            for x in xs[1:-1]
            if any(abs(at - x) <= _NEAR and start <= middle <= end for at, start, end in uprights)
        ]
        cells: list[list[Word]] = [[] for _ in range(len(borders) + 1)]
        for word in words:
            # the middle of the letters lies about a third of their size above the baseline
            if (
                top <= word.base - word.size / 3 < bottom
                or (bottom == ys[-1] and word.base - word.size / 3 >= bottom)
                or (top == ys[0] and word.base - word.size / 3 < top)
            ):
                centre = (word.left + word.right) / 2
                cells[sum(centre > border for border in borders)].append(word)
        if any(cells):
            rows.append(tuple(tuple(cell) for cell in cells))
    return tuple(rows)
