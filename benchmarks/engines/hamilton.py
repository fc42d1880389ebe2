"""Hamilton: functions whose parameters name what feeds them, run by a driver."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, ClassVar

from hamilton import ad_hoc_utils, driver

from benchmarks.engines.protocol import NAP, Answer, Engine, Shape, answer


def step_1(text: str) -> str:
    return text


def step_2(step_1: str) -> str:
    return step_1


def step_3(step_2: str) -> str:
    return step_2


def step_4(step_3: str) -> str:
    return step_3


def step_5(step_4: str) -> str:
    return step_4


def step_6(step_5: str) -> str:
    return step_5


def step_7(step_6: str) -> str:
    return step_6


def chained(step_7: str) -> Answer:
    return answer(step_7)


def left_1(step_1: str) -> str:
    return step_1


def left_2(left_1: str) -> str:
    return left_1


def left_3(left_2: str) -> str:
    return left_2


def right_1(step_1: str) -> str:
    return step_1


def right_2(right_1: str) -> str:
    return right_1


def right_3(right_2: str) -> str:
    return right_2


def joined(left_3: str, right_3: str) -> Answer:
    return answer(left_3)


def left_nap(text: str) -> str:
    time.sleep(NAP)
    return text


def right_nap(text: str) -> str:
    time.sleep(NAP)
    return text


def rested(left_nap: str, right_nap: str) -> Answer:
    return answer(left_nap)


class Hamilton(Engine):
    """Drivers with the default adapter: one node after the other, in this thread."""

    distribution = "sf-hamilton"
    single_call = "`driver.execute`"
    wanted: ClassVar[dict[Shape, list[str]]] = {
        Shape.CHAIN: ["chained"],
        Shape.DIAMOND: ["joined"],
        Shape.NAPS: ["rested"],
    }

    def __init__(self) -> None:
        self._drivers = {
            Shape.CHAIN: _driver(step_1, step_2, step_3, step_4, step_5, step_6, step_7, chained),
            Shape.DIAMOND: _driver(
                step_1, left_1, left_2, left_3, right_1, right_2, right_3, joined
            ),
            Shape.NAPS: _driver(left_nap, right_nap, rested),
        }

    def given(self, text: str) -> dict[str, str]:
        """The inputs of ``execute``."""
        return {"text": text}

    def run(self, shape: Shape, given: dict[str, str]) -> Any:
        """One run for the last node's result."""
        return self._drivers[shape].execute(self.wanted[shape], inputs=given)

    def text(self, output: Any) -> str:
        """The text of the only result."""
        (made,) = output.values()
        return str(made.text)


def _driver(*functions: Callable[..., Any]) -> Any:
    module = ad_hoc_utils.create_temporary_module(*functions)
    return driver.Builder().with_modules(module).build()
