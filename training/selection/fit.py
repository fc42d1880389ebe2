"""Train a selector on labelled rankings."""

from __future__ import annotations

import importlib.metadata
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from assay.corpora.analyzer import Analyzer
from assay.models.calibrators.beta import Beta
from assay.models.passage_set import NetworkShape, PassageSetNetwork
from assay.pipeline.canonical import digest
from assay.pipeline.errors import UsageError
from assay.stages.rerank.unit_vectors import unit_rows
from assay.stages.select.learned_inputs import PAIR_FEATURES, feature_names, learned_inputs
from assay.stages.select.selection_model import SelectionModel, VectorsOf
from assay.training.labelled_rankings import LabelledRankings
from assay.training.selection.batches import PARTS, Item, parts_of
from assay.training.selection.calibrate import fit_calibration, quality
from assay.training.selection.checkpoint import Progress
from assay.training.selection.member import train
from assay.training.selection.recipe import Recipe

EPOCHS = 60
DEPTH = 50
LEAST = 2 * PARTS
"""Fewest clusters with a needed passage that something can be learned from."""

Report = Callable[[str, int, int], None]
"""Called with a stage's name, items done and items in all."""


def fit(
    examples: Sequence[LabelledRankings],
    *,
    base: str,
    vectors: VectorsOf,
    seed: int = 0,
    epochs: int = EPOCHS,
    depth: int = DEPTH,
    recipe: Recipe | None = None,
    checkpoint: Path | None = None,
    progress: Report | None = None,
    facts: Mapping[str, Any] | None = None,
) -> SelectionModel:
    """An ensemble of networks over the passages of a question, calibrated on other questions.

    Clusters are dealt to ``PARTS`` parts. Member m is calibrated on part 2m, stopped by part
    2m + 1 and trained on the rest: what calibrates and stops it shares no cluster with what it
    learned from, and each cluster is learned from by some member. The calibration is one map for
    the ensemble, fitted to what each member says of its own calibration part (the mean of members
    is a little less sure than each, so that probabilities err to the middle). Questions of one
    group weigh together as much as those of any other. Questions that need nothing are learned
    from too.

    Cost: no model calls beside the vectors; about a second an epoch and member for 2000 questions
    with 30 passages, on one core.

    Args:
        examples: each with the same names of rankings.
        base: name of the ranking whose passages are judged.
        vectors: gives those of a question and of passages, see ``VectorsOf``.
        seed: of all that is random.
        epochs: most for a member, from 1.
        depth: so many of the best passages are judged, from 1; no more than the longest list
            that it was trained on.
        recipe: sizes and strengths.
        checkpoint: folder that training can go on from; what lies there is gone on with.
        progress: told how far it is.
        facts: told in the card beside what is told anyway.

    Raises:
        UsageError: if there is too little to learn from, the names of rankings differ, torch is not
            installed, or the checkpoint belongs to something else.
    """
    recipe = recipe or Recipe()
    if epochs < 1 or depth < 1 or not 1 <= recipe.members <= PARTS // 2:
        raise UsageError(
            f"epochs ({epochs}) and depth ({depth}) begin at 1, members ({recipe.members}) lie"
            f" within 1 and {PARTS // 2}"
        )
    names = _names(examples, base)
    items = _items(examples, base, names, vectors, seed, depth, progress)
    shape = NetworkShape(
        len(feature_names(names)),
        len(PAIR_FEATURES),
        len(items[0].inputs.query),
        recipe.width,
        recipe.heads,
        recipe.layers,
        recipe.products,
        recipe.pieces,
    )
    data = _fingerprint(items)
    identity = digest([data, names, depth, asdict(recipe), asdict(shape), seed, epochs])
    trained: list[Progress] = []
    for member in range(recipe.members):
        held = (2 * member, 2 * member + 1)
        trained.append(
            train(
                [one for one in items if one.part not in held],
                [one for one in items if one.part == held[1]],
                shape,
                recipe,
                seed=seed * recipe.members + member,
                epochs=epochs,
                place=None if checkpoint is None else checkpoint / f"member-{member}.safetensors",
                identity=identity,
                advance=_told(progress, f"training {member + 1} of {recipe.members}"),
            )
        )
    stacked = {
        name: np.stack([one.best_weights[name] for one in trained]) for name in shape.arrays()
    }
    network = PassageSetNetwork(shape, stacked)
    calibration, figures = _calibrated(items, network)
    told = {
        "trained_on": {
            "fingerprint": data,
            "questions": dict(sorted(Counter(one.group for one in items).items())),
            "without_needed": sum(not one.needed.any() for one in items),
        },
        "seed": seed,
        "recipe": asdict(recipe),
        "parts": dict(sorted(Counter(str(one.part) for one in items).items())),
        "members": [
            {
                "calibrated_on": 2 * place,
                "stopped_by": 2 * place + 1,
                "best_epoch": one.best,
                "losses": [[round(loss, 6) for loss in pair] for pair in one.losses],
            }
            for place, one in enumerate(trained)
        ],
        "calibration_figures": figures,
        "versions": {name: importlib.metadata.version(name) for name in ("numpy", "torch")},
    }
    # Of a longer list than it ever saw it would know nothing.
    seen = max(len(one.needed) for one in items)
    return SelectionModel(base, names, seen, network, calibration, {**told, **(facts or {})})


def _names(examples: Sequence[LabelledRankings], base: str) -> tuple[str, ...]:
    """The rankings that all examples have: the base first, then by name, without twins of it."""
    if not examples:
        raise UsageError("there are no labelled rankings to train a selector on")
    names = set(examples[0].rankings)
    for one in examples:
        if set(one.rankings) != names:
            raise UsageError(
                f"an example has the rankings {', '.join(sorted(one.rankings))}, another"
                f" {', '.join(sorted(names))}: all need the same"
            )
    if base not in names:
        raise UsageError(f"no ranking '{base}' to select from among {', '.join(sorted(names))}")
    twins = {
        name
        for name in names - {base}
        if all(one.rankings[name].hits == one.rankings[base].hits for one in examples)
    }
    return (base, *sorted(names - twins - {base}))


def _items(
    examples: Sequence[LabelledRankings],
    base: str,
    names: Sequence[str],
    vectors: VectorsOf,
    seed: int,
    depth: int,
    progress: Report | None,
) -> list[Item]:
    """Questions with something to choose from, as arrays."""
    asked = [one for one in examples if one.rankings[base].hits]
    clusters = [
        (one.group, one.cluster or f"question {one.rankings[base].query.id or number}")
        for number, one in enumerate(asked)
    ]
    useful = {
        cluster
        for cluster, one in zip(clusters, asked, strict=True)
        if one.needed & set(one.rankings[base].ids[:depth])
    }
    if len(useful) < LEAST:
        raise UsageError(
            f"{len(useful)} clusters of questions have a needed passage among the best {depth}:"
            f" a selector needs {LEAST} to learn from, and does well from some hundreds"
        )
    analyzer = Analyzer()
    sizes = Counter(one.group for one in asked)
    items = []
    for number, (one, part) in enumerate(zip(asked, parts_of(clusters, seed), strict=True)):
        ranking = one.rankings[base]
        passages = [hit.passage for hit in ranking.hits[:depth]]
        query, rows = vectors(ranking.query, passages)
        inputs = learned_inputs(
            one.rankings,
            base=base,
            names=names,
            query=unit_rows(np.asarray(query, dtype=np.float32)[None])[0],
            passages=unit_rows(np.asarray(rows, dtype=np.float32)),
            analyzer=analyzer,
        )
        needed = np.array([name in one.needed for name in inputs.ids], dtype=np.float32)
        weight = 1 / (sizes[one.group] * len(sizes))
        items.append(Item(inputs, needed, weight, one.group, part))
        if progress is not None:
            progress("reading questions", number + 1, len(asked))
    return items


def _fingerprint(items: Sequence[Item]) -> str:
    """sha256 in hex of all that is learned from, whatever its order."""
    return digest(
        sorted(
            digest(
                [
                    one.group,
                    one.part,
                    list(one.inputs.ids),
                    one.needed.tolist(),
                    [round(float(value), 4) for value in one.inputs.features.ravel()],
                ]
            )
            for one in items
        )
    )


def _calibrated(items: Sequence[Item], network: PassageSetNetwork) -> tuple[Beta, dict[str, Any]]:
    """The map for the ensemble, and how good it is on parts that it was not fitted to."""
    rows: dict[int, list[tuple[np.ndarray, np.ndarray, np.ndarray]]] = {}
    for one in items:
        member, own = divmod(one.part, 2)
        if own or member >= network.members:
            continue
        inputs = one.inputs
        told = network.logits(inputs.features, inputs.pairs, inputs.query, inputs.passages)
        rows.setdefault(member, []).append(
            (told[member], one.needed, np.full(len(one.needed), one.weight))
        )
    parts = [
        tuple(np.concatenate(one).astype(np.float64) for one in zip(*own, strict=True))
        for own in rows.values()
    ]
    logits, needed, weights = (np.concatenate(one) for one in zip(*parts, strict=True))
    calibration = fit_calibration(logits, needed, weights)
    figures = {"before": quality(Beta().of_logits(logits), needed, weights)}
    figures["after"] = quality(calibration.of_logits(logits), needed, weights)
    if len(parts) > 1:
        crossed = []
        for place, part in enumerate(parts):
            others = [one for number, one in enumerate(parts) if number != place]
            fitted = fit_calibration(*(np.concatenate(one) for one in zip(*others, strict=True)))
            crossed.append(fitted.of_logits(part[0]))
        figures["after"] = quality(np.concatenate(crossed), needed, weights)
    return calibration, figures | {"passages": len(needed)}


def _told(progress: Report | None, stage: str) -> Callable[[int, int], None] | None:
    if progress is None:
        return None
    return lambda done, total: progress(stage, done, total)
