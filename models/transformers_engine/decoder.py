"""Reading and writing with a decoder of transformers: one prompt at a time, or padded batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from assay.models import account
from assay.models.local_model import Logprobs
from assay.models.transformers_engine.batches import Job, batches, groups
from assay.models.transformers_engine.cache import (
    KeptPrompts,
    Layers,
    State,
    beginning,
    growing,
    layers_of,
)
from assay.models.vocabulary import RUN, Reading
from assay.pipeline.context import RunContext
from assay.pipeline.errors import ModelError, UsageError

_CARD_CHUNK = 2048
_LOOKING = 64
"""Rows of attention computed at once."""

_HEADS_AT_ONCE = 256
"""Rows of log-probabilities over the whole vocabulary in 32 bits at once."""

Check = Callable[[], None]


class Decoder:
    """A decoder-only model.

    On the processor a prompt is computed in its runs (``Reading.ends``) and a continuation in
    runs of its own; only whole runs are used again. So a result depends on its prompt alone,
    to the last bit.

    Args:
        model: loaded, on its device.
        batch_tokens: most tokens in a padded batch; 0 for one prompt at a time on the
            processor, and as many as memory allows on a card.
        name: the engine's registered name, for messages.
    """

    def __init__(self, model: Any, *, batch_tokens: int, name: str) -> None:
        self._model = model
        self._name = name
        self._card = model.device.type == "cuda"
        self._batch_tokens = batch_tokens
        self._kept = KeptPrompts(by_runs=not (self._card or batch_tokens))
        self._wanted: Any = None
        model.get_output_embeddings().register_forward_pre_hook(self._choose)

    # -- keeping ----------------------------------------------------------------

    def keep(self, reading: Reading) -> None:
        """Keep a beginning from the next time that it is read."""
        self._kept.pin(reading)

    def release(self, reading: Reading) -> None:
        """Let go of a beginning."""
        self._kept.release(reading)

    def close(self) -> None:
        """Let go of every kept prompt and of the model."""
        self._kept.clear()
        self._model = None

    # -- what the engine asks ---------------------------------------------------

    def open(self, reading: Reading, context: RunContext) -> DecoderSession:
        """Read a prompt that will be continued."""
        state, cached = self.read(reading, context.check)
        return DecoderSession(self, state, cached)

    def next(
        self,
        prompts: Sequence[Reading],
        wanted: Sequence[int],
        contexts: Sequence[RunContext],
    ) -> tuple[NDArray[np.float64], list[int]]:
        """Log-probabilities of the wanted tokens after each prompt, and its cached tokens."""
        jobs = [Job(place, one, []) for place, one in enumerate(prompts)]
        found = np.zeros((len(jobs), len(wanted)))
        cached = [0] * len(jobs)
        for job, scores, kept in self._run(jobs, contexts):
            found[job.place] = scores[-1, list(wanted)]
            cached[job.place] = kept
        return found, cached

    def follow(
        self, pairs: Sequence[tuple[Reading, list[int]]], contexts: Sequence[RunContext]
    ) -> tuple[list[float], list[int]]:
        """Log-probability of each continuation after its prompt, and the pair's cached tokens."""
        jobs = [Job(place, before, follows[:-1]) for place, (before, follows) in enumerate(pairs)]
        found, cached = [0.0] * len(jobs), [0] * len(jobs)
        for job, scores, kept in self._run(jobs, contexts):
            follows = pairs[job.place][1]
            chosen = scores[np.arange(len(follows)), follows]
            found[job.place] = float(chosen.sum(dtype=np.float64))
            cached[job.place] = kept
        return found, cached

    def attend(
        self, reading: Reading, rows: tuple[int, int], context: RunContext
    ) -> tuple[NDArray[np.float32], int]:
        """Mean attention of the tokens in ``rows`` to each token, and the prompt's cached tokens.

        Shape ``(layers, heads, n_tokens)``. What stands before the looking tokens is computed
        without attention weights; memory grows with ``_LOOKING`` times the tokens, not with
        their square.
        """
        begin, end = rows
        tokens = reading.tokens
        layers: Layers = ()
        cached = 0
        if begin:
            before, cached = self.read(beginning(reading, begin), context.check, behind=False)
            layers = before.layers
        cache = growing(layers)
        total: NDArray[np.float32] | None = None
        with self._eager():
            for place in range(begin, end, _LOOKING):
                context.check()
                some = tokens[place : min(end, place + _LOOKING)]
                done = self._forward([some], cache, wanted=[0], output_attentions=True)
                if not done.attentions or done.attentions[0] is None:
                    raise ModelError(f"{self._name}: this kind of model tells no attention")
                for layer, weights in enumerate(done.attentions):
                    sums = weights[0].float().sum(dim=1).cpu().numpy()
                    if total is None:
                        heads = sums.shape[0]
                        total = np.zeros((len(done.attentions), heads, len(tokens)), np.float32)
                    total[layer, :, : sums.shape[1]] += sums
        if total is None:
            raise UsageError("no tokens look: give rows with text")
        return total / np.float32(end - begin), cached

    def states(
        self, prompts: Sequence[Reading], layer: int, contexts: Sequence[RunContext]
    ) -> list[NDArray[np.float32]]:
        """Hidden states of each prompt, shape ``(n_tokens, hidden)``."""
        layers = int(self._model.config.get_text_config().num_hidden_layers)
        if not -layers - 1 <= layer <= layers:
            raise UsageError(f"layer is a number from {-layers - 1} to {layers}, found {layer}")
        found = []
        for reading, context in zip(prompts, contexts, strict=True):
            cache = growing(())
            parts = []
            for some in self._runs(reading, 0):
                context.check()
                done = self._forward([some], cache, wanted=[0], output_hidden_states=True)
                parts.append(done.hidden_states[layer][0].float().cpu().numpy())
            found.append(np.concatenate(parts))
        return found

    # -- one prompt -------------------------------------------------------------

    def read(self, reading: Reading, check: Check, *, behind: bool = True) -> tuple[State, int]:
        """Compute what is not known of a prompt, and keep it; and how much was known.

        Args:
            reading: the prompt, at least one token.
            check: called between runs.
            behind: whether the log-probabilities behind it are wanted.
        """
        state, begin = self._kept.find(reading, behind=behind)
        if state is not None and begin == len(reading.tokens):
            if begin < len(state.reading.tokens):
                state = State(reading, state.first(begin), None)
            return state, begin
        cache = growing(() if state is None else state.first(begin))
        scores: Logprobs | None = None
        runs = self._runs(reading, begin)
        for number, some in enumerate(runs):
            check()
            last = behind and number == len(runs) - 1
            found = self.go_on(cache, some, wanted=[len(some) - 1] if last else [])
            scores = found[0] if last else None
        state = State(reading, layers_of(cache), scores)
        self._kept.remember(state)
        return state, begin

    def _runs(self, reading: Reading, begin: int) -> list[list[int]]:
        """Tokens from a place on, as they are computed at once."""
        ends = [end for end in reading.ends if end > begin]
        if self._card:
            ends = [*range(begin + _CARD_CHUNK, ends[-1], _CARD_CHUNK), ends[-1]]
        starts = [begin, *ends[:-1]]
        return [reading.tokens[start:end] for start, end in zip(starts, ends, strict=True)]

    def go_on(self, cache: Any, tokens: Sequence[int], *, wanted: Sequence[int]) -> Logprobs:
        """Read more tokens behind those of a cache.

        Returns:
            Log-probabilities of the next token behind each wanted position of these tokens,
            shape ``(len(wanted), vocabulary)``.
        """
        done = self._forward([tokens], cache, wanted=wanted)
        return _log_softmax(done.logits[0])

    def _run(
        self, jobs: Sequence[Job], contexts: Sequence[RunContext]
    ) -> Iterator[tuple[Job, Logprobs, int]]:
        """Each job with the log-probabilities behind its positions from ``first`` on."""
        if self._card or self._batch_tokens:
            return self._run_padded(jobs, contexts)
        return self._run_singly(jobs, contexts)

    def _run_singly(
        self, jobs: Sequence[Job], contexts: Sequence[RunContext]
    ) -> Iterator[tuple[Job, Logprobs, int]]:
        """One after another, sorted, so that each goes on from what it shares with the last."""
        for job in sorted(jobs, key=lambda one: (one.reading.tokens, one.follows)):
            check = contexts[job.place].check
            check()
            state, cached = self.read(job.reading, check)
            assert state.logprobs is not None
            rows = [state.logprobs[None]]
            cache = growing(state.layers)
            for place in range(0, len(job.follows), RUN):
                check()
                some = job.follows[place : place + RUN]
                rows.append(self.go_on(cache, some, wanted=range(len(some))))
            yield job, np.concatenate(rows), cached

    # -- padded batches -----------------------------------------------------------

    def _run_padded(
        self, jobs: Sequence[Job], contexts: Sequence[RunContext]
    ) -> Iterator[tuple[Job, Logprobs, int]]:
        """What several share is computed once; what differs in batches, padded on the right."""
        for group in groups(jobs, self._known):
            begin = group.shared
            layers: Layers = ()
            known = 0
            if begin:
                head = beginning(group.jobs[0].reading, begin)
                state, known = self.read(head, lambda: account.check(contexts), behind=False)
                layers = state.layers
            budget = self._batch_tokens or self._room(begin)
            for some in batches(group.jobs, begin, budget):
                account.check(contexts)
                rows = [job.tokens[begin:] for job in some]
                width = max(len(row) for row in rows)
                wanted = [
                    place * width + position
                    for place, job in enumerate(some)
                    for position in range(job.first - begin, len(rows[place]))
                ]
                cache = growing(layers, len(rows))
                done = self._forward(rows, cache, wanted=wanted, before=begin)
                scores = _log_softmax(done.logits[0])
                ends = np.cumsum([len(job.tokens) - job.first for job in some])[:-1]
                for job, own in zip(some, np.split(scores, ends), strict=True):
                    yield job, own, known
                    known = begin

    def _known(self, reading: Reading) -> int:
        """How many first tokens of a prompt are at hand."""
        return self._kept.find(reading)[1]

    def _room(self, before: int) -> int:
        """Tokens that a batch on a card may have, when so many stand before each row."""
        import torch

        if not self._card:
            return _CARD_CHUNK
        config = self._model.config.get_text_config()
        free = torch.cuda.mem_get_info(self._model.device)[0]
        size = torch.finfo(self._model.dtype).bits // 8
        heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
        width = getattr(config, "head_dim", None) or (
            config.hidden_size // config.num_attention_heads
        )
        token = 2 * config.num_hidden_layers * heads * width * size
        # Half of what is free: keys and values of rows of about 32 tokens, each with a copy of
        # what stands before it, and as much again for what one layer makes on its way.
        each = token * (1 + before / 32) + 32 * config.hidden_size * size
        return int(min(65_536, max(256, free / 2 / each)))

    # -- the model ----------------------------------------------------------------

    def _forward(
        self,
        rows: Sequence[Sequence[int]],
        cache: Any,
        *,
        wanted: Sequence[int],
        before: int | None = None,
        **asked: bool,
    ) -> Any:
        """One pass; logits only of the wanted positions, counted through the padded rows.

        Args:
            rows: tokens, padded on the right where their lengths differ.
            cache: what stands before them; it grows.
            wanted: positions whose logits are computed.
            before: tokens in the cache, where rows may differ in length.
            asked: what else the model shall return.
        """
        import torch

        device = self._model.device
        width = max(len(row) for row in rows)
        lengths = [len(row) for row in rows]
        padded = [[*row, *[0] * (width - len(row))] for row in rows]
        given: dict[str, Any] = dict(asked)
        if before is not None and min(lengths) < width:
            seen = torch.ones((len(rows), before + width), dtype=torch.long)
            for place, length in enumerate(lengths):
                seen[place, before + length :] = 0
            given["attention_mask"] = seen.to(device)
        if before is not None:
            places = torch.arange(before, before + width, device=device)
            given["position_ids"] = places.expand(len(rows), -1)
        self._wanted = torch.tensor(list(wanted), dtype=torch.long, device=device)
        try:
            with torch.inference_mode():
                return self._model(
                    input_ids=torch.tensor(padded, dtype=torch.long, device=device),
                    past_key_values=cache,
                    use_cache=True,
                    **given,
                )
        except torch.OutOfMemoryError as error:
            raise ModelError(
                f"{self._name}: memory does not suffice for {len(rows)} x {width} tokens: lower"
                " batch_tokens or context_tokens"
            ) from error
        finally:
            self._wanted = None

    def _choose(self, _: Any, given: tuple[Any, ...]) -> Any:
        """Hand the output layer only the positions whose logits are wanted."""
        if self._wanted is None:
            return None
        hidden, *rest = given
        chosen = hidden.reshape(-1, hidden.shape[-1])[self._wanted].unsqueeze(0)
        return (chosen, *rest)

    @contextmanager
    def _eager(self) -> Iterator[None]:
        """Attention that tells its weights, for a while."""
        usual = self._model.config._attn_implementation
        self._model.set_attn_implementation("eager")
        try:
            yield
        finally:
            self._model.set_attn_implementation(usual)


class DecoderSession:
    """One text that is being written; made by ``Decoder.open``."""

    def __init__(self, decoder: Decoder, state: State, cached: int) -> None:
        assert state.logprobs is not None
        self.cached = cached
        self._decoder = decoder
        self._cache: Any = growing(state.layers)
        self._logprobs = state.logprobs

    def logprobs(self) -> Logprobs:
        """Natural log-probabilities of the next token, shape ``(vocabulary,)``."""
        return self._logprobs

    def push(self, token: int) -> None:
        """Go on with a token."""
        self._logprobs = self._decoder.go_on(self._cache, [token], wanted=[0])[0]

    def close(self) -> None:
        """Let go of keys and values."""
        self._cache = None


def _log_softmax(logits: Any) -> Logprobs:
    """Natural log-probabilities in 32 bits, on the processor, shape ``(rows, vocabulary)``."""
    import torch

    with torch.inference_mode():
        parts = [one.float().log_softmax(dim=-1).cpu() for one in logits.split(_HEADS_AT_ONCE)]
    found: Logprobs = torch.cat(parts).numpy()
    return found
