"""A langchain-core chat model in the place of a language model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pydantic import Field

from assay.models.langchain_settings import class_of, described, estimated_tokens, require
from assay.models.protocols import Generation, LanguageModel
from assay.pipeline.canonical import digest
from assay.pipeline.component import Config
from assay.pipeline.context import RunContext
from assay.pipeline.errors import ModelError, UsageError

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

NAME = "given.langchain_chat@1"


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
    identity: str = Field(description="what the settings do not tell of the model")


class LangchainChat(LanguageModel):
    """One user message in, the text of one AI message out.

    It is given by the program: ``use: given`` in the file and
    ``build(..., resources={name: LangchainChat(model, ...)})``. Temperature and seed
    are the chat model's own settings. It tells no log-probabilities. A stop string
    is passed on, and the text is also cut at it, since not every model obeys.

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
        prompt: str,
        context: RunContext,
        *,
        max_tokens: int,
        stop: Sequence[str] = (),
    ) -> Generation:
        """Send a prompt as one user message.

        Raises:
            UsageError: if the prompt does not fit, with both numbers.
            ModelError: if the model fails, whatever it raises.
            DeadlineExceeded: if time is up before or after the call; the call itself
                ends when the chat model's own timeout says so.
        """
        context.check()
        tokens_in = self.count_tokens(prompt)
        if tokens_in + max_tokens > self.context_length:
            about = "about " if self.estimates_tokens else ""
            raise UsageError(
                f"the prompt has {about}{tokens_in} tokens and the answer may have {max_tokens},"
                f" but {self.config.model} reads {self.context_length} together: give it fewer"
                " passages or raise context_length, if the model can read more"
            )
        message = self._ask(prompt, max_tokens, stop)
        written = str(message.text)
        usage = getattr(message, "usage_metadata", None)
        if usage is None:
            tokens_out = self.count_tokens(written)
            if self.estimates_tokens:
                context.note(tokens_estimated=True)
        else:
            tokens_in, tokens_out = int(usage["input_tokens"]), int(usage["output_tokens"])
        context.spend(calls=1, rounds=1, tokens_in=tokens_in, tokens_out=tokens_out)
        context.check()
        ends = [place for one in stop if one and (place := written.find(one)) >= 0]
        return Generation(written[: min(ends)] if ends else written, tokens_in, tokens_out, None)

    def _ask(self, prompt: str, max_tokens: int, stop: Sequence[str]) -> Any:
        from langchain_core.messages import HumanMessage

        name = self.config.limit
        limit: dict[str, Any] = {} if name is None else {name: max_tokens}
        try:
            return self._model.invoke([HumanMessage(prompt)], stop=list(stop) or None, **limit)
        # Chat models raise classes of their own libraries, with no common root.
        except Exception as error:
            raise ModelError(
                f"{self.config.model} failed: {type(error).__name__}: {error}: check that it"
                " answers outside of the pipeline, then ask again"
            ) from error


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
