"""Train one network of the ensemble."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from assay.models.passage_set import NetworkShape
from assay.pipeline.errors import UsageError
from assay.training.selection import checkpoint, network
from assay.training.selection.batches import Batch, Item, batch_of
from assay.training.selection.checkpoint import Progress
from assay.training.selection.loss import loss_of
from assay.training.selection.recipe import Recipe

if TYPE_CHECKING:
    import torch

TOGETHER = 64
"""Questions at a time where nothing is learned."""

NOWHERE = 1e9
"""Where an empty piece of a feature's range begins: no value lies above it."""

POOL = 8
"""So many batches are drawn at once and sorted by length, so that little is padded."""

Advance = Callable[[int, int], None]
"""Called with epochs done and epochs in all."""


def train(
    items: Sequence[Item],
    stopping: Sequence[Item],
    shape: NetworkShape,
    recipe: Recipe,
    *,
    seed: int,
    epochs: int,
    place: Path | None = None,
    identity: str = "",
    advance: Advance | None = None,
) -> Progress:
    """Train until the loss on other questions falls no more; the best epoch counts.

    AdamW (Loshchilov and Hutter 2019), one core. Every epoch draws from generators of its own,
    seeded by ``seed`` and its number, so an epoch after a stop is that of an unbroken run.

    Args:
        items: learned from.
        stopping: of other clusters.
        shape: sizes of the network.
        recipe: how.
        seed: of all that is random.
        epochs: most, from 1.
        place: file of the checkpoint, written after each epoch; None for none.
        identity: of data and recipe, see ``checkpoint.read``.
        advance: told how far it is.

    Raises:
        UsageError: if torch is not installed, or a checkpoint belongs to something else.
    """
    with one_core() as torch:
        progress = None if place is None else checkpoint.read(place, identity)
        if progress is None:
            progress = _begun(items, shape, seed)
        tests = [batch_of(part) for part in _cut(sorted(stopping, key=_length), TOGETHER)]
        weights, optimiser = _restored(torch, progress, recipe)
        while not progress.ended and progress.epochs < epochs:
            epoch = progress.epochs
            for group in optimiser.param_groups:
                group["lr"] = _rate(recipe.rate, epoch, epochs)
            trained = _epoch(items, shape, recipe, weights, optimiser, seed, epoch)
            stopped = _loss(tests, shape, recipe, weights)
            progress = _after(progress, (trained, stopped), weights, optimiser, recipe, epochs)
            if place is not None:
                checkpoint.write(place, progress, identity)
            if advance is not None:
                advance(progress.epochs, epochs)
        return progress


@contextmanager
def one_core() -> Iterator[Any]:
    """Torch on one core, with which sums come out alike every time.

    Raises:
        UsageError: if it is not installed.
    """
    try:
        import torch
    except ImportError as error:
        raise UsageError(
            f"training a selector needs {error.name}: install it with pip install 'assay[torch]'"
            " (using a trained one does not)"
        ) from error
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield torch
    finally:
        torch.set_num_threads(before)


def from_data(items: Sequence[Item], pieces: int) -> tuple[dict[str, NDArray[np.float32]], float]:
    """What a network has from the data before it learns, and the share of needed passages.

    Args:
        items: questions.
        pieces: into which the range of each feature is cut, at its quantiles.

    Returns:
        Arrays by the names of ``network.FIXED``, and the share, weighted.
    """
    features = np.concatenate([one.inputs.features for one in items]).astype(np.float64)
    weights = np.concatenate(
        [np.full(len(one.needed), one.weight / max(1, len(one.needed))) for one in items]
    )
    weights /= weights.sum()
    mean = weights @ features
    scale = np.sqrt(weights @ (features - mean) ** 2)
    scale[scale < 1e-4] = 1.0
    ends = np.quantile(features, np.linspace(0, 1, pieces + 1), axis=0)
    low, wide = ends[:-1].T.copy(), np.diff(ends, axis=0).T.copy()
    empty = wide < 1e-6
    low[empty], wide[empty] = NOWHERE, 1.0
    found = {
        "input.mean": mean,
        "input.scale": scale,
        "input.low": low.ravel(),
        "input.wide": wide.ravel(),
    }
    rate = float(weights @ np.concatenate([one.needed for one in items]))
    return (
        {name: one.astype(np.float32) for name, one in found.items()},
        min(max(rate, 0.001), 0.999),
    )


def _begun(items: Sequence[Item], shape: NetworkShape, seed: int) -> Progress:
    fixed, rate = from_data(items, shape.pieces)
    generator = np.random.default_rng(seed)
    drawn = network.begin(shape, fixed=fixed, rate=rate, generator=generator)
    return Progress(0, (), -1, _arrays(drawn), _arrays(drawn))


def _restored(torch: Any, progress: Progress, recipe: Recipe) -> tuple[network.Weights, Any]:
    """Weights as tensors that learn, and an optimiser that goes on where it was."""
    # Sums come out alike only in the same order: of names, and of copies that torch aligns.
    weights = {name: torch.tensor(one) for name, one in sorted(progress.weights.items())}
    learned = {name: one for name, one in weights.items() if name not in network.FIXED}
    for one in learned.values():
        one.requires_grad_(True)
    groups = [
        {"params": [one for one in learned.values() if one.ndim > 1], "weight_decay": recipe.decay},
        {"params": [one for one in learned.values() if one.ndim == 1], "weight_decay": 0.0},
    ]
    optimiser = torch.optim.AdamW(groups, lr=recipe.rate)
    for name, one in learned.items():
        own = {
            key.rpartition("|")[2]: torch.tensor(value)
            for key, value in progress.moments.items()
            if key.rpartition("|")[0] == name
        }
        if own:
            optimiser.state[one] = own
    return weights, optimiser


def _epoch(
    items: Sequence[Item],
    shape: NetworkShape,
    recipe: Recipe,
    weights: network.Weights,
    optimiser: Any,
    seed: int,
    epoch: int,
) -> float:
    import torch

    order = np.random.default_rng([seed, epoch]).permutation(len(items)).tolist()
    drops = torch.Generator().manual_seed(1_000_003 * seed + epoch)
    usual = sum(one.weight for one in items) / len(items)
    learned = [one for one in weights.values() if one.requires_grad]
    losses = []
    for pool in _cut(order, POOL * recipe.batch):
        for places in _cut(sorted(pool, key=lambda place: _length(items[place])), recipe.batch):
            batch = batch_of([items[place] for place in places])
            if recipe.left_out:
                stays = torch.rand(batch.there.shape, generator=drops) >= recipe.left_out
                stays[:, 0] = True
                batch = replace(batch, there=batch.there & stays)
            found = _logits(
                weights,
                shape,
                batch,
                dropout=recipe.dropout,
                vector_dropout=recipe.vector_dropout,
                generator=drops,
            )
            # A batch counts as much as its questions weigh, or groups would not weigh alike.
            loss = loss_of(found, batch) * (batch.weight.mean() / usual)
            optimiser.zero_grad()
            torch.autograd.backward(loss)
            torch.nn.utils.clip_grad_norm_(learned, 1.0)
            optimiser.step()
            losses.append(float(loss.detach()))
    return math.fsum(losses) / len(losses)


def _loss(
    batches: Sequence[Batch], shape: NetworkShape, recipe: Recipe, weights: network.Weights
) -> float:
    import torch

    total = weight = 0.0
    with torch.no_grad():
        for batch in batches:
            own = float(batch.weight.sum())
            found = _logits(weights, shape, batch)
            total += own * float(loss_of(found, batch))
            weight += own
    return total / weight


def _logits(
    weights: network.Weights, shape: NetworkShape, batch: Batch, **drops: Any
) -> torch.Tensor:
    return network.logits(
        weights,
        shape,
        batch.features,
        batch.pairs,
        batch.query,
        batch.passages,
        batch.there,
        **drops,
    )


def _after(
    before: Progress,
    losses: tuple[float, float],
    weights: network.Weights,
    optimiser: Any,
    recipe: Recipe,
    epochs: int,
) -> Progress:
    now = _arrays(weights)
    better = before.best < 0 or losses[1] < before.losses[before.best][1]
    best = before.epochs if better else before.best
    done = before.epochs + 1
    moments = {
        f"{name}|{key}": value.detach().cpu().numpy().copy()
        for name, one in weights.items()
        for key, value in optimiser.state.get(one, {}).items()
    }
    return Progress(
        done,
        (*before.losses, losses),
        best,
        now,
        now if better else before.best_weights,
        moments,
        done >= epochs or done - 1 - best >= recipe.patience,
    )


def _arrays(weights: network.Weights) -> dict[str, NDArray[np.float32]]:
    return {name: one.detach().cpu().numpy().copy() for name, one in weights.items()}


def _rate(largest: float, epoch: int, epochs: int) -> float:
    return largest * min(1.0, (epoch + 1) / 2) * 0.5 * (1 + math.cos(math.pi * epoch / epochs))


def _length(one: Item) -> int:
    return len(one.needed)


def _cut(items: Sequence[Any], size: int) -> list[Sequence[Any]]:
    return [items[start : start + size] for start in range(0, len(items), size)]
