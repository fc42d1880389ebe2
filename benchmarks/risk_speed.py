"""How long the arithmetic of a certification takes: 320 thresholds, 4 risks, 100,000 questions.

    python -m benchmarks.risk_speed

Observations are made up (seeded); what is timed is what ``assay calibrate run`` computes with them
once the pipeline has answered: the grid of thresholds, every risk at every point, the path, its
walk. Peak memory is that of the process, observations included.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import time
from collections import Counter
from pathlib import Path

import numpy as np

from assay.guards.risk.folds import STRATA
from assay.guards.risk.losses import Observation, Risk
from assay.guards.risk.path import grid, measure, pareto_path, walk

RISKS = (
    Risk("hallucination", 0.1),
    Risk("false_answer", 0.1),
    Risk("poison_admitted", 0.05),
    Risk("wrongful_abstention", 0.6),
)
NAMES = ("select", "verify")
SHARES = (0.6, 0.25, 0.15)


def observations(n: int, seed: int) -> list[Observation]:
    """Made-up observations of which the right ones have higher scores."""
    rng = np.random.default_rng(seed)
    strata = rng.choice(len(STRATA), n, p=SHARES)
    right = (rng.random(n) < 0.75) & (strata != STRATA.index("unanswerable"))
    scores = rng.normal(right * 3.0, 1.0, (len(NAMES), n))
    poison = (strata == STRATA.index("poisoned")) & ~right & (rng.random(n) < 0.2)
    return [
        Observation(
            str(place),
            STRATA[strata[place]],
            str(place),
            answered=True,
            right=bool(right[place]),
            scores=dict(zip(NAMES, scores[:, place].tolist(), strict=True)),
            poison_in_context=bool(poison[place]),
        )
        for place in range(n)
    ]


def main() -> None:
    """Time it and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--questions", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    tune = observations(options.questions // 3, options.seed)
    certify = observations(options.questions - len(tune), options.seed + 1)
    begun = time.perf_counter()
    candidates = grid(tune, NAMES, 18)[:320]
    points = measure(
        tune, candidates, RISKS, tested=Counter(one.stratum for one in certify), delta=0.1
    )
    path = pareto_path(point for point in points if point.power >= 0.05)
    walked = walk([one.thresholds for one in path], certify, RISKS, 0.1)
    seconds = time.perf_counter() - begun
    every = measure(
        certify, candidates, RISKS, tested=Counter(one.stratum for one in tune), delta=0.1
    )
    both = time.perf_counter() - begun
    found = {
        "questions": options.questions,
        "thresholds": len(candidates),
        "risks": len(RISKS),
        "path": len(path),
        "certified": walked.rejected,
        "seconds": round(seconds, 3),
        "seconds_all_points_on_both_folds": round(both, 3),
        "points_on_both_folds": len(points) + len(every),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "python": platform.python_version(),
    }
    print(json.dumps(found, indent=2))
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
