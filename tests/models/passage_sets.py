"""Networks over passages with drawn weights, for tests."""

from __future__ import annotations

import numpy as np

from assay.models.passage_set import NetworkShape, Numbers, PassageSetNetwork


def drawn_weights(shape: NetworkShape, *, seed: int = 0, members: int = 2) -> dict[str, Numbers]:
    """Small random weights; scales and widths are above 0."""
    generator = np.random.default_rng(seed)
    found = {}
    for name, size in shape.arrays().items():
        made = generator.normal(0, 0.3, (members, *size))
        if name in ("input.scale", "input.wide"):
            made = np.abs(made) + 0.5
        found[name] = made.astype(np.float32)
    return found


def drawn_network(shape: NetworkShape, *, seed: int = 0, members: int = 2) -> PassageSetNetwork:
    """See ``drawn_weights``."""
    return PassageSetNetwork(shape, drawn_weights(shape, seed=seed, members=members))


def drawn_inputs(
    shape: NetworkShape, n: int, *, seed: int = 0
) -> tuple[Numbers, Numbers, Numbers, Numbers]:
    """Features, pairs, the question's vector and those of passages."""
    generator = np.random.default_rng(seed)
    return (
        generator.normal(size=(n, shape.features)).astype(np.float32),
        generator.normal(size=(n, n, shape.pairs)).astype(np.float32),
        generator.normal(size=shape.dimension).astype(np.float32),
        generator.normal(size=(n, shape.dimension)).astype(np.float32),
    )
