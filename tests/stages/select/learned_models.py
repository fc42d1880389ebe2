"""Learned selectors with drawn weights, for tests that need no training."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from assay.models.calibrators.beta import Beta
from assay.models.passage_set import NetworkShape, Numbers
from assay.pipeline import Passage, Query
from assay.stages.select.learned_inputs import PAIR_FEATURES, feature_names
from assay.stages.select.selection_model import SelectionModel
from tests.models.passage_sets import drawn_network


def drawn_model(
    names: tuple[str, ...] = ("ranking",), *, dimension: int = 64, seed: int = 0, depth: int = 20
) -> SelectionModel:
    """A model over some rankings that has learned nothing."""
    shape = NetworkShape(
        len(feature_names(names)), len(PAIR_FEATURES), dimension, width=8, heads=2, products=4
    )
    network = drawn_network(shape, seed=seed)
    return SelectionModel(names[0], names, depth, network, Beta(0.9, 1.1, 0.2), {"a": 1})


def vectors(query: Query, passages: Sequence[Passage]) -> tuple[Numbers, Numbers]:
    """Vectors of 64 numbers that depend on the text alone."""
    rows = [_vector(one.text) for one in passages]
    return _vector(query.text), np.stack(rows) if rows else np.zeros((0, 64), dtype=np.float32)


def _vector(text: str) -> Numbers:
    generator = np.random.default_rng(list(text.encode(errors="surrogatepass")))
    return generator.normal(size=64).astype(np.float32)
