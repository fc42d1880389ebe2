"""Haystack: components connected by named sockets."""

from __future__ import annotations

import time
from typing import Any

from haystack import Pipeline, component

from benchmarks.engines.protocol import NAP, Answer, Engine, Shape, answer


@component
class Forward:
    """Does nothing."""

    @component.output_types(text=str)
    def run(self, text: str) -> dict[str, str]:
        """Hand the text on."""
        return {"text": text}


@component
class Nap:
    """Waits."""

    @component.output_types(text=str)
    def run(self, text: str) -> dict[str, str]:
        """Hand the text on after a while."""
        time.sleep(NAP)
        return {"text": text}


@component
class Chained:
    """Makes an answer."""

    @component.output_types(answer=Answer)
    def run(self, text: str) -> dict[str, Answer]:
        """Make an answer of a text."""
        return {"answer": answer(text)}


@component
class Joined:
    """Makes an answer of two branches."""

    @component.output_types(answer=Answer)
    def run(self, left: str, right: str) -> dict[str, Answer]:
        """Make an answer of the left text."""
        return {"answer": answer(left)}


class Haystack(Engine):
    """Pipelines run by the synchronous call."""

    distribution = "haystack-ai"
    single_call = "`pipeline.run`"

    def __init__(self) -> None:
        self._pipelines = {
            Shape.CHAIN: _chain(),
            Shape.DIAMOND: _diamond(),
            Shape.NAPS: _naps(),
        }

    def given(self, text: str) -> str:
        """The text; which component takes it depends on the graph."""
        return text

    def run(self, shape: Shape, given: str) -> Any:
        """One run."""
        if shape is Shape.NAPS:
            return self._pipelines[shape].run({"left": {"text": given}, "right": {"text": given}})
        return self._pipelines[shape].run({"first": {"text": given}})

    def text(self, output: Any) -> str:
        """The text that the component ``last`` made."""
        return str(output["last"]["answer"].text)


def _chain() -> Any:
    pipeline = Pipeline()
    names = ["first", *(f"step_{place}" for place in range(2, 8))]
    for name in names:
        pipeline.add_component(name, Forward())
    pipeline.add_component("last", Chained())
    for before, after in zip(names, [*names[1:], "last"], strict=True):
        pipeline.connect(f"{before}.text", f"{after}.text")
    return pipeline


def _diamond() -> Any:
    pipeline = Pipeline()
    pipeline.add_component("first", Forward())
    pipeline.add_component("last", Joined())
    for branch in ("left", "right"):
        before = "first"
        for place in range(1, 4):
            name = f"{branch}_{place}"
            pipeline.add_component(name, Forward())
            pipeline.connect(f"{before}.text", f"{name}.text")
            before = name
        pipeline.connect(f"{before}.text", f"last.{branch}")
    return pipeline


def _naps() -> Any:
    pipeline = Pipeline()
    pipeline.add_component("last", Joined())
    for branch in ("left", "right"):
        pipeline.add_component(branch, Nap())
        pipeline.connect(f"{branch}.text", f"last.{branch}")
    return pipeline
