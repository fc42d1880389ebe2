"""What the conformance kits of models share: sentences, refusals, near-equality and odd texts."""

from __future__ import annotations

import functools
import string
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np

from assay.pipeline.component import Resource
from assay.pipeline.context import DeadlineExceeded, RunContext
from assay.pipeline.errors import ModelError
from tests.conformance.subject import demand

Subject = TypeVar("Subject")
Checks = dict[str, Callable[[Subject], None]]

ODD_TEXTS = ("a", " ", "\n", "é", "\ud800 half a character", "\x00", "\U0001f3fd", "日本語")
"""Texts that models have stumbled over; none of them may be an error."""

MEGABYTES_10 = ("word " * 2_100_000, "x" * 10_500_000)
"""Ten megabytes, of words and of one letter without a break."""


def sentences(*checks: Callable[[Subject], None]) -> Checks[Subject]:
    """Checks by name; whatever one raises comes out as an ``AssertionError`` with a sentence."""

    def told(check: Callable[[Subject], None]) -> Callable[[Subject], None]:
        @functools.wraps(check)
        def run(subject: Subject) -> None:
            try:
                check(subject)
            except AssertionError:
                raise
            except Exception as error:
                raise AssertionError(
                    f"{check.__name__}: raised {type(error).__name__}: {error}"
                ) from error

        return run

    return {check.__name__: told(check) for check in checks}


def refused(call: Callable[[], object], kind: type[Exception], what: str, *words: str) -> None:
    """Demand that a call raises an error of a kind, with words in its message.

    Raises:
        AssertionError: if it raises another one or none.
    """
    try:
        found = call()
    except kind as error:
        missing = [word for word in words if word not in str(error)]
        demand(not missing, f"{what}: the message has no {missing}: {error}")
    except Exception as error:
        raise AssertionError(
            f"{what}: expected {kind.__name__}, it raised {type(error).__name__}: {error}"
        ) from error
    else:
        raise AssertionError(f"{what}: expected {kind.__name__}, it gave {found!r:.200}")


def near(one: Any, other: Any, tolerance: float, what: str) -> None:
    """Demand that two arrays agree in shape and, within a tolerance, in value."""
    left, right = np.asarray(one, dtype=np.float64), np.asarray(other, dtype=np.float64)
    demand(left.shape == right.shape, f"{what}: shape {left.shape}, expected {right.shape}")
    with np.errstate(invalid="ignore"):
        gaps = np.where(left == right, 0.0, np.abs(left - right))
    gap = float(gaps.max(initial=0.0))
    demand(bool(gap <= tolerance), f"{what}: off by {gap:.3g}, tolerance {tolerance:.3g}")


def named_and_documented(resource: Resource) -> None:
    """Demand a versioned name and a docstring."""
    kind = type(resource).__name__
    folder, _, rest = resource.name.partition(".")
    demand(
        bool(folder) and "@" in rest,
        f"{kind}: the name '{resource.name}' is not of the form folder.method@version",
    )
    demand(bool((type(resource).__doc__ or "").strip()), f"{kind}: the class has no docstring")


def is_fingerprint(text: str) -> bool:
    """Whether a text is a sha256 in hex."""
    return len(text) == 64 and set(text) <= set(string.hexdigits.lower())


def lives(make: Callable[[], Resource], use: Callable[[Any], Any], *, loads: bool) -> None:
    """Demand that a resource can be started, closed, started again, and not used in between.

    Args:
        make: gives a fresh one, not started.
        use: a small use of it; its results are compared as text.
        loads: whether there is anything to load; without, it may be used at any time.
    """
    fresh = make()
    before = fresh.abilities
    if loads:
        refused(lambda: use(fresh), ModelError, f"{fresh.name}, used before start", "start()")
        fresh.close()  # never started: nothing to give back, and no error
    fresh.start()
    try:
        after = fresh.abilities
        demand(
            after == before,
            f"{fresh.name}: abilities {sorted(before)} before start, {sorted(after)} after it",
        )
        marked, used = fresh.fingerprint(), use(fresh)
    finally:
        fresh.close()
    demand(is_fingerprint(marked), f"{fresh.name}: the fingerprint {marked!r} is no sha256 in hex")
    if loads:
        refused(lambda: use(fresh), ModelError, f"{fresh.name}, used after close", "start()")
    fresh.close()  # twice is no error
    fresh.start()
    try:
        again, reused = fresh.fingerprint(), use(fresh)
    finally:
        fresh.close()
    demand(again == marked, f"{fresh.name}: another fingerprint after another start")
    demand(repr(reused) == repr(used), f"{fresh.name}: {used!r}, after another start {reused!r}")


def over(*, cancelled: bool) -> RunContext:
    """The context of a request that ended already."""
    context = RunContext(deadline=None if cancelled else time.monotonic() - 1.0)
    if cancelled:
        context.cancelled.set()
    return context


def stops_when_over(call: Callable[[RunContext], object], what: str) -> None:
    """Demand that a request that is over is not worked on."""
    for cancelled in (True, False):
        context = over(cancelled=cancelled)
        state = "cancelled" if cancelled else "after its deadline"
        refused(functools.partial(call, context), DeadlineExceeded, f"{what}, {state}")
        demand(context.cost.calls == 0, f"{what}, {state}: it cost {context.cost.calls} calls")


def pay_for_their_own(
    call: Callable[[Sequence[str], Sequence[RunContext]], object], texts: Sequence[str], what: str
) -> None:
    """Demand that of three items in one batch each request pays for those that are its own."""
    alone = []
    for text in texts[:3]:
        context = RunContext()
        call([text], [context])
        alone.append(context.cost)
    one, other = RunContext(), RunContext()
    call(texts[:3], [one, other, one])
    for context, expected, owner in ((one, (0, 2), "first"), (other, (1,), "second")):
        calls = sum(alone[place].calls for place in expected)
        tokens = sum(alone[place].tokens_in for place in expected)
        cost = context.cost
        demand(
            (cost.calls, cost.rounds, cost.tokens_in) == (calls, 1, tokens),
            f"{what}: in a batch of two requests the {owner} paid {cost.calls} calls,"
            f" {cost.rounds} rounds and {cost.tokens_in} tokens; expected {calls}, 1 and {tokens}",
        )
