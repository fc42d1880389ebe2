"""Spaces: what they say, what is wrong with them, and what settings make of a file."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest

from assay.evaluation.search.space import Space, applied, read_space
from assay.evaluation.search.workbench import Workbench
from assay.pipeline.errors import BuildError, UsageError

GOOD = """
fields:
  found.k: [5, 10]
  chosen.k: {low: 1, high: 3, int: true}
nodes:
  chosen:
    elbow:
      use: select.elbow@1
      resources: {corpus: corpus}
      fields: {max_k: [2, 4]}
"""


def space_of(place: Path, text: str) -> Space:
    file = place / "space.yaml"
    file.write_text(text)
    bench = Workbench(place / "p.yaml", place)
    space = read_space(file, bench.source)
    bench.problems(space)
    return space


def test_a_space_counts_its_pipelines(place: Path) -> None:
    space = space_of(place, GOOD)
    assert space.size == 2 * (3 + 2)
    assert set(space.domains) == {"found.k", "chosen.k", "chosen=elbow.max_k"}


def test_settings_change_a_copy_of_the_file(place: Path) -> None:
    space = space_of(place, GOOD)
    data = Workbench(place / "p.yaml", place).data
    before = copy.deepcopy(data)
    made = applied(data, space, {"found.k": 10, "chosen": "elbow", "chosen=elbow.max_k": 4})
    assert made["nodes"]["found"]["config"] == {"k": 10}
    assert made["nodes"]["chosen"] == {
        "use": "select.elbow@1",
        "resources": {"corpus": "corpus"},
        "config": {"max_k": 4},
        "inputs": {"query": "query", "ranking": "found"},
    }
    assert data == before
    assert applied(data, space, {}) == before


@pytest.mark.parametrize(
    ("text", "where", "message"),
    [
        ("", "", "must be a mapping"),
        ("[1, 2]", ":1:1", "must be a mapping"),
        ("{}", ":1:1", "the space is empty"),
        ("fields: {}", ":1:1", "the space is empty"),
        ("feilds: {found.k: [1, 2]}", ":1:1", "did you mean 'fields'"),
        ("fields: [1]", ":1:1", "'fields' must be a mapping"),
        ("fields:\n  fuond.k: [1, 2]", ":2:3", "no node or resource 'fuond'; did you mean 'found'"),
        ("fields:\n  found: [1, 2]", ":2:3", "expected NAME.FIELD"),
        ("fields:\n  found.k: 3", ":2:3", "expected a list of values"),
        ("fields:\n  found.kk: [1, 2]", ":2:3", "no value of 'found.kk' can be built: unknown key"),
        ("fields:\n  found.k: [0, -1]", ":2:3", "no value of 'found.k' can be built"),
        ("nodes:\n  fuond: {x: {use: a.b}}", ":2:3", "no node 'fuond'; did you mean 'found'"),
        ("nodes:\n  chosen: {}", ":2:3", "has no alternative"),
        ("nodes:\n  chosen:\n    unchanged: {use: a.b}", ":3:5", "cannot name an alternative"),
        ("nodes:\n  chosen:\n    other: {config: {}}", ":3:5", "must be a mapping with 'use'"),
        ("nodes:\n  chosen:\n    other: {use: select.elbo}", ":3:5", "no value of 'other'"),
        ("nodes:\n  chosen:\n    e: {use: a.b, fild: 1}", ":3:19", "did you mean 'fields'"),
        ("fields:\n  found.k: [1, 2]\n  found.k: [3, 4]", ":3:3", "stands twice"),
        ("fields: {found.k: *x}", ":1:19", "anchors and aliases are not allowed"),
    ],
)
def test_a_bad_space_says_where_and_what(place: Path, text: str, where: str, message: str) -> None:
    with pytest.raises(BuildError) as error:
        space_of(place, text)
    assert f"space.yaml{where}" in str(error.value)
    assert message in str(error.value)


def test_a_value_that_needs_another_field_is_no_error_if_one_value_can_be_built(
    place: Path,
) -> None:
    assert space_of(place, "fields: {found.k: [0, 7]}").fields


def test_a_missing_space_is_wrong_usage(place: Path) -> None:
    bench = Workbench(place / "p.yaml", place)
    with pytest.raises(UsageError, match=r"cannot read the space .*no\.yaml"):
        read_space(place / "no.yaml", bench.source)
