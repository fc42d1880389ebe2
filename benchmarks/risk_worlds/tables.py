"""The tables of ``benchmarks/risk.py``, in Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]


def page(found: Mapping[str, Any]) -> str:
    """All tables, with what they were made from."""
    mapie = (
        f"MAPIE {found['mapie']}"
        if found["mapie"]
        else "MAPIE left out (not installed, or `--no-peers`)"
    )
    return "\n".join(
        [
            f"Seed {found['seed']}, {found['trials']} draws unless told, Python {found['python']},"
            f" numpy {found['numpy']}, {mapie}; {found['cpu_seconds']} s of processor time,"
            f" {found['seconds']} s in all.",
            "",
            "Share of draws with a violation, every setting at the boundary"
            " (`+`: more than the band; T: draws):",
            "",
            *boundary(found["boundary"]),
            "",
            "Share of draws with a violation in other worlds, delta .1:",
            "",
            *others(found["others"]),
            "",
            "Two gates, three risks, delta .1 (issued: share of draws with a certificate; of the"
            " oracle: true utility over the oracle's, no certificate counted as 0):",
            "",
            *power(found["power"]),
        ]
    )


def boundary(rows: Sequence[Row]) -> list[str]:
    """One line a procedure, one column a world and ``delta``."""
    columns = list(dict.fromkeys((row["world"], row["delta"]) for row in rows))
    names = list(dict.fromkeys(row["procedure"] for row in rows))
    by = {(row["procedure"], row["world"], row["delta"]): row for row in rows}
    usual = max(row["trials"] for row in rows)
    heads = [f"{world}, delta {delta:g}" for world, delta in columns]
    limits = [
        next(
            share(row["band"] / row["trials"])
            for row in rows
            if (row["world"], row["delta"]) == column and row["trials"] == usual
        )
        for column in columns
    ]
    lines = [_line("procedure", heads), _rule(len(heads)), _line(f"*band, T = {usual}*", limits)]
    for name in names:
        cells = []
        for column in columns:
            row = by.get((name, *column))
            if row is None:
                cells.append("cannot run")
                continue
            note = "" if row["trials"] == usual else f" (T {row['trials']})"
            cells.append(share(row["violations"] / row["trials"]) + _sign(row) + note)
        lines.append(_line(name, cells))
    return lines


def others(rows: Sequence[Row]) -> list[str]:
    """One line a test."""
    lines = [_line("world", ["test", "violations", "band", "issued"]), _rule(4)]
    for row in rows:
        cells = [
            row["procedure"],
            share(row["violations"] / row["trials"]) + _sign(row),
            share(row["band"] / row["trials"]),
            share(row["issued"] / row["trials"]),
        ]
        lines.append(_line(row["world"], cells))
    return lines


def power(rows: Sequence[Row]) -> list[str]:
    """One line a procedure and world."""
    heads = ["T", "violations", "issued", "of the oracle", "issued at 90 % of it or more"]
    lines = [_line("world, procedure", heads), _rule(len(heads))]
    for row in rows:
        cells = [
            str(row["trials"]),
            share(row["violations"] / row["trials"]) + _sign(row),
            share(row["issued"] / row["trials"]),
            share(row["worth_over_best"]),
            share(row["issues_90_of_best"]),
        ]
        lines.append(_line(f"{row['world']}: {row['procedure']}", cells))
    return lines


def share(value: float) -> str:
    """Three decimals, without the zero before the point."""
    text = f"{value:.3f}"
    return text[1:] if text.startswith("0.") else text


def _sign(row: Row) -> str:
    return "" if row["keeps"] else "+"


def _line(first: str, cells: Sequence[str]) -> str:
    return f"| {first} | " + " | ".join(cells) + " |"


def _rule(columns: int) -> str:
    return "|---|" + "---:|" * columns
