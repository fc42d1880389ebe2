"""A langchain-core chat model in the place of a language model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal, Unpack

from pydantic import Field

from assay.models.langchain_settings import class_of, described, estimated_tokens, require
from assay.models.language_model import (
    Ability,
    Form,
    Generation,
    LanguageModel,
    PromptTooLong,
    WritingOptions,
)
from assay.models.prompt import Prompt, conversation, parts_of
from assay.models.writing import Writing
from assay.pipeline.canonical import digest
from assay.pipeline.component import Config
from assay.pipeline.context import Cost, RunContext
from assay.pipeline.errors import ModelError, UsageError

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import BaseMessage

NAME = "given.langchain_chat@1"

_REASONS = ("finish_reason", "stop_reason", "done_reason")
_LIMITS = frozenset({"length", "max_tokens", "MAX_TOKENS"})
"""How models' metadata name, and say, that ``max_tokens`` ended the text."""


class LangchainChatConfig(Config):
    """What a ``LangchainChat`` was made with; the constructor fills it in."""

    model: str = Field(description="class of the chat model")
    settings: str = Field(description="sha256 over the chat model's class and settings")
    context_tokens: int = Field(
        ge=16, le=100_000_000, description="most tokens of prompt and answer together"
    )
    limit: str | None = Field(
        description="the model's keyword for the most tokens to write; None where it has none"
    )
    temperature: str | None = Field(
        description="the model's keyword for the temperature; None where it has none"
    )
    seed: str | None = Field(description="the model's keyword for a seed; None where it has none")
    identity: str = Field(description="what the settings do not tell of the model")


class LangchainChat(LanguageModel):
    """Messages in, the text of one AI message out; a text goes in as one user message.

    It is given by the program: ``use: given`` in the file and
    ``build(..., resources={name: LangchainChat(model, ...)})``. It generates text and nothing
    else: no forms, no log-probabilities. A stop string is passed on, and the text is also cut
    at it, since not every model obeys. The temperature is the chat model's own setting, unless
    a call names one; a seed is only sent where the model has a keyword for it. A conversation
    must not end with a turn of the assistant: no chat model promises to go on with one.

    Tokens: what the model reports in ``usage_metadata``; else its own
    ``get_num_tokens``, where its class or ``custom_get_token_ids`` brings a tokenizer
    that works offline; else an estimate (UTF-8 bytes by three), and the run record
    then holds the note ``tokens_estimated``. Cost: one call, one round, FLOPs unknown.

    Args:
        model: the chat model itself, not a chain or a binding around it.
        context_length: most tokens that prompt and answer may have together.
        limit: keyword argument by which the model takes the most tokens to write
            (``num_predict`` for some); None where it takes none. A model that does
            not obey writes more than was asked for; the text is kept.
        temperature: keyword argument by which the model takes a temperature; None where it
            takes none, and then a call that names one is refused.
        seed: keyword argument by which the model takes a seed, which is then made of the
            request's seed and the number of the draw; None where it takes none.
        identity: whatever outputs depend on and the settings do not tell, for
            instance a snapshot's date; part of the fingerprint.

    Raises:
        UsageError: if ``model`` is no chat model.
    """

    Config = LangchainChatConfig

    def __init__(
        self,
        model: BaseChatModel,
        *,
        context_length: int,
        limit: str | None = "max_tokens",
        temperature: str | None = "temperature",
        seed: str | None = None,
        identity: str = "",
    ) -> None:
        require(
            model,
            "language_models",
            "BaseChatModel",
            hint="pass the chat model itself and set what you would bind in its constructor",
        )
        super().__init__(
            LangchainChatConfig(
                model=class_of(model),
                settings=digest(described(model)),
                context_tokens=context_length,
                limit=limit,
                temperature=temperature,
                seed=seed,
                identity=identity,
            )
        )
        # On the object, not the class: the registry lists classes that have a name.
        self.name = NAME  # type: ignore[misc]
        self._model = model
        self._counts = False

    def start(self) -> None:
        """Find out whether the model can count tokens without a network."""
        self._counts = _has_tokenizer(self._model)

    def fingerprint(self) -> str:
        """Over the chat model's class and settings as they were when it was wrapped.

        Weights behind a name, code of the model's library and what a service changes
        on its side are not in it; say what you know of them in ``identity``.
        """
        return digest({"name": self.name, **self.config.model_dump(mode="json")})

    @property
    def abilities(self) -> frozenset[Ability]:
        """Text only."""
        return frozenset({Ability.GENERATE})

    @property
    def context_length(self) -> int:
        """Most tokens that prompt and answer may have together."""
        return int(self.config.context_tokens)

    @property
    def estimates_tokens(self) -> bool:
        """Whether ``count_tokens`` is an estimate; known after ``start``."""
        return not self._counts

    def count_tokens(self, text: str) -> int:
        """Number of tokens of a plain text, an estimate where ``estimates_tokens``."""
        return self._model.get_num_tokens(text) if self._counts else estimated_tokens(text)

    def generate(
        self,
        prompt: Prompt,
        context: RunContext,
        **options: Unpack[WritingOptions],
    ) -> Generation:
        """Ask for an answer in one piece, since many models tell their usage only then.

        Raises:
            PromptTooLong: if the prompt does not fit.
            UsageError: if a form, or a temperature that the model does not take, is asked for.
            ModelError: if the model fails, whatever it raises.
            DeadlineExceeded: if time is up before or after the call; the call itself
                ends when the chat model's own timeout says so.
        """
        messages, tokens_in = self._read(prompt, options["max_tokens"], context)
        sent = self._sent(context, **options)
        try:
            message = self._model.invoke(messages, **sent)
        # Chat models raise classes of their own libraries, with no common root.
        except Exception as error:
            raise self._failed(error) from error
        writing = Writing(options.get("stop", ()))
        writing.add(_text(message))
        return self._ended(writing, message, str(message.text), tokens_in, context)

    def stream(
        self,
        prompt: Prompt,
        context: RunContext,
        **options: Unpack[WritingOptions],
    ) -> Iterator[str | Generation]:
        """Ask for an answer in pieces, by the chat model's own ``stream``; see ``generate``.

        A request that ends meanwhile is seen between two pieces.
        """
        messages, tokens_in = self._read(prompt, options["max_tokens"], context)
        sent = self._sent(context, **options)
        writing = Writing(options.get("stop", ()))
        whole: Any = None
        read = False
        try:
            chunks = iter(self._model.stream(messages, **sent))
        except Exception as error:  # as above
            raise self._failed(error) from error
        try:
            while not writing.stopped:
                context.check()
                try:
                    chunk = next(chunks, None)
                except Exception as error:  # as above
                    raise self._failed(error) from error
                if chunk is None:
                    break
                whole = chunk if whole is None else whole + chunk
                writing.add(_text(chunk))
                if shown := writing.show():
                    yield shown
            read = True
        finally:
            if hasattr(chunks, "close"):
                chunks.close()
            if not read:  # nobody waits for the rest, but it was asked for and counts
                tokens_out = 0 if whole is None else self.count_tokens(str(whole.text))
                context.cost.add(Cost(1, 1, tokens_in, tokens_out))
        if whole is None:
            raise ModelError(
                f"{self.config.model} ended a stream without a message: check that it answers"
                " outside of the pipeline, then ask again"
            )
        if shown := writing.show(last=True):
            yield shown
        yield self._ended(writing, whole, str(whole.text), tokens_in, context)

    def _read(
        self, prompt: Prompt, max_tokens: int, context: RunContext
    ) -> tuple[list[BaseMessage], int]:
        """The messages of a prompt and how many tokens they have, if they fit."""
        from langchain_core.messages import AIMessage, HumanMessage, SystemMessage

        context.check()
        kinds: dict[str, type[BaseMessage]] = {
            "system": SystemMessage,
            "user": HumanMessage,
            "assistant": AIMessage,
        }
        turns = conversation(prompt)
        if turns is None:
            texts = ["".join(parts_of(prompt))]
            messages: list[BaseMessage] = [HumanMessage(texts[0])]
        else:
            if turns[-1].role == "assistant":
                raise UsageError(
                    "no langchain chat model promises to go on with a turn of the assistant: end"
                    " the conversation with a turn of the user, or take an engine that generates"
                    " by a template of its own (docs/models.md)"
                )
            texts = ["".join(parts_of((turn,))) for turn in turns]
            messages = [kinds[turn.role](text) for turn, text in zip(turns, texts, strict=True)]
        tokens = sum(self.count_tokens(text) for text in texts)
        if tokens + max_tokens > self.context_length:
            raise PromptTooLong(tokens, max_tokens, self.context_length, self.config.model)
        return messages, tokens

    def _sent(
        self,
        context: RunContext,
        *,
        max_tokens: int,
        stop: Sequence[str] = (),
        form: Form | None = None,
        temperature: float | None = None,
        draw: int = 0,
    ) -> dict[str, Any]:
        """Keyword arguments of the chat model's call."""
        if form is not None:
            raise self._unable(Ability.GRAMMAR if form.grammar else Ability.JSON_SCHEMA)
        sent: dict[str, Any] = {"stop": [one for one in stop if one] or None}
        if self.config.limit is not None:
            sent[self.config.limit] = max_tokens
        if temperature is not None:
            if self.config.temperature is None:
                raise UsageError(
                    f"{self.config.model} was wrapped without a keyword for the temperature: set"
                    " it in the chat model itself, or name the keyword in LangchainChat"
                )
            sent[self.config.temperature] = temperature
        if self.config.seed is not None:
            # 31 bits: what services take.
            sent[self.config.seed] = int(digest([context.seed, draw])[:8], 16) >> 1
        return sent

    def _ended(
        self, writing: Writing, message: Any, said: str, tokens_in: int, context: RunContext
    ) -> Generation:
        usage = getattr(message, "usage_metadata", None)
        if usage is None:
            tokens_out = self.count_tokens(said)
            if self.estimates_tokens:
                context.note(tokens_estimated=True)
        else:
            tokens_in, tokens_out = int(usage["input_tokens"]), int(usage["output_tokens"])
        context.spend(calls=1, rounds=1, tokens_in=tokens_in, tokens_out=tokens_out)
        context.check()
        finish: Literal["end", "stop", "length"] = "stop" if writing.stopped else "end"
        told = getattr(message, "response_metadata", {})
        if not writing.stopped and _LIMITS & {str(told.get(key)) for key in _REASONS}:
            finish = "length"
        return Generation(writing.text, tokens_in, tokens_out, None, finish)

    def _failed(self, error: Exception) -> ModelError:
        return ModelError(
            f"{self.config.model} failed: {type(error).__name__}: {error}: check that it"
            " answers outside of the pipeline, then ask again"
        )


def _text(message: Any) -> bytes:
    return str(message.text).encode("utf-8", errors="replace")


def _has_tokenizer(model: BaseChatModel) -> bool:
    """Whether the model brings a tokenizer of its own that answers now.

    What langchain-core falls back to is GPT-2's tokenizer, which is not the model's
    and may ask the network for its files; it is never used here.
    """
    from langchain_core.language_models import BaseLanguageModel

    own = (
        type(model).get_num_tokens is not BaseLanguageModel.get_num_tokens
        or type(model).get_token_ids is not BaseLanguageModel.get_token_ids
        or model.custom_get_token_ids is not None
    )
    if not own:
        return False
    try:
        return model.get_num_tokens("How long is this?") > 0
    except (ArithmeticError, ImportError, LookupError, OSError, RuntimeError, ValueError):
        return False  # the estimate takes its place, and says so
