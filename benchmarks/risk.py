"""Do certificates keep their promise, and are they of use? Made worlds of which the truth is known.

    python -m benchmarks.risk --out build/risk

At the boundary every setting breaks its level by a hair (risk alpha * 1.0001): every certificate is
a violation, and a procedure may issue one on a share ``delta`` of the draws. ``+`` marks more than
the band, which a procedure that keeps its word exceeds once in a million times. Beside ours stand
MAPIE's controller, thresholds by their plain empirical risk, and a search without correction.
Procedures that take all settings at once (Holm, Bonferroni, MAPIE's but the split one) see the
certify fold only: the other third has chosen the grid. One row shows Holm on all questions, for
who has a grid beforehand.

The other worlds have what breaks tests in practice: questions that share a document, a file sorted
by outcome, a judge that overlooks, a threshold that nobody reaches, tied scores, another mix of
questions, ten attempts on one fold. Beside ours stands the test that forgets it.

Power: a pipeline of two gates and three risks, 1500 labelled questions, 320 settings. The oracle
knows the distribution and takes the best of all thresholds that keep the levels.
``benchmarks/risk_worlds/`` has the worlds, the procedures and the wrong ones. Seeded by --seed.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from assay.guards.risk.binomial import clopper_pearson_lower, clopper_pearson_upper
from benchmarks.risk_worlds import claims, mapie_controller, mutants, observed, procedures, tables
from benchmarks.risk_worlds.draws import Procedure, Tried, band, tried
from benchmarks.risk_worlds.worlds import EmptyEnd, Independent, Nested, TwoGates

SEED = 20261124
OURS: Mapping[str, Procedure] = {
    "split path, fixed sequence": procedures.split_path,
    "the same as `calibrate run`: first attempt's share": procedures.first_attempt,
    "split path, fallback": procedures.with_fallback,
    "split path, graph with two starts": procedures.with_graph,
    "Holm over the grid": procedures.with_holm,
    "Bonferroni over the grid": procedures.with_bonferroni,
    "Holm over the grid, both folds": procedures.with_holm_on_all,
}
PLAIN: Mapping[str, Procedure] = {
    "plain empirical thresholds": mutants.empirical,
    "uncorrected search": mutants.uncorrected,
    "path without a split": mutants.no_split,
    "path without the stop": mutants.no_stop,
}
MAPIE: Mapping[str, str] = {
    "MAPIE `bonferroni_holm` (default)": "bonferroni_holm",
    "MAPIE `bonferroni`": "bonferroni",
    "MAPIE `split_fixed_sequence`": "split_fixed_sequence",
}
SLOW = "split_fixed_sequence"
NULLS: Mapping[str, Independent | Nested] = {
    "50 independent": Independent(50),
    "200 independent": Independent(200),
    "50 nested": Nested(50),
}
POWERS: Mapping[str, TwoGates] = {
    "easy": TwoGates(),
    "hard": TwoGates(skill=2.0, right=0.6),
}

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Effort:
    """How many draws: of ours, of slow peers, and of those that take half a second each."""

    trials: int
    slow: int
    slowest: int


FULL, QUICK = Effort(1000, 500, 100), Effort(100, 10, 3)


def boundary(effort: Effort, seed: int, deltas: Sequence[float], *, peers: bool) -> list[Row]:
    """Violations at the boundary: one row for each procedure, world and ``delta``."""
    rows: list[Row] = []
    for world_name, world in NULLS.items():
        for delta in deltas:
            named = {
                **{name: (one, effort.trials) for name, one in {**OURS, **PLAIN}.items()},
                **(_peers(effort, world.settings) if peers else {}),
            }
            for name, (procedure, trials) in named.items():
                begun = time.process_time()
                found = tried(world.draws(trials, seed), procedure, world.risks, delta)
                rows.append(_row(world_name, name, delta, found, begun))
            if peers and isinstance(world, Nested):
                begun = time.process_time()
                bad = mapie_controller.nested_fixed_sequence(world, effort.trials, seed, delta)
                made = Tried(effort.trials, bad, bad, ())
                rows.append(_row(world_name, "MAPIE `fixed_sequence`", delta, made, begun))
    return rows


def power(effort: Effort, seed: int, *, peers: bool) -> list[Row]:
    """What is issued where something can be, beside the best there is."""
    rows: list[Row] = []
    for world_name, world in POWERS.items():
        best = world.best()
        named = {
            **{name: (one, effort.trials) for name, one in {**OURS, **PLAIN}.items()},
            **(_peers(effort, world.grid[0] * world.grid[1]) if peers else {}),
        }
        for name, (procedure, trials) in named.items():
            begun = time.process_time()
            found = tried(world.draws(trials, seed), procedure, world.risks, 0.1)
            rows.append(_row(world_name, name, 0.1, found, begun) | _worth(found, best))
        begun = time.process_time()
        found = _on_observations(world, effort.trials, seed)
        name = "split path, on observations (`grid`, `measure`, `walk`)"
        rows.append(_row(world_name, name, 0.1, found, begun) | _worth(found, best))
    return rows


Draws = Callable[[int, int], Iterator[Any]]
Claims = Callable[[Any], bool]
OTHERS: Sequence[tuple[str, Draws, str, Claims]] = (
    ("W4 clusters of 5", claims.clustered, "ours: one question a cluster", claims.by_fold),
    ("W4 clusters of 5", claims.clustered, "ours: clusters' means", claims.by_mean),
    ("W4 clusters of 5", claims.clustered, "every question counts", claims.by_question),
    ("W5 errors last", claims.sorted_file, "ours: shuffled bets", claims.shuffled_bets),
    ("W5 errors last", claims.sorted_file, "bets in file order", claims.bets_in_file_order),
    ("W5 errors last", claims.sorted_file, "bets in two batches", claims.in_two_batches),
    ("W5 errors last", claims.sorted_file, "one shuffle for all", claims.one_shuffle_for_all),
    ("W6 judge misses 5 %", claims.judged, "ours: judge checked", claims.with_checked_judge),
    ("W6 judge misses 5 %", claims.judged, "judge trusted", claims.with_trusted_judge),
    ("W8 counts, n = 49", claims.few_counts, "ours: integers", claims.by_count),
    ("W8 counts, n = 49", claims.few_counts, "n times the mean", claims.by_float),
    ("W9 other mix", claims.mixes, "ours: bounds for all mixes", claims.bounds_of_all_mixes),
    ("W9 other mix", claims.mixes, "bound for the labels' mix", claims.bound_of_one_mix),
    ("10 attempts", claims.attempts, "ours: delta is spent", claims.spent),
    ("10 attempts", claims.attempts, "full delta each", claims.not_spent),
)


def others(effort: Effort, seed: int, *, peers: bool) -> list[Row]:
    """Violations in the worlds that are about one test, and in those of empty ends and ties."""
    rows: list[Row] = []
    for world_name, draws, name, claim in OTHERS:
        begun = time.process_time()
        found = claims.claimed(draws(effort.trials, seed), claim)
        rows.append(_row(world_name, name, claims.DELTA, found, begun))
    world = EmptyEnd()
    named: dict[str, Procedure] = {
        "ours: split path": procedures.split_path,
        "ours: Holm": procedures.with_holm,
        "NaN passes": mutants.nan_passes,
        "NaN is the least p": mutants.nan_is_least,
    }
    if peers:
        fast = {name: method for name, method in MAPIE.items() if method != SLOW}
        named |= {name: mapie_controller.controller(method) for name, method in fast.items()}
    for name, procedure in named.items():
        begun = time.process_time()
        found = tried(world.draws(effort.trials, seed), procedure, world.risks, 0.1)
        rows.append(_row("W7 empty strict end", name, 0.1, found, begun))
    ties = observed.Ties()
    for name, certify in (
        ("ours: counted at or above", observed.at_or_above),
        ("counted above", observed.above),
    ):
        begun = time.process_time()
        issued = [certify(one, 0.1) for one in ties.draws(effort.trials, seed)]
        bad = sum(one is not None and not ties.safe(one) for one in issued)
        made = Tried(len(issued), bad, sum(one is not None for one in issued), ())
        rows.append(_row("W8 tied scores", name, 0.1, made, begun))
    return sorted(rows, key=lambda row: str(row["world"]))


def _peers(effort: Effort, settings: int) -> dict[str, tuple[Procedure, int]]:
    slow = effort.slow if settings <= 50 else effort.slowest
    many = effort.trials if settings <= 200 else effort.slow
    return {
        name: (mapie_controller.controller(method), slow if method == SLOW else many)
        for name, method in MAPIE.items()
    }


def _on_observations(world: TwoGates, trials: int, seed: int) -> Tried:
    names = ("first", "second")
    bad = issued = 0
    worths: list[float] = []
    for folds in observed.two_gates(world, trials, seed):
        found = observed.certified(folds, names, world.risks, 0.1, size=18)
        broken, worth = observed.judged_gates(world, found)
        bad, issued = bad + broken, issued + (found is not None)
        worths.append(worth)
    return Tried(trials, bad, issued, tuple(worths))


def _row(world: str, name: str, delta: float, found: Tried, begun: float) -> Row:
    return {
        "world": world,
        "procedure": name,
        "delta": delta,
        "trials": found.trials,
        "violations": found.violations,
        "issued": found.issued,
        "band": band(found.trials, delta),
        "keeps": found.keeps(delta),
        "ci95": [
            clopper_pearson_lower(found.violations, found.trials, 0.025),
            clopper_pearson_upper(found.violations, found.trials, 0.025),
        ],
        "cpu_seconds": round(time.process_time() - begun, 2),
    }


def _worth(found: Tried, best: float) -> Row:
    return {
        "best": best,
        "mean_worth": float(np.mean(found.worths)),
        "worth_over_best": float(np.mean(found.worths)) / best,
        "issues_90_of_best": found.issues_of(best, 0.9),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Run every world, print the tables and write the figures."""
    assert __doc__ is not None
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--out", type=Path, help="folder for risk.json")
    parser.add_argument("--quick", action="store_true", help="a tenth of the draws")
    parser.add_argument("--no-peers", action="store_true", help="leave MAPIE out")
    options = parser.parse_args(arguments)
    effort = QUICK if options.quick else FULL
    version = mapie_controller.version()
    peers = version is not None and not options.no_peers
    begun = time.perf_counter()
    used = time.process_time()
    found: dict[str, Any] = {
        "boundary": boundary(effort, options.seed, (0.1, 0.05), peers=peers),
        "others": others(effort, options.seed, peers=peers),
        "power": power(effort, options.seed, peers=peers),
    }
    found |= {
        "seed": options.seed,
        "trials": effort.trials,
        "mapie": version if peers else None,
        "numpy": np.__version__,
        "python": platform.python_version(),
        "seconds": round(time.perf_counter() - begun, 1),
        "cpu_seconds": round(time.process_time() - used, 1),
    }
    print(tables.page(found))
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        text = json.dumps(found, indent=1, allow_nan=False) + "\n"
        (options.out / "risk.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
