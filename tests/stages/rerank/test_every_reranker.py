"""What all rerankers promise, held over every one that is registered."""

from __future__ import annotations

import pytest

from assay.pipeline.context import RunContext
from assay.pipeline.registry import find, names
from assay.pipeline.types import signature
from assay.pipeline.words import Ranking
from assay.stages.windows.window import Sizes
from tests.conformance.samples import reranker_samples, sample_of

RERANKERS = [
    name
    for name in names()
    if name.startswith("rerank.") and signature(find(name).run).output is Ranking  # type: ignore[attr-defined]
]
"""All but ``rerank.gate``, which gives no ranking: it tells whether to make one."""


@pytest.mark.parametrize("name", RERANKERS)
def test_the_output_is_a_permutation_of_the_input(name: str) -> None:
    sample = sample_of(name, reranker_samples())
    component = find(name)
    for item in sample.inputs:
        node = component(component.Config.model_validate(sample.config), **sample.resources)
        node.start()
        found = node.run(**item, context=RunContext())  # type: ignore[attr-defined]
        assert isinstance(found, Ranking)
        assert sorted(found.ids) == sorted(item["ranking"].ids)
        nothing = Ranking(item["query"], (), "first")
        empty = node.run(**(dict(item) | {"ranking": nothing}), context=RunContext())  # type: ignore[attr-defined]
        assert empty.hits == ()
        node.close()


@pytest.mark.parametrize("name", RERANKERS)
def test_no_passages_cost_nothing_and_more_cost_no_less(name: str) -> None:
    sample = sample_of(name, reranker_samples())
    component = find(name)
    node = component(component.Config.model_validate(sample.config), **sample.resources)
    sizes = Sizes(query=10, passage=100)
    costs = [node.estimate(n, sizes) for n in (0, 1, 5, 40)]  # type: ignore[attr-defined]
    assert (costs[0].calls, costs[0].rounds, costs[0].tokens_in) == (0, 0, 0)
    assert [one.calls for one in costs] == sorted(one.calls for one in costs)
