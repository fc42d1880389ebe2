"""What a llama.cpp context has computed: keys and values, and which prompt they belong to."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.models.local_model import Logprobs, log_softmax
from assay.models.vocabulary import RUN, Reading
from assay.pipeline.context import RunContext
from assay.pipeline.errors import ModelError

_NOTHING = Reading([], (), ())


@dataclass(slots=True)
class Pin:
    """A prompt that is wanted until further notice.

    Args:
        reading: the prompt.
        holders: how many asked for it.
        state: its keys and values as llama.cpp writes them; None until it was computed.
        after: log-probabilities of the token behind it.
    """

    reading: Reading
    holders: int = 1
    state: Any = None
    after: Logprobs | None = None


class Memory:
    """One sequence of keys and values.

    A prompt is computed run by run (``Reading.ends``), and whole runs of the prompt before, or
    of a pinned one, are taken over: the numbers are the same whatever was computed before.

    Args:
        library: the module ``llama_cpp``.
        context: a ``llama_context``.
        vocabulary: number of tokens of the output layer.
        hidden: width of a hidden state.
    """

    def __init__(self, library: Any, context: Any, *, vocabulary: int, hidden: int) -> None:
        self._library = library
        self._context = context
        self._keys = library.llama_get_memory(context)
        self._batch = library.llama_batch_init(RUN, 0, 1)
        self._vocabulary = vocabulary
        self._hidden = hidden
        self._kept = _NOTHING
        self._filled = 0
        self._pins: dict[tuple[int, ...], Pin] = {}
        self._after: Logprobs | None = None
        self.owner: object = None
        """Whose written tokens stand behind the prompt."""

    def close(self) -> None:
        """Give the batch and the pinned states back."""
        self._library.llama_batch_free(self._batch)
        self._pins.clear()
        self._kept = _NOTHING

    @property
    def after(self) -> Logprobs:
        """Log-probabilities of the token after the prompt that was read last."""
        if self._after is None:
            raise ModelError("no prompt has been read")
        return self._after

    # -- prompts ------------------------------------------------------------------

    def read(self, reading: Reading, request: RunContext) -> int:
        """Compute a prompt; returns how many of its tokens were known.

        Raises:
            DeadlineExceeded: if the request ends between two runs.
        """
        self.owner = None
        begin = reading.shared(self._kept)
        pin, pinned = self._best_pin(reading)
        if pin is not None and pinned > begin:
            self._restore(pin)
            begin = pinned
        self._cut(begin)
        if begin == len(reading.tokens):
            if self._after is not None:
                return begin
            begin = ([0, *reading.ends])[-2]  # known, but not what comes after it
            self._cut(begin)
        wanted = {len(reading.tokens), *(len(pin.reading.tokens) for pin in self._pins.values())}
        for end in [one for one in reading.ends if one > begin]:
            request.check()
            self._decode(reading.tokens[self._filled : end], every=False)
            self._kept = replace(
                reading,
                tokens=reading.tokens[:end],
                ends=tuple(one for one in reading.ends if one <= end),
            )
            self._after = self._logprobs(-1) if end in wanted else None
            self._save_pins()
        return begin

    def step(self, token: int) -> Logprobs:
        """Go on with one token behind what was read or written; the next log-probabilities."""
        self._decode([token], every=False)
        return self._logprobs(-1)

    def follow(self, tokens: Sequence[int]) -> float:
        """Log-probability of a continuation of the prompt that was read last."""
        self.owner = None
        start = len(self._kept.tokens)
        self._cut(start)
        total = float(self.after[tokens[0]])
        known, targets = tokens[:-1], tokens[1:]
        for begin in range(0, len(known), RUN):
            run = known[begin : begin + RUN]
            self._decode(run, every=True)
            for place, target in enumerate(targets[begin : begin + RUN]):
                total += _logprob(self._logits(place), target)
        self._cut(start)
        return total

    def states(self, reading: Reading, request: RunContext) -> NDArray[np.float32]:
        """The last hidden state of each token, shape ``(n_tokens, hidden)``."""
        self._cut(0)
        self._kept = _NOTHING
        rows: list[NDArray[np.float32]] = []
        self._library.llama_set_embeddings(self._context, True)
        try:
            for end in reading.ends:
                request.check()
                count = end - self._filled
                self._decode(reading.tokens[self._filled : end], every=True)
                for place in range(count):
                    found = self._library.llama_get_embeddings_ith(self._context, place)
                    rows.append(np.ctypeslib.as_array(found, shape=(self._hidden,)).copy())
        finally:
            self._library.llama_set_embeddings(self._context, False)
            self._cut(0)
        return np.stack(rows)

    # -- pins ---------------------------------------------------------------------

    def pin(self, reading: Reading) -> None:
        """Keep a prompt once it is computed, until ``unpin`` is called as often."""
        pin = self._pins.get(tuple(reading.tokens))
        if pin is not None:
            pin.holders += 1
            return
        self._pins[tuple(reading.tokens)] = Pin(reading)
        if reading.shared(self._kept) == len(reading.tokens):
            self.owner = None
            self._cut(len(reading.tokens))
            self._save_pins()

    def unpin(self, reading: Reading) -> None:
        """Let a prompt go."""
        key = tuple(reading.tokens)
        pin = self._pins.get(key)
        if pin is not None:
            pin.holders -= 1
            if pin.holders == 0:
                del self._pins[key]

    def _best_pin(self, reading: Reading) -> tuple[Pin | None, int]:
        """The pinned prompt that saves most, and how many tokens."""
        known = [pin for pin in self._pins.values() if pin.state is not None]
        saved = [reading.shared(pin.reading) for pin in known]
        best = max(range(len(known)), key=saved.__getitem__, default=None)
        return (None, 0) if best is None else (known[best], saved[best])

    def _save_pins(self) -> None:
        """Copy the keys and values of a pinned prompt whose end has just been reached."""
        for pin in self._pins.values():
            if pin.state is None and pin.reading.tokens == self._kept.tokens:
                size = self._library.llama_state_seq_get_size(self._context, 0)
                state = (ctypes.c_uint8 * size)()
                if self._library.llama_state_seq_get_data(self._context, state, size, 0):
                    pin.state = state
                    pin.after = self._after

    def _restore(self, pin: Pin) -> None:
        self._cut(0)
        size = len(pin.state)
        if not self._library.llama_state_seq_set_data(self._context, pin.state, size, 0):
            raise ModelError("llama.cpp cannot take its own kept state back: restart the model")
        self._filled = len(pin.reading.tokens)
        self._kept = pin.reading
        self._after = pin.after

    # -- llama.cpp ------------------------------------------------------------------

    def _cut(self, begin: int) -> None:
        """Forget everything from a position on."""
        self._library.llama_memory_seq_rm(self._keys, 0, begin, -1)
        self._filled = begin
        if begin < len(self._kept.tokens):
            ends = tuple(one for one in self._kept.ends if one <= begin)
            last = ends[-1] if ends else 0
            self._kept = replace(self._kept, tokens=self._kept.tokens[:last], ends=ends)
            self._after = None

    def _decode(self, tokens: Sequence[int], *, every: bool) -> None:
        """Compute tokens behind what is there; results of every one, or of the last alone."""
        batch = self._batch
        batch.n_tokens = len(tokens)
        for place, token in enumerate(tokens):
            batch.token[place] = token
            batch.pos[place] = self._filled + place
            batch.n_seq_id[place] = 1
            batch.seq_id[place][0] = 0
            batch.logits[place] = every or place == len(tokens) - 1
        failed = self._library.llama_decode(self._context, batch)
        if failed:
            self._cut(0)
            raise ModelError(
                f"llama.cpp failed to compute {len(tokens)} tokens (code {failed}): memory may be"
                " short; lower context_tokens"
            )
        self._filled += len(tokens)

    def _logits(self, place: int) -> NDArray[np.float32]:
        pointer = self._library.llama_get_logits_ith(self._context, place)
        logits: NDArray[np.float32] = np.ctypeslib.as_array(pointer, shape=(self._vocabulary,))
        return logits

    def _logprobs(self, place: int) -> Logprobs:
        return log_softmax(self._logits(place))


def _logprob(logits: NDArray[np.float32], token: int) -> float:
    """Natural log-probability of one token."""
    highest = logits.max()
    total = np.exp(logits - highest).sum(dtype=np.float64)
    return float(logits[token] - highest - np.log(total))
