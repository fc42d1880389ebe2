"""The default pipeline on every labelled set of ``../shared/data``, as one table.

    python benchmarks/shared_sets.py --out build/shared-sets
    python benchmarks/shared_sets.py --out build/shared-sets --score-only --readme

One command does it all: ``assay evaluate own-documents --data ../shared/data --fold report
--limit 200``; a stopped run goes on where it stopped. What remains here is to leave out figures
that mean nothing on a set, each with its reason, and to put the table into README.md
(``--readme``). ``--score-only`` takes what an earlier run has written.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from assay.evaluation.sets import Row, markdown

ROOT = Path(__file__).resolve().parent.parent
DATA = Path("..") / "shared" / "data"
README = Path(__file__).with_name("README.md")
BEGIN, END = "<!-- table of shared_sets.py -->", "<!-- end of table -->"
PIPELINE = "own-documents"

LABELS = "its answers are labels (Entailment, ...), which no quoted sentence contains"
PARAGRAPHS = "its answers are whole paragraphs, which no quoted sentence contains"
ANSWERS = ("qa.", "abstention.risk", "abstention.au")
MEANINGLESS: Mapping[str, tuple[tuple[str, ...], str]] = {
    "contractnli_dev": (ANSWERS, LABELS),
    "clapnq_dev": (("qa.correct", "abstention.risk", "abstention.au"), PARAGRAPHS),
}
"""Set to the beginnings of the keys whose figures mean nothing there, and the reason."""


def main() -> int:
    """Run, print, perhaps write the README; the exit code of the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder for what is found")
    parser.add_argument("--limit", type=int, default=200, help="most questions of a set")
    parser.add_argument("--score-only", action="store_true", help="read a finished folder")
    parser.add_argument("--readme", action="store_true", help="put the table into README.md")
    options = parser.parse_args()
    if not (ROOT / DATA).is_dir():
        print(f"no folder {DATA} beside the project: nothing to run", file=sys.stderr)
        return 1
    out = Path(os.path.relpath(options.out.absolute(), ROOT))
    command = command_of(out, options.limit)
    code = 0
    if not options.score_only:
        print("$ " + shlex.join(command), file=sys.stderr)
        done = subprocess.run(  # the same interpreter, so that no PATH is needed
            [sys.executable, "-m", "assay.apps.main", *command[1:]], cwd=ROOT, check=False
        )
        code = done.returncode
    if not (ROOT / out / "sets.json").exists():
        print(f"{out / 'sets.json'} is missing: the run did not finish", file=sys.stderr)
        return code or 1
    sets = json.loads((ROOT / out / "sets.json").read_text("utf-8"))["sets"]
    rows, reasons = meaningful(sets)
    table = "\n".join([markdown(rows), *reasons, timing(rows), ""])
    print(table)
    if options.readme:
        into_readme(table)
    return code


def command_of(out: Path, limit: int) -> list[str]:
    """``assay evaluate`` with everything that fixes the figures."""
    return [
        "assay", "evaluate", PIPELINE, "--data", str(DATA), "--out", str(out),
        "--fold", "report", "--limit", str(limit),
    ]  # fmt: skip


def meaningful(sets: Mapping[str, Mapping[str, Any]]) -> tuple[list[Row], list[str]]:
    """The table's rows without the figures that mean nothing, and why those are missing."""
    rows, reasons = [], []
    for name, found in sets.items():
        if "left_out" in found or "failed" in found:
            reason = str(found.get("left_out") or found["failed"])
            rows.append(Row(name, reason=reason, failed="failed" in found))
            continue
        beginnings, reason = MEANINGLESS.get(name, ((), ""))
        metrics = {
            key: None if beginnings and key.startswith(beginnings) else value
            for key, value in found.items()
        }
        rows.append(Row(name, metrics))
        if reason:
            reasons.append(f"- {name}: right and wrong mean nothing, since {reason}.")
    return rows, reasons


def timing(rows: Sequence[Row]) -> str:
    """How long the evaluation itself took beside the pipeline."""
    seconds = [row.metrics["run"]["seconds"] for row in rows if row.metrics is not None]
    running = sum(one["running"] for one in seconds)
    scoring = sum(one["scoring"] for one in seconds)
    share = f", {100 * scoring / running:.1f} % of that" if running else ""
    return f"\nThe pipeline took {running:.0f} s, scoring and reports {scoring:.0f} s{share}."


def into_readme(table: str) -> None:
    """Put the table between its marks in README.md."""
    text = README.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    README.write_text(f"{before}{BEGIN}\n\n{table}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
