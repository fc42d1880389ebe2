"""What the dev folds, and sets that are in no figure, say about the settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from assay.corpora.analyzer import Analyzer
from assay.pipeline.words import Ranking
from assay.stages.fuse.rrf import Rrf, RrfConfig
from assay.stages.fuse.weight_model import WeightModel
from assay.stages.fuse.weighted import Weighted, WeightedConfig
from assay.training.fusion_weights import LabelledRankings, fit, out_of_order
from benchmarks.retrieval_quality.scoring import ndcg
from benchmarks.retrieval_quality.source import Found, Fusion
from benchmarks.retrieval_quality.systems import PARTS, exchanged, fusions, shuffled
from benchmarks.retrieval_quality.tables import means_table

Retrieved = Mapping[str, Sequence[Found]]
"""By the name of the task, questions of the dev fold only (all, of the other sets)."""

PLAIN: Mapping[str, Any] = {"lexical": "bm25s", "k1": 0.9, "b": 0.4, "stop_words": "english"}

CORPORA: Mapping[str, Mapping[str, Any]] = {
    "k1 0.9, b 0.4, no stemming, no stop words": {
        **PLAIN,
        "stemmer": "none",
        "stop_words": "none",
    },
    "k1 0.9, b 0.4, no stemming": {**PLAIN, "stemmer": "none"},
    "k1 0.9, b 0.4, no stop words": {**PLAIN, "stemmer": "english", "stop_words": "none"},
    "k1 0.9, b 0.4": {**PLAIN, "stemmer": "english"},
    "k1 1.2, b 0.75 (tantivy)": {"stemmer": "english", "stop_words": "english"},
    "k1 0.9, b 0.4, body and title": {
        **PLAIN,
        "stemmer": "english",
        "fields": {"body": 1.0, "title": 0.5},
    },
    "k1 0.9, b 0.4, all and title": {
        **PLAIN,
        "stemmer": "english",
        "fields": {"all": 1.0, "title": 0.3},
    },
}
"""Settings of the corpus that are compared; with English stemming and stop words where nothing
else is said, and title and text together."""

DENSE_WEIGHTS = (0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7)


def choose(
    retrieve_all: Callable[[Mapping[str, Any]], Retrieved],
    *,
    chosen: Mapping[str, Any],
    weights: Mapping[str, float],
) -> tuple[str, WeightModel]:
    """Tables over settings, and the fitted model of ``fuse.adaptive``.

    Args:
        retrieve_all: what is retrieved with given settings of the corpus.
        chosen: the settings of the benchmark; fusions are compared with them.
        weights: of the parts.
    """
    fused = fusions(weights)
    by_corpus: dict[str, Retrieved] = {name: retrieve_all(one) for name, one in CORPORA.items()}
    found = retrieve_all(chosen)
    tasks = list(found)
    said = []
    for title, make in {
        "BM25 by settings of the corpus": lambda one: one["bm25"],
        "weighted": fused["weighted"],
        "adaptive": fused["adaptive"],
    }.items():
        rows = [(name, _means(own, make)) for name, own in by_corpus.items()]
        said.append(means_table(f"{title}, dev", rows, tasks))
    said.append(means_table("fusion, dev", [(n, _means(found, f)) for n, f in _grid(fused)], tasks))
    spoilt = []
    for part in PARTS:
        for kind, spoil in (("shuffled", shuffled), ("exchanged", exchanged)):
            sound = next(one for one in PARTS if one != part)
            values = []
            for own in found.values():
                questions = [one.question for one in own]
                kept = _mean(ndcg(questions, [one.rankings[sound] for one in own]))
                mixed = [fused["adaptive"](rankings) for rankings in spoil(own, part)]
                values.append(_mean(ndcg(questions, mixed)) - kept)
            spoilt.append((f"{part} {kind}", values))
    said.append(means_table("adaptive less the sound part, dev", spoilt, tasks))
    model = fit_model(found, weights)
    return "\n".join(said), model


def fit_model(found: Retrieved, weights: Mapping[str, float]) -> WeightModel:
    """The model fitted on all of these; for one example in three a partner out of order."""
    generator = np.random.default_rng(0)
    examples = []
    for name, own in found.items():
        for one in own:
            rankings = dict(one.rankings)
            draw = generator.random()
            if draw < 1 / 3:
                part = PARTS[draw < 1 / 6]
                rankings[part] = out_of_order(rankings[part], generator)
            examples.append(LabelledRankings(rankings, one.question.grades, name))
    return fit(
        examples,
        analyzer=Analyzer(stemmer="english", stop_words="english"),
        prior=weights,
        facts={"sets": sorted(found)},
    )


def _grid(fused: Mapping[str, Fusion]) -> list[tuple[str, Fusion]]:
    rows: list[tuple[str, Fusion]] = [
        ("bm25", lambda one: one["bm25"]),
        ("dense", lambda one: one["dense"]),
        ("interleave", fused["interleave"]),
        ("adaptive", fused["adaptive"]),
    ]
    rows += [(f"rrf, k {k}", Rrf(RrfConfig(k=k)).run) for k in (1, 10, 60)]
    for scheme in ("min_max", "z_score", "theoretical", "softmax", "rank"):
        for share in DENSE_WEIGHTS:
            node = Weighted(
                WeightedConfig.model_validate(
                    {"normalise": scheme, "weights": {"bm25": 1 - share, "dense": share}}
                )
            )
            rows.append((f"weighted, {scheme}, dense {share}", node.run))
    return rows


def _means(found: Retrieved, make: Callable[[Mapping[str, Ranking]], Ranking]) -> list[float]:
    return [
        _mean(ndcg([one.question for one in own], [make(one.rankings) for one in own]))
        for own in found.values()
    ]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
