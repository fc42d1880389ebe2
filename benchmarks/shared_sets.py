"""Run the five public sets of ``../shared/data`` and print their figures as Markdown.

    python benchmarks/shared_sets.py --out build/shared-sets
    python benchmarks/shared_sets.py --out build/shared-sets --score-only --readme
    python benchmarks/shared_sets.py --out build/shared-sets --tune

Each set is one ``assay evaluate`` on the report fold; a stopped run goes on where it
stopped. The table goes to standard output and to ``table.md`` in the folder, the
figures to ``figures.json`` beside it; ``--readme`` also puts the table into README.md, and
``--score-only`` takes the sets that are finished. ``--tune`` runs the tune folds instead and prints
what the choices in the pipeline files rest on.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from assay.stages.select.elbow import elbow

ROOT = Path(__file__).resolve().parent.parent
DATA = Path("..") / "shared" / "data"
README = Path(__file__).with_name("README.md")
BEGIN, END = "<!-- table of shared_sets.py -->", "<!-- end of table -->"
MIN_COVERAGE = 0.1
"""A threshold that answers fewer of the tune questions than this is no choice."""


@dataclass(frozen=True, slots=True)
class Set:
    """One row of the table.

    Args:
        name: of the pipeline file in ``examples/shared``.
        data: folder below ``../shared/data``.
        limit: most questions of the report fold, None for all.
        tune_limit: most questions of the tune fold.
        meaningless: key prefix to the reason why its figures mean nothing here.
    """

    name: str
    data: str
    limit: int | None
    tune_limit: int
    meaningless: Mapping[str, str]

    def command(self, out: Path, *, tune: bool) -> list[str]:
        """``assay evaluate`` with everything that fixes the figures."""
        limit = self.tune_limit if tune else self.limit
        fold = "tune" if tune else "report"
        return [
            "assay",
            "evaluate",
            f"examples/shared/{self.name}.yaml",
            "--data",
            str(DATA / self.data),
            "--out",
            str(out / (f"{self.name}-tune" if tune else self.name)),
            "--fold",
            fold,
            *([] if limit is None else ["--limit", str(limit)]),
        ]


LABELS = "the set's answers are labels (Entailment, ...), which no quoted sentence contains"
SETS = (
    Set("squad2", "squad2_dev", 200, 120, {}),
    Set(
        "contractnli",
        "contractnli_dev",
        200,
        120,
        {"qa.": LABELS, "abstention.risk": LABELS, "abstention.au": LABELS},
    ),
    Set("tatqa", "tatqa_dev", 200, 100, {}),
    Set("poison_nq", "poison_nq", None, 100, {}),
    Set("hotpotqa", "hotpotqa100", None, 100, {}),
)
ROWS = (
    "n.queries",
    "n.answerable",
    "n.unanswerable",
    "n.attacked",
    "n.answered",
    "n.failed",
    "retrieval.ndcg@10",
    "retrieval.recall@10",
    "retrieval.recall@100",
    "retrieval.sparse.recall@10",
    "retrieval.dense.recall@10",
    "retrieval.fused.recall@10",
    "retrieval.fused.recall@100",
    "retrieval.reranked.recall@10",
    "selection.precision",
    "selection.recall",
    "selection.f1",
    "selection.best_fixed_k.f1",
    "selection.size",
    "selection.span_recall",
    "qa.em",
    "qa.f1",
    "qa.correct",
    "qa.numeric",
    "abstention.coverage",
    "abstention.risk",
    "abstention.wrongful",
    "abstention.auroc",
    "abstention.augrc",
    "abstention.coverage@risk10",
    "poison.detect.tpr",
    "poison.detect.fpr",
    "poison.detect.auroc",
    "poison.admitted",
    "poison.gold_removed",
    "poison.asr",
    "poison.correct",
    "poison.abstained",
    "cost.seconds.p50",
    "cost.seconds.p95",
    "cost.calls",
)


def main() -> int:
    """Run, score, print; the exit code of the first command that fails."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder for what is found")
    parser.add_argument("--only", nargs="*", choices=[one.name for one in SETS], help="these sets")
    parser.add_argument("--score-only", action="store_true", help="read finished folders")
    parser.add_argument("--readme", action="store_true", help="put the table into README.md")
    parser.add_argument("--tune", action="store_true", help="tune folds and their choices")
    options = parser.parse_args()
    if not (ROOT / DATA).is_dir():
        print(f"no folder {DATA} beside the project: nothing to run", file=sys.stderr)
        return 1
    out = Path(os.path.relpath(options.out.absolute(), ROOT))
    chosen = [one for one in SETS if not options.only or one.name in options.only]
    for one in [] if options.score_only else chosen:
        command = one.command(out, tune=options.tune)
        print("$ " + shlex.join(command), file=sys.stderr)
        done = subprocess.run(  # the same interpreter, so that no PATH is needed
            [sys.executable, "-m", "assay.apps.main", *command[1:]], cwd=ROOT, check=False
        )
        if done.returncode:
            return done.returncode
    if options.tune:
        print("\n\n".join(tuning(one.name, ROOT / out / f"{one.name}-tune") for one in chosen))
        return 0
    unfinished = [one for one in chosen if not (ROOT / out / one.name / "metrics.json").exists()]
    for one in unfinished:
        print(f"{one.name} is not finished and left out", file=sys.stderr)
    chosen = [one for one in chosen if one not in unfinished]
    metrics = {
        one.name: json.loads((ROOT / out / one.name / "metrics.json").read_text("utf-8"))
        for one in chosen
    }
    table = markdown(chosen, metrics)
    (ROOT / out / "table.md").write_text(table, encoding="utf-8")
    figures = {
        one.name: {
            "command": shlex.join(one.command(Path("build/shared-sets"), tune=False)),
            "run": metrics[one.name]["run"],
            "figures": {
                key: {
                    "value": None if _why(one, key) else metrics[one.name].get(key),
                    "ci95": None if _why(one, key) else metrics[one.name].get(f"{key}.ci95"),
                    "why": _why(one, key) or metrics[one.name]["why"].get(key),
                }
                for key in ROWS
            },
        }
        for one in chosen
    }
    (ROOT / out / "figures.json").write_text(json.dumps(figures, indent=1) + "\n", "utf-8")
    print(table)
    if options.readme:
        _into_readme(table)
    return 0


def _into_readme(table: str) -> None:
    text = README.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    README.write_text(f"{before}{BEGIN}\n\n{table}\n{END}{after}", encoding="utf-8")


def markdown(sets: Sequence[Set], metrics: Mapping[str, Mapping[str, Any]]) -> str:
    """One column a set, one row a figure, the 95 % interval in brackets."""
    lines = [
        "| | " + " | ".join(one.name for one in sets) + " |",
        "|---|" + "---:|" * len(sets),
    ]
    for key in ROWS:
        cells = [_cell(one, metrics[one.name], key) for one in sets]
        if any(cell != "–" for cell in cells):
            lines.append(f"| `{key}` | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _cell(one: Set, metrics: Mapping[str, Any], key: str) -> str:
    value, interval = metrics.get(key), metrics.get(f"{key}.ci95")
    if _why(one, key):
        return "not meaningful"
    if value is None:
        return "–"
    if isinstance(value, int):
        return str(value)
    digits = 1 if key == "cost.calls" else 2 if key.startswith("cost") else 3
    shown = f"{value:.{digits}f}"
    if interval is None:
        return shown
    return f"{shown} [{interval[0]:.{digits}f}, {interval[1]:.{digits}f}]"


def _why(one: Set, key: str) -> str | None:
    for prefix, reason in one.meaningless.items():
        if key.startswith(prefix):
            return reason
    return None


def tuning(name: str, folder: Path) -> str:
    """What a tune fold says about the size of the selection, the checks and the gate."""
    rows = _lines(folder / "per_query.jsonl")
    stages = {one["query_id"]: one["stages"] for one in _lines(folder / "records.jsonl")}
    right: Callable[[Mapping[str, Any]], bool] = (
        _cites_evidence if name == "contractnli" else _holds_answer
    )
    sizes = sorted(
        (
            (_selection_f1(rows, stages, low, high), low, high)
            for low in (1, 2, 3)
            for high in (1, 2, 3, 5, 10)
            if low <= high
        ),
        key=lambda one: (-one[0], one[1], one[2]),
    )
    checks: dict[str, int] = {}
    for row in rows:
        for found in {
            flag["name"] for passage in row["relevant"] for flag in row["flags"].get(passage, ())
        }:
            checks[found] = checks.get(found, 0) + 1
    lines = [
        f"{name}: {len(rows)} questions of the tune fold",
        "  selection F1 by (min_k, max_k): "
        + ", ".join(f"({low}, {high}) {value:.3f}" for value, low, high in sizes[:4]),
        f"  questions with a flagged relevant passage: {checks or 'none'}",
    ]
    if any(not row["answerable"] for row in rows):
        scored = [
            (float(note["score"]), right(row))
            for row in rows
            if row["outcome"] == "answered"
            and (note := stages[row["query_id"]]["sufficient"].get("notes"))
        ]
        lines.append("  " + best_threshold(scored, len(rows)))
    return "\n".join(lines)


def best_threshold(scored: Sequence[tuple[float, bool]], questions: int) -> str:
    """The threshold with the most right minus wrong answers, in a sentence.

    Args:
        scored: best passage's score and whether the answer is right, gate open.
        questions: all questions, also those without an answer.
    """
    order = sorted(scored, key=lambda one: -one[0])
    gain, best = 0, (0, 0, float("nan"))
    ends = [left[0] != after[0] for left, after in pairwise(order)] + [True]
    for place, ((score, is_right), end) in enumerate(zip(order, ends, strict=True), 1):
        gain += 1 if is_right else -1
        if end and place >= MIN_COVERAGE * questions and gain > best[0]:
            best = (gain, place, score)
    opened = f"all {len(order)} answered: {gain:+d}"
    if not best[1]:
        return f"no threshold that answers a tenth of them has right > wrong answers; {opened}"
    return f"threshold {best[2]:.2f} answers {best[1]}: {best[0]:+d} right minus wrong; {opened}"


def _selection_f1(
    rows: Sequence[Mapping[str, Any]],
    stages: Mapping[str, Mapping[str, Any]],
    low: int,
    high: int,
) -> float:
    values = []
    for row in rows:
        relevant = set(row["relevant"])
        ranked = stages[row["query_id"]].get("reranked", {}).get("passages", ())
        if not relevant:
            continue
        size = min(max(elbow([one["score"] for one in ranked]), low), high, len(ranked))
        kept = {one["id"] for one in ranked[:size]}
        values.append(2 * len(kept & relevant) / (len(kept) + len(relevant)))
    return sum(values) / len(values)


def _holds_answer(row: Mapping[str, Any]) -> bool:
    return bool(row["qa"].get("correct"))


def _cites_evidence(row: Mapping[str, Any]) -> bool:
    cited = {name for one in row["answer"]["citations"] for name in one["passage_ids"]}
    return row["answerable"] and not cited.isdisjoint(row["relevant"])


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


if __name__ == "__main__":
    sys.exit(main())
