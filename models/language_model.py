"""What a language model can do, and what it must be given.

An engine names its abilities, which depend on its config and not on its weights, so that
``build`` can refuse a model that cannot give what a stage needs::

    class Rank(Node):
        needs = {"model": (Ability.NEXT_TOKEN_LOGPROBS,)}

        def __init__(self, config: RankConfig, *, model: LanguageModel) -> None: ...

Methods that take several prompts take a context for each of them, so that prompts of many
queries fill one batch and each query pays for its own.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import TracebackType
from typing import Any, Literal, Required, Self, TypedDict, Unpack

import numpy as np
from numpy.typing import NDArray

from assay.models.prompt import Candidate, Prompt, conversation, extended, parts_of
from assay.pipeline.component import Resource
from assay.pipeline.context import RunContext
from assay.pipeline.errors import ModelError, UsageError

TURN_TOKENS = 5
"""What a chat template adds to a turn, about."""


class Ability(StrEnum):
    """What an engine may be able to do; a stage names those that it needs."""

    GENERATE = "generate"
    GRAMMAR = "grammar"
    """``generate`` within a GBNF grammar."""
    JSON_SCHEMA = "json_schema"
    """``generate`` within a JSON schema."""
    NEXT_TOKEN_LOGPROBS = "next_token_logprobs"
    SEQUENCE_LOGPROB = "sequence_logprob"
    ATTENTION = "attention"
    HIDDEN_STATES = "hidden_states"


@dataclass(frozen=True, slots=True)
class Form:
    """What a generated text must look like; exactly one of the two.

    Args:
        json_schema: a JSON schema; the text is a JSON value that fits it.
        grammar: a grammar in GBNF, the form of llama.cpp; its start symbol is ``root``.

    Raises:
        UsageError: if none or both are given.
    """

    json_schema: Mapping[str, Any] | None = None
    grammar: str | None = None

    def __post_init__(self) -> None:
        if (self.json_schema is None) == (self.grammar is None):
            raise UsageError("a form is a json_schema or a grammar: give exactly one of them")


class WritingOptions(TypedDict, total=False):
    """How a text is written; what ``generate`` and ``stream`` take by name.

    Args:
        max_tokens: most tokens to write, at least 1.
        stop: the text ends before the first of these; none by default.
        form: what the text must look like; anything by default.
        temperature: 0 always takes the likeliest token; as configured by default.
        draw: number of the draw, for several different answers under one seed; 0 by default.
    """

    max_tokens: Required[int]
    stop: Sequence[str]
    form: Form | None
    temperature: float | None
    draw: int


@dataclass(frozen=True, slots=True)
class Piece:
    """One generated token.

    Args:
        text: what it added to the text; empty for a part of a character or the end token.
        logprob: its natural log-probability before any temperature or grammar, at most 0.
    """

    text: str
    logprob: float


@dataclass(frozen=True, slots=True)
class Generation:
    """What a language model wrote.

    Args:
        text: the text without the prompt and without the stop string.
        tokens_in: tokens of the prompt.
        tokens_out: tokens generated.
        pieces: the generated tokens in order, those of a stop string and the end token
            included; None where the engine does not tell log-probabilities.
        finish: why it ended: by the model or a complete form (``end``), by a stop string
            (``stop``), or by ``max_tokens`` (``length``).
    """

    text: str
    tokens_in: int
    tokens_out: int
    pieces: tuple[Piece, ...] | None = None
    finish: Literal["end", "stop", "length"] = "end"

    @property
    def mean_logprob(self) -> float | None:
        """Mean natural log-probability of the generated tokens; None where it is not known."""
        if not self.pieces or not self.text:
            return None
        return sum(piece.logprob for piece in self.pieces) / len(self.pieces)


@dataclass(frozen=True, slots=True)
class SequenceScore:
    """How likely a continuation is.

    Args:
        logprob: sum of the natural log-probabilities of its tokens, at most 0.
        tokens: how many tokens it has, at least 1.
    """

    logprob: float
    tokens: int

    @property
    def mean(self) -> float:
        """Log-probability a token."""
        return self.logprob / self.tokens


@dataclass(frozen=True, slots=True, eq=False)
class Attention:
    """Where some tokens of a prompt look.

    Args:
        parts: for each part of the prompt the mean attention that the looking tokens pay to
            each of its tokens, shape ``(layers, heads, n_tokens)``, in [0, 1]. Tokens of a
            chat template belong to no part.
    """

    parts: tuple[NDArray[np.float32], ...]


class PromptTooLong(UsageError):
    """A prompt does not fit; the caller shortens or splits it (``assay.models.fit``).

    Args:
        tokens: tokens of the prompt.
        answer: tokens that the answer may have.
        limit: tokens that the model reads and writes together.
        model: the engine's registered name.
    """

    def __init__(self, tokens: int, answer: int, limit: int, model: str) -> None:
        self.tokens = tokens
        self.answer = answer
        self.limit = limit
        super().__init__(
            f"the prompt has {tokens} tokens and the answer may have {answer}, but {model} reads"
            f" {limit} together: raise its context_tokens or give it less text"
        )


class LanguageModel(Resource):
    """Prompts in; text, probabilities or inner states out.

    The same prompt gives the same result, whatever was asked before and whatever stands in
    the same batch, up to the tolerance that the engine states. An engine overrides what it is
    able to do; calling anything else is a ``UsageError``.
    """

    @property
    @abstractmethod
    def abilities(self) -> frozenset[Ability]:
        """What this model can do as configured; known before ``start``."""

    @property
    @abstractmethod
    def context_length(self) -> int:
        """Most tokens that prompt and answer may have together."""

    @abstractmethod
    def count_tokens(self, text: str) -> int:
        """Number of tokens of a plain text."""

    def count_prompt(self, prompt: Prompt) -> int:
        """Number of tokens of a prompt as this model reads it, its chat template included.

        Exact where the engine knows the template; else ``TURN_TOKENS`` are taken for each turn.
        """
        turns = len(conversation(prompt) or ())
        return TURN_TOKENS * turns + sum(self.count_tokens(part) for part in parts_of(prompt))

    @abstractmethod
    def stream(
        self,
        prompt: Prompt,
        context: RunContext,
        **options: Unpack[WritingOptions],
    ) -> Iterator[str | Generation]:
        """Continue a prompt: pieces of text as they come and, last, the whole.

        The pieces joined are the generation's text. Closing the iterator ends the work.

        Args:
            prompt: what to continue or to answer.
            context: seed, deadline and account of the request.
            options: see ``WritingOptions``.

        Raises:
            PromptTooLong: if prompt and answer do not fit.
            UsageError: if the form is not understood, or the engine does not know it.
            ModelError: if the engine fails.
            DeadlineExceeded: if the request ends meanwhile.
        """

    def generate(
        self, prompt: Prompt, context: RunContext, **options: Unpack[WritingOptions]
    ) -> Generation:
        """Continue a prompt; see ``stream``. Cost: one call, one round."""
        *_, written = self.stream(prompt, context, **options)
        if not isinstance(written, Generation):
            raise ModelError(f"{self.name} ended a stream without a generation")
        return written

    def generate_batch(
        self,
        prompts: Sequence[Prompt],
        contexts: Sequence[RunContext],
        **options: Unpack[WritingOptions],
    ) -> list[Generation]:
        """Continue several prompts, each as ``generate`` would. Cost: one call each, one round.

        Args:
            prompts: what to continue.
            contexts: one for each prompt, as it comes.
            options: for each of them, see ``WritingOptions``.
        """
        owners = {id(context): context for context in contexts}
        rounds = {name: context.cost.rounds for name, context in owners.items()}
        found = [
            self.generate(prompt, context, **options)
            for prompt, context in zip(prompts, contexts, strict=True)
        ]
        for name, context in owners.items():  # none of them had to wait for another
            context.cost.rounds = rounds[name] + 1
        return found

    def next_token_logprobs(
        self,
        prompts: Sequence[Prompt],
        candidates: Sequence[Candidate],
        contexts: Sequence[RunContext],
    ) -> NDArray[np.float64]:
        """Natural log-probability that each candidate is the next token.

        Cost: one call a prompt, one round.

        Args:
            prompts: texts or conversations that the candidates would follow.
            candidates: each resolved to single tokens as they stand after the prompt.
            contexts: one for each prompt.

        Returns:
            Shape ``(n_prompts, n_candidates)``, at most 0.

        Raises:
            PromptTooLong: if a prompt does not fit.
            UsageError: if no spelling of a candidate is one token, if two candidates share a
                token, or if the engine has not this ability.
        """
        raise self._unable(Ability.NEXT_TOKEN_LOGPROBS)

    def sequence_logprobs(
        self, pairs: Sequence[tuple[Prompt, str]], contexts: Sequence[RunContext]
    ) -> list[SequenceScore]:
        """How likely each continuation is after its prompt.

        The continuation is turned into tokens by itself, exactly as written: begin it with a
        space where one belongs. Prompts that begin alike are computed once. Cost: one call a
        pair, one round.

        Args:
            pairs: a prompt and what follows it, at least one token.
            contexts: one for each pair.

        Raises:
            PromptTooLong: if a pair does not fit.
            UsageError: if a continuation is empty, or the engine has not this ability.
        """
        raise self._unable(Ability.SEQUENCE_LOGPROB)

    def attention(self, prompt: Prompt, rows: Sequence[int], context: RunContext) -> Attention:
        """Where some parts of a prompt look. Cost: one call, one round.

        Args:
            prompt: a prompt in parts; those of all messages are counted through.
            rows: numbers of the parts that look, one after another, from 0.
            context: of the request.
        """
        raise self._unable(Ability.ATTENTION)

    def hidden_states(
        self, prompts: Sequence[Prompt], contexts: Sequence[RunContext], *, layer: int = -1
    ) -> list[NDArray[np.float32]]:
        """The vectors behind each token. Cost: one call a prompt, one round.

        Args:
            prompts: what is read.
            contexts: one for each prompt.
            layer: 0 for the embeddings, then the blocks; negative from the end.

        Returns:
            For each prompt an array of shape ``(n_tokens, hidden)``.
        """
        raise self._unable(Ability.HIDDEN_STATES)

    def prefix(self, prompt: Prompt) -> Prefix:
        """A beginning that many calls share; inside ``with`` it is computed once and kept."""
        return Prefix(self, prompt)

    def keep(self, prompt: Prompt) -> None:
        """Keep what is computed of this prompt until ``release``."""

    def release(self, prompt: Prompt) -> None:
        """Let go of what ``keep`` kept."""

    def _unable(self, ability: Ability) -> UsageError:
        return UsageError(
            f"{self.name} is not able to give {ability}, only {', '.join(sorted(self.abilities))}:"
            " docs/models.md says which engine is"
        )


@dataclass(frozen=True, slots=True)
class Prefix:
    """A shared beginning; made by ``LanguageModel.prefix``.

    ::

        with model.prefix(text) as beginning:
            scores = beginning.sequence_logprobs([" yes", " no"], context)

    Args:
        model: the engine.
        prompt: the beginning. Texts are put behind it; a conversation must end with a turn of
            the assistant for that, which is then continued.
    """

    model: LanguageModel
    prompt: Prompt

    def __enter__(self) -> Self:
        self.model.keep(self.prompt)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.model.release(self.prompt)

    def sequence_logprobs(
        self, continuations: Sequence[str], context: RunContext
    ) -> list[SequenceScore]:
        """How likely each continuation is after the beginning."""
        pairs = [(self.prompt, one) for one in continuations]
        return self.model.sequence_logprobs(pairs, [context] * len(pairs))

    def next_token_logprobs(
        self, texts: Sequence[str], candidates: Sequence[Candidate], context: RunContext
    ) -> NDArray[np.float64]:
        """Log-probabilities of the candidates after the beginning and each text."""
        prompts = [extended(self.prompt, text) for text in texts]
        return self.model.next_token_logprobs(prompts, candidates, [context] * len(prompts))

    def generate(
        self, text: str, context: RunContext, **options: Unpack[WritingOptions]
    ) -> Generation:
        """Continue the beginning and a text."""
        return self.model.generate(extended(self.prompt, text), context, **options)
