"""What the answers of a server that speaks OpenAI's API say."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from assay.models.language_model import Piece
from assay.models.openai_api.events import UnreadableReply
from assay.models.vocabulary import clean


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the server counted them; ``cached`` are those of the prompt it did not compute."""

    tokens_in: int
    tokens_out: int
    cached: int


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """One token with its log-probability, None where it is unknown, and its likeliest rivals.

    Args:
        token: its text.
        logprob: natural log-probability; the first token of a prompt has none.
        top: text and log-probability of the likeliest tokens in its place.
    """

    token: str
    logprob: float | None
    top: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, or a part of one in a stream.

    Args:
        text: what was written.
        finish: why it ended, in the server's word; None for a part that is not the last.
        stop: the stop string that ended it, where the server tells.
        tokens: log-probabilities; None where the server told none.
        usage: tokens; None where the server did not count.
    """

    text: str
    finish: str | None
    stop: str | None
    tokens: tuple[TokenLogprob, ...] | None
    usage: Usage | None

    @property
    def pieces(self) -> tuple[Piece, ...] | None:
        """The generated tokens; None where the server told no log-probabilities."""
        if self.tokens is None:
            return None
        return tuple(
            Piece(one.token, one.logprob) for one in self.tokens if one.logprob is not None
        )


def read_whole(answer: Any) -> Reply:
    """A whole answer of chat or completions.

    Raises:
        UnreadableReply: if it is none.
    """
    choice = _choice(answer)
    if choice is None:
        raise UnreadableReply(f"the answer has no choices: {_shown(answer)}")
    message = choice.get("message")
    return _reply(answer, choice, message if "message" in choice else choice, "content", "text")


def read_part(answer: Any) -> Reply:
    """One event of a stream of chat or completions; see ``read_whole``."""
    choice = _choice(answer)
    if choice is None:
        usage = usage_of(answer)
        if usage is None and "choices" not in answer:
            raise UnreadableReply(f"a part of the answer has no choices: {_shown(answer)}")
        return Reply("", None, None, None, usage)
    return _reply(
        answer,
        choice,
        choice.get("delta", {}) if "text" not in choice else choice,
        "content",
        "text",
    )


def checked(answer: Any) -> Mapping[str, Any]:
    """The answer, if it is a JSON object that tells of no error.

    Raises:
        UnreadableReply: else.
    """
    if not isinstance(answer, dict):
        raise UnreadableReply(f"the answer is no JSON object: {_shown(answer)}")
    if answer.get("error"):
        raise UnreadableReply(f"the server tells of an error: {_shown(answer['error'])}")
    return answer


def usage_of(answer: Mapping[str, Any]) -> Usage | None:
    """Tokens as the server counted them; None where it did not."""
    usage = answer.get("usage")
    if not isinstance(usage, dict):
        return None
    tokens_in, tokens_out = (
        _count(usage.get("prompt_tokens")),
        _count(usage.get("completion_tokens", 0)),
    )
    if tokens_in is None or tokens_out is None:
        return None
    details = usage.get("prompt_tokens_details")
    cached = _count(details.get("cached_tokens")) if isinstance(details, dict) else None
    return Usage(tokens_in, tokens_out, min(cached or 0, tokens_in))


def token_logprobs(told: Any) -> tuple[TokenLogprob, ...] | None:
    """Log-probabilities in the form of chat or in that of completions; None for none.

    Raises:
        UnreadableReply: if they have neither form.
    """
    if told is None:
        return None
    try:
        if isinstance(told.get("content"), list):
            return tuple(_of_chat(one) for one in told["content"])
        if isinstance(told.get("tokens"), list):
            tops = told.get("top_logprobs") or [None] * len(told["tokens"])
            rows = zip(told["tokens"], told["token_logprobs"], tops, strict=True)
            return tuple(
                TokenLogprob(
                    _text(token),
                    _logprob(logprob),
                    tuple((_text(key), _known(value)) for key, value in (top or {}).items()),
                )
                for token, logprob, top in rows
            )
    except (AttributeError, KeyError, TypeError, ValueError):
        raise UnreadableReply(f"log-probabilities of no known form: {_shown(told)}") from None
    return None


def prompt_logprobs(answer: Any) -> tuple[TokenLogprob, ...] | None:
    """Log-probabilities of a prompt's tokens in vLLM's form; None where there are none.

    Each token of the prompt has an object from the numbers of tokens to their ``logprob`` and
    ``decoded_token``, the prompt's own token first; the first token of all has none.
    """
    choice = _choice(checked(answer)) or {}
    told = choice.get("prompt_logprobs")
    if not isinstance(told, list):
        return None
    try:
        return tuple(
            TokenLogprob("", None)
            if one is None
            else TokenLogprob(
                _text(next(iter(one.values()))["decoded_token"]),
                _known(next(iter(one.values()))["logprob"]),
            )
            for one in told
        )
    except (AttributeError, KeyError, StopIteration, TypeError, ValueError):
        raise UnreadableReply(f"prompt_logprobs of no known form: {_shown(told)}") from None


def _reply(answer: Mapping[str, Any], choice: Mapping[str, Any], holder: Any, *keys: str) -> Reply:
    if not isinstance(holder, dict):
        raise UnreadableReply(f"a choice without a message: {_shown(choice)}")
    text = next((holder[key] for key in keys if holder.get(key) is not None), "")
    finish, stop = choice.get("finish_reason"), choice.get("stop_reason")
    if not isinstance(text, str) or not isinstance(finish, str | None):
        raise UnreadableReply(f"a choice without a text: {_shown(choice)}")
    return Reply(
        clean(text),
        finish,
        stop if isinstance(stop, str) else None,
        token_logprobs(choice.get("logprobs")),
        usage_of(answer),
    )


def _choice(answer: Any) -> Mapping[str, Any] | None:
    choices = checked(answer).get("choices")
    if not isinstance(choices, list) or not choices:
        return None
    if not isinstance(choices[0], dict):
        raise UnreadableReply(f"a choice that is no JSON object: {_shown(choices[0])}")
    return choices[0]


def _of_chat(one: Mapping[str, Any]) -> TokenLogprob:
    top: Sequence[Mapping[str, Any]] = one.get("top_logprobs") or []
    return TokenLogprob(
        _text(one["token"]),
        _logprob(one.get("logprob")),
        tuple((_text(rival["token"]), _known(rival["logprob"])) for rival in top),
    )


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _logprob(value: Any) -> float | None:
    return None if value is None else _known(value)


def _known(value: Any) -> float:
    """A log-probability: at most 0, where servers round a little above it."""
    number = float(value)
    if math.isnan(number) or number > 0.01:
        raise ValueError
    return min(0.0, number)


def _count(value: Any) -> int | None:
    is_count = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    return value if is_count else None


def _shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
