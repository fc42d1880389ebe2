"""A language model whose probabilities are written down, for tests and for teaching."""

from __future__ import annotations

import hashlib
import itertools
import math
import re
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from assay.models import account
from assay.models.echo import written_out
from assay.models.language_model import (
    Ability,
    Attention,
    Form,
    Generation,
    LanguageModel,
    Piece,
    PromptTooLong,
    SequenceScore,
)
from assay.models.probability_table import END, Distribution, TableRow, count, split
from assay.models.prompt import Candidate, Prompt
from assay.models.writing import Writing
from assay.pipeline.canonical import digest
from assay.pipeline.component import Config, register
from assay.pipeline.context import RunContext
from assay.pipeline.errors import UsageError

REACH = 1000
"""Characters before the next token that a row's expression can see."""

HIDDEN = 32
"""Length of a hidden state."""


class TableLanguageModelConfig(Config):
    """Settings of ``models.table_language_model@1``."""

    rows: list[TableRow] = Field(
        default_factory=list, description="tried in order; the first that fits tells the next token"
    )
    otherwise: Distribution = Field(
        default_factory=lambda: {END: 0.9},
        description="probability of each next token where no row fits; '' is the end of the text",
    )
    vocabulary: int = Field(
        50_000,
        ge=1,
        le=10_000_000,
        description="nameless other tokens, which share equally what a row leaves of 1",
    )
    temperature: float = Field(
        0.0, ge=0.0, le=2.0, description="0 always takes the likeliest token"
    )
    context_tokens: int = Field(
        4096, ge=4, le=1_000_000, description="most tokens of prompt and answer together"
    )


@register("models.table_language_model@1")
class TableLanguageModel(LanguageModel):
    """Gives the probabilities that its table says, exactly.

    The next token's distribution is that of the first row whose expression fits the end of
    the text so far (its last 1,000 characters), else ``otherwise``. What a row leaves of 1
    is shared equally by ``vocabulary`` other tokens: a token that the row does not name has
    that share, and a log-probability of minus infinity where the row leaves nothing. Only
    named tokens are written. Tokens are those of ``split``; conversations are read as
    ``written_out`` shows them.

    Attention has one layer and one head and is uniform: the token at place i (from 0) pays
    1 / (i + 1) to itself and each token before it. Hidden states: layer 0 is a unit vector
    of length 32 with a single 1 or -1 by the token's hash, layer 1 what uniform attention
    makes of it, the mean over the token and those before it.

    Costs are booked as an engine would, but no FLOPs: a beginning that ``prefix`` keeps is
    computed by the first prompt that begins with it and counts as cached from then on, and
    so does what a pair of ``sequence_logprobs`` has in common with the prompt before it.
    """

    Config = TableLanguageModelConfig

    def __init__(self, config: TableLanguageModelConfig) -> None:
        super().__init__(config)
        self._rows = [
            (re.compile(rf"(?:{row.after})\Z", re.DOTALL), row.then) for row in config.rows
        ]
        self._lock = threading.Lock()
        self._kept: Counter[tuple[str, ...]] = Counter()
        self._computed: set[tuple[str, ...]] = set()

    def fingerprint(self) -> str:
        """Over the table and the settings."""
        return digest({"name": self.name, **self.config.model_dump(mode="json")})

    def close(self) -> None:
        """Forget what was kept."""
        with self._lock:
            self._kept.clear()
            self._computed.clear()

    @property
    def abilities(self) -> frozenset[Ability]:
        """All but forms."""
        return frozenset(Ability) - {Ability.GRAMMAR, Ability.JSON_SCHEMA}

    @property
    def context_length(self) -> int:
        """Most tokens that prompt and answer may have together."""
        return int(self.config.context_tokens)

    def count_tokens(self, text: str) -> int:
        """Number of tokens of a plain text."""
        return count(text)

    def probabilities(self, prompt: Prompt) -> Mapping[str, float]:
        """The named next tokens of a prompt with their probabilities; ``''`` is the end."""
        return dict(self._row("".join(text for text, _ in written_out(prompt))))

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
        """Continue a prompt token by token; of equally likely ones the row's first is taken."""
        if form is not None:
            raise self._unable(Ability.GRAMMAR if form.grammar else Ability.JSON_SCHEMA)
        context.check()
        tokens = self._tokens(prompt, max_tokens)
        context.spend(calls=1, rounds=1, tokens_in=len(tokens), tokens_cached=self._cached(tokens))
        so_far = "".join(tokens)
        heat = self.config.temperature if temperature is None else temperature
        own = hashlib.sha256(so_far.encode("utf-8", errors="replace")).digest()[:8]
        random = np.random.default_rng([abs(context.seed), int.from_bytes(own, "big"), draw])
        writing = Writing(stop)
        pieces: list[Piece] = []
        finish: Literal["end", "stop", "length"] = "length"
        while len(pieces) < max_tokens:
            context.check()
            row = self._row(so_far)
            token = _chosen(row, heat, random)
            so_far += token
            context.spend(tokens_out=1)
            fresh = writing.add(token.encode("utf-8", errors="replace"))
            pieces.append(Piece(fresh, min(0.0, math.log(row[token]))))
            if token == END or writing.stopped:
                finish = "end" if token == END else "stop"
                break
            if shown := writing.show():
                yield shown
        if shown := writing.show(last=True):
            yield shown
        yield Generation(writing.text, len(tokens), len(pieces), tuple(pieces), finish)

    def next_token_logprobs(
        self,
        prompts: Sequence[Prompt],
        candidates: Sequence[Candidate],
        contexts: Sequence[RunContext],
    ) -> NDArray[np.float64]:
        """Logarithms of the table's numbers, the spellings of a candidate added up."""
        spellings = self._spellings(candidates)
        read = [self._tokens(prompt, 1) for prompt in prompts]
        account.check(contexts)
        table = np.full((len(read), len(spellings)), -np.inf)
        for place, tokens in enumerate(read):
            row = self._row("".join(tokens))
            for column, texts in enumerate(spellings):
                total = math.fsum(self._probability(row, one) for one in texts)
                table[place, column] = _log(total)
        self._book(contexts, read)
        return table

    def sequence_logprobs(
        self, pairs: Sequence[tuple[Prompt, str]], contexts: Sequence[RunContext]
    ) -> list[SequenceScore]:
        """Sums of the logarithms of the table's numbers along each continuation."""
        read: list[tuple[list[str], list[str]]] = []
        for prompt, continuation in pairs:
            follows = split(continuation)
            if not follows:
                raise UsageError("a continuation is empty: give it at least one character")
            read.append((self._tokens(prompt, len(follows)), follows))
        account.check(contexts)
        scores = []
        for before, follows in read:
            so_far, total = "".join(before), 0.0
            for token in follows:
                total += _log(self._probability(self._row(so_far), token))
                so_far += token
            scores.append(SequenceScore(total, len(follows)))
        shared = [0, *(_common(one[0], other[0]) for one, other in itertools.pairwise(read))]
        self._book(contexts, [before + follows for before, follows in read], shared)
        return scores

    def attention(self, prompt: Prompt, rows: Sequence[int], context: RunContext) -> Attention:
        """Uniform attention; see the class."""
        self._tokens(prompt, 0)
        places: dict[int, range] = {}
        length = 0
        for text, number in written_out(prompt):
            end = length + count(text)
            if number is not None:
                places[number] = range(length, end)
            length = end
        if not rows or list(rows) != list(range(rows[0], rows[0] + len(rows))):
            raise UsageError(f"rows are numbers of parts one after another, found {list(rows)}")
        if rows[0] < 0 or rows[-1] >= len(places):
            raise UsageError(f"rows are numbers from 0 to {len(places) - 1}, found {list(rows)}")
        looking = [place for row in rows for place in places[row]]
        if not looking:
            raise UsageError("the parts that look are empty: give them text")
        context.check()
        paid = np.zeros(length, dtype=np.float64)
        for place in looking:
            paid[: place + 1] += 1.0 / (place + 1) / len(looking)
        context.spend(calls=1, rounds=1, tokens_in=length)
        weights = paid.astype(np.float32).reshape(1, 1, length)
        return Attention(
            tuple(weights[:, :, one.start : one.stop] for _, one in sorted(places.items()))
        )

    def hidden_states(
        self, prompts: Sequence[Prompt], contexts: Sequence[RunContext], *, layer: int = -1
    ) -> list[NDArray[np.float32]]:
        """Hashed tokens, or their running means; see the class.

        Raises:
            PromptTooLong: if a prompt does not fit.
            UsageError: if the layer is none of -2, -1, 0 and 1.
        """
        if layer not in range(-2, 2):
            raise UsageError(f"{self.name} has the layers 0 and 1, found {layer}")
        read = [self._tokens(prompt, 0) for prompt in prompts]
        account.check(contexts)
        states = [_states(tokens, mean=layer in (1, -1)) for tokens in read]
        self._book(contexts, read, kept=False)
        return states

    def keep(self, prompt: Prompt) -> None:
        """Count this beginning as cached once it was computed, until ``release``."""
        tokens = tuple(self._tokens(prompt, 0))
        with self._lock:
            self._kept[tokens] += 1

    def release(self, prompt: Prompt) -> None:
        """Forget what ``keep`` kept."""
        tokens = tuple(self._tokens(prompt, 0))
        with self._lock:
            self._kept[tokens] -= 1
            if self._kept[tokens] <= 0:
                del self._kept[tokens]
                self._computed.discard(tokens)

    def _tokens(self, prompt: Prompt, answer: int) -> list[str]:
        pieces = written_out(prompt)
        length = sum(count(text) for text, _ in pieces)
        if length + answer > self.context_length:
            raise PromptTooLong(length, answer, self.context_length, self.name)
        return [token for text, _ in pieces for token in split(text)]

    def _row(self, so_far: str) -> Mapping[str, float]:
        end = so_far[-REACH:]
        for pattern, then in self._rows:
            if pattern.search(end):
                return then
        otherwise: Mapping[str, float] = self.config.otherwise
        return otherwise

    def _probability(self, row: Mapping[str, float], token: str) -> float:
        if token in row:
            return row[token]
        left = 1.0 - math.fsum(row.values())
        # What rounding leaves of a row that adds up to 1 is nobody's.
        return left / self.config.vocabulary if left > 1e-9 else 0.0

    def _spellings(self, candidates: Sequence[Candidate]) -> list[list[str]]:
        if not candidates:
            raise UsageError("give at least one candidate")
        found: list[list[str]] = []
        taken: dict[str, Candidate] = {}
        for one in candidates:
            texts = (one, f" {one}") if isinstance(one, str) else one
            tokens = sorted({text for text in texts if split(text) == [text]})
            if not tokens:
                raise UsageError(
                    f"candidate {one!r} is more than one token of {self.name}: choose shorter"
                    " names, or use sequence_logprobs"
                )
            for token in tokens:
                if token in taken:
                    raise UsageError(
                        f"candidates {taken[token]!r} and {one!r} are the same token: give"
                        " spellings that differ"
                    )
                taken[token] = one
            found.append(tokens)
        return found

    def _cached(self, tokens: Sequence[str]) -> int:
        """Tokens at the beginning that were kept; those kept beginnings are computed now."""
        read = tuple(tokens)
        with self._lock:
            cached = max((_common(read, one) for one in self._computed), default=0)
            self._computed.update(one for one in self._kept if read[: len(one)] == one)
        return cached

    def _book(
        self,
        contexts: Sequence[RunContext],
        read: Sequence[list[str]],
        shared: Sequence[int] = (),
        *,
        kept: bool = True,
    ) -> None:
        cached = [self._cached(tokens) if kept else 0 for tokens in read]
        if shared:
            cached = [max(one, other) for one, other in zip(cached, shared, strict=False)]
        lengths = [len(tokens) for tokens in read]
        account.book(contexts, lengths, [0.0] * len(read), tokens_cached=cached)


def _common(one: Sequence[str], other: Sequence[str]) -> int:
    """Tokens that two texts have in common at their beginnings."""
    for place, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return place
    return min(len(one), len(other))


def _chosen(row: Mapping[str, float], temperature: float, random: np.random.Generator) -> str:
    tokens = list(row)
    if temperature == 0.0:
        return max(tokens, key=lambda token: row[token])
    heated = np.log([row[token] for token in tokens]) / temperature
    weights = np.exp(heated - heated.max())
    return tokens[int(random.choice(len(tokens), p=weights / weights.sum()))]


def _log(probability: float) -> float:
    return min(0.0, math.log(probability)) if probability > 0.0 else -math.inf


def _states(tokens: Sequence[str], *, mean: bool) -> NDArray[np.float32]:
    vectors = np.zeros((len(tokens), HIDDEN), dtype=np.float64)
    for place, token in enumerate(tokens):
        raw = hashlib.sha256(token.encode("utf-8", errors="replace")).digest()
        vectors[place, raw[0] % HIDDEN] = 1.0 if raw[1] & 1 else -1.0
    if mean and tokens:
        vectors = vectors.cumsum(axis=0) / np.arange(1, len(tokens) + 1)[:, np.newaxis]
    return vectors.astype(np.float32)
