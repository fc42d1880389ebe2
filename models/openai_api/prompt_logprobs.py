"""Log-probabilities of a prompt's own tokens, as servers tell them, and whether they are right."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from assay.models.language_model import SequenceScore
from assay.models.openai_api.client import ServerClient, ServerRequest
from assay.models.openai_api.events import UnreadableReply
from assay.models.openai_api.replies import (
    TokenLogprob,
    Usage,
    prompt_logprobs,
    read_whole,
    usage_of,
)
from assay.pipeline.context import RunContext

Way = Literal["echo", "vllm"]

PROBE = "1 2 3 4 5 6 7 8 9"
"""What the check lets the model go on with."""
PROBE_TOKENS = 8
TOLERANCE = 0.7
"""Largest difference, in nats, between a token's log-probability when it was written and when it
was read: quantised kernels differ by what stands in the batch. A shift by one token makes
differences of several nats somewhere among eight."""


def scoring_body(prompt: str, continuation: str, way: Way) -> Mapping[str, Any]:
    """The body that asks for the log-probabilities of a prompt with its continuation.

    One token is written, since some servers take 0 for no limit.
    """
    body: dict[str, Any] = {"prompt": prompt + continuation, "max_tokens": 1, "temperature": 0.0}
    if way == "echo":
        return {**body, "echo": True, "logprobs": 1}
    return {**body, "prompt_logprobs": 0}


def prompt_reader(way: Way) -> Callable[[Any], tuple[TokenLogprob, ...]]:
    """Reads the tokens of the whole prompt out of an answer to ``scoring_body``."""

    def read(answer: Any) -> tuple[TokenLogprob, ...]:
        if way == "vllm":
            told = prompt_logprobs(answer)
        else:
            told = read_whole(answer).tokens
            usage = usage_of(answer)
            if told is not None and (usage is None or len(told) > usage.tokens_in):
                # Behind the prompt stands the token that was written.
                told = told[:-1]
        if told is None:
            raise UnreadableReply(
                "the server told no log-probabilities of the prompt",
                "set prompt_logprobs to what it can do, or to none",
            )
        return told

    return read


def tokens_at_end(told: Sequence[TokenLogprob], continuation: str) -> int:
    """How many of the last tokens spell the continuation.

    Raises:
        UnreadableReply: if a token belongs to prompt and continuation, or the tokens spell
            something else.
    """
    spelled = ""
    for count in range(1, len(told) + 1):
        spelled = told[-count].token + spelled
        if len(spelled) < len(continuation):
            continue
        if spelled != continuation:
            break
        # Characters of several tokens: the first ones spell nothing by themselves.
        while count < len(told) and told[-count - 1].token == "" and _is_known(told[-count - 1]):
            count += 1  # noqa: PLW2901 - the loop ends here
        if not all(_is_known(one) for one in told[-count:]):
            raise UnreadableReply("the server told no log-probability for a token of the prompt")
        return count
    raise UnreadableReply(
        f"the tokens of the prompt end with {spelled[-80:]!r}, which cannot be parted into the"
        " prompt and its continuation",
        "begin the continuation where a token begins, with its space",
    )


def scoring_request(
    prompt: str, continuation: str, way: Way
) -> ServerRequest[tuple[tuple[TokenLogprob, ...], Usage | None]]:
    """Asks for the tokens of a continuation and for the usage."""
    read = prompt_reader(way)

    def both(answer: Any) -> tuple[tuple[TokenLogprob, ...], Usage | None]:
        told = read(answer)
        return told[len(told) - tokens_at_end(told, continuation) :], usage_of(answer)

    return ServerRequest("completions", scoring_body(prompt, continuation, way), both)


def score(tokens: Sequence[TokenLogprob]) -> SequenceScore:
    """The sum over tokens whose log-probabilities are known."""
    return SequenceScore(sum(one.logprob or 0.0 for one in tokens), len(tokens))


def _is_known(one: TokenLogprob) -> bool:
    return one.logprob is not None


class PromptCheck:
    """Compares, once, what a server tells of a prompt with what it told when it wrote the same.

    Args:
        client: of the server.
        way: how the server tells it.
    """

    def __init__(self, client: ServerClient, way: Way) -> None:
        self._client = client
        self._way = way
        self._lock = threading.Lock()
        self._is_right = False

    def require(self, context: RunContext) -> None:
        """Refuse a server that tells something else.

        Raises:
            ModelError: then.
        """
        while not self._lock.acquire(timeout=0.05):
            context.check()
        try:
            off = 0.0 if self._is_right else self.difference(context)
            self._is_right = off is not None and off <= TOLERANCE
        finally:
            self._lock.release()
        if self._is_right:
            return
        finding = (
            "tells nothing by which its log-probabilities of a prompt can be checked"
            if off is None
            else f"tells wrong log-probabilities of a prompt: {off:.1f} nats away from those of"
            " the same tokens when it writes them (llama-cpp-python's server is known to shift"
            " them by one token)"
        )
        raise self._client.failure(
            f"the server {finding}: set prompt_logprobs to none, or run the model by"
            " models.llama_cpp@1 or models.transformers@1"
        )

    def difference(self, context: RunContext) -> float | None:
        """How far what the server tells of a prompt is from what it told when it wrote the same.

        Cost: two short calls, which are on nobody's account.

        Returns:
            The largest difference in nats over the tokens; None if the server told nothing to
            compare with.
        """
        body = {"prompt": PROBE, "max_tokens": PROBE_TOKENS, "temperature": 0.0, "logprobs": 1}
        (written,) = self._client.ask([ServerRequest("completions", body, read_whole)], [context])
        tokens = [one for one in written.tokens or () if one.token and one.logprob is not None]
        text = "".join(one.token for one in tokens)
        if not text:
            return None
        body = dict(scoring_body(PROBE, text, self._way))
        (read,) = self._client.ask(
            [ServerRequest("completions", body, prompt_reader(self._way))], [context]
        )
        same: list[float] = []
        # From the end: the first written token may have become one with the end of the probe.
        for before, after in zip(reversed(tokens), reversed(read), strict=False):
            if before.token != after.token or after.logprob is None:
                break
            same.append(abs((before.logprob or 0.0) - after.logprob))
        return max(same) if len(same) * 2 >= len(tokens) else None
