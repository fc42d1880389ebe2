"""What the dev folds, and sets that are in no figure, say about the settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from assay.corpora.analyzer import Analyzer
from assay.pipeline.words import Ranking
from assay.stages.fuse.rrf import Rrf, RrfConfig
from assay.stages.fuse.weight_model import WeightModel
from assay.stages.fuse.weighted import Weighted, WeightedConfig
from assay.training.fusion_weights import fit, out_of_order
from assay.training.labelled_rankings import LabelledRankings
from benchmarks.retrieval_quality.measuring import SPOILT
from benchmarks.retrieval_quality.reading import ANALYZER, Read, read_texts
from benchmarks.retrieval_quality.scoring import ndcg
from benchmarks.retrieval_quality.source import FEEDBACK, Found, Fusion
from benchmarks.retrieval_quality.systems import PARTS, fusions
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

TEXTS = tuple((phrases, titles) for phrases in (0.0, 0.2, 0.4, 0.6) for titles in (0.0, 0.15, 0.3))
"""Weights of phrases and titles in ``fuse.adaptive``."""

FEEDBACKS = ((1, 0.5), (3, 0.3), (3, 0.5), (5, 0.5))
"""Best passages that feedback is taken from, and their weight."""

FEEDBACK_SHARES = (0.15, 0.25, 0.35)
"""Of the second search; the rest is shared by the parts as without it."""

FITTED = 60
"""Most questions of a task that the model is fitted on where one task after the other is left out:
eight fits, for one figure."""


class Asking(Protocol):
    """Retrieves for all questions that settings may be chosen on."""

    def __call__(
        self, settings: Mapping[str, Any], feedback: tuple[int, float] | None
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
    }
    by_system: dict[str, list[tuple[str, list[float]]]] = {title: [] for title in systems}
    for name, settings in CORPORA.items():
        # One after the other: what is found with one of them fills a gigabyte and more.
        own = retrieve_all(settings, None)
        for title, make in systems.items():
            by_system[title].append((name, _means(own, make)))
        del own
    found = retrieve_all(chosen, FEEDBACK)
    tasks = list(found)
    said = [means_table(f"{title}, dev", rows, tasks) for title, rows in by_system.items()]
    said.append(means_table("fusion, dev", [(n, _means(found, f)) for n, f in _grid(fused)], tasks))
    sound = {
        name: [read_texts(one.question, one.rankings) for one in own] for name, own in found.items()
    }
    rows = [
        (
            f"phrases {phrases}, titles {titles}",
            _fused(sound, weights, phrases=phrases, titles=titles),
        )
        for phrases, titles in TEXTS
    ]
    said.append(means_table("adaptive, dev", rows, tasks))
    rows = []
    for feedback in FEEDBACKS:
        again = found if feedback == FEEDBACK else retrieve_all(chosen, feedback)
        rows += _with_feedback(f"best {feedback[0]}, beta {feedback[1]}", again, weights)
        del again
    said.append(means_table("adaptive with feedback, dev", rows, tasks))
    costs, orders = _spoilt(found, sound, weights)
    said.append(means_table("adaptive less the sound part, dev", costs, tasks))
    said.append(means_table("quantiles of 'order', dev", orders, tasks))
    examples = examples_of(found)
    rows = [("the formula", _fused(sound, weights))]
    rows.append(("fitted on the other tasks", _left_out(examples, sound, weights)))
    said.append(means_table("adaptive, dev", rows, tasks))
    return "\n".join(said), fit_model(examples, weights)


def _fused(
    read: Mapping[str, Sequence[Read]], weights: Mapping[str, float], **settings: Any
) -> list[float]:
    """Means of ``fuse.adaptive`` by task."""
    return [
        _mean(ndcg([one.question for one in own], [one.fused(weights, **settings) for one in own]))
        for own in read.values()
    ]


def _with_feedback(
    name: str, found: Retrieved, weights: Mapping[str, float]
) -> list[tuple[str, list[float]]]:
    read = {
        task: [
            read_texts(one.question, {**one.rankings, "feedback": one.feedback})
            for one in own
            if one.feedback is not None
        ]
        for task, own in found.items()
    }
    rows = []
    for share in FEEDBACK_SHARES:
        parts = {part: (1 - share) * own for part, own in weights.items()}
        rows.append((f"{name}, share {share}", _fused(read, {**parts, "feedback": share})))
    return rows


def _spoilt(
    found: Retrieved, sound: Mapping[str, Sequence[Read]], weights: Mapping[str, float]
) -> tuple[list[tuple[str, list[float]]], list[tuple[str, list[float]]]]:
    """What bad partners cost, and quantiles of the signal ``order`` over the questions."""
    costs = []
    orders = [row for part in PARTS for row in _orders(part, sound, part)]
    for kind, spoil in SPOILT.items():
        for part in PARTS:
            other = next(one for one in PARTS if one != part)
            read = {
                task: [
                    read_texts(one.question, rankings)
                    for one, rankings in zip(own, spoil(own, part), strict=True)
                ]
                for task, own in found.items()
            }
            alone = _means(found, lambda rankings, other=other: rankings[other])  # type: ignore[misc]
            mixed = _fused(read, weights)
            costs.append((f"{part} {kind}", [a - b for a, b in zip(mixed, alone, strict=True)]))
            orders += _orders(part, read, f"{part}, {kind}")
            del read
    return costs, orders


def _orders(
    part: str, read: Mapping[str, Sequence[Read]], name: str
) -> list[tuple[str, list[float]]]:
    rows = []
    for share in (0.1, 0.5, 0.9):
        values = [
            float(np.quantile([one.signals[part].order for one in own], share))
            for own in read.values()
        ]
        rows.append((f"{name}, {100 * share:.0f} %", values))
    return rows


def examples_of(found: Retrieved) -> list[LabelledRankings]:
    """The questions of all tasks; for one in three a partner out of order."""
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
    return examples


def fit_model(examples: Sequence[LabelledRankings], weights: Mapping[str, float]) -> WeightModel:
    """The model fitted on all of these."""
    return fit(
        examples,
        analyzer=Analyzer(**ANALYZER),
        prior=weights,
        facts={"sets": sorted({one.group for one in examples})},
    )


def _left_out(
    examples: Sequence[LabelledRankings],
    sound: Mapping[str, Sequence[Read]],
    weights: Mapping[str, float],
) -> list[float]:
    """Means by task of the model that was fitted on other sets, ``FITTED`` questions of each."""
    means = []
    for task, own in sound.items():
        count: dict[str, int] = {}
        kept = []
        for one in examples:
            count[one.group] = count.get(one.group, 0) + 1
            same_set = one.group.partition(",")[0] == task.partition(",")[0]
            if not same_set and count[one.group] <= FITTED:
                kept.append(one)
        model = fit_model(kept, weights) if kept else WeightModel()
        means += _fused({task: own}, weights, model=model)
    return means


def _grid(fused: Mapping[str, Fusion]) -> list[tuple[str, Fusion]]:
    rows: list[tuple[str, Fusion]] = [
        ("bm25", lambda one: one["bm25"]),
        ("dense", lambda one: one["dense"]),
        ("interleave", fused["interleave"]),
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
