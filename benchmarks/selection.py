"""Which passages are needed: every selector of ``stages/select`` on the same rankings.

    python -m benchmarks.selection --work build/select
    python -m benchmarks.selection --work build/select --sets musique100 --methods mmr

Seven sets; of each question the cross-encoder's ranking of the best 30 of ``retrieve.hybrid@1``,
from which every selector takes its passages. Whatever a selector learns or has set for it, the k of
``best fixed k`` included, comes from the other four of five folds; a fold holds whole documents or
pools of questions. F1 is the mean over the questions that need a passage, as in ``selection.f1`` of
``assay evaluate``; brackets are 95 % intervals by bootstrap over documents (over questions where a
set has fewer than twenty), differences are paired, and p is of the paired randomisation test.

Rankings and choices are kept below ``--work``, those of a run over some of the sets or with
``--limit`` in a folder of their own; a run that was stopped goes on where it was. To have a method
run anew, delete its file in ``chosen`` and, for what was trained, its folder in ``probabilities``.
``--write 12`` asks the embedded language model 12 questions of each set, which takes an hour or
more. Tables go to standard output and ``table.md``, figures to ``figures.json``.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from assay.pipeline.canonical import digest
from benchmarks.retrieval import CORPUS, MODEL
from benchmarks.select_figures.cases import FOLDS, SEED, Case, cases_of
from benchmarks.select_figures.learned import MATCHED, learned
from benchmarks.select_figures.making import DEPTH, JUDGE, JUDGED, make
from benchmarks.select_figures.protocol import Method, run
from benchmarks.select_figures.rationales import meteora
from benchmarks.select_figures.sets import SAMPLE, SETS
from benchmarks.select_figures.simple import SIMPLE
from benchmarks.select_figures.tables import (
    BASELINE,
    Measured,
    detail_table,
    f1_table,
    measured,
    recall_table,
)
from benchmarks.select_figures.written import told, write, written

LIBRARIES = ("numpy", "scikit-learn", "onnxruntime", "torch", "bm25s")


def methods(cases: Mapping[str, Sequence[Case]], work: Path) -> tuple[Method, ...]:
    """Every method, the baseline first."""
    return (*SIMPLE, *learned(cases, work), *meteora(cases, work), *written(work))


def versions() -> dict[str, str]:
    """Of what the figures depend on; a library that is not there is left out."""
    found = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def tables(found: Sequence[Measured], cases: Mapping[str, Sequence[Case]]) -> str:
    """Everything as Markdown."""
    parts = ["F1 by set", f1_table(found, list(cases))]
    known = {(one.method, one.name): one for one in found}
    for method in dict.fromkeys(one.method for one in found):
        other = next((name for how, (name, _) in MATCHED.items() if method.endswith(how)), "")
        pairs = [
            (known[other, name], known[method, name]) for name in cases if (other, name) in known
        ]
        if pairs:
            parts += [f"Passages kept: {method}", recall_table(pairs)]
    for name, own in cases.items():
        needing = sum(bool(one.needed) for one in own)
        parts += [
            f"{name}: {len(own)} questions, {needing} of which need a passage",
            detail_table(found, name),
        ]
    return "\n\n".join(parts)


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the rankings, select, score, print and write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data-root", type=Path, default=Path("..") / "shared" / "data")
    parser.add_argument("--work", type=Path, default=Path("build/select"))
    parser.add_argument(
        "--rankings", type=Path, help="folder of rankings; below --work if left out"
    )
    parser.add_argument("--sets", nargs="+", choices=[one.name for one in SETS])
    parser.add_argument("--methods", nargs="+", help="names; the baseline always runs")
    parser.add_argument("--limit", type=int, help="most questions of a set, whole clusters")
    parser.add_argument(
        "--write", type=int, default=0, help="questions of each set for the language model"
    )
    options = parser.parse_args(arguments)
    sets = tuple(one for one in SETS if not options.sets or one.name in options.sets)
    there = [one for one in sets if (options.data_root / one.name / "corpus.jsonl").is_file()]
    for one in sets:
        if one not in there:
            print(f"left out: {one.name}: not below {options.data_root}", file=sys.stderr)
    if not there:
        print("no set to measure on", file=sys.stderr)
        return 1
    work, kept = options.work, "rankings"
    if len(there) < len(SETS) or options.limit:
        work = work / f"part-{digest([[one.name for one in there], options.limit])[:8]}"
        kept += f"-{options.limit}" if options.limit else ""
    folder = options.rankings or options.work / kept
    make(folder, options.data_root, tuple(there), limit=options.limit)
    cases = {one.name: cases_of(folder, one.name) for one in there}
    if options.write:
        write(cases, work, options.write)
    known = {one.name: one for one in methods(cases, work)}
    unknown = sorted(set(options.methods or ()) - set(known))
    if unknown:
        print(f"no method {', '.join(unknown)}; there are: {', '.join(known)}", file=sys.stderr)
        return 1
    wanted = [BASELINE, *(name for name in options.methods or known if name != BASELINE)]
    found: list[Measured] = []
    baseline: Mapping[str, Mapping[str, frozenset[str]]] = {}
    for name in wanted:
        chosen = run(known[name], cases, work)
        baseline = chosen if name == BASELINE else baseline
        for own, questions in cases.items():
            if chosen[own]:
                found.append(measured(name, own, questions, chosen[own], baseline[own]))
    shown = tables(found, cases)
    work.mkdir(parents=True, exist_ok=True)
    (work / "table.md").write_text(shown, encoding="utf-8")
    result: dict[str, Any] = {
        "run": {
            "seeds": {"folds": SEED, "sample": SAMPLE},
            "folds": FOLDS,
            "depth": DEPTH,
            "judged": JUDGED,
            "models": {"embedder": MODEL, "judge": JUDGE},
            "corpus": dict(CORPUS),
            "limit": options.limit,
            "versions": versions(),
            "written": told(work),
        },
        "figures": [one.to_json() for one in found],
    }
    text = json.dumps(result, indent=1, allow_nan=False) + "\n"
    (work / "figures.json").write_text(text, encoding="utf-8")
    print(shown)
    return 0


if __name__ == "__main__":
    sys.exit(main())
