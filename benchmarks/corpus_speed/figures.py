"""Numbers as tables: medians with quartiles, percentiles with intervals, and what ran where."""

from __future__ import annotations

import datetime
import json
import os
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from assay.evaluation.statistics.resampling import Resampler, Values, Weights, mean, quantile

MEGABYTE = 1e6
LIBRARIES = ("tantivy", "bm25s", "numba", "rank-bm25", "faiss-cpu", "numpy", "onnxruntime")


def head(**facts: object) -> str:
    """A line above a table: when, on what, with which versions, and what else counts."""
    versions = ", ".join(f"{name} {_version(name)}" for name in LIBRARIES)
    machine = f"{os.cpu_count()} cores ({platform.machine()}, {platform.system()})"
    told = "".join(f" {name}: {said}." for name, said in facts.items())
    return (
        f"Date: {datetime.date.today()}. {machine}, load {os.getloadavg()[0]:.1f}; Python"
        f" {platform.python_version()}, SQLite {_sqlite()}, {versions}.{told}"
    )


def table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table; the first column to the left, the others to the right."""
    lines = [
        "| " + " | ".join(columns) + " |",
        "|---|" + "---:|" * (len(columns) - 1),
        *("| " + " | ".join(str(cell) for cell in row) + " |" for row in rows),
    ]
    return "\n".join(lines)


def told(value: float) -> str:
    """A number with three digits that count.

    >>> told(1234.5), told(12.345), told(0.012345), told(0)
    ('1,234', '12.3', '0.0123', '0')
    """
    if not value:
        return "0"
    digits = max(0, 2 - int(np.floor(np.log10(abs(value)))))
    return f"{value:,.{digits}f}"


def median(values: Sequence[float]) -> str:
    """The median with the first and third quartile; of fewer than three, what there is.

    >>> median([1.0, 2.0, 3.0, 4.0, 5.0]), median([0.5])
    ('3.00 [2.00, 4.00]', '0.500')
    """
    if len(values) < 3:
        return ", ".join(told(one) for one in values)
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
    return f"{told(middle)} [{told(low)}, {told(high)}]"


class Percentiles:
    """Percentiles over questions, with 95 % intervals by bootstrap over questions (seed 0).

    Args:
        questions: how many; all figures are drawn alike, so that their differences are paired.
    """

    def __init__(self, questions: int) -> None:
        self._resampler = Resampler([str(number) for number in range(questions)])

    def of(self, values: Sequence[float], share: float, *, scale: float = 1.0) -> str:
        """A percentile with its interval."""
        found = self._resampler.estimate(quantile([scale * one for one in values], share))
        return _with_interval(found.value, found.interval)

    def mean(self, values: Sequence[float]) -> str:
        """The mean with its interval."""
        found = self._resampler.estimate(mean(list(values)))
        return _with_interval(found.value, found.interval)

    def ratio(self, over: Sequence[float], under: Sequence[float], share: float) -> str:
        """A percentile of one over that of another, with its interval."""
        above, below = quantile(list(over), share), quantile(list(under), share)

        def statistic(weights: Weights) -> Values:
            return above(weights) / below(weights)

        found = self._resampler.estimate(statistic)
        return _with_interval(found.value, found.interval)


def keep(folder: Path, name: str, shown: str, figures: Mapping[str, Any]) -> None:
    """Print a table and write it with its figures: ``<name>.md`` and ``<name>.json``."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.md").write_text(shown + "\n", encoding="utf-8")
    (folder / f"{name}.json").write_text(json.dumps(figures, indent=1), encoding="utf-8")
    print(shown + "\n", flush=True)


def folder_bytes(folder: Path) -> int:
    """Bytes on the disk of all files below a folder; one that is linked twice counts once."""
    seen: dict[tuple[int, int], int] = {}
    for item in folder.rglob("*"):
        if item.is_file():
            found = item.stat()
            seen[found.st_dev, found.st_ino] = found.st_blocks * 512
    return sum(seen.values())


def resident() -> dict[str, float]:
    """Megabytes of this process: all, its own (``anonymous``) and of mapped files."""
    found: dict[str, float] = {}
    names = {"VmRSS": "all", "RssAnon": "anonymous", "RssFile": "files", "VmHWM": "highest"}
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        key, _, rest = line.partition(":")
        if key in names:
            found[names[key]] = int(rest.split()[0]) * 1024 / MEGABYTE
    return found


def _with_interval(value: float | None, interval: tuple[float, float] | None) -> str:
    if value is None or interval is None:
        return "–"
    return f"{told(value)} [{told(interval[0])}, {told(interval[1])}]"


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _sqlite() -> str:
    import sqlite3

    return sqlite3.sqlite_version
