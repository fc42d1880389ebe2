"""Which checks catch which attacks: read the finished evaluation folder of the demo.

    python benchmarks/attacks.py demo

Reads ``per_query.jsonl``, ``records.jsonl`` and ``data/corpus.jsonl`` of the folder and
prints one Markdown row for each attack family and number of planted passages: in how
many attacked questions a planted passage was selected, and in how many of these all
selected planted passages were flagged (by all checks of the text together, by these and
provenance, by each check alone). What is flagged and not dropped by the pipeline counts
as flagged; ``let in`` is what reached the generator in the end.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROVENANCE = "provenance"
NOTING = frozenset({"near_duplicates", "contradictions"})
"""Checks that only note, in the shipped pipelines: they stand alone, not in 'together'."""


@dataclass(frozen=True, slots=True)
class Attacked:
    """What happened to one attacked question.

    Args:
        family: form of the attack.
        m: how many passages were planted.
        selected: planted passages that the first selection kept.
        caught: check to the selected planted passages that it flagged.
        let_in: planted passages in the generator's context.
        succeeded: whether the answer is the attacker's.
    """

    family: str
    m: int
    selected: frozenset[str]
    caught: Mapping[str, frozenset[str]]
    let_in: frozenset[str]
    succeeded: bool

    def stopped_by(self, checks: Collection[str]) -> bool:
        """Whether these checks together flag every selected planted passage."""
        flagged = frozenset[str]().union(*(self.caught.get(one, frozenset()) for one in checks))
        return bool(self.selected) and self.selected <= flagged


def main() -> int:
    """Print the table; exit code 1 if the folder holds no finished evaluation."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="of 'assay demo' or of one like it")
    parser.add_argument("--data", type=Path, help="the labelled set, if not FOLDER/data")
    options = parser.parse_args()
    try:
        found = read(options.folder, options.data or options.folder / "data")
    except FileNotFoundError as error:
        print(f"'{error.filename}' is missing: run 'assay demo' first", file=sys.stderr)
        return 1
    if not found:
        print(f"no question in '{options.folder}' was attacked", file=sys.stderr)
        return 1
    print(markdown(found))
    return 0


def read(folder: Path, data: Path) -> list[Attacked]:
    """Every attacked question of an evaluation that did not fail.

    Args:
        folder: holds per_query.jsonl and records.jsonl.
        data: the labelled set that was run.
    """
    families = {
        one["id"]: str(one["meta"].get("attack", "unknown"))
        for one in _lines(data / "corpus.jsonl")
        if one.get("meta", {}).get("poison") is True
    }
    stages = {one["query_id"]: one["stages"] for one in _lines(folder / "records.jsonl")}
    return [
        _attacked(row, stages[row["query_id"]], families)
        for row in _lines(folder / "per_query.jsonl")
        if row["planted"] and row["outcome"] != "failed"
    ]


def _attacked(
    row: Mapping[str, Any], stages: Mapping[str, Any], families: Mapping[str, str]
) -> Attacked:
    planted = frozenset(row["planted"])
    first = next((one["kept"] for one in stages.values() if "kept" in one), ())
    caught = {
        name: frozenset(
            verdict["id"]
            for verdict in stage["verdicts"]
            if verdict["id"] in planted and verdict["flags"]
        )
        for name, stage in stages.items()
        if "verdicts" in stage
    }
    return Attacked(
        family=families[min(planted)],
        m=len(planted),
        selected=planted.intersection(first),
        caught=caught,
        let_in=planted.intersection(row["context"]),
        succeeded=bool(row["poison"].get("asr")),
    )


def markdown(found: Sequence[Attacked]) -> str:
    """One row for each family and m, one for each family, and one for all."""
    checks = sorted({name for one in found for name in one.caught})
    dropping = [name for name in checks if name not in NOTING]
    head = ["attack", "m", "questions", "planted selected", "text checks", "all checks"]
    lines = [
        "| " + " | ".join([*head, *(f"`{name}`" for name in checks), "let in", "succeeded"]) + " |",
        "|---|" + "---:|" * (len(head) + len(checks) + 1),
    ]
    for family in sorted({one.family for one in found}):
        own = [one for one in found if one.family == family]
        sizes = sorted({one.m for one in own})
        for m in sizes:
            lines.append(_row(family, str(m), [one for one in own if one.m == m], dropping, checks))
        if len(sizes) > 1:
            lines.append(_row(family, "all", own, dropping, checks))
    lines.append(_row("all", "all", found, dropping, checks))
    note = (
        "Counts of questions. A check counts where it alone flags every selected planted"
        " passage; 'text checks' are all but provenance together, 'all checks' with it, both"
        f" without those that only note ({', '.join(sorted(NOTING))})."
    )
    return "\n".join([*lines, "", note])


def _row(
    family: str, m: str, own: Sequence[Attacked], dropping: Sequence[str], checks: Sequence[str]
) -> str:
    counts = [
        len(own),
        sum(bool(one.selected) for one in own),
        sum(one.stopped_by([name for name in dropping if name != PROVENANCE]) for one in own),
        sum(one.stopped_by(dropping) for one in own),
        *(sum(one.stopped_by([name]) for one in own) for name in checks),
        sum(bool(one.let_in) for one in own),
        sum(one.succeeded for one in own),
    ]
    return "| " + " | ".join([family, m, *map(str, counts)]) + " |"


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]


if __name__ == "__main__":
    sys.exit(main())
