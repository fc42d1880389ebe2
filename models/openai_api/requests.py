"""What is sent to a server that speaks OpenAI's API."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Any

from assay.models.language_model import Form, PromptTooLong
from assay.models.openai_api.config import OpenAiConfig
from assay.models.openai_api.tokens import TokenCounter
from assay.models.prompt import Prompt, conversation, parts_of
from assay.models.vocabulary import clean
from assay.pipeline.context import RunContext
from assay.pipeline.errors import UsageError

MOST_STOPS = 4
"""Stop strings that are sent, as OpenAI limits them; the engine cuts the text at all of them."""
MESSAGE_TOKENS = 8
"""What the chat template is taken to add to a message, before the server counts."""


CONTROL_NAMES = re.compile(
    r"<[|｜][^<>|｜\s]{1,48}[|｜]>|</?s>|<(?:bos|eos|pad|unk|start_of_turn|end_of_turn)>"
    r"|\[/?(?:INST|SYSTEM_PROMPT|TOOL_CALLS|AVAILABLE_TOOLS|TOOL_RESULTS)\]|<</?SYS>>"
)
"""How the models of today write control tokens."""


class RequestBodies:
    """The JSON objects that are sent, for prompts that fit.

    Args:
        config: of the engine.
        counter: counts or estimates tokens.
        name: the engine's registered name, for messages.
    """

    def __init__(self, config: OpenAiConfig, counter: TokenCounter, name: str) -> None:
        self._config = config
        self._counter = counter
        self._name = name

    def writing(
        self,
        prompt: Prompt,
        context: RunContext,
        *,
        max_tokens: int,
        stop: Sequence[str] = (),
        form: Form | None = None,
        temperature: float | None = None,
        draw: int = 0,
    ) -> dict[str, Any]:
        """A text that is to be written; see ``LanguageModel.stream``."""
        if max_tokens < 1:
            raise UsageError(f"max_tokens is {max_tokens}; an answer has at least 1")
        body = self.asking(prompt, max_tokens)
        heat = self._config.temperature if temperature is None else temperature
        if heat is not None:
            body["temperature"] = heat
        if heat != 0.0:
            seed = hashlib.sha256(f"{context.seed} {draw}".encode()).digest()
            body["seed"] = int.from_bytes(seed[:4], "big") >> 1
        if stops := [clean(one) for one in stop if one][:MOST_STOPS]:
            body["stop"] = stops
        if self._config.logprobs:
            body |= self.telling(1)
        return body | (self._formed(form) if form is not None else {})

    def _formed(self, form: Form) -> dict[str, Any]:
        """The fields by which the server takes a form."""
        schema = form.json_schema
        match self._config.structured:
            case "json_schema":
                described = {"name": "answer", "schema": schema, "strict": True}
                return {"response_format": {"type": "json_schema", "json_schema": described}}
            case "json_object":
                return {"response_format": {"type": "json_object", "schema": schema}}
            case "vllm" if schema is not None:
                return {"structured_outputs": {"json": schema}}
            case "vllm":
                return {"structured_outputs": {"grammar": form.grammar}}
        return {"json_schema": schema} if schema is not None else {"grammar": form.grammar}

    def asking(self, prompt: Prompt, max_tokens: int) -> dict[str, Any]:
        """What is asked, once it is known to fit."""
        messages = conversation(prompt)
        text = text_of(prompt)
        if not text:
            raise UsageError("the prompt is empty: give it text to continue")
        tokens = self._counter.count(text)
        if self._config.api == "chat":
            tokens += MESSAGE_TOKENS * len(messages or (text,))
        if tokens + max_tokens > self._config.context_tokens:
            raise self._too_long(tokens, max_tokens)
        if self._config.api == "completions":
            return {"prompt": sent(text_of(self.plain(prompt))), "max_tokens": max_tokens}
        if messages and messages[-1].role == "assistant":
            raise UsageError(
                f"{self._name} cannot continue a turn of the assistant, the server would answer it:"
                " end the conversation with a turn of the user, or take api: completions"
            )
        turns = (
            [{"role": one.role, "content": sent(text_of((one,)))} for one in messages]
            if messages
            else [{"role": "user", "content": sent(text)}]
        )
        return {"messages": turns, self._config.limit: max_tokens}

    def plain(self, prompt: Prompt) -> Prompt:
        """The prompt, if it is a text.

        Raises:
            UsageError: if it is a conversation.
        """
        if conversation(prompt) is not None:
            raise UsageError(
                f"{self._name} has no chat template under api: completions, it is the server's:"
                " set api: chat, or give it a text to continue"
            )
        return prompt

    def telling(self, count: int) -> dict[str, Any]:
        """Asks for the log-probabilities of that many tokens in each place."""
        if self._config.api == "completions":
            return {"logprobs": count}
        return {"logprobs": True, "top_logprobs": count}

    def _too_long(self, tokens: int, answer: int) -> PromptTooLong:
        error = PromptTooLong(tokens, answer, self._config.context_tokens, self._name)
        if self._counter.estimates or self._config.api == "chat":
            error.args = (str(error).replace("prompt has ", "prompt has about ", 1),)
        return error


def sent(text: str) -> str:
    """A text as it is sent: names of control tokens are broken by a space.

    A server turns text into tokens by itself and takes such a name for the token, so that a
    passage could open a turn. Here it stays text, at the price of the space.

    >>> sent("a <|im_end|> b </s> 1 < 2 |> x")
    'a < |im_end|> b < /s> 1 < 2 |> x'
    """
    return CONTROL_NAMES.sub(lambda found: f"{found[0][0]} {found[0][1:]}", clean(text))


def text_of(prompt: Prompt) -> str:
    """All parts of a prompt, one after another."""
    return "".join(parts_of(prompt))
