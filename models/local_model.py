"""What language models in this process share: choosing tokens, forms, stop strings, accounts.

An engine gives a vocabulary and computes three things: the log-probabilities of the next token
(one after another for writing, or of many prompts at once), those of continuations, and, where
it is able to, attention and hidden states. Everything else is here, once.
"""

from __future__ import annotations

import hashlib
import threading
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import Literal, Protocol, Unpack

import numpy as np
from numpy.typing import NDArray

from assay.models import account, flops
from assay.models.grammar import Forms, FormState
from assay.models.language_model import (
    Ability,
    Attention,
    Form,
    Generation,
    LanguageModel,
    Piece,
    PromptTooLong,
    SequenceScore,
    WritingOptions,
)
from assay.models.prompt import Candidate, Prompt, parts_of
from assay.models.vocabulary import Reading, Vocabulary, clean, read
from assay.models.writing import Writing
from assay.pipeline.context import RunContext
from assay.pipeline.errors import ModelError, UsageError

Logprobs = NDArray[np.float32]

LONGEST_TOKEN = 256
"""Characters; the vocabularies of known models have no longer token."""


class Session(Protocol):
    """One text that is being written.

    Args:
        cached: tokens of the prompt that were not computed again.
    """

    cached: int

    def logprobs(self) -> Logprobs:
        """Natural log-probabilities of the next token, shape ``(vocabulary,)``."""

    def push(self, token: int) -> None:
        """Go on with a token."""

    def close(self) -> None:
        """Let go of what the session holds."""


class LocalLanguageModel(LanguageModel):
    """Base of the engines in this process.

    One computation at a time; other threads wait. Between two pieces of a stream others may
    compute.
    """

    def __init__(self, config: object) -> None:
        super().__init__(config)  # type: ignore[arg-type]
        self._lock = threading.RLock()
        self._forms: Forms | None = None

    # -- what an engine gives -------------------------------------------------

    @abstractmethod
    def _vocabulary(self) -> Vocabulary:
        """The loaded model's tokens; a ModelError that names ``start`` before it is loaded."""

    @abstractmethod
    def _shape(self) -> flops.TransformerShape:
        """The loaded model's sizes."""

    @abstractmethod
    def _open(self, reading: Reading, context: RunContext) -> Session:
        """Read a prompt that will be continued; called with the lock held."""

    @abstractmethod
    def _next(
        self, prompts: Sequence[Reading], wanted: Sequence[int], contexts: Sequence[RunContext]
    ) -> tuple[NDArray[np.float64], list[int]]:
        """Log-probabilities of the wanted tokens after each prompt, and its cached tokens.

        Called with the lock held. Shape ``(len(prompts), len(wanted))``. Prompts are computed
        run by run (``Reading.ends``), so that a result does not depend on what was kept.
        """

    @abstractmethod
    def _follow(
        self,
        pairs: Sequence[tuple[Reading, list[int]]],
        contexts: Sequence[RunContext],
    ) -> tuple[list[float], list[int]]:
        """Log-probability of each continuation after its prompt, and the pair's cached tokens."""

    def _attend(
        self, reading: Reading, rows: tuple[int, int], context: RunContext
    ) -> tuple[NDArray[np.float32], int]:
        """Mean attention of the tokens in ``rows`` to each token, and the prompt's cached tokens.

        Shape ``(layers, heads, n_tokens)``; called with the lock held.
        """
        raise self._unable(Ability.ATTENTION)

    def _states(
        self, prompts: Sequence[Reading], layer: int, contexts: Sequence[RunContext]
    ) -> list[NDArray[np.float32]]:
        """Hidden states of each prompt, shape ``(n_tokens, hidden)``."""
        raise self._unable(Ability.HIDDEN_STATES)

    # -- what every engine does with it ---------------------------------------

    @property
    def context_length(self) -> int:
        """Most tokens that prompt and answer may have together."""
        return int(self.config.context_tokens)

    def count_tokens(self, text: str) -> int:
        """Number of tokens of a plain text."""
        return len(self._vocabulary().plain(clean(text)))

    def count_prompt(self, prompt: Prompt) -> int:
        """Exact: the prompt is written out by the model's own template."""
        return len(read(prompt, self._vocabulary()).tokens)

    def generate(
        self, prompt: Prompt, context: RunContext, **options: Unpack[WritingOptions]
    ) -> Generation:
        """Continue a prompt; nobody else computes meanwhile. Cost: one call, one round."""
        with self._lock:
            return super().generate(prompt, context, **options)

    def stream(
        self,
        prompt: Prompt,
        context: RunContext,
        *,
        max_tokens: int,
        stop: Sequence[str] = (),
        form: Form | None = None,
        temperature: float | None = None,
        draw: int = 0,
    ) -> Iterator[str | Generation]:
        """Continue a prompt piece by piece. Cost: one call, one round."""
        vocabulary = self._vocabulary()
        reading = self._read(prompt, max_tokens)
        tokens = reading.tokens
        state = self._form_state(form)
        heat = self.config.temperature if temperature is None else temperature
        random = _generator(tokens, context.seed, draw)
        writing = Writing(stop)
        pieces: list[Piece] = []
        finish: Literal["end", "stop", "length"] = "length"
        token = -1
        with self._lock:
            context.check()
            session = self._open(reading, context)
        try:
            self._pay(context, len(tokens), session.cached)
            while len(pieces) < max_tokens:
                context.check()
                with self._lock:
                    if pieces:
                        session.push(token)
                    scores = session.logprobs()
                token = _choose(scores, state, heat, random)
                self._pay_token(context, len(tokens), len(pieces) + 1)
                ended = vocabulary.ends(token)
                fresh = "" if ended else writing.add(vocabulary.spelled(token))
                pieces.append(Piece(fresh, min(0.0, float(scores[token]))))
                if state is not None and not ended:
                    state.take(token)
                if ended or (state is not None and state.complete):
                    finish = "end"
                    break
                if writing.stopped:
                    finish = "stop"
                    break
                if shown := writing.show():
                    yield shown
        finally:
            with self._lock:
                session.close()
        if shown := writing.show(last=True):
            yield shown
        yield Generation(writing.text, len(tokens), len(pieces), tuple(pieces), finish)

    def next_token_logprobs(
        self,
        prompts: Sequence[Prompt],
        candidates: Sequence[Candidate],
        contexts: Sequence[RunContext],
    ) -> NDArray[np.float64]:
        """Natural log-probabilities of candidates, shape ``(n_prompts, n_candidates)``."""
        spellings = self._resolve(candidates)
        wanted = [token for tokens in spellings for token in tokens]
        readings = [self._read(prompt, 1) for prompt in prompts]
        if not readings:
            return np.zeros((0, len(candidates)))
        with self._lock:
            account.check(contexts)
            found, cached = self._next(readings, wanted, contexts)
        lengths = [len(one.tokens) for one in readings]
        self._book(contexts, lengths, cached, [1] * len(readings))
        ends = np.cumsum([len(one) for one in spellings])[:-1]
        columns = np.split(found, ends, axis=1)
        summed = np.stack([np.logaddexp.reduce(column, axis=1) for column in columns], axis=1)
        result: NDArray[np.float64] = np.minimum(summed, 0.0)
        return result

    def sequence_logprobs(
        self, pairs: Sequence[tuple[Prompt, str]], contexts: Sequence[RunContext]
    ) -> list[SequenceScore]:
        """How likely each continuation is after its prompt."""
        vocabulary = self._vocabulary()
        read_pairs = []
        readings: dict[Prompt, Reading] = {}
        for prompt, text in pairs:
            follows = vocabulary.plain(clean(text))
            if not follows:
                raise UsageError("a continuation is empty: give it at least one character")
            if prompt not in readings:
                readings[prompt] = self._read(prompt, 0)
            before = readings[prompt]
            self._fits(len(before.tokens), len(follows))
            read_pairs.append((before, follows))
        if not read_pairs:
            return []
        with self._lock:
            account.check(contexts)
            found, cached = self._follow(read_pairs, contexts)
        self._book(
            contexts,
            [len(before.tokens) + len(follows) for before, follows in read_pairs],
            cached,
            [len(follows) for _, follows in read_pairs],
        )
        return [
            SequenceScore(min(0.0, total), len(follows))
            for total, (_, follows) in zip(found, read_pairs, strict=True)
        ]

    def attention(self, prompt: Prompt, rows: Sequence[int], context: RunContext) -> Attention:
        """Where some parts of a prompt look."""
        count = len(parts_of(prompt))
        if not rows or list(rows) != list(range(rows[0], rows[0] + len(rows))):
            raise UsageError(f"rows are numbers of parts one after another, found {list(rows)}")
        if rows[0] < 0 or rows[-1] >= count:
            raise UsageError(f"rows are numbers from 0 to {count - 1}, found {list(rows)}")
        reading = self._read(prompt, 0)
        begin, end = reading.parts[rows[0]][0], reading.parts[rows[-1]][1]
        if begin == end:
            raise UsageError("the parts that look are empty: give them text")
        with self._lock:
            context.check()
            weights, cached = self._attend(reading, (begin, end), context)
        self._book([context], [len(reading.tokens)], [cached], [0])
        return Attention(tuple(weights[:, :, first:last] for first, last in reading.parts))

    def hidden_states(
        self, prompts: Sequence[Prompt], contexts: Sequence[RunContext], *, layer: int = -1
    ) -> list[NDArray[np.float32]]:
        """The vectors behind each token of each prompt."""
        readings = [self._read(prompt, 0) for prompt in prompts]
        if not readings:
            return []
        with self._lock:
            account.check(contexts)
            found = self._states(readings, layer, contexts)
        none = [0] * len(readings)
        self._book(contexts, [len(one.tokens) for one in readings], none, none)
        return found

    # -- between the two --------------------------------------------------------

    def _read(self, prompt: Prompt, answer: int) -> Reading:
        """A prompt in tokens, if it fits together with its answer."""
        least = sum(len(part) for part in parts_of(prompt)) // LONGEST_TOKEN
        self._fits(least, answer)  # spares the tokenizer a text of many megabytes
        reading = read(prompt, self._vocabulary())
        self._fits(len(reading.tokens), answer)
        return reading

    def _fits(self, tokens: int, answer: int) -> None:
        if tokens + answer > self.context_length:
            raise PromptTooLong(tokens, answer, self.context_length, self.name)

    def _form_state(self, form: Form | None) -> FormState | None:
        if form is None:
            return None
        if self._forms is None:
            self._forms = Forms(self._vocabulary(), self.name)
        return self._forms.start(form)

    def _resolve(self, candidates: Sequence[Candidate]) -> list[list[int]]:
        """The tokens of each candidate's spellings.

        Raises:
            UsageError: if one has none, or shares a token with another.
        """
        vocabulary = self._vocabulary()
        found: list[list[int]] = []
        taken: dict[int, Candidate] = {}
        for candidate in candidates:
            texts = (candidate, f" {candidate}") if isinstance(candidate, str) else candidate
            tokens = {one[0] for text in texts if len(one := vocabulary.plain(clean(text))) == 1}
            if not tokens:
                raise UsageError(
                    f"candidate {candidate!r} is more than one token of {self.name}'s model:"
                    " choose shorter names, or use sequence_logprobs"
                )
            for token in tokens:
                if token in taken:
                    raise UsageError(
                        f"candidates {taken[token]!r} and {candidate!r} are the same token: give"
                        " spellings that differ"
                    )
                taken[token] = candidate
            found.append(sorted(tokens))
        if not found:
            raise UsageError("give at least one candidate")
        return found

    def _pay(self, context: RunContext, tokens: int, cached: int) -> None:
        context.spend(
            calls=1,
            rounds=1,
            tokens_in=tokens,
            tokens_cached=cached,
            flops=flops.decoder(self._shape(), tokens, 0, cached=cached),
        )

    def _pay_token(self, context: RunContext, tokens: int, number: int) -> None:
        """The number-th generated token after a prompt of so many."""
        shape = self._shape()
        whole = flops.decoder(shape, tokens, number, cached=tokens)
        before = flops.decoder(shape, tokens, number - 1, cached=tokens)
        context.spend(tokens_out=1, flops=whole - before)

    def _book(
        self,
        contexts: Sequence[RunContext],
        tokens: Sequence[int],
        cached: Sequence[int],
        scored: Sequence[int],
    ) -> None:
        shape = self._shape()
        head = 2.0 * shape.hidden * shape.vocabulary
        work = [
            flops.decoder(shape, read_, 0, cached=kept) + head * heads
            for read_, kept, heads in zip(tokens, cached, scored, strict=True)
        ]
        account.book(contexts, tokens, work, tokens_cached=cached)


def log_softmax(logits: NDArray[np.float32]) -> Logprobs:
    """Natural log-probabilities over the last axis; the sum is taken in double precision."""
    result: Logprobs = logits - logits.max(axis=-1, keepdims=True)
    total = np.exp(result).sum(axis=-1, keepdims=True, dtype=np.float64)
    result -= np.log(total).astype(np.float32)
    return result


def _generator(tokens: Sequence[int], seed: int, draw: int) -> np.random.Generator:
    """Random numbers that depend on the prompt, the request's seed and the draw alone."""
    own = hashlib.sha256(np.asarray(tokens, dtype=np.int64).tobytes()).digest()[:8]
    return np.random.default_rng([abs(seed), int.from_bytes(own, "big"), draw])


def _choose(
    scores: Logprobs, state: FormState | None, temperature: float, random: np.random.Generator
) -> int:
    """The likeliest token that the form allows, or one drawn at a temperature."""
    if state is not None:
        allowed = state.allowed()
        if not allowed.any():
            raise ModelError("the form allows no token here: it cannot be met")
        scores = np.where(allowed, scores, -np.inf)
    if temperature == 0.0:
        return int(scores.argmax())
    heated = scores.astype(np.float64) / temperature
    weights = np.exp(heated - heated.max())
    return int(random.choice(len(weights), p=weights / weights.sum()))
