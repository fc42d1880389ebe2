"""Every reranker over windows, with rankers that are simulated: quality, calls, rounds, tokens.

    python -m benchmarks.rerank --out build/rerank-methods
    python -m benchmarks.rerank --out build/few --passages 100 --seeds 10 --only halving sliding
    python -m benchmarks.rerank --out build/rerank-choice --first-seed 1000 --seeds 20
    python -m benchmarks.rerank --out build/rerank-methods --rivals build/rerank-choice --again

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

Some methods are measured with fewer rankings of 1000 passages, as the tables tell; two methods are
compared over the rankings that both have. Pairs are at most 10,000 by default, random ones of those
that a row names; only "all, both orders" asks all 999,000.

``c`` and ``r`` mark the fronts: no method of windows up to 20 has a larger mean nDCG@10 at as many
calls, or rounds, or fewer. Intervals are 95 %, by bootstrap over rankings (2,000 resamples, seed
0), and differences are paired. ``--rivals`` names a folder of results with other seeds: from these
is chosen which method stands beside each sliding window, so that no luck comes with the choice.

What is done is kept in ``figures.json``, every 10 seconds. The same command goes on after the last
method of which neither schedule nor settings nor numpy have changed, and with more ``--seeds`` only
the further rankings are measured. ``--again`` only makes tables and pictures of what was kept.
Results go to ``table.md``, ``compact.md``, ``figures.json`` and ``fronts.html`` in ``--out``.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

from benchmarks.rerank_methods import keeping, tables
from benchmarks.rerank_methods.measuring import Measured, first_stage, intervals, measured
from benchmarks.rerank_methods.methods import WINDOW, Method, methods
from benchmarks.rerank_methods.rankers import RANKERS
from benchmarks.rerank_methods.tables import Row

SAVE_SECONDS = 10.0
USUAL = {"sliding 20/10": "S", "jointrank 20 x4": "J"}
"""Methods that stand in the pictures by a letter, on the front or not."""


def run(
    some: Sequence[tuple[Method, Sequence[int]]], n: int, processes: int
) -> Iterator[tuple[Row, float]]:
    """Each method with all rankers as it is done, and its seconds of processor time.

    Args:
        some: methods and the seeds of their rankings.
        n: passages.
        processes: side by side.
    """
    names = list(RANKERS)
    with ProcessPoolExecutor(processes) as pool:
        waiting = [
            (one, [pool.submit(_timed, one, ranker, n, seeds) for ranker in names])
            for one, seeds in some
        ]
        for method, asked in waiting:
            done = [one.result() for one in asked]
            found = {name: one for name, (one, _) in zip(names, done, strict=True)}
            yield Row(method, found), sum(seconds for _, seconds in done)


def _timed(method: Method, ranker: str, n: int, seeds: Sequence[int]) -> tuple[Measured, float]:
    begin = time.process_time()
    return measured(method, ranker, n, seeds), time.process_time() - begin


def markdown(
    found: Mapping[int, Sequence[Row]],
    seeds: Sequence[int],
    elsewhere: Mapping[int, Sequence[Row]],
    *,
    compact: bool = False,
) -> str:
    """All tables, or those that fit on a page.

    Args:
        found: what was measured.
        seeds: of the rankings.
        elsewhere: measured with other seeds, to choose the rivals of sliding windows from.
        compact: leaves out intervals and all methods that neither stand on a front nor are usual.
    """
    parts = []
    for n, rows in found.items():
        most = max([row.rankings for row in rows], default=0)
        if not most:
            continue
        first = np.array([first_stage(n, seeds[:most])])
        low, high = intervals(first)
        before = f"{first.mean():.3f} [{low[0]:.3f}, {high[0]:.3f}]"
        pairs = tables.rivals(rows, elsewhere.get(n, rows))
        parts += [
            f"## {n} passages, at most {most} rankings, nDCG@10 before reranking {before}",
            "Fronts for error .2 and usual settings",
            tables.short(rows, with_intervals=not compact),
            "Sliding windows and the best other method at their calls, difference in nDCG@10"
            + (" (chosen with other seeds)" if n in elsewhere else " (chosen with the same seeds)"),
            tables.duel_table(pairs),
        ]
        joined = tables.one_round(tables.chosen(rows) if compact else rows)
        if joined:
            parts += ["JointRank in one round less sliding 20/10", tables.duel_table(joined)]
        if not compact:
            parts += ["All methods", tables.full(rows)]
    return "\n\n".join(parts) + "\n"


def pictures(found: Mapping[int, Sequence[Row]]) -> str:
    """A page with the front over calls and the front over rounds for error .2."""
    from assay.evaluation.report import charts
    from assay.evaluation.report.shell import Section, page

    sections = []
    for n, rows in found.items():
        for figure in ("calls", "rounds") if rows else ():
            values, keys = _numbered(rows, figure)
            picture = charts.points(
                values,
                title=f"{n} passages: nDCG@10 over {figure}, pairwise error .2",
                x=figure,
                y="nDCG@10",
                log_x=True,
                caption=f"The front of windows up to {WINDOW}, and usual methods. {keys}",
            )
            sections.append(Section("", picture))
    return page(
        title="Rerankers over windows",
        facts="Simulated rankers; see benchmarks/rerank.py",
        sections=sections,
    )


def _numbered(rows: Sequence[Row], figure: str) -> tuple[dict[str, tuple[float, float]], str]:
    """Points of a front by number, usual methods by letter, and what is meant by them."""
    ranker = "error .2"
    best = tables.front(rows, ranker, figure)
    places: dict[tuple[float, float], list[str]] = {}
    for row in rows:
        name, one = row.method.name, row.found[ranker]
        if name in best or name in USUAL:
            at = (float(np.mean(getattr(one, figure))), float(np.mean(one.ndcg)))
            places.setdefault(at, []).append(name)
    values: dict[str, tuple[float, float]] = {}
    keys = []
    for at in sorted(places):
        letters = [USUAL[name] for name in places[at] if name in USUAL]
        label = letters[0] if letters else str(sum(one.isdigit() for one in values) + 1)
        keys.append(f"{label}: {' or '.join(places[at])}")
        values[label] = at
    return values, "; ".join(keys)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what is not kept yet, print the tables, keep everything."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True, help="folder of the results")
    parser.add_argument("--passages", type=int, nargs="+", default=[100, 1000])
    parser.add_argument("--seeds", type=int, default=50)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--only", nargs="+", default=[], help="methods whose names begin so")
    parser.add_argument("--skip", nargs="+", default=[], help="all methods but those called so")
    parser.add_argument("--rivals", type=Path, help="folder of results with other seeds")
    parser.add_argument("--again", action="store_true", help="tables of what was kept")
    options = parser.parse_args(arguments)
    kept = options.out / "figures.json"
    seeds: Sequence[int] = range(options.first_seed, options.first_seed + options.seeds)
    if options.again:
        data = json.loads(kept.read_text(encoding="utf-8"))
        found, seeds = keeping.from_json(data), data["seeds"]
    else:
        some = [
            one for one in methods()
            if one.name not in options.skip
            and (not options.only or one.name.startswith(tuple(options.only)))
        ]  # fmt: skip
        if not some:
            parser.error(f"no method begins with {' or '.join(options.only)}")
        options.out.mkdir(parents=True, exist_ok=True)
        found = keeping.load(kept, seeds)
        for n in options.passages:
            _measure(some, n, seeds, options.processes, found, kept)
        seeds = json.loads(kept.read_text(encoding="utf-8"))["seeds"]
    elsewhere = {}
    if options.rivals is not None:
        data = json.loads((options.rivals / "figures.json").read_text(encoding="utf-8"))
        if set(data["seeds"]) & set(seeds):
            parser.error(f"{options.rivals} has the same seeds: take others with --first-seed")
        elsewhere = keeping.from_json(data)
    text = markdown(found, seeds, elsewhere)
    (options.out / "table.md").write_text(text, encoding="utf-8")
    short = markdown(found, seeds, elsewhere, compact=True)
    (options.out / "compact.md").write_text(short, encoding="utf-8")
    (options.out / "fronts.html").write_text(pictures(found), encoding="utf-8")
    print(text)


def _measure(
    some: Sequence[Method],
    n: int,
    seeds: Sequence[int],
    processes: int,
    found: dict[int, list[Row]],
    kept: Path,
) -> None:
    """Add what is missing to what was found, and keep it after each method."""
    rows = {row.method.name: row for row in found.get(n, [])}
    missing = []
    for one in some:
        known = rows[one.name].rankings if one.name in rows else 0
        wanted = seeds[known : one.most(n)]
        if wanted:
            missing.append((one, wanted))
    place = {one.name: number for number, one in enumerate(methods())}
    begin, saved = time.perf_counter(), 0.0
    for row, used in run(missing, n, processes):
        known_row = rows.get(row.method.name)
        rows[row.method.name] = known_row.then(row) if known_row else row
        found[n] = sorted(rows.values(), key=lambda one: place[one.method.name])
        took = time.perf_counter() - begin
        if took - saved > SAVE_SECONDS or row.method is missing[-1][0]:
            keeping.save(kept, found, seeds)
            saved = took
        print(
            f"{took:6.0f} s  {used:6.1f} s used  {n:5}  {row.method.name}",
            file=sys.stderr, flush=True,
        )  # fmt: skip


if __name__ == "__main__":
    main()
