from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.corpora.walk import walk
from assay.pipeline.errors import UsageError

Graph = dict[str, dict[str, float]]

CHAIN: Graph = {"a": {"b": 1.0}, "b": {"a": 1.0, "c": 3.0}, "c": {}}

NODES = "abcdef"
WEIGHTS = st.dictionaries(st.sampled_from(NODES), st.floats(0, 5), max_size=5)
GRAPHS = st.fixed_dictionaries(dict.fromkeys(NODES, WEIGHTS))
SEEDS = st.dictionaries(st.sampled_from(NODES), st.floats(0.1, 5), min_size=1)
RESTARTS = st.floats(0.05, 1.0)


def exact(seeds: Mapping[str, float], graph: Graph, restart: float) -> dict[str, float]:
    """The same masses by solving the dense equations ``m = restart * w``, ``w = s + (1-r) w P``;
    at a node without edges every walk ends."""
    names = sorted(graph)
    moves = np.zeros((len(names), len(names)))
    ends = np.full(len(names), restart)
    for row, name in enumerate(names):
        total = sum(graph[name].values())
        if total == 0:
            ends[row] = 1.0
            continue
        for other, weight in graph[name].items():
            moves[row, names.index(other)] = (1 - restart) * (weight / max(graph[name].values()))
        moves[row] *= 1 / (total / max(graph[name].values()))
    start = np.array([seeds.get(name, 0.0) for name in names]) / sum(seeds.values())
    visits = np.linalg.solve(np.eye(len(names)) - moves.T, start)
    return dict(zip(names, (ends * visits).tolist(), strict=True))


def run(seeds: Mapping[str, float], graph: Graph, **more: float) -> dict[str, float]:
    settings = {"restart": 0.15, "precision": 1e-9, **more}
    found = walk(seeds, graph.__getitem__, most=int(settings.pop("most", 1000)), **settings)
    return dict(found.masses)


def test_worked_numbers_on_a_chain() -> None:
    # restart 1/2, from a; visits: a = 1 + b/8, b = a/2, c = 3b/8: a = 16/15, b = 8/15, c = 1/5.
    # Half of the visits to a and b end there, all to c: 8/15, 4/15, 1/5.
    found = run({"a": 1.0}, CHAIN, restart=0.5)
    assert found == pytest.approx({"a": 8 / 15, "b": 4 / 15, "c": 1 / 5}, abs=1e-7)


def test_the_masses_are_those_of_a_dense_power_iteration() -> None:
    graph: Graph = {
        "a": {"b": 2.0, "c": 1.0},
        "b": {"a": 1.0, "d": 1.0},
        "c": {"c": 1.0, "a": 4.0},
        "d": {"b": 1.0},
        "e": {"a": 1.0},
    }
    names = sorted(graph)
    step = np.array(
        [
            [graph[row].get(column, 0.0) / sum(graph[row].values()) for column in names]
            for row in names
        ]
    )
    start = np.array([0.75, 0.0, 0.0, 0.25, 0.0])
    mass = start
    for _ in range(500):
        mass = 0.15 * start + 0.85 * mass @ step
    found = run({"a": 3.0, "d": 1.0}, graph)
    assert [found.get(name, 0.0) for name in names] == pytest.approx(mass.tolist(), abs=1e-6)
    assert "e" not in found, "nothing leads there"


@given(SEEDS, GRAPHS, RESTARTS)
def test_masses_are_right_up_to_what_is_left(
    seeds: dict[str, float], graph: Graph, restart: float
) -> None:
    true = exact(seeds, graph, restart)
    for precision, most in ((1e-6, 100), (1e-2, 100), (1e-6, 2), (1e-6, 0)):
        found = walk(seeds, graph.__getitem__, restart=restart, precision=precision, most=most)
        assert sum(found.masses.values()) + found.left == pytest.approx(1.0)
        assert len(found.expanded) <= most
        assert all(true[name] >= mass - 1e-9 for name, mass in found.masses.items())
        if most == 100:
            assert found.left <= (1 - restart) * precision * len(NODES) + 1e-9


def test_edges_are_asked_for_once_each_and_only_where_the_walk_comes_by() -> None:
    asked: list[str] = []

    def edges(node: str) -> dict[str, float]:
        asked.append(node)
        return {str(int(node) + 1): 1.0, str(max(0, int(node) - 1)): 1.0}

    found = walk({"0": 1.0}, edges, restart=0.5, precision=1e-3, most=1000)
    assert asked == list(found.expanded) == sorted(set(asked), key=int)
    assert 3 < len(asked) < 12


def test_the_fullest_node_is_expanded_first() -> None:
    seeds = {"a": 1.0, "b": 3.0, "c": 2.0}
    found = walk(seeds, lambda node: {}, restart=0.2, precision=1e-6, most=2)
    assert found.expanded == ("b", "c")
    # at b and c, without edges, every walk ends; of those that wait at a, the share restart
    assert found.masses == pytest.approx({"b": 1 / 2, "c": 1 / 3, "a": 0.2 / 6})
    assert found.left == pytest.approx(0.8 / 6)


@given(RESTARTS, st.permutations(NODES))
def test_where_seeds_stand_alike_their_masses_are_equal(restart: float, order: list[str]) -> None:
    one, other, *others = order
    star: Graph = {node: {order[-1]: 2.0} for node in order[:-1]}
    star[order[-1]] = dict.fromkeys([one, other], 1.0)
    found = run({one: 1.0, other: 1.0}, star, restart=restart)
    assert found[one] == pytest.approx(found[other], abs=1e-12)
    assert not set(others[:-1]) & found.keys()


@given(GRAPHS, RESTARTS)
def test_on_an_undirected_graph_mass_by_degree_goes_both_ways(graph: Graph, restart: float) -> None:
    # Andersen, Chung and Lang: d(u) * mass(u -> v) = d(v) * mass(v -> u)
    both: Graph = {
        one: {
            other: round(graph[one].get(other, 0) + graph[other].get(one, 0), 3)
            for other in NODES
            if round(graph[one].get(other, 0) + graph[other].get(one, 0), 3) > 0
        }
        for one in NODES
    }
    degree = {node: sum(weights.values()) for node, weights in both.items()}
    there = run({"a": 1.0}, both, restart=restart).get("b", 0.0)
    back = run({"b": 1.0}, both, restart=restart).get("a", 0.0)
    assert degree["a"] * there == pytest.approx(degree["b"] * back, abs=1e-6)


@given(st.dictionaries(st.text(max_size=3), st.floats(0.01, 100), min_size=1))
def test_without_edges_every_seed_keeps_its_share(seeds: dict[str, float]) -> None:
    found = walk(seeds, lambda node: {}, restart=0.3, precision=1e-9, most=1000)
    total = sum(seeds.values())
    assert found.masses == pytest.approx({name: one / total for name, one in seeds.items()})
    assert found.left == 0


def test_the_order_of_seeds_and_edges_does_not_matter() -> None:
    graph: Graph = {node: {other: 1.0 for other in NODES if other != node} for node in NODES}
    turned = {node: dict(reversed(graph[node].items())) for node in graph}
    seeds = {"a": 1.0, "c": 1.0, "e": 1.0}
    first = walk(seeds, graph.__getitem__, restart=0.15, precision=1e-5, most=4)
    second = walk(
        dict(reversed(seeds.items())), turned.__getitem__, restart=0.15, precision=1e-5, most=4
    )
    assert first.masses == second.masses
    assert first.expanded == second.expanded


def test_a_weight_that_is_no_share_is_refused() -> None:
    def go(seeds: dict[str, float], weight: float = 1.0) -> None:
        walk(seeds, lambda node: {"b": weight}, restart=0.5, precision=0.1, most=5)

    for seeds in ({}, {"a": 0.0}, {"a": -1.0, "b": 3.0}, {"a": math.nan}, {"a": math.inf}):
        with pytest.raises(UsageError, match="a seed or more"):
            go(seeds)
    for weight in (-1.0, math.nan, math.inf):
        with pytest.raises(UsageError, match="edges of 'a'"):
            go({"a": 1.0}, weight)
