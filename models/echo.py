"""A language model without a model, for tests and dry runs."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field, field_validator

from assay.models.protocols import Generation, LanguageModel
from assay.pipeline.canonical import digest
from assay.pipeline.component import Config, register
from assay.pipeline.context import RunContext
from assay.pipeline.errors import UsageError

_TOKEN = re.compile(r"\w+|[^\w\s]")


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
class Echo(LanguageModel):
    """Answers by a script of regular expressions; the same prompt, the same answer.

    For tests and dry runs. Its tokens are words and punctuation marks. It tells no
    log-probabilities. Cost: one call, one round, no FLOPs.
    """

    Config = EchoConfig

    def __init__(self, config: EchoConfig) -> None:
        super().__init__(config)
        self._rules = [(re.compile(rule.when, re.DOTALL), rule.say) for rule in config.rules]

    def fingerprint(self) -> str:
        """Over the script."""
        return digest({"name": self.name, **self.config.model_dump(mode="json")})

    @property
    def context_length(self) -> int:
        """Most tokens that prompt and answer may have together."""
        return int(self.config.context_tokens)

    def count_tokens(self, text: str) -> int:
        """Number of words and punctuation marks."""
        return len(_TOKEN.findall(text))

    def generate(
        self,
        prompt: str,
        context: RunContext,
        *,
        max_tokens: int,
        stop: Sequence[str] = (),
    ) -> Generation:
        """The answer of the first rule that matches.

        Raises:
            UsageError: if the prompt does not fit, with both numbers.
        """
        context.check()
        tokens_in = self.count_tokens(prompt)
        if tokens_in + max_tokens > self.context_length:
            raise UsageError(
                f"the prompt has {tokens_in} tokens and the answer may have {max_tokens}, but"
                f" {self.name} reads {self.context_length} together"
            )
        text = self.config.otherwise
        for pattern, say in self._rules:
            match = pattern.search(prompt)
            if match is not None:
                text = match.expand(say)
                break
        ends = [place for one in stop if one and (place := text.find(one)) >= 0]
        text = text[: min(ends)] if ends else text
        said = list(_TOKEN.finditer(text))
        if len(said) > max_tokens:
            text = text[: said[max_tokens - 1].end()] if max_tokens else ""
        tokens_out = min(len(said), max_tokens)
        context.spend(calls=1, rounds=1, tokens_in=tokens_in, tokens_out=tokens_out)
        return Generation(text, tokens_in, tokens_out, None)
