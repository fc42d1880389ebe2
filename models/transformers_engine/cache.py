"""Keys and values of prompts that were read, kept for prompts that begin alike."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.models.vocabulary import Reading

_STEP = 256
"""Room for tokens grows by so many, so that writing a token copies nothing."""

Layers = tuple[tuple[Any, Any], ...]
"""Keys and values of each layer, tensors of shape ``(rows, heads, n_tokens, width)``."""


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """A prompt that was read.

    Args:
        reading: the prompt.
        layers: its keys and values; nobody writes to them.
        logprobs: natural log-probabilities of the next token, shape ``(vocabulary,)``; None
            where nobody asked for them.
    """

    reading: Reading
    layers: Layers
    logprobs: NDArray[np.float32] | None

    def first(self, count: int) -> Layers:
        """Keys and values of the first tokens, without copying."""
        return tuple((keys[..., :count, :], values[..., :count, :]) for keys, values in self.layers)

    def beginning(self, count: int) -> State:
        """The first tokens as a state of their own that holds no more memory than it needs."""
        layers = tuple((keys.clone(), values.clone()) for keys, values in self.first(count))
        return State(beginning(self.reading, count), layers, None)


class KeptPrompts:
    """Prompts whose keys and values are at hand: the last one read, and those pinned.

    Memory: one prompt of at most the context's length, and each pinned beginning once.

    Args:
        by_runs: whether only whole runs of a prompt (``Reading.ends``) are used again, so that
            results do not depend on what was kept; else any tokens.
    """

    def __init__(self, *, by_runs: bool) -> None:
        self._by_runs = by_runs
        self._last: State | None = None
        self._pinned: dict[_Key, tuple[Reading, int, State | None]] = {}

    def pin(self, reading: Reading) -> None:
        """Keep this beginning from the next time that it is read, until ``release``."""
        _, times, state = self._pinned.get(_key(reading), (reading, 0, None))
        self._pinned[_key(reading)] = (reading, times + 1, state)
        if self._last is not None:
            self._offer(self._last)

    def release(self, reading: Reading) -> None:
        """Let go of a beginning; pinned twice, it must be released twice."""
        _, times, state = self._pinned.get(_key(reading), (reading, 1, None))
        if times > 1:
            self._pinned[_key(reading)] = (reading, times - 1, state)
        else:
            self._pinned.pop(_key(reading), None)

    def remember(self, state: State) -> None:
        """Keep the prompt that was read last, in the place of the one before."""
        self._last = state
        self._offer(state)

    def find(self, reading: Reading, *, behind: bool = True) -> tuple[State | None, int]:
        """The state that saves most, and how many of its first tokens can be used.

        Args:
            reading: the prompt.
            behind: whether the log-probabilities behind it are wanted; all of its tokens are
                then only found where they are known.
        """
        best: tuple[State | None, int] = (None, 0)
        for state in self._states():
            usable = self._shared(state, reading)
            whole = usable == len(reading.tokens)
            if whole and (not behind or (_same_end(state, usable) and state.logprobs is not None)):
                return state, usable
            if whole:
                usable = max((end for end in reading.ends if end < usable), default=0)
                usable = usable if self._by_runs else len(reading.tokens) - 1
            if usable > best[1]:
                best = (state, usable)
        return best

    def clear(self) -> None:
        """Let go of everything."""
        self._last = None
        self._pinned = {}

    def _states(self) -> list[State]:
        pinned = [state for _, _, state in self._pinned.values() if state is not None]
        return pinned if self._last is None else [*pinned, self._last]

    def _shared(self, state: State, reading: Reading) -> int:
        if self._by_runs:
            return reading.shared(state.reading)
        return shared(state.reading.tokens, reading.tokens)

    def _offer(self, state: State) -> None:
        """Store what a fresh state has of pinned beginnings."""
        for key, (reading, times, known) in self._pinned.items():
            usable = self._shared(state, reading)
            if usable == len(reading.tokens) and _same_end(state, usable):
                if known is None or known.logprobs is None:
                    self._pinned[key] = (reading, times, state)
            elif usable > (0 if known is None else len(known.reading.tokens)):
                self._pinned[key] = (reading, times, state.beginning(usable))


_Key = tuple[tuple[int, ...], tuple[int, ...]]


def _key(reading: Reading) -> _Key:
    return (tuple(reading.tokens), reading.ends)


def _same_end(state: State, count: int) -> bool:
    return len(state.reading.tokens) == count


def beginning(reading: Reading, count: int) -> Reading:
    """The first tokens of a prompt, computed in the same runs as far as they go.

    >>> beginning(Reading([1, 2, 3, 4], (), (2, 4)), 3)
    Reading(tokens=[1, 2, 3], parts=(), ends=(2, 3))
    """
    ends = (*(end for end in reading.ends if end < count), count)
    return Reading(reading.tokens[:count], (), ends)


def shared(one: Sequence[int], other: Sequence[int]) -> int:
    """How many first tokens two prompts have in common.

    >>> shared([1, 2, 3], [1, 2, 4, 5])
    2
    """
    size = min(len(one), len(other))
    differ = np.flatnonzero(np.asarray(one[:size]) != np.asarray(other[:size]))
    return int(differ[0]) if len(differ) else size


def growing(layers: Layers, rows: int = 1) -> Any:
    """A transformers cache that goes on from kept layers and leaves them as they are.

    Every layer keeps all tokens, those of models with sliding windows too (the mask hides
    what is outside the window), so that a beginning can be used again.

    Args:
        layers: of one row; empty to begin anew.
        rows: how many prompts go on from them.
    """
    kind, layer = _classes()
    cache = kind()
    cache.layer_class_to_replicate = layer
    cache.layers = [
        layer.after(keys.expand(rows, -1, -1, -1), values.expand(rows, -1, -1, -1))
        for keys, values in layers
    ]
    return cache


def layers_of(cache: Any) -> Layers:
    """The keys and values that a cache holds."""
    return tuple((layer.keys, layer.values) for layer in cache.layers)


@functools.cache
def _classes() -> tuple[Any, Any]:
    """transformers' cache, and a layer of it with spare room; made once it is needed."""
    from transformers.cache_utils import DynamicCache, DynamicLayer

    class GrowingLayer(DynamicLayer):  # type: ignore[misc, no-untyped-call, unused-ignore]
        """A layer whose room depends on its length alone, so that results do too."""

        keys: Any
        values: Any
        room: tuple[Any, Any] | None = None

        @classmethod
        def after(cls, keys: Any, values: Any) -> GrowingLayer:
            """A layer that goes on from these without writing to them."""
            layer = cls()
            layer.lazy_initialization(keys, values)
            layer.keys, layer.values = keys, values
            return layer

        def update(self, key_states: Any, value_states: Any, *_: Any, **__: Any) -> tuple[Any, Any]:
            if not self.is_initialized:
                self.lazy_initialization(key_states, value_states)
            before = self.get_seq_length()
            length = before + key_states.shape[-2]
            if self.room is None or length > self.room[0].shape[-2]:
                self.room = (
                    _roomier(self.keys, key_states, before, length),
                    _roomier(self.values, value_states, before, length),
                )
            for room, fresh in zip(self.room, (key_states, value_states), strict=True):
                room[..., before:length, :] = fresh
            self.keys, self.values = (room[..., :length, :] for room in self.room)
            return self.keys, self.values

    return DynamicCache, GrowingLayer


def _roomier(kept: Any, fresh: Any, before: int, length: int) -> Any:
    """A copy with room for more tokens."""
    *outer, _, width = fresh.shape
    room = fresh.new_empty((*outer, -(-length // _STEP) * _STEP, width))
    if before:
        room[..., :before, :] = kept
    return room
