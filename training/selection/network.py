"""The network of ``assay.models.passage_set`` in torch, for training."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from assay.models.passage_set import CUT, EPSILON, NetworkShape

if TYPE_CHECKING:
    import torch

FIXED = ("input.mean", "input.scale", "input.low", "input.wide")
"""Arrays that are set from the data and not learned."""

Weights = dict[str, "torch.Tensor"]


def begin(
    shape: NetworkShape,
    *,
    fixed: Mapping[str, NDArray[np.float32]],
    rate: float,
    generator: np.random.Generator,
) -> Weights:
    """Weights before training: matrices by Glorot's rule, outputs at 0.

    With outputs at 0 the first logits are all ``rate``'s, so that training starts from the share of
    needed passages.

    Args:
        shape: sizes.
        fixed: what is set from the data, by the names of ``FIXED``.
        rate: share of passages that are needed, between 0 and 1.
        generator: draws the matrices.
    """
    import torch

    found: Weights = {}
    for name, size in shape.arrays().items():
        if len(size) == 2 and not name.startswith("output.") and not name.endswith(".pairs"):
            limit = math.sqrt(6 / sum(size))
            made = generator.uniform(-limit, limit, size)
        elif name.endswith("norm.weight"):
            made = np.ones(size)
        else:
            made = np.zeros(size)
        found[name] = torch.from_numpy(made.astype(np.float32))
    found |= {name: torch.from_numpy(fixed[name].astype(np.float32)) for name in FIXED}
    found["output.bias"] = torch.full((1,), math.log(rate / (1 - rate)))
    for name, one in found.items():
        one.requires_grad_(name not in FIXED)
    return found


def logits(
    weights: Mapping[str, torch.Tensor],
    shape: NetworkShape,
    features: torch.Tensor,
    pairs: torch.Tensor,
    query: torch.Tensor,
    passages: torch.Tensor,
    there: torch.Tensor,
    *,
    dropout: float = 0.0,
    vector_dropout: float = 0.0,
    generator: torch.Generator | None = None,
) -> torch.Tensor:
    """Logits of a batch of questions, shape ``(batch, n)``; see ``PassageSetNetwork.logits``.

    Args:
        weights: as ``begin`` makes them.
        shape: sizes.
        features: ``(batch, n, features)``.
        pairs: ``(batch, n, n, pairs)``.
        query: ``(batch, dimension)``.
        passages: ``(batch, n, dimension)``.
        there: ``(batch, n)``, false for padding.
        dropout: share of numbers set to 0 between layers, in training.
        vector_dropout: the same for what is made of vectors, the same ones of all passages of a
            question, as are features.
        generator: draws what is dropped; None drops nothing.
    """
    import torch
    from torch.nn import functional

    def thinned(state: torch.Tensor, share: float, *, alike: bool = False) -> torch.Tensor:
        """Some numbers set to 0; ``alike``: the same of all passages of a question."""
        if generator is None or not share:
            return state
        size = (state.shape[0], 1, state.shape[2]) if alike else state.shape
        kept = (torch.rand(size, generator=generator) >= share).to(state.dtype)
        return state * (kept / (1 - share))

    def normed(name: str, state: torch.Tensor) -> torch.Tensor:
        own = (weights[f"{name}.weight"], weights[f"{name}.bias"])
        return functional.layer_norm(state, (shape.width,), *own, EPSILON)

    inputs = ((features - weights["input.mean"]) / weights["input.scale"]).clamp(-CUT, CUT)
    spread = features.repeat_interleave(shape.pieces, dim=2)
    cut = ((spread - weights["input.low"]) / weights["input.wide"]).clamp(0.0, 1.0)
    state = thinned(inputs, dropout / 2, alike=True) @ weights["input.weight"]
    state = state + thinned(cut, dropout / 2, alike=True) @ weights["input.pieces"]
    state = state + weights["input.bias"]
    found = passages @ weights["vector.passage"]
    asked = (query @ weights["vector.query"])[:, None].expand_as(found)
    joined = torch.cat([asked * found, asked, found], dim=2)
    joined = thinned(joined, vector_dropout, alike=True)
    state = state + joined @ weights["vector.weight"]
    batch, n, width = state.shape
    size = width // shape.heads
    closed = ~there[:, None, None, :]
    for layer in range(shape.layers):
        name = f"{layer}.attention"
        mixed = normed(f"{name}.norm", state) @ weights[f"{name}.inputs"]
        parts = mixed.reshape(batch, n, 3, shape.heads, size).permute(2, 0, 3, 1, 4)
        scores = parts[0] @ parts[1].transpose(2, 3) / math.sqrt(size)
        scores = scores + (pairs @ weights[f"{name}.pairs"]).permute(0, 3, 1, 2)
        shares = torch.softmax(scores.masked_fill(closed, -1e9), dim=-1)
        mixed = (thinned(shares, dropout) @ parts[2]).transpose(1, 2).reshape(batch, n, width)
        state = state + thinned(mixed @ weights[f"{name}.outputs"], dropout)
        name = f"{layer}.forward"
        inner = normed(f"{name}.norm", state) @ weights[f"{name}.inner"]
        inner = thinned(torch.relu(inner + weights[f"{name}.inner_bias"]), dropout)
        outer = inner @ weights[f"{name}.outer"] + weights[f"{name}.outer_bias"]
        state = state + thinned(outer, dropout)
    found = normed("output.norm", state) @ weights["output.weight"]
    found = found + inputs @ weights["output.direct"] + cut @ weights["output.pieces"]
    return found[:, :, 0] + weights["output.bias"]
