"""How much repair the recorded answers of listwise rerankers need: run the one parser over them.

    python benchmarks/identifier_parser.py --data ANSWERS.jsonl [--out FIGURES.json]

Each line of the file is ``{"run": "...", "n": passages of the window, "response": "..."}``; the
second element of ``run`` between slashes names the model. Prints a Markdown table by model: how
many answers were exactly as asked, of another form and complete, repaired, or failed (nothing
could be read, the window keeps its order), and what was repaired. Exit code 1 if a line cannot be
read or an order is no permutation.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from assay.stages.windows.identifiers import Style, parse_order

KINDS = ("as asked", "other form", "repaired", "failed")
ALL = "all"
"""Name of the row of sums."""


@dataclass(slots=True)
class Family:
    """Figures of one model's answers.

    Args:
        answers: how many there are.
        kinds: of them by what had to be done.
        missing: passages that answers did not name; those of failed answers stand apart.
        duplicates: mentions after the first.
        out_of_range: identifiers of no passage.
        missing_in_failed: passages of the windows whose answers failed.
        seconds: the parser's time.
    """

    answers: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    missing: int = 0
    duplicates: int = 0
    out_of_range: int = 0
    missing_in_failed: int = 0
    seconds: float = 0.0

    def figures(self) -> dict[str, Any]:
        """As plain values."""
        own: dict[str, Any] = {one.name: getattr(self, one.name) for one in fields(self)}
        return own | {"kinds": {kind: self.kinds[kind] for kind in KINDS}}

    def add(self, other: Family) -> None:
        """Add another model's figures."""
        self.answers += other.answers
        self.kinds.update(other.kinds)
        self.missing += other.missing
        self.duplicates += other.duplicates
        self.out_of_range += other.out_of_range
        self.missing_in_failed += other.missing_in_failed
        self.seconds += other.seconds


def main(arguments: list[str] | None = None) -> int:
    """Print the table; exit code 1 where the file or an order is wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="JSON lines of recorded answers")
    parser.add_argument("--out", type=Path, help="file for the figures, as JSON")
    parser.add_argument(
        "--style",
        choices=("number", "letter", "passage"),
        default="number",
        help="how passages are named in the answers",
    )
    options = parser.parse_args(arguments)
    try:
        found = measured(rows(options.data), style=options.style)
    except FileNotFoundError:
        print(f"there is no file '{options.data}'", file=sys.stderr)
        return 1
    except ValueError as error:
        print(f"'{options.data}': {error}", file=sys.stderr)
        return 1
    if not found:
        print(f"'{options.data}' holds no answer", file=sys.stderr)
        return 1
    print(markdown(found))
    if options.out is not None:
        named = {**dict(sorted(found.items())), ALL: total(found)}
        figures = {name: one.figures() for name, one in named.items()}
        options.out.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return 0


def rows(path: Path) -> Iterator[Mapping[str, Any]]:
    """The lines of a file; empty ones are passed over.

    Raises:
        FileNotFoundError: if there is none.
        ValueError: naming the line that is no recorded answer.
    """
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except json.JSONDecodeError as error:
                raise ValueError(f"line {number} is no JSON: {error}") from error
            if not (
                isinstance(row, dict)
                and isinstance(row.get("run"), str)
                and isinstance(row.get("response"), str)
                and type(row.get("n")) is int
                and row["n"] >= 1
            ):
                raise ValueError(
                    f'line {number}: expected {{"run": text, "n": number from 1, "response":'
                    f" text}}, found {line[:80]!r}"
                )
            yield row


def family_of(run: str) -> str:
    """The model's name in a run's path.

    >>> family_of("BM25/rank_zephyr/100/dl19/2023"), family_of("gpt")
    ('rank_zephyr', 'gpt')
    """
    parts = run.split("/")
    return parts[1] if len(parts) > 1 else run


def measured(answers: Iterable[Mapping[str, Any]], *, style: Style = "number") -> dict[str, Family]:
    """Parse all answers.

    Args:
        answers: see ``rows``.
        style: how passages are named.

    Raises:
        ValueError: if an order is no permutation, or passages are neither named nor missing.
    """
    found: dict[str, Family] = {}
    for row in answers:
        own = found.setdefault(family_of(row["run"]), Family())
        started = time.perf_counter()
        parsed = parse_order(row["response"], row["n"], style=style)
        own.seconds += time.perf_counter() - started
        whole = sorted(parsed.order) == list(range(row["n"]))
        if not whole or parsed.named + parsed.missing != row["n"]:
            raise ValueError(
                f"no permutation of {row['n']} passages out of {row['response']!r:.200}"
            )
        own.answers += 1
        own.kinds[parsed.kind] += 1
        own.duplicates += parsed.duplicates
        own.out_of_range += parsed.out_of_range
        if parsed.failed:
            own.missing_in_failed += parsed.missing
        else:
            own.missing += parsed.missing
    return found


def total(found: Mapping[str, Family]) -> Family:
    """The sums over all models."""
    whole = Family()
    for one in found.values():
        whole.add(one)
    return whole


def markdown(found: Mapping[str, Family]) -> str:
    """One row a model, those with most answers first, and one of sums."""
    lines = [
        "| model | answers | as asked | other form | repaired | failed | missing | duplicate"
        " | out of range | seconds |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    ordered = sorted(found.items(), key=lambda item: (-item[1].answers, item[0]))
    for name, one in (*ordered, (ALL, total(found))):
        shares = [
            f"{one.kinds[kind]} ({100 * one.kinds[kind] / one.answers:.1f} %)" for kind in KINDS
        ]
        counts = [str(count) for count in (one.missing, one.duplicates, one.out_of_range)]
        cells = [name, str(one.answers), *shares, *counts, f"{one.seconds:.2f}"]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
