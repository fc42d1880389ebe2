"""A language model without a model, for tests and dry runs."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from assay.models.language_model import Ability, Form, Generation, LanguageModel, PromptTooLong
from assay.models.prompt import Message, Prompt
from assay.models.writing import Writing
from assay.pipeline.canonical import digest
from assay.pipeline.component import Config, register
from assay.pipeline.context import RunContext

_TOKEN = re.compile(r"\w{1,16}|[^\w\s]")


def written_out(prompt: Prompt) -> list[tuple[str, int | None]]:
    """A prompt as the test models read it: its texts in order, each with its part's number.

    A turn is written as its role, a colon, a space, its content and a line break; an answer is
    asked for by ``assistant:``. What this template adds belongs to no part (None).

    >>> "".join(text for text, _ in written_out((Message("user", "Why?"),)))
    'user: Why?\\nassistant:'
    >>> written_out(("Because", " so"))
    [('Because', 0), (' so', 1)]
    """
    if isinstance(prompt, str):
        return [(prompt, 0)]
    pieces: list[tuple[str, int | None]] = []
    number = 0
    for one in prompt:
        turn = isinstance(one, Message)
        content = one.content if isinstance(one, Message) else one
        if isinstance(one, Message):
            pieces.append((f"{one.role}: ", None))
        for part in (content,) if isinstance(content, str) else content:
            pieces.append((part, number))
            number += 1
        if turn:
            pieces.append(("\n", None))
    last = prompt[-1] if prompt else ""
    if isinstance(last, Message):
        if last.role == "assistant":
            pieces.pop()  # it is continued, so its line goes on
        else:
            pieces.append(("assistant:", None))
    return pieces


class Scripted(LanguageModel):
    """A test model whose answer follows from the prompt's text by a rule.

    Its tokens are up to 16 letters of a word, and punctuation marks. It knows no form and tells no
    log-probabilities; temperature and draw change nothing, since there is one answer only.
    Cost: one call, one round, no FLOPs.
    """

    def fingerprint(self) -> str:
        """Over the settings."""
        return digest({"name": self.name, **self.config.model_dump(mode="json")})

    @property
    def abilities(self) -> frozenset[Ability]:
        """Text only."""
        return frozenset({Ability.GENERATE})

    @property
    def context_length(self) -> int:
        """Most tokens that prompt and answer may have together."""
        return int(self.config.context_tokens)

    def count_tokens(self, text: str) -> int:
        """Number of words and punctuation marks."""
        return sum(1 for _ in _TOKEN.finditer(text))

    def count_prompt(self, prompt: Prompt) -> int:
        """Exact."""
        return sum(self.count_tokens(text) for text, _ in written_out(prompt))

    @abstractmethod
    def answer(self, prompt: str) -> str:
        """What it says to a prompt that is written out."""

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
        """The answer word by word and, last, the whole.

        Raises:
            PromptTooLong: if prompt and answer do not fit.
            UsageError: if a form is asked for.
        """
        if form is not None:
            raise self._unable(Ability.GRAMMAR if form.grammar else Ability.JSON_SCHEMA)
        context.check()
        tokens_in = self.count_prompt(prompt)
        if tokens_in + max_tokens > self.context_length:
            raise PromptTooLong(tokens_in, max_tokens, self.context_length, self.name)
        context.spend(calls=1, rounds=1, tokens_in=tokens_in)
        said = self.answer("".join(text for text, _ in written_out(prompt)))
        ends = [match.end() for match in _TOKEN.finditer(said)]
        cut = len(ends) > max_tokens
        ends = [*ends[:-1], len(said)] if ends and not cut else ends[:max_tokens]
        writing, begin, tokens_out = Writing(stop), 0, 0
        finish: Literal["end", "stop", "length"] = "length" if cut else "end"
        for end in ends:
            context.check()
            writing.add(said[begin:end].encode("utf-8", errors="replace"))
            begin = end
            tokens_out += 1
            context.spend(tokens_out=1)
            if writing.stopped:
                finish = "stop"
                break
            if shown := writing.show():
                yield shown
        if shown := writing.show(last=True):
            yield shown
        yield Generation(writing.text, tokens_in, tokens_out, None, finish)


class EchoRule(BaseModel):
    """One line of the script."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    when: str = Field(
        description="regular expression that is searched for in the prompt; '.' is any character"
    )
    say: str = Field(description="the answer; \\1 is what the first group matched")

    @field_validator("when")
    @classmethod
    def _compiles(cls, value: str) -> str:
        try:
            re.compile(value, re.DOTALL)
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from error
        return value


class EchoConfig(Config):
    """Settings of ``models.echo@1``."""

    rules: list[EchoRule] = Field(
        default_factory=list, description="tried in order; the first that matches answers"
    )
    otherwise: str = Field("I don't know.", description="the answer when no rule matches")
    context_tokens: int = Field(
        4096, ge=16, le=1_000_000, description="most words and marks of prompt and answer together"
    )


@register("models.echo@1")
class Echo(Scripted):
    """Answers by a script of regular expressions; the same prompt, the same answer.

    For tests and dry runs. Its tokens are words and punctuation marks; a stop string's are
    counted as generated. It tells no log-probabilities and knows no form; temperature and
    draw change nothing. A conversation is searched as ``written_out`` shows it.
    Cost: one call, one round, no FLOPs.
    """

    Config = EchoConfig

    def __init__(self, config: EchoConfig) -> None:
        super().__init__(config)
        self._rules = [(re.compile(rule.when, re.DOTALL), rule.say) for rule in config.rules]

    def answer(self, prompt: str) -> str:
        """The answer of the first rule that matches."""
        for pattern, say in self._rules:
            match = pattern.search(prompt)
            if match is not None:
                return match.expand(say)
        return str(self.config.otherwise)
