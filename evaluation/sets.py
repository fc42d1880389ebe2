"""Several labelled sets at once: which folders are sets, and one table over their figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

NEEDED = ("corpus.jsonl", "queries.jsonl", "qrels.tsv")
QUESTION_FILES = (".csv", ".xlsx", ".jsonl")

COLUMNS: tuple[tuple[str, str], ...] = (
    ("n.queries", "questions"),
    ("n.answerable", "answerable"),
    ("n.answered", "answered"),
    ("retrieval.ndcg@10", "nDCG@10"),
    ("retrieval.recall@10", "recall@10"),
    ("selection.f1", "selection F1"),
    ("qa.correct", "right"),
    ("qa.f1", "answer F1"),
    ("abstention.coverage", "coverage"),
    ("abstention.risk", "risk"),
    ("abstention.auroc", "AUROC"),
    ("poison.asr", "attacks that succeed"),
    ("cost.seconds.p50", "median s"),
)
"""Metric key and its head in the table over sets."""

MARK = "†"
"""Stands at every figure over questions that were used to choose."""


@dataclass(frozen=True, slots=True)
class FoundSet:
    """A folder that may be a set.

    Args:
        name: of the set in the table; unique among those found.
        folder: where it lies.
        reason: why it cannot be run, '' if it can.
    """

    name: str
    folder: Path
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """What came of one set.

    Args:
        name: of the set.
        metrics: content of its ``metrics.json``; None where it was not scored.
        reason: why it was not scored.
        failed: whether it should have been scored.
    """

    name: str
    metrics: Mapping[str, Any] | None = None
    reason: str = ""
    failed: bool = False


def holds_sets(folder: Path) -> bool:
    """Whether a folder is no set itself and holds at least one."""
    return (
        folder.is_dir()
        and not any((folder / name).exists() for name in NEEDED)
        and any(not why_not(one) for one in folder.iterdir() if one.is_dir())
    )


def why_not(folder: Path) -> str:
    """Why a folder is no labelled set, '' if it is one."""
    if not folder.exists():
        return "there is no such folder"
    if not folder.is_dir():
        return "it is no folder; give a table of questions alone"
    missing = [name for name in NEEDED if not (folder / name).is_file()]
    if not missing:
        return ""
    held = sorted(one.name for one in folder.iterdir() if one.suffix in (".jsonl", ".tsv"))
    return f"it has no {' and no '.join(missing)}; it holds {', '.join(held) or 'no data'}"


def find_sets(places: Sequence[Path]) -> list[FoundSet]:
    """Every folder that may be a set, in order; a folder of sets stands for what it holds.

    Two sets of one name get numbers. Files in a folder of sets are no sets and are left out.
    """
    folders: list[Path] = []
    for place in places:
        if holds_sets(place):
            folders += sorted(one for one in place.iterdir() if one.is_dir())
        else:
            folders.append(place)
    found: dict[str, FoundSet] = {}
    for folder in folders:
        first = folder.resolve().name or "set"
        name, number = first, 1
        while name in found:
            number += 1
            name = f"{first}-{number}"
        found[name] = FoundSet(name, folder, why_not(folder))
    return list(found.values())


def columns_of(rows: Sequence[Row]) -> list[tuple[str, str]]:
    """The columns in which at least one set has a figure."""
    return [
        (key, head)
        for key, head in COLUMNS
        if any(row.metrics is not None and row.metrics.get(key) is not None for row in rows)
    ]


def cell(row: Row, key: str, *, interval: bool) -> str:
    """One figure as it stands in the table.

    >>> cell(Row("a", {"qa.correct": 0.5, "qa.correct.ci95": [0.25, 0.75]}), "qa.correct",
    ...      interval=True)
    '0.500 [0.250, 0.750]'
    """
    if row.metrics is None:
        return ""
    value, ends = row.metrics.get(key), row.metrics.get(f"{key}.ci95")
    if value is None:
        return "–"
    mark = MARK if row.metrics.get("run", {}).get("chosen_on") else ""
    if isinstance(value, int):
        return f"{value}{mark}"
    digits = 2 if key.startswith("cost") else 3
    shown = f"{value:.{digits}f}{mark}"
    if ends is None or not interval:
        return shown
    return f"{shown} [{ends[0]:.{digits}f}, {ends[1]:.{digits}f}]"


def markdown(rows: Sequence[Row], *, columns: Sequence[tuple[str, str]] | None = None) -> str:
    """One row a set, the 95 % interval in brackets; below, what was left out and what a mark means.

    Args:
        rows: what came of the sets.
        columns: metric keys and heads; those that have a figure if None.
    """
    shown = columns_of(rows) if columns is None else list(columns)
    lines = [
        "| set | " + " | ".join(head for _, head in shown) + " |",
        "|---|" + "---:|" * len(shown),
    ]
    for row in rows:
        if row.metrics is not None:
            cells = [cell(row, key, interval=True) for key, _ in shown]
            lines.append(f"| {row.name} | " + " | ".join(cells) + " |")
    remarks = remarks_of(rows)
    return "\n".join(lines) + "\n" + ("\n" + "\n".join(remarks) + "\n" if remarks else "")


def text_table(rows: Sequence[Row]) -> list[str]:
    """The table as lines of text, without intervals; no figure is cut, however narrow the screen.

    >>> text_table([Row("nq", {"n.queries": 7, "qa.correct": 0.5})])
    ['set  questions  right', 'nq           7  0.500']
    """
    shown = columns_of(rows)
    cells = [["set", *(head for _, head in shown)]]
    for row in rows:
        if row.metrics is not None:
            cells.append([row.name, *(cell(row, key, interval=False) for key, _ in shown)])
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        "  ".join(
            text.ljust(width) if place == 0 else text.rjust(width)
            for place, (text, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in cells
    ]


def remarks_of(rows: Sequence[Row]) -> list[str]:
    """What a reader of the table must know, a line each."""
    lines = []
    for row in rows:
        if row.metrics is None:
            lines.append(f"- {row.name} {'FAILED' if row.failed else 'is left out'}: {row.reason}.")
            continue
        for sentence in row.metrics.get("run", {}).get("chosen_on", ()):
            lines.append(f"- {MARK} {row.name}: {sentence}.")
        failed = row.metrics.get("n.failed")
        if failed:
            lines.append(f"- {row.name}: {failed} questions failed; they count as not right.")
    return lines


def plain(row: Row) -> dict[str, Any]:
    """A row's entry in ``sets.json``."""
    if row.metrics is not None:
        return dict(row.metrics)
    return {"failed" if row.failed else "left_out": row.reason}
