"""Every reranker over windows, with rankers that are simulated: quality, calls, rounds, tokens.

    python -m benchmarks.rerank --out build/rerank-methods
    python -m benchmarks.rerank --out build/few --passages 100 --seeds 10 --only halving sliding
    python -m benchmarks.rerank --out build/rerank-methods --again

What is compared are schedules: which passages are shown together, when, and how one order is made
of the answers. The rankings are made (``rerank_methods/problems.py``): about 21 of n passages are
relevant, in three grades, and the first stage has an nDCG@10 of about .5. Window rankers know the
truth and fail in stated ways (``rerank_methods/rankers.py``):

``oracle``
    never fails.
``error .1`` (``.2``, ``.3``)
    normal noise on each score, drawn for every window anew, of a spread at which two passages whose
    relevance differs by one grade come out in the wrong order with this probability.
``biased``
    error .1, and the passage shown first is given a grade over the one shown last, those between
    in proportion.
``stubborn``
    error .2, half of the noise's variance the passage's own, the same in every window.

How long a window is makes no difference to these rankers; to models it does. So windows over 20
are shown but are on no front. nDCG@10 has linear gain. Tokens are 100 a passage and 20 a question;
what is written is 5 tokens a passage where the whole order is used, else 1 a window.

``c`` and ``r`` mark the fronts: no method of windows up to 20 has a larger mean nDCG@10 at as many
calls, or rounds, or fewer. Intervals are 95 %, by bootstrap over rankings (2,000 resamples, seed
0), and differences are paired. ``--again`` makes tables and pictures of what was kept before.
Results go to ``table.md``, ``figures.json`` and ``fronts.html`` in ``--out``.
"""

from __future__ import annotations

import argparse
import datetime
import json
import platform
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.rerank_methods import tables
from benchmarks.rerank_methods.measuring import Measured, first_stage, intervals, measured
from benchmarks.rerank_methods.methods import WINDOW, Method, methods
from benchmarks.rerank_methods.rankers import RANKERS
from benchmarks.rerank_methods.tables import Row


def run(some: Sequence[Method], n: int, seeds: int, processes: int) -> list[Row]:
    """All methods that are made for n, with all rankers."""
    fitting = [one for one in some if one.largest >= n]
    asked = [(method, ranker) for method in fitting for ranker in RANKERS]
    begin = time.perf_counter()
    with ProcessPoolExecutor(processes) as pool:
        waiting = [pool.submit(measured, method, ranker, n, seeds) for method, ranker in asked]
        found: dict[str, dict[str, Measured]] = {}
        for (method, ranker), one in zip(asked, waiting, strict=True):
            found.setdefault(method.name, {})[ranker] = one.result()
            if ranker == list(RANKERS)[-1]:
                seconds = time.perf_counter() - begin
                print(f"{seconds:6.0f} s  {n:5}  {method.name}", file=sys.stderr, flush=True)
    return [Row(method, found[method.name]) for method in fitting]


def to_json(found: Mapping[int, Sequence[Row]], seeds: int) -> dict[str, Any]:
    """Everything that was measured, each ranking by itself, and the means with intervals."""
    data: dict[str, Any] = {
        "date": datetime.date.today().isoformat(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "seeds": seeds,
        "rankers": {name: asdict(one) for name, one in RANKERS.items()},
        "first_stage": {n: [round(one, 6) for one in first_stage(n, seeds)] for n in found},
        "rows": {},
    }
    for n, rows in found.items():
        data["rows"][n] = []
        for row in rows:
            means = {}
            for ranker, one in row.found.items():
                low, high = intervals(np.array([one.ndcg]))
                means[ranker] = {
                    "ndcg@10": float(np.mean(one.ndcg)),
                    "interval": [float(low[0]), float(high[0])],
                    "calls": float(np.mean(one.calls)),
                    "rounds": float(np.mean(one.rounds)),
                }
            data["rows"][n].append(
                {
                    "method": row.method.name,
                    "use": f"rerank.{row.method.use}@1",
                    "config": dict(row.method.config),
                    "samples": row.method.samples,
                    "window": row.method.window,
                    "tokens_in": row.tokens_in,
                    "tokens_out": row.tokens_out,
                    "means": means,
                    "each": {ranker: asdict(one) for ranker, one in row.found.items()},
                }
            )
    return data


def from_json(data: Mapping[str, Any]) -> dict[int, list[Row]]:
    """What ``to_json`` kept, for the methods that there still are."""
    known = {one.name: one for one in methods()}
    return {
        int(n): [
            Row(
                known[row["method"]],
                {
                    ranker: Measured(**{key: tuple(value) for key, value in one.items()})
                    for ranker, one in row["each"].items()
                },
            )
            for row in rows
            if row["method"] in known
        ]
        for n, rows in data["rows"].items()
    }


def markdown(found: Mapping[int, Sequence[Row]], seeds: int) -> str:
    """All tables."""
    parts = []
    for n, rows in found.items():
        first = np.array([first_stage(n, seeds)])
        low, high = intervals(first)
        before = f"{first.mean():.3f} [{low[0]:.3f}, {high[0]:.3f}]"
        pairs = tables.rivals(rows)
        parts += [
            f"## {n} passages, {seeds} rankings, nDCG@10 before reranking {before}",
            "Fronts for error .2 and usual settings",
            tables.short(rows),
            "Sliding windows and the best other method at their calls, difference in nDCG@10",
            tables.duel_table(pairs) if pairs else "(none was measured)",
            "All methods",
            tables.full(rows),
        ]
    return "\n\n".join(parts) + "\n"


def pictures(found: Mapping[int, Sequence[Row]]) -> str:
    """A page with the front over calls and the front over rounds for error .2."""
    from assay.evaluation.report import charts
    from assay.evaluation.report.shell import Section, page

    ranker = "error .2"
    sections = []
    for n, rows in found.items():
        for figure in ("calls", "rounds"):
            best = tables.front(rows, ranker, figure)
            chosen = [
                row for row in rows
                if row.method.name in best | {"sliding 20/10", "jointrank 20 x4"}
            ]  # fmt: skip
            picture = charts.points(
                {
                    row.method.name: (
                        float(np.mean(getattr(row.found[ranker], figure))),
                        float(np.mean(row.found[ranker].ndcg)),
                    )
                    for row in chosen
                },
                title=f"{n} passages: nDCG@10 over {figure}, pairwise error .2",
                x=figure,
                y="nDCG@10",
                log_x=True,
                caption=f"The front of windows up to {WINDOW}, and two usual methods.",
            )
            sections.append(Section("", picture))
    return page(
        title="Rerankers over windows",
        facts="Simulated rankers; see benchmarks/rerank.py",
        sections=sections,
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print the tables, keep everything."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True, help="folder of the results")
    parser.add_argument("--passages", type=int, nargs="+", default=[100, 1000])
    parser.add_argument("--seeds", type=int, default=50)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--only", nargs="+", default=[], help="methods whose names begin so")
    parser.add_argument("--again", action="store_true", help="tables of what was kept")
    options = parser.parse_args(arguments)
    kept = options.out / "figures.json"
    if options.again:
        data = json.loads(kept.read_text(encoding="utf-8"))
        found, seeds = from_json(data), int(data["seeds"])
    else:
        some = [
            one for one in methods() if not options.only or one.name.startswith(tuple(options.only))
        ]
        if not some:
            parser.error(f"no method begins with {' or '.join(options.only)}")
        seeds = options.seeds
        options.out.mkdir(parents=True, exist_ok=True)
        found = {}
        for n in options.passages:
            found[n] = run(some, n, seeds, options.processes)
            kept.write_text(json.dumps(to_json(found, seeds)), encoding="utf-8")
    text = markdown(found, seeds)
    (options.out / "table.md").write_text(text, encoding="utf-8")
    (options.out / "fronts.html").write_text(pictures(found), encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
