"""The methods of the table, a line each: a registered reranker and its settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

WINDOW = 20
"""Most passages of a window that is counted as usual; methods with larger ones are shown, but are
on no front: what models do with long lists is not simulated."""
SLIDING = "sliding_window"
SHORT = 100
"""Passages of a ranking that every method can be measured with often."""
MANY = 1_000_000


@dataclass(frozen=True, slots=True)
class Method:
    """A row of the table.

    Args:
        name: of the row.
        use: name of the reranker without its version.
        config: its settings where they are not the default.
        window: passages of its largest window.
        samples: orders in which ``windows.self_consistent@1`` shows each window; 1 for none.
        writes: whether the whole order of a window is used, or only its first or its scores.
        at_1000: most rankings of over ``SHORT`` passages that it is measured with: fewer where
            one takes seconds, 0 for what cannot be done or says nothing new.
    """

    name: str
    use: str
    config: Mapping[str, Any]
    window: int = WINDOW
    samples: int = 1
    writes: bool = True
    at_1000: int = 50

    @property
    def ours(self) -> bool:
        """Whether it is something else than a sliding window."""
        return self.use != SLIDING or self.samples > 1

    def most(self, n: int) -> int:
        """Rankings of n passages that it is measured with at most."""
        return self.at_1000 if n > SHORT else MANY


def methods() -> list[Method]:
    """All of them, names unlike."""
    return [*_listwise(), *_blocks(), *_setwise(), *_pairwise()]


def _listwise() -> Iterator[Method]:
    for window, step, passes in (
        (20, 10, 1), (20, 10, 2), (20, 10, 3), (20, 15, 1), (20, 18, 1), (20, 5, 1), (10, 5, 1),
        (10, 5, 2), (10, 2, 1), (5, 2, 1), (4, 2, 1),
    ):  # fmt: skip
        more = "" if passes == 1 else f", {passes} passes"
        settings: dict[str, Any] = {"window": window, "step": step, "passes": passes}
        yield Method(f"sliding {window}/{step}{more}", SLIDING, settings, window)
    own = "sliding 20/10, self-consistent x"
    for samples in (3, 5):
        yield Method(f"{own}{samples}", SLIDING, {}, samples=samples, at_1000=10)
    yield Method("full list", "full_list", {}, window=1000)
    yield Method("full list, self-consistent x5", "full_list", {}, 1000, samples=5, at_1000=10)
    for pivot in (5, 10, 15):
        yield Method(f"partitioning, pivot {pivot}", "top_down_partitioning", {"pivot": pivot})
    for window, keep, repeats, final in (
        (20, 0.4, 1, 1), (20, 0.4, 1, 2), (20, 0.1, 1, 1), (20, 0.2, 1, 1), (20, 0.2, 1, 2),
        (20, 0.24, 1, 2), (20, 0.4, 1, 4), (20, 0.5, 1, 2), (20, 0.4, 2, 2), (20, 0.4, 2, 4),
        (20, 0.4, 3, 6), (20, 0.4, 5, 10), (20, 0.4, 10, 20), (10, 0.4, 1, 2), (10, 0.4, 2, 2),
        (10, 0.4, 2, 4), (10, 0.5, 2, 4), (5, 0.5, 1, 2), (4, 0.4, 1, 2),
    ):  # fmt: skip
        settings = {"window": window, "keep": keep, "repeats": repeats, "final": final}
        name = f"halving {window}, keep {keep}, x{repeats} and x{final}"
        dear = repeats > 2 or (window, repeats) == (10, 2)
        often = 10 if repeats > 3 else 20 if dear else 50
        yield Method(name, "successive_halving", settings, window, at_1000=often)
    settings = {"aggregator": "win_rate"}
    yield Method("halving 20, keep 0.4, win_rate", "successive_halving", settings)
    for count in (1, 2, 4, 10):
        yield Method(f"tour rank x{count}", "tour_rank", {"tournaments": count})


def _blocks() -> Iterator[Method]:
    def joint(name: str, window: int = WINDOW, at_1000: int = 50, **config: Any) -> Method:
        return Method(f"jointrank {name}", "jointrank", config, window, at_1000=at_1000)

    yield joint("20 x4")
    for repeats in (1, 2, 3, 6, 10):
        yield joint(f"20 x{repeats}", repeats=repeats)
    for design in ("random", "replicate"):
        yield joint(f"20 x4, {design}", design=design)
    for design, block in (("latin_square", 10), ("triangular", 14)):
        yield joint(f"{design} {block}", block, 0, design=design, block=block)
    for aggregator in (
        "win_rate", "greedy", "rank_centrality", "pagerank", "eigenvector", "elo", "kemeny",
        "kwik_sort", "tour",
    ):  # fmt: skip
        often = {"rank_centrality": 10, "elo": 10, "kemeny": 10, "tour": 0}
        yield joint(
            f"20 x4, {aggregator}", at_1000=often.get(aggregator, 50), aggregator=aggregator
        )
    for repeats in (2, 3, 10):
        name = f"20 x{repeats}, win_rate"
        yield joint(name, repeats=repeats, aggregator="win_rate")
    for repeats in (1, 2, 4):
        yield joint(f"20 x{repeats}, final 20", repeats=repeats, final=20)
    for aggregator in ("pagerank", "win_rate"):
        yield joint(f"20 x4, {aggregator}, prior .05", aggregator=aggregator, prior=0.05)
    yield joint("20 x4, win_rate, final 20", aggregator="win_rate", final=20)
    yield joint("10 x4", 10, repeats=4, block=10)
    yield joint("5 x4", 5, repeats=4, block=5)
    yield joint("100 x3", 100, repeats=3, block=100)


def _setwise() -> Iterator[Method]:
    for children in (3, 9, 19):
        settings = {"children": children}
        name = f"setwise heapsort, {children} children"
        yield Method(name, "setwise_heapsort", settings, children + 1, writes=False)
    for window in (4, 20):
        name, settings = f"setwise bubble sort, {window}", {"window": window}
        yield Method(name, "setwise_bubble_sort", settings, window, writes=False)
    for advance in (1, 2):
        yield Method(f"tournament 5, {advance} go on", "tournament", {"advance": advance}, 5)
    yield Method("tournament 20, 5 go on", "tournament", {"group": 20, "advance": 5})
    for others in (2, 9, 19):
        settings = {"others": others}
        yield Method(f"realm, {others} others", "realm", settings, others + 1, writes=False)


def _pairwise() -> Iterator[Method]:
    def pairs(name: str, at_1000: int = 10, **config: Any) -> Method:
        return Method(f"pairs, {name}", "pairwise", config, 2, writes=False, at_1000=at_1000)

    yield pairs("all, both orders", 3, sampler="all", most_windows=1_000_000)
    yield pairs("all, one order", 0, sampler="cyclic", share=1.0, both_orders=False)
    for sampler in ("random", "cyclic"):
        yield pairs(f"{sampler} .3", sampler=sampler)
        yield pairs(f"{sampler} .1, one order", sampler=sampler, share=0.1, both_orders=False)
    yield pairs("random .1, near", sampler="random", share=0.1, nearness=1.0)
    yield pairs("neighbours 3", 50, sampler="neighbours", reach=3)
    for aggregator in (
        "win_rate", "pagerank", "bradley_terry", "eigenvector", "rank_centrality", "elo", "kemeny",
        "kwik_sort",
    ):  # fmt: skip
        yield pairs(f"cyclic .3, {aggregator}", aggregator=aggregator)
    yield Method("kwik sort", "kwik_sort", {"both_orders": False}, 2, writes=False)
    yield Method("kwik sort, both orders", "kwik_sort", {}, 2, writes=False)
    for budget, at_1000 in ((2000, 0), (100_000, 10)):
        for more in ("", ", one order"):
            settings = {"top": 10, "most_windows": budget, "both_orders": not more}
            name = f"active pairs{more}" + (", until certain" if at_1000 else "")
            yield Method(name, "active_pairs", settings, 2, writes=False, at_1000=at_1000)
