"""LangGraph: nodes that change a shared state, compiled once."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, TypedDict

from langgraph.graph import END, START, StateGraph

from benchmarks.engines.protocol import NAP, Answer, Engine, Shape, answer


class State(TypedDict, total=False):
    """What nodes read and write; branches that run side by side write keys of their own."""

    text: str
    left: str
    right: str
    answer: Answer


class LangGraph(Engine):
    """Compiled graphs without a checkpointer."""

    distribution = "langgraph"
    batch_call = "`graph.batch`"
    single_call = "`graph.invoke`"

    def __init__(self) -> None:
        self._graphs = {
            Shape.CHAIN: _chain(),
            Shape.DIAMOND: _diamond(),
            Shape.NAPS: _naps(),
        }

    def given(self, text: str) -> State:
        """The state at the start."""
        return {"text": text}

    def run(self, shape: Shape, given: State) -> Any:
        """One run."""
        return self._graphs[shape].invoke(given)

    def text(self, output: Any) -> str:
        """The text of the answer in the state at the end."""
        return str(output["answer"].text)

    def batch(self, inputs: Sequence[State]) -> list[Any]:
        """The graph's own batch call: single runs on a pool of threads."""
        return list(self._graphs[Shape.CHAIN].batch(list(inputs)))


def _forward(read: str, write: str) -> Callable[[State], dict[str, Any]]:
    def forward(state: State) -> dict[str, Any]:
        return {write: state[read]}  # type: ignore[literal-required]

    return forward


def _nap(write: str) -> Callable[[State], dict[str, Any]]:
    def nap(state: State) -> dict[str, Any]:
        time.sleep(NAP)
        return {write: state["text"]}

    return nap


def _chained(state: State) -> dict[str, Any]:
    return {"answer": answer(state["text"])}


def _joined(state: State) -> dict[str, Any]:
    return {"answer": answer(state["left"])}


def _chain() -> Any:
    graph = StateGraph(State)
    names = [f"step_{place}" for place in range(1, 8)]
    for name in names:
        graph.add_node(name, _forward("text", "text"))
    graph.add_node("last", _chained)
    for before, after in zip([START, *names, "last"], [*names, "last", END], strict=True):
        graph.add_edge(before, after)
    return graph.compile()


def _diamond() -> Any:
    graph = StateGraph(State)
    graph.add_node("first", _forward("text", "text"))
    graph.add_node("last", _joined)
    graph.add_edge(START, "first")
    for branch in ("left", "right"):
        before, read = "first", "text"
        for place in range(1, 4):
            graph.add_node(f"{branch}_{place}", _forward(read, branch))
            graph.add_edge(before, f"{branch}_{place}")
            before, read = f"{branch}_{place}", branch
    graph.add_edge(["left_3", "right_3"], "last")
    graph.add_edge("last", END)
    return graph.compile()


def _naps() -> Any:
    graph = StateGraph(State)
    graph.add_node("last", _joined)
    for branch in ("left", "right"):
        graph.add_node(f"{branch}_nap", _nap(branch))
        graph.add_edge(START, f"{branch}_nap")
    graph.add_edge(["left_nap", "right_nap"], "last")
    graph.add_edge("last", END)
    return graph.compile()
