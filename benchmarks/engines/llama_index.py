"""LlamaIndex workflows: steps that exchange events on an event loop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from workflows import Workflow, step
from workflows.events import Event, StartEvent, StopEvent

from benchmarks.engines.protocol import NAP, Engine, Shape, answer


class Text(Event):
    text: str


class Text1(Text): ...


class Text2(Text): ...


class Text3(Text): ...


class Text4(Text): ...


class Text5(Text): ...


class Text6(Text): ...


class Text7(Text): ...


class Left1(Text): ...


class Left2(Text): ...


class Left3(Text): ...


class Left4(Text): ...


class Right1(Text): ...


class Right2(Text): ...


class Right3(Text): ...


class Right4(Text): ...


class Chain(Workflow):
    """Eight steps in a row."""

    @step
    async def step_1(self, ev: StartEvent) -> Text1:
        return Text1(text=ev.text)

    @step
    async def step_2(self, ev: Text1) -> Text2:
        return Text2(text=ev.text)

    @step
    async def step_3(self, ev: Text2) -> Text3:
        return Text3(text=ev.text)

    @step
    async def step_4(self, ev: Text3) -> Text4:
        return Text4(text=ev.text)

    @step
    async def step_5(self, ev: Text4) -> Text5:
        return Text5(text=ev.text)

    @step
    async def step_6(self, ev: Text5) -> Text6:
        return Text6(text=ev.text)

    @step
    async def step_7(self, ev: Text6) -> Text7:
        return Text7(text=ev.text)

    @step
    async def step_8(self, ev: Text7) -> StopEvent:
        return StopEvent(result=answer(ev.text))


class Diamond(Workflow):
    """Eight steps in two branches, joined by the types of their events."""

    @step
    async def first(self, ev: StartEvent) -> list[Left1 | Right1]:
        return [Left1(text=ev.text), Right1(text=ev.text)]

    @step
    async def left_1(self, ev: Left1) -> Left2:
        return Left2(text=ev.text)

    @step
    async def left_2(self, ev: Left2) -> Left3:
        return Left3(text=ev.text)

    @step
    async def left_3(self, ev: Left3) -> Left4:
        return Left4(text=ev.text)

    @step
    async def right_1(self, ev: Right1) -> Right2:
        return Right2(text=ev.text)

    @step
    async def right_2(self, ev: Right2) -> Right3:
        return Right3(text=ev.text)

    @step
    async def right_3(self, ev: Right3) -> Right4:
        return Right4(text=ev.text)

    @step
    async def last(self, ends: list[Left4 | Right4]) -> StopEvent:
        return StopEvent(result=answer(ends[0].text))


class Naps(Workflow):
    """Two steps that block; they are plain functions, which workflows give a thread."""

    @step
    async def first(self, ev: StartEvent) -> list[Left1 | Right1]:
        return [Left1(text=ev.text), Right1(text=ev.text)]

    @step
    def left(self, ev: Left1) -> Left2:
        time.sleep(NAP)
        return Left2(text=ev.text)

    @step
    def right(self, ev: Right1) -> Right2:
        time.sleep(NAP)
        return Right2(text=ev.text)

    @step
    async def last(self, ends: list[Left2 | Right2]) -> StopEvent:
        return StopEvent(result=answer(ends[0].text))


class LlamaIndex(Engine):
    """Workflows awaited one after the other, inside a loop that already runs."""

    distribution = "llama-index-workflows"
    single_call = "`await workflow.run` (it has no synchronous call)"

    def __init__(self) -> None:
        self._loop = asyncio.Runner()
        self._workflows: dict[Shape, Any] = {
            Shape.CHAIN: Chain(),
            Shape.DIAMOND: Diamond(),
            Shape.NAPS: Naps(),
        }

    def close(self) -> None:
        """End the loop."""
        self._loop.close()

    def given(self, text: str) -> str:
        """The text; ``run`` puts it into the first event."""
        return text

    def run(self, shape: Shape, given: str) -> Any:
        """One run with a trip into the loop; ``timed`` and ``batch`` stay inside it."""
        return self._loop.run(self._run(shape, given))

    def text(self, output: Any) -> str:
        """The text of the answer in the last event."""
        return str(output.text)

    def timed(self, shape: Shape, inputs: Sequence[str]) -> tuple[list[float], list[Any]]:
        """Seconds and output of each run, measured inside the loop."""
        return self._loop.run(self._timed(shape, inputs))

    def batch(self, inputs: Sequence[str]) -> list[Any]:
        """A loop over single runs, inside the event loop."""
        return self._loop.run(self._timed(Shape.CHAIN, inputs))[1]

    async def _run(self, shape: Shape, given: str) -> Any:
        return await self._workflows[shape].run(text=given)

    async def _timed(self, shape: Shape, inputs: Sequence[str]) -> tuple[list[float], list[Any]]:
        seconds, outputs = [], []
        for one in inputs:
            begin = time.perf_counter()
            output = await self._workflows[shape].run(text=one)
            seconds.append(time.perf_counter() - begin)
            outputs.append(output)
        return seconds, outputs
