"""What the dev folds, and sets that are in no figure, say about the settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from assay.corpora.analyzer import Analyzer
from assay.pipeline.context import RunContext
from assay.pipeline.words import Ranking
from assay.stages.fuse.adaptive import Adaptive, AdaptiveConfig
from assay.stages.fuse.evidence import signals_of
from assay.stages.fuse.rrf import Rrf, RrfConfig
from assay.stages.fuse.weight_model import WeightModel
from assay.stages.fuse.weighted import Weighted, WeightedConfig
from assay.training.fusion_weights import LabelledRankings, fit, out_of_order
from benchmarks.retrieval_quality.measuring import SPOILT
from benchmarks.retrieval_quality.scoring import ndcg
from benchmarks.retrieval_quality.source import DEPTH, FEEDBACK, Found, Fusion
from benchmarks.retrieval_quality.systems import PARTS, fusions, shuffled
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


FEEDBACKS = ((1, 0.5), (3, 0.3), (3, 0.5), (5, 0.5))
"""Best passages that feedback is taken from, and their weight."""

FEEDBACK_SHARES = (0.15, 0.25, 0.35)
"""Of the second search; the rest is shared by the parts as without it."""


class Asking(Protocol):
    """Retrieves for all questions that settings may be chosen on."""

    def __call__(
        self, settings: Mapping[str, Any], feedback: tuple[int, float] = FEEDBACK
    ) -> Retrieved:
        """With settings of the corpus and of feedback."""


def choose(
    retrieve_all: Asking, *, chosen: Mapping[str, Any], weights: Mapping[str, float]
) -> tuple[str, WeightModel]:
    """Tables over settings, and the fitted model of ``fuse.adaptive``.

    Args:
        retrieve_all: what is retrieved with given settings.
        chosen: the settings of the benchmark; fusions are compared with them.
        weights: of the parts.
    """
    fused = fusions(weights)
    systems: Mapping[str, Fusion] = {
        "BM25 by settings of the corpus": lambda one: one["bm25"],
        "weighted": fused["weighted"],
        "adaptive": fused["adaptive"],
    }
    by_system: dict[str, list[tuple[str, list[float]]]] = {title: [] for title in systems}
    for name, settings in CORPORA.items():
        # One after the other: what is found with one of them fills a gigabyte and more.
        own = retrieve_all(settings)
        for title, make in systems.items():
            by_system[title].append((name, _means(own, make)))
        del own
    found = retrieve_all(chosen)
    tasks = list(found)
    said = [means_table(f"{title}, dev", rows, tasks) for title, rows in by_system.items()]
    said.append(means_table("fusion, dev", [(n, _means(found, f)) for n, f in _grid(fused)], tasks))
    rows = []
    for feedback in FEEDBACKS:
        again = found if feedback == FEEDBACK else retrieve_all(chosen, feedback)
        rows += _with_feedback(f"best {feedback[0]}, beta {feedback[1]}", again, weights)
        del again
    said.append(means_table("adaptive with feedback, dev", rows, tasks))
    said.append(means_table("adaptive less the sound part, dev", _spoilt(found, fused), tasks))
    said.append(means_table("quantiles of 'order', dev", _orders(found), tasks))
    return "\n".join(said), fit_model(found, weights)


def _with_feedback(
    name: str, found: Retrieved, weights: Mapping[str, float]
) -> list[tuple[str, list[float]]]:
    rows = []
    for share in FEEDBACK_SHARES:
        node = Adaptive(
            AdaptiveConfig(
                weights={
                    **{part: (1 - share) * own for part, own in weights.items()},
                    "feedback": share,
                }
            )
        )
        values = []
        for own in found.values():
            ranked = [
                node.run({**one.rankings, "feedback": one.feedback}, RunContext()) for one in own
            ]
            values.append(_mean(ndcg([one.question for one in own], ranked)))
        rows.append((f"{name}, share {share}", values))
    return rows


def _spoilt(found: Retrieved, fused: Mapping[str, Fusion]) -> list[tuple[str, list[float]]]:
    rows = []
    for kind, spoil in SPOILT.items():
        for part in PARTS:
            sound = next(one for one in PARTS if one != part)
            values = []
            for own in found.values():
                questions = [one.question for one in own]
                kept = _mean(ndcg(questions, [one.rankings[sound] for one in own]))
                mixed = [fused["adaptive"](rankings) for rankings in spoil(own, part)]
                values.append(_mean(ndcg(questions, mixed)) - kept)
            rows.append((f"{part} {kind}", values))
    return rows


def _orders(found: Retrieved) -> list[tuple[str, list[float]]]:
    """Quantiles of the signal ``order`` over the questions of each task."""
    analyzer = Analyzer(stemmer="english", stop_words="english")
    rows = []
    for part in PARTS:
        for name, spoil in (("", None), (", shuffled", shuffled)):
            orders = []
            for own in found.values():
                each = [one.rankings for one in own] if spoil is None else spoil(own, part)
                orders.append(
                    [
                        signals_of(
                            one.question.query.text, rankings, analyzer=analyzer, look=DEPTH
                        )[part].order
                        for one, rankings in zip(own, each, strict=True)
                    ]
                )
            for share in (0.1, 0.5, 0.9):
                values = [float(np.quantile(one, share)) for one in orders]
                rows.append((f"{part}{name}, {100 * share:.0f} %", values))
    return rows


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
