"""A transformer over the passages of one question, computed by numpy."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

COMPUTES = True
"""What is below decides what a model gives, so it counts for fingerprints."""

Numbers = NDArray[np.float32]

CUT = 6.0
"""Standard deviations at which a feature is cut off."""

EPSILON = 1e-5
"""Keeps the normalisation of a constant row finite."""


@dataclass(frozen=True, slots=True)
class NetworkShape:
    """Sizes of a ``PassageSetNetwork``.

    Args:
        features: of a passage.
        pairs: numbers about two passages.
        dimension: of the vectors of question and passages.
        width: of a passage inside the network; a multiple of ``heads``.
        heads: of each attention.
        layers: of attention and feed-forward each.
        products: width of the projections of vectors, whose product is read.
        pieces: into which the range of each feature is cut.
    """

    features: int
    pairs: int
    dimension: int
    width: int = 32
    heads: int = 2
    layers: int = 2
    products: int = 8
    pieces: int = 6

    def arrays(self) -> dict[str, tuple[int, ...]]:
        """Name and shape of every array of one network; matrices stand as (in, out)."""
        width, product, pieces = self.width, self.products, self.features * self.pieces
        found: dict[str, tuple[int, ...]] = {
            "input.mean": (self.features,),
            "input.scale": (self.features,),
            "input.low": (pieces,),
            "input.wide": (pieces,),
            "input.weight": (self.features, width),
            "input.pieces": (pieces, width),
            "input.bias": (width,),
            "vector.query": (self.dimension, product),
            "vector.passage": (self.dimension, product),
            "vector.weight": (3 * product, width),
        }
        for layer in range(self.layers):
            found |= {
                f"{layer}.attention.norm.weight": (width,),
                f"{layer}.attention.norm.bias": (width,),
                f"{layer}.attention.inputs": (width, 3 * width),
                f"{layer}.attention.pairs": (self.pairs, self.heads),
                f"{layer}.attention.outputs": (width, width),
                f"{layer}.forward.norm.weight": (width,),
                f"{layer}.forward.norm.bias": (width,),
                f"{layer}.forward.inner": (width, 2 * width),
                f"{layer}.forward.inner_bias": (2 * width,),
                f"{layer}.forward.outer": (2 * width, width),
                f"{layer}.forward.outer_bias": (width,),
            }
        return found | {
            "output.norm.weight": (width,),
            "output.norm.bias": (width,),
            "output.weight": (width, 1),
            "output.direct": (self.features, 1),
            "output.pieces": (pieces, 1),
            "output.bias": (1,),
        }


class PassageSetNetwork:
    """Logits of "this passage is needed", for all passages of a question together.

    Every passage attends to every other; what is told about two passages is added to the attention
    between them. There is no position: features carry the ranks, so another order of the passages
    gives the same logits in that order. Attention over a set: Vaswani et al. 2017 without position
    and Lee et al. 2019 ("Set Transformer", ICML) for the permutation; numbers about pairs as biases
    of attention: Shaw et al. 2018, Raffel et al. 2020 (section 2.1). Features also come in pieces,
    each the share of one interval of its range that lies below the value (Gorishniy et al. 2022,
    "On embeddings for numerical features", section 3.1), which lets a small network find thresholds
    as trees do. A direct path from features and pieces to the logit is a logistic regression beside
    it (Cheng et al. 2016, "wide and deep").

    Cost: no model calls; about ``members x layers x n x width x (8 width + 2 n)`` multiplications.

    Args:
        shape: sizes.
        weights: arrays as ``shape.arrays`` names them, each with the members of an ensemble as its
            first axis, of type float32.

    Raises:
        ValueError: if an array is missing, of another shape, or holds a number that is not finite.
    """

    def __init__(self, shape: NetworkShape, weights: Mapping[str, Numbers]) -> None:
        wanted = shape.arrays()
        if set(weights) != set(wanted):
            odd = sorted(set(weights) ^ set(wanted))
            raise ValueError(f"weights do not fit the network's shape, see '{odd[0]}'")
        members = {len(one) for one in weights.values() if one.ndim}
        if len(members) != 1:
            raise ValueError("weights hold networks of different number")
        for name, one in weights.items():
            if one.shape[1:] != wanted[name] or not np.isfinite(one).all():
                raise ValueError(
                    f"'{name}' has shape {one.shape[1:]}, expected {wanted[name]} of finite numbers"
                )
        self.shape = shape
        self.weights = {name: one.astype(np.float32) for name, one in weights.items()}
        self.members = members.pop()

    def logits(
        self, features: Numbers, pairs: Numbers, query: Numbers, passages: Numbers
    ) -> Numbers:
        """Logits of each member, shape ``(members, n)``.

        Args:
            features: shape ``(n, features)``.
            pairs: shape ``(n, n, pairs)``.
            query: vector of the question, shape ``(dimension,)``.
            passages: vectors of the passages, shape ``(n, dimension)``.
        """
        own = self.weights
        if not len(features):
            return np.zeros((self.members, 0), dtype=np.float32)
        scaled = (features - own["input.mean"][:, None]) / own["input.scale"][:, None]
        inputs = np.clip(scaled, -CUT, CUT)
        low, wide = own["input.low"][:, None], own["input.wide"][:, None]
        cut = np.clip((np.repeat(features, self.shape.pieces, axis=1) - low) / wide, 0.0, 1.0)
        state = inputs @ own["input.weight"] + cut @ own["input.pieces"]
        state = state + own["input.bias"][:, None]
        asked = query @ own["vector.query"]
        found = passages @ own["vector.passage"]
        asked = np.broadcast_to(asked[:, None], found.shape)
        state = state + np.concatenate([asked * found, asked, found], axis=2) @ own["vector.weight"]
        flat = np.ascontiguousarray(pairs.reshape(-1, self.shape.pairs).T)
        for layer in range(self.shape.layers):
            state = state + self._attention(f"{layer}.attention", state, flat)
            state = state + self._forward(f"{layer}.forward", state)
        state = self._normed("output.norm", state)
        found = state @ own["output.weight"] + inputs @ own["output.direct"]
        found = found + cut @ own["output.pieces"]
        return np.asarray(found[:, :, 0] + own["output.bias"], dtype=np.float32)

    def _normed(self, name: str, state: Numbers) -> Numbers:
        centred = state - state.mean(axis=-1, keepdims=True)
        variance = np.mean(centred * centred, axis=-1, keepdims=True)
        scaled = centred / np.sqrt(variance + np.float32(EPSILON))
        weight, bias = self.weights[f"{name}.weight"], self.weights[f"{name}.bias"]
        return np.asarray(scaled * weight[:, None] + bias[:, None], dtype=np.float32)

    def _attention(self, name: str, state: Numbers, pairs: Numbers) -> Numbers:
        members, n, width = state.shape
        heads = self.shape.heads
        size = width // heads
        mixed = self._normed(f"{name}.norm", state) @ self.weights[f"{name}.inputs"]
        parts = mixed.reshape(members, n, 3, heads, size).transpose(2, 0, 3, 1, 4)
        # Contiguous, or numpy multiplies without BLAS.
        queries = parts[0] * np.float32(1 / math.sqrt(size))
        keys = np.ascontiguousarray(parts[1].transpose(0, 1, 3, 2))
        values = np.ascontiguousarray(parts[2])
        scores = np.ascontiguousarray(queries) @ keys
        biases = self.weights[f"{name}.pairs"].transpose(0, 2, 1) @ pairs
        scores += biases.reshape(members, heads, n, n)
        scores -= scores.max(axis=-1, keepdims=True)
        np.exp(scores, out=scores)
        scores /= scores.sum(axis=-1, keepdims=True)
        joined = (scores @ values).transpose(0, 2, 1, 3).reshape(members, n, width)
        return np.asarray(joined @ self.weights[f"{name}.outputs"], dtype=np.float32)

    def _forward(self, name: str, state: Numbers) -> Numbers:
        inner = self._normed(f"{name}.norm", state) @ self.weights[f"{name}.inner"]
        inner = np.maximum(inner + self.weights[f"{name}.inner_bias"][:, None], 0.0)
        outer = inner @ self.weights[f"{name}.outer"] + self.weights[f"{name}.outer_bias"][:, None]
        return np.asarray(outer, dtype=np.float32)
