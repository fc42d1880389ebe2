"""Labelled questions as arrays, and batches of them as tensors."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from assay.stages.select.learned_inputs import SetInputs

if TYPE_CHECKING:
    import torch

PARTS = 6
"""Clusters are dealt to so many parts, which members train on, stop by and are calibrated on."""


@dataclass(frozen=True, slots=True)
class Item:
    """A question to learn from.

    Args:
        inputs: what the network is told.
        needed: 1 for a needed passage, else 0, shape ``(n,)``.
        weight: of the question; questions of one group weigh together as much as any other group.
        group: its data set.
        part: from 0 to ``PARTS - 1``; questions of one cluster are in one part.
    """

    inputs: SetInputs
    needed: NDArray[np.float32]
    weight: float
    group: str
    part: int


@dataclass(frozen=True, slots=True)
class Batch:
    """Questions as tensors, padded to the longest; names as in ``training.selection.network``."""

    features: torch.Tensor
    pairs: torch.Tensor
    query: torch.Tensor
    passages: torch.Tensor
    there: torch.Tensor
    needed: torch.Tensor
    weight: torch.Tensor


def parts_of(clusters: Sequence[tuple[str, str]], seed: int) -> list[int]:
    """The part of each question.

    The clusters of a group, in the order of a hash, go to the part that has the fewest of its
    questions so far, so that every part has some of every group that has ``PARTS`` clusters.

    Args:
        clusters: group and cluster of each question.
        seed: another seed deals otherwise.
    """
    counts: dict[tuple[str, str], int] = {}
    for one in clusters:
        counts[one] = counts.get(one, 0) + 1

    def place(one: tuple[str, str]) -> str:
        return hashlib.sha256(f"select|{seed}|{one[0]}|{one[1]}".encode()).hexdigest()

    sizes: dict[str, list[int]] = {}
    found: dict[tuple[str, str], int] = {}
    for one in sorted(counts, key=place):
        own = sizes.setdefault(one[0], [0] * PARTS)
        found[one] = own.index(min(own))
        own[found[one]] += counts[one]
    return [found[one] for one in clusters]


def batch_of(items: Sequence[Item]) -> Batch:
    """Some questions as one batch.

    Args:
        items: at least one.
    """
    import torch

    longest = max(len(one.needed) for one in items)

    def padded(arrays: Sequence[NDArray[np.float32]], axes: int) -> torch.Tensor:
        tail = arrays[0].shape[axes:]
        found = np.zeros((len(arrays), *[longest] * axes, *tail), dtype=np.float32)
        for row, one in zip(found, arrays, strict=True):
            row[tuple(slice(0, size) for size in one.shape[:axes])] = one
        return torch.tensor(found)  # a copy, aligned by torch: sums come out alike every time

    there = padded([np.ones_like(one.needed) for one in items], 1) > 0
    return Batch(
        padded([one.inputs.features for one in items], 1),
        padded([one.inputs.pairs for one in items], 2),
        torch.tensor(np.stack([one.inputs.query for one in items])),
        padded([one.inputs.passages for one in items], 1),
        there,
        padded([one.needed for one in items], 1),
        torch.tensor([one.weight for one in items], dtype=torch.float32),
    )
