"""How long ``select.learned`` takes for a query, on one core, with embeddings at hand.

    OMP_NUM_THREADS=1 python -m benchmarks.select_speed --json build/select-speed.json

Passages of 100 words are drawn from 5000 words, from 20 documents, with four rankings. The weights
are drawn too: what a number is does not change the time, only the sizes do, and they are those of
``assay train select``. Parts: ``inputs`` (scores, words, titles, likenesses as arrays), ``network``
(three members, calibrated), ``decode`` (a set by expected F1), and ``all``, which is what the node
does when vectors are at hand. Milliseconds of processor time: the median over queries and the 95 %
quantile, after 20 queries that do not count.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections.abc import Sequence
from itertools import product
from pathlib import Path

import numpy as np

from assay.models.calibrators.beta import Beta
from assay.models.passage_set import NetworkShape, PassageSetNetwork
from assay.pipeline.words import Hit, Passage, Query, Ranking, Scope, Score, ScoreKind
from assay.stages.select.decode import by_expected_f1
from assay.stages.select.learned_inputs import PAIR_FEATURES, feature_names
from assay.stages.select.selection_model import SelectionModel
from assay.training.selection.recipe import Recipe

SCOPE = Scope("benchmark")
NAMES = ("ranking", "bm25", "dense", "hybrid")
DIMENSION, WORDS, DOCUMENTS, WARM = 384, 100, 20, 20
PARTS = ("inputs", "network", "decode", "all")


def drawn_model(depth: int, seed: int) -> SelectionModel:
    """A model of the usual sizes with small drawn weights."""
    own = Recipe()
    shape = NetworkShape(
        len(feature_names(NAMES)),
        len(PAIR_FEATURES),
        DIMENSION,
        own.width,
        own.heads,
        own.layers,
        own.products,
        own.pieces,
    )
    generator = np.random.default_rng(seed)
    weights = {
        name: generator.normal(0, 0.1, (own.members, *size)).astype(np.float32)
        for name, size in shape.arrays().items()
    }
    for name in ("input.scale", "input.wide"):
        weights[name] = np.abs(weights[name]) + np.float32(0.5)
    network = PassageSetNetwork(shape, weights)
    return SelectionModel("ranking", NAMES, depth, network, Beta(shift=-2.0))


def drawn_rankings(n: int, generator: np.random.Generator) -> dict[str, Ranking]:
    """Four rankings of the same passages."""
    letters = [chr(97 + number) for number in range(17)]
    known = ["".join(one) for one in product("bdfgklmnprst", letters, "aeiou", "nrst")][:5000]
    query = Query("What is " + " ".join(generator.choice(known, 8)) + "?", SCOPE)
    passages = [
        Passage(
            f"p{place}",
            f"d{place % DOCUMENTS}",
            " ".join(generator.choice(known, WORDS)),
            SCOPE,
            title=f"Title {place % DOCUMENTS}",
            position=place // DOCUMENTS,
        )
        for place in range(n)
    ]
    found = {}
    for name in NAMES:
        scores = np.sort(generator.normal(size=n))[::-1]
        order = generator.permutation(n)
        hits = tuple(
            Hit(passages[place], Score(float(score), ScoreKind.LOGIT, name))
            for place, score in zip(order, scores, strict=True)
        )
        found[name] = Ranking(query, hits, name)
    return found


def measured(n: int, queries: int, seed: int) -> dict[str, tuple[float, float]]:
    """Median and 95 % quantile in milliseconds, by part."""
    generator = np.random.default_rng(seed)
    model = drawn_model(n, seed)
    spent: dict[str, list[float]] = {part: [] for part in PARTS}
    for number in range(queries + WARM):
        rankings = drawn_rankings(n, generator)
        query = generator.normal(size=DIMENSION).astype(np.float32)
        passages = generator.normal(size=(n, DIMENSION)).astype(np.float32)
        marks = [time.process_time()]
        inputs = model.inputs(rankings, query, passages)
        marks.append(time.process_time())
        probabilities = model.judge(inputs)
        marks.append(time.process_time())
        by_expected_f1(probabilities)
        marks.append(time.process_time())
        if number >= WARM:
            times = [*np.diff(marks), marks[-1] - marks[0]]
            for part, seconds in zip(PARTS, times, strict=True):
                spent[part].append(1000 * float(seconds))
    return {
        part: (float(np.median(own)), float(np.quantile(own, 0.95))) for part, own in spent.items()
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--passages", type=int, nargs="+", default=[30, 100])
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args(arguments)
    rows = {n: measured(n, asked.queries, asked.seed) for n in asked.passages}
    print(f"milliseconds a query, processor time, median (95 % quantile); {asked.queries} queries")
    print(f"{'passages':>8}  " + "  ".join(f"{part:>15}" for part in PARTS))
    for n, row in rows.items():
        cells = (f"{low:6.2f} ({high:6.2f})" for low, high in row.values())
        print(f"{n:>8}  " + "  ".join(f"{cell:>15}" for cell in cells))
    if asked.json is not None:
        told = {
            "queries": asked.queries,
            "seed": asked.seed,
            "numpy": np.__version__,
            "python": platform.python_version(),
            "milliseconds": rows,
        }
        asked.json.parent.mkdir(parents=True, exist_ok=True)
        asked.json.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
