"""Every registered node keeps what nodes promise."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from assay.pipeline import Node, registry
from tests.conformance.node import CHECKS
from tests.conformance.samples import EXPECTED_FAILURES, Sample, sample_of, samples, small_corpus
from tests.conformance.subject import Subject, tenants


def nodes() -> dict[str, type[Node]]:
    found = {name: registry.find(name) for name in registry.names()}
    return {name: one for name, one in found.items() if issubclass(one, Node)}


NODES = nodes()


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Sample]:
    folder = tmp_path_factory.mktemp("conformance")
    return samples(small_corpus(folder / "index"), folder)


def subject(name: str, known: Mapping[str, Sample]) -> Subject:
    sample = sample_of(name, known)
    return Subject(NODES[name], sample.config, sample.resources, sample.inputs, sample.base)


def pairs() -> list[object]:
    return [
        pytest.param(
            name,
            check,
            id=f"{name}-{check}",
            marks=[pytest.mark.xfail(reason=reason, raises=AssertionError, strict=True)]
            if (reason := EXPECTED_FAILURES.get((name, check)))
            else [],
        )
        for name in NODES
        for check in CHECKS
    ]


@pytest.mark.parametrize(("name", "check"), pairs())
def test_the_node_keeps_the_promise(name: str, check: str, known: Mapping[str, Sample]) -> None:
    CHECKS[check](subject(name, known))


@pytest.mark.parametrize("name", NODES)
def test_the_sample_tells_two_tenants_apart(name: str, known: Mapping[str, Sample]) -> None:
    one = subject(name, known)
    outputs = {
        "".join(sorted(tenants(item))): one.alone(item).output for item in reversed(one.inputs)
    }
    assert outputs["a"] != outputs["b"]


def test_no_sample_and_no_expected_failure_outlives_its_node(known: Mapping[str, Sample]) -> None:
    assert set(known) <= set(NODES)
    assert {name for name, _ in EXPECTED_FAILURES} <= set(NODES)
    assert {check for _, check in EXPECTED_FAILURES} <= set(CHECKS)


def test_a_node_without_a_sample_is_told_where_to_add_one(known: Mapping[str, Sample]) -> None:
    with pytest.raises(AssertionError, match=r"'select.new@1' has no sample.*samples\.py"):
        sample_of("select.new@1", known)
