"""What all selectors promise, held over every one that is registered."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from assay.corpora.corpus import Corpus
from assay.pipeline.context import RunContext
from assay.pipeline.registry import find, names
from assay.pipeline.words import Ranking, Selection
from tests.conformance.samples import Sample, sample_of, selector_samples, small_corpus

SELECTORS = [name for name in names() if name.startswith("select.")]


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Sample]]:
    folder: Path = tmp_path_factory.mktemp("selectors")
    corpus: Corpus = small_corpus(folder)
    yield selector_samples(corpus)
    corpus.close()


def _run(node: Any, item: Mapping[str, Any]) -> Any:
    takes = inspect.signature(node.run).parameters
    return node.run(**item, **({"context": RunContext()} if "context" in takes else {}))


@pytest.mark.parametrize("name", SELECTORS)
def test_every_passage_is_kept_or_dropped_once_with_a_reason(
    name: str, known: dict[str, Sample]
) -> None:
    sample = sample_of(name, known)
    component = find(name)
    node = component(component.Config.model_validate(sample.config), **sample.resources)
    node.start()
    for item in sample.inputs:
        found = _run(node, item)
        assert isinstance(found, Selection)
        source = item["ranking"].hits if "ranking" in item else item["selection"].kept
        left = [one.hit.passage.id for one in found.dropped]
        assert not set(left) & set(found.ids)
        assert len({*left, *found.ids}) == len(left) + len(found.ids)
        assert {one.passage.id for one in source} <= {*left, *found.ids}
        assert set(found.reasons) == set(found.ids)
        assert all(found.reasons.values())
        assert all(one.reason for one in found.dropped)
    node.close()


@pytest.mark.parametrize("name", SELECTORS)
def test_nothing_to_choose_from_gives_nothing(name: str, known: dict[str, Sample]) -> None:
    sample = sample_of(name, known)
    component = find(name)
    node = component(component.Config.model_validate(sample.config), **sample.resources)
    node.start()
    item = dict(sample.inputs[0])
    nothing = (
        {"ranking": Ranking(item["query"], (), "first")}
        if "ranking" in item
        else {"selection": Selection(item["query"], ())}
    )
    found = _run(node, item | nothing)
    assert found.kept == ()
    assert found.dropped == ()
    node.close()
