"""Relevance of (query, passage) pairs by a language model that answers yes or no."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from types import MappingProxyType
from typing import Self

import numpy as np
from pydantic import Field, model_validator

from assay.models.fit import TooLong, cut, fitted
from assay.models.language_model import Ability, LanguageModel
from assay.models.prompt import Prompt
from assay.models.protocols import CrossEncoder, Floats
from assay.models.scorer_forms import FORMS, FormName, ScorerForm
from assay.pipeline.canonical import digest
from assay.pipeline.component import Config, register
from assay.pipeline.context import RunContext
from assay.pipeline.errors import ModelError, UsageError

Need = Mapping[str, tuple[str, ...]]


class CustomForm(Config):
    """A form of your own. ``{instruction}``, ``{query}`` and ``{passage}`` are its places.

    They are filled once and literally; other braces stay as they are.
    """

    user: list[str] = Field(
        min_length=1,
        description="parts of the user's turn, or of the whole text without chat; end a part where"
        " what the pairs of one query share ends, before a space",
    )
    yes: list[str] = Field(min_length=1, description="exact spellings of the answer 'relevant'")
    no: list[str] = Field(min_length=1, description="exact spellings of the answer 'not relevant'")
    system: list[str] = Field(default_factory=list, description="parts of the system turn, if any")
    answer: str = Field("", description="what the assistant's turn begins with")
    chat: bool = Field(True, description="whether the model's chat template writes the turns")

    def form(self) -> ScorerForm:
        """The form itself."""
        return ScorerForm(
            user=tuple(self.user),
            yes=tuple(self.yes),
            no=tuple(self.no),
            system=tuple(self.system),
            answer=self.answer,
            chat=self.chat,
        )

    @model_validator(mode="after")
    def _whole(self) -> Self:
        form = self.form()
        for place in ("query", "passage"):
            if form.holds(place) != 1:
                raise ValueError(
                    f"a form has the place '{{{place}}}' once, found it {form.holds(place)} times"
                )
        if not self.chat and (self.system or self.answer):
            raise ValueError("'system' and 'answer' are turns of a chat: write 'chat: true'")
        both = sorted(set(self.yes) & set(self.no))
        if both or "" in (*self.yes, *self.no):
            raise ValueError(f"'yes' and 'no' need different words, both have {both or ['']}")
        return self


class TokenLogitScorerConfig(Config):
    """Settings of ``models.token_logit_scorer@1``."""

    form: FormName = Field(
        "plain",
        description="how the model is asked: the form that it was trained on, plain for any other,"
        " custom for one of your own",
    )
    custom: CustomForm | None = Field(None, description="the form, where it is custom")
    instruction: str = Field(
        "", description="what relevant means, in a sentence; empty for the form's own"
    )
    too_long: TooLong = Field(
        "windows",
        description="a passage that does not fit: its best window counts, or it is cut to its"
        " head, tail, or both (middle left out), or refused",
    )
    max_tokens: int | None = Field(
        None,
        ge=64,
        le=1_000_000,
        description="longest prompt in tokens; left out, what the model reads",
    )
    template_tokens: int = Field(
        64,
        ge=0,
        le=4096,
        description="tokens kept free for what the model's chat template adds",
    )

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        if (self.form == "custom") != (self.custom is not None):
            raise ValueError("'custom' holds the form where 'form: custom', and only there")
        if self.instruction and not self.asked().holds("instruction"):
            raise ValueError(
                f"the form '{self.form}' has no place for an instruction: leave it out"
            )
        return self

    def asked(self) -> ScorerForm:
        """The form that is used."""
        return self.custom.form() if self.custom is not None else FORMS[self.form]


@register("models.token_logit_scorer@1")
class TokenLogitScorer(CrossEncoder):
    """log P(yes) - log P(no) as the model's next token after a prompt with the pair.

    That is the difference of the two logits, and the log-odds of yes among the two where each
    has one spelling; with several, their probabilities are added up first. ``scorer_forms`` has
    the prompts of published rerankers with their sources. All pairs of all requests go to the
    model in one call, those of one query side by side, so that the engine computes what they
    share once and fills its batches.

    A passage that does not fit is windowed, cut or refused as ``too_long`` says, by the model's
    own count of tokens; the run record counts ``passages_windowed`` or ``passages_cut``. A query
    may fill at most half of the prompt; a longer one keeps its first part, and the run record
    says so. Cost: one call of the model a window, all in one round.

    Args:
        config: see ``TokenLogitScorerConfig``.
        model: tells log-probabilities of the next token.
    """

    Config = TokenLogitScorerConfig
    needs: Need = MappingProxyType({"model": (Ability.NEXT_TOKEN_LOGPROBS,)})

    def __init__(self, config: TokenLogitScorerConfig, *, model: LanguageModel) -> None:
        super().__init__(config)
        self._model = model
        self._form = config.asked()

    def fingerprint(self) -> str:
        """Over the form's text, the settings and the model."""
        settings = self.config.model_dump(mode="json", exclude={"custom", "form"})
        return digest(
            {
                "name": self.name,
                "form": asdict(self._form),
                "model": self._model.fingerprint(),
                **settings,
            }
        )

    def score(self, pairs: Sequence[tuple[str, str]], contexts: Sequence[RunContext]) -> Floats:
        """Differences of logits, shape ``(len(pairs),)``, larger is more relevant.

        Args:
            pairs: (query, passage) each.
            contexts: one for each pair.

        Raises:
            UsageError: if a passage does not fit and is to be refused, if the form leaves no
                room for one, or if yes and no are not single tokens of the model.
            ModelError: if the model gives no finite log-probability of both.
        """
        if not pairs:
            return np.zeros(0, dtype=np.float32)
        queries = {query: self._query(query) for query in dict.fromkeys(one for one, _ in pairs)}
        numbers = {query: number for number, query in enumerate(queries)}
        prompts: list[Prompt] = []
        owners: list[int] = []
        told: list[tuple[RunContext, str]] = []
        for place in sorted(range(len(pairs)), key=lambda one: numbers[pairs[one][0]]):
            (query, passage), context = pairs[place], contexts[place]
            context.check()
            read, tokens, tokens_read, room = queries[query]
            if tokens_read < tokens:
                context.note(query_tokens=tokens, query_tokens_read=tokens_read)
            parts = self._fitted(passage, room)
            if len(parts) > 1:
                told.append((context, "passages_windowed"))
            elif parts[0] != passage:
                told.append((context, "passages_cut"))
            prompts += [self._form.prompt(read, part, self.config.instruction) for part in parts]
            owners += [place] * len(parts)
        logprobs = self._model.next_token_logprobs(
            prompts, [self._form.yes, self._form.no], [contexts[place] for place in owners]
        )
        if not np.isfinite(logprobs).all():
            raise ModelError(
                f"{self.name}: {self._model.name} gave no finite log-probability of"
                f" {self._form.yes} and {self._form.no} after every prompt: is it a model for the"
                f" form '{self.config.form}'?"
            )
        best = np.full(len(pairs), -np.inf)
        np.maximum.at(best, owners, logprobs[:, 0] - logprobs[:, 1])
        for context, figure in told:  # not before: a batch that fails is asked again in parts
            context.count(**{figure: 1})
        return best.astype(np.float32)

    def _limit(self) -> int:
        """Most tokens of a prompt, the template's left out; a token is left for the answer."""
        longest = self._model.context_length - 1
        if self.config.max_tokens is not None:
            longest = min(longest, self.config.max_tokens)
        return longest - int(self.config.template_tokens)

    def _query(self, query: str) -> tuple[str, int, int, int]:
        """What is read of a query, its tokens, those that are read, and the passage's room."""
        limit, count = self._limit(), self._model.count_tokens
        tokens = count(query)
        read, tokens_read = query, tokens
        if tokens > max(1, limit // 2):
            read = cut(query, max(1, limit // 2), count, "head")
            tokens_read = count(read)
        around = self._form.texts(read, "", self.config.instruction)
        taken = sum(count(part) for part in around if part)
        if limit - taken < 1:
            raise UsageError(
                f"{self.name}: the form '{self.config.form}', the query and the chat template take"
                f" {taken + self.config.template_tokens} tokens, which leaves no room for a"
                f" passage in a prompt of {limit + self.config.template_tokens}: raise the model's"
                " context_tokens or shorten the instruction"
            )
        return read, tokens, tokens_read, limit - taken

    def _fitted(self, passage: str, room: int) -> list[str]:
        if passage.isascii() and len(passage) < room:
            return [passage]  # each token of such a text has a character of its own
        return fitted(
            passage,
            room,
            self._model.count_tokens,
            self.config.too_long,
            what=f"{self.name}: a passage",
        )
