"""The network over passages: the same in numpy and torch, whatever the order of the passages."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assay.models.passage_set import NetworkShape, PassageSetNetwork
from tests.models.passage_sets import drawn_inputs, drawn_network, drawn_weights

SHAPE = NetworkShape(features=5, pairs=3, dimension=7, width=8, heads=2, layers=2, products=4)


@given(st.integers(1, 12), st.integers(0, 1000))
@settings(max_examples=30, deadline=None)
def test_another_order_gives_the_same_logits_in_that_order(n: int, seed: int) -> None:
    network = drawn_network(SHAPE, seed=seed)
    features, pairs, query, passages = drawn_inputs(SHAPE, n, seed=seed)
    order = np.random.default_rng(seed).permutation(n)
    turned = network.logits(features[order], pairs[order][:, order], query, passages[order])
    straight = network.logits(features, pairs, query, passages)
    np.testing.assert_allclose(turned, straight[:, order], atol=1e-4)


def test_every_passage_is_judged_with_the_others_in_view() -> None:
    network = drawn_network(SHAPE)
    features, pairs, query, passages = drawn_inputs(SHAPE, 4)
    changed = features.copy()
    changed[3] += 1.0
    before, after = (network.logits(one, pairs, query, passages) for one in (features, changed))
    assert (np.abs(before[:, 0] - after[:, 0]) > 1e-4).all()


def test_numpy_and_torch_agree() -> None:
    torch = pytest.importorskip("torch", reason="needs torch: pip install 'assay[torch]'")
    from assay.training.selection.network import logits

    weights = drawn_weights(SHAPE, members=3)
    network = PassageSetNetwork(SHAPE, weights)
    for n in (1, 2, 9, 40):
        features, pairs, query, passages = drawn_inputs(SHAPE, n, seed=n)
        padded = n + 3  # what is padded must not change anything
        wide = [
            np.zeros((1, padded, SHAPE.features), dtype=np.float32),
            np.zeros((1, padded, padded, SHAPE.pairs), dtype=np.float32),
            query[None],
            np.zeros((1, padded, SHAPE.dimension), dtype=np.float32),
        ]
        wide[0][0, :n], wide[1][0, :n, :n], wide[3][0, :n] = features, pairs, passages
        there = torch.arange(padded)[None] < n
        found = network.logits(features, pairs, query, passages)
        for member in range(3):
            own = {name: torch.from_numpy(one[member]) for name, one in weights.items()}
            tensors = [torch.from_numpy(one) for one in wide]
            expected = logits(own, SHAPE, tensors[0], tensors[1], tensors[2], tensors[3], there)[
                0, :n
            ].numpy()
            np.testing.assert_allclose(found[member], expected, atol=1e-5)


def test_no_passages_give_no_logits() -> None:
    assert drawn_network(SHAPE).logits(*drawn_inputs(SHAPE, 0)).shape == (2, 0)


def test_a_feature_that_is_far_off_is_cut_off() -> None:
    network = drawn_network(SHAPE)
    features, pairs, query, passages = drawn_inputs(SHAPE, 3)
    found = []
    for value in (1e6, 1e30):
        features[0, 0] = value
        found.append(network.logits(features, pairs, query, passages))
    assert np.isfinite(found[0]).all()
    np.testing.assert_array_equal(found[0], found[1])


def test_weights_that_do_not_fit_are_refused() -> None:
    weights = drawn_weights(SHAPE)
    with pytest.raises(ValueError, match=r"see 'output\.bias'"):
        PassageSetNetwork(
            SHAPE, {name: one for name, one in weights.items() if name != "output.bias"}
        )
    with pytest.raises(ValueError, match=r"'input\.bias' has shape"):
        PassageSetNetwork(SHAPE, {**weights, "input.bias": weights["input.bias"][:, :-1]})
    with pytest.raises(ValueError, match="different number"):
        PassageSetNetwork(SHAPE, {**weights, "output.bias": weights["output.bias"][:1]})
    broken = weights["output.bias"] * np.float32("nan")
    with pytest.raises(ValueError, match="finite"):
        PassageSetNetwork(SHAPE, {**weights, "output.bias": broken})
