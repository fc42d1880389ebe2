"""Language models behind any server that speaks OpenAI's API."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Unpack

import numpy as np
from numpy.typing import NDArray

from assay.models import account
from assay.models.language_model import (
    Ability,
    Form,
    Generation,
    LanguageModel,
    SequenceScore,
    WritingOptions,
)
from assay.models.openai_api import prompt_logprobs as scoring
from assay.models.openai_api.candidates import floored_logprobs, read_next_token, spellings_of
from assay.models.openai_api.client import ServerClient, ServerRequest
from assay.models.openai_api.config import NO_MATTER, OpenAiConfig
from assay.models.openai_api.replies import Reply, TokenLogprob, Usage, read_part, read_whole
from assay.models.openai_api.requests import RequestBodies, sent, text_of
from assay.models.openai_api.tokens import TokenCounter
from assay.models.prompt import Candidate, Prompt
from assay.models.writing import Writing
from assay.pipeline.canonical import digest
from assay.pipeline.component import register, relative_to
from assay.pipeline.context import RunContext
from assay.pipeline.errors import ModelError, UsageError


@register("models.openai@1")
class OpenAi(LanguageModel):
    """A model of vLLM, Ollama, llama.cpp's server, llama-cpp-python's server or a hosted one.

    What it is able to do is what ``structured``, ``logprobs`` and ``prompt_logprobs`` say. The
    chat template is the server's own and only behind ``api: chat``, where a conversation must not
    end with a turn of the assistant; under ``api: completions`` there are no conversations. Names
    of control tokens inside a text are broken by a space, since a server would read them as those
    tokens. ``top_p`` and the like are the server's; a seed is sent unless the
    temperature is 0. Answers are repeatable as far as the server's are.

    Prompts of one call go out together, ``concurrency`` at a time, in the order of their texts,
    so that those that begin alike follow one another and meet the server's own prefix cache.
    ``prefix`` keeps nothing: there is nothing to hold on this side.

    A candidate that is not among the ``logprobs`` likeliest tokens gets a floor: the smallest
    log-probability that was told or, if that is less, that of the probability that is left,
    shared evenly among the candidates that are missing. It is an upper limit; the run record
    counts them as ``candidates_at_floor``. Without a tokenizer nobody knows here whether a
    candidate is one token; one that is not always stands at the floor.

    ``prompt_logprobs`` are compared once, at first use, with what the server tells of the same
    tokens when it writes them; a server that shifts them is refused.

    Tokens are those that the server counts; where it does not, they are counted or estimated
    here and the run record says ``tokens_estimated``. Cost: one call, one round; FLOPs unknown.
    """

    Config = OpenAiConfig

    def __init__(self, config: OpenAiConfig) -> None:
        super().__init__(config)
        self._base = Path()
        self._client = ServerClient(config, self.name)
        self._counter: TokenCounter | None = None
        way = config.prompt_logprobs
        self._check = None if way == "none" else scoring.PromptCheck(self._client, way)

    # -- life ---------------------------------------------------------------

    def prepare(self, base: Path) -> Iterable[str]:
        """See where the tokenizer lies."""
        self._base = base
        if self.config.tokenizer is None:
            return ()
        path = relative_to(base, self.config.tokenizer)
        return () if path.is_file() else (f"'tokenizer': there is no file {path}",)

    def start(self) -> None:
        """Make the client ready; no request is sent.

        Raises:
            ModelError: if a library or the tokenizer is missing.
        """
        path = self.config.tokenizer
        counter = TokenCounter(relative_to(self._base, path) if path else None, self.name)
        self._client.start()
        self._counter = counter

    def close(self) -> None:
        """End requests that are under way and close the connections."""
        self._client.close()
        self._counter = None

    def fingerprint(self) -> str:
        """Over the settings that an answer depends on; what the server runs is not in it.

        Say what you know of the weights in ``identity``.
        """
        settings = self.config.model_dump(mode="json", exclude=set(NO_MATTER))
        return digest({"name": self.name, **settings})

    @property
    def abilities(self) -> frozenset[Ability]:
        """As the server is configured to be able."""
        able = {Ability.GENERATE}
        if self.config.structured != "none":
            able.add(Ability.JSON_SCHEMA)
        if self.config.structured in ("llama_cpp", "vllm"):
            able.add(Ability.GRAMMAR)
        if self.config.logprobs:
            able.add(Ability.NEXT_TOKEN_LOGPROBS)
        if self.config.prompt_logprobs != "none":
            able.add(Ability.SEQUENCE_LOGPROB)
        return frozenset(able)

    @property
    def context_length(self) -> int:
        """Most tokens that prompt and answer may have together."""
        return int(self.config.context_tokens)

    def count_tokens(self, text: str) -> int:
        """Number of tokens of a text, an estimate without a tokenizer."""
        return self._started().count(text)

    # -- writing --------------------------------------------------------------

    def stream(
        self, prompt: Prompt, context: RunContext, **options: Unpack[WritingOptions]
    ) -> Iterator[str | Generation]:
        """Continue a prompt by the server's stream; see ``LanguageModel.stream``."""
        stop, form = options.get("stop", ()), options.get("form")
        body = self._bodies(form).writing(prompt, context, **options)
        body |= {"stream_options": {"include_usage": True}}
        request = ServerRequest(self.config.api, body, read_part)
        parts = self._client.stream(request, context)
        written = Writing(stop)
        finish: str | None = None
        ended_by: str | None = None
        usage: Usage | None = None
        tokens: list[TokenLogprob] = []
        came = told = False
        try:
            for part in parts:
                came = True
                finish, ended_by = part.finish or finish, part.stop or ended_by
                usage = part.usage or usage
                told = told or part.tokens is not None
                tokens.extend(part.tokens or ())
                written.add(part.text.encode())
                if shown := written.show():
                    yield shown
                if written.stopped:
                    break
        finally:
            parts.close()
            ended = "" if written.stopped else ended_by
            reply = Reply(written.text, finish, ended, tuple(tokens) if told else None, usage)
            if came:
                counted = self._counted(prompt, reply, context)
                self._book([counted], [context])
        if not came or (finish is None and not written.stopped):
            raise self._client.failure(
                "the answer broke off before its end: look into the server's log, then ask again"
            )
        if rest := written.show(last=True):
            yield rest
        yield self._generation(reply, counted, stop, form)

    def generate(
        self, prompt: Prompt, context: RunContext, **options: Unpack[WritingOptions]
    ) -> Generation:
        """Continue a prompt by one whole answer, which the server counts exactly."""
        (written,) = self.generate_batch([prompt], [context], **options)
        return written

    def generate_batch(
        self,
        prompts: Sequence[Prompt],
        contexts: Sequence[RunContext],
        **options: Unpack[WritingOptions],
    ) -> list[Generation]:
        """Continue several prompts at the same time; see ``LanguageModel.generate_batch``."""
        stop, form = options.get("stop", ()), options.get("form")
        bodies = [
            self._bodies(form).writing(prompt, context, **options)
            for prompt, context in zip(prompts, contexts, strict=True)
        ]
        requests = [ServerRequest(self.config.api, body, read_whole) for body in bodies]
        replies = self._asked(requests, [text_of(one) for one in prompts], contexts)
        counted = [
            self._counted(prompt, reply, context)
            for prompt, reply, context in zip(prompts, replies, contexts, strict=True)
        ]
        self._book(counted, contexts)
        return [
            self._generation(reply, usage, stop, form)
            for reply, usage in zip(replies, counted, strict=True)
        ]

    def _generation(
        self, reply: Reply, usage: Usage, stop: Sequence[str], form: Form | None
    ) -> Generation:
        if reply.finish == "content_filter":
            raise self._client.failure("the server withheld the answer: ask something else")
        written = Writing(stop)
        written.add(reply.text.encode())
        if self.config.logprobs and reply.text and not reply.tokens:
            raise self._client.failure(
                "the server told no log-probabilities: set logprobs to 0, or start it so that it"
                " tells them"
            )
        stopped = written.stopped or reply.stop is not None
        if not stopped and reply.finish != "length" and form is not None and form.json_schema:
            self._require_json(written.text)
        return Generation(
            written.text,
            usage.tokens_in,
            usage.tokens_out,
            reply.pieces if self.config.logprobs else None,
            "stop" if stopped else "length" if reply.finish == "length" else "end",
        )

    def _require_json(self, text: str) -> None:
        try:
            json.loads(text)
        except (ValueError, RecursionError):
            raise self._client.failure(
                f"the answer is not the JSON that was asked for: {text[:80]!r}: set structured to"
                " the way that this server knows"
            ) from None

    # -- scoring ----------------------------------------------------------------

    def next_token_logprobs(
        self,
        prompts: Sequence[Prompt],
        candidates: Sequence[Candidate],
        contexts: Sequence[RunContext],
    ) -> NDArray[np.float64]:
        """Log-probabilities of candidates, from the likeliest tokens that the server tells.

        Raises:
            PromptTooLong: if a prompt does not fit.
            UsageError: if two candidates share a spelling, if the tokenizer knows none of a
                candidate's as one token, or if ``logprobs`` is 0.
            ModelError: if the server fails, or tells no log-probabilities.
        """
        if not self.config.logprobs:
            raise self._unable(Ability.NEXT_TOKEN_LOGPROBS)
        spellings = spellings_of(candidates, self._started())
        heat = {} if self.config.temperature is None else {"temperature": 0.0}
        bodies = self._bodies()
        told = {**heat, **bodies.telling(self.config.logprobs)}
        requests = [
            ServerRequest(self.config.api, bodies.asking(prompt, 1) | told, read_next_token)
            for prompt in prompts
        ]
        replies = self._asked(requests, [text_of(one) for one in prompts], contexts)
        counted = [
            self._counted(prompt, reply, context)
            for prompt, reply, context in zip(prompts, replies, contexts, strict=True)
        ]
        self._book(counted, contexts)
        found = np.empty((len(prompts), len(candidates)))
        for row, (reply, context) in enumerate(zip(replies, contexts, strict=True)):
            found[row], floored = floored_logprobs(reply.tokens[0], spellings)
            context.count(candidates_at_floor=floored)
        return found

    def sequence_logprobs(
        self, pairs: Sequence[tuple[Prompt, str]], contexts: Sequence[RunContext]
    ) -> list[SequenceScore]:
        """How likely continuations are, from what the server tells of a prompt's own tokens.

        Prompt and continuation are sent as one text; a pair that the server's tokenizer does not
        part between two tokens is refused.

        Raises:
            PromptTooLong: if a pair does not fit.
            UsageError: if a continuation is empty, or ``prompt_logprobs`` is ``none``.
            ModelError: if the server fails, or what it tells is wrong.
        """
        way, check = self.config.prompt_logprobs, self._check
        if check is None:
            raise self._unable(Ability.SEQUENCE_LOGPROB)
        bodies = self._bodies()
        requests = []
        for prompt, continuation in pairs:
            if not continuation:
                raise UsageError("a continuation is empty: give it at least one character")
            before = sent(text_of(bodies.plain(prompt)))
            bodies.asking((before, continuation), 1)
            requests.append(scoring.scoring_request(before, sent(continuation), way))
        if not requests:
            return []
        check.require(contexts[0])
        texts = [text_of(prompt) + after for prompt, after in pairs]
        told = self._asked(requests, texts, contexts)
        counted = [
            usage or self._estimated(text, 1, context)
            for text, (_, usage), context in zip(texts, told, contexts, strict=True)
        ]
        self._book(counted, contexts)
        return [scoring.score(tokens) for tokens, _ in told]

    # -- sending ----------------------------------------------------------------

    def _asked(
        self,
        requests: Sequence[ServerRequest[Any]],
        texts: Sequence[str],
        contexts: Sequence[RunContext],
    ) -> list[Any]:
        """The answers in the order of the requests, which go out in the order of their texts."""
        order = sorted(range(len(requests)), key=texts.__getitem__)
        found = self._client.ask([requests[place] for place in order], contexts)
        return [answer for _, answer in sorted(zip(order, found, strict=True), key=lambda p: p[0])]

    def _counted(self, prompt: Prompt, reply: Reply, context: RunContext) -> Usage:
        if reply.usage is not None:
            return reply.usage
        told = len(reply.tokens or ())
        return self._estimated(text_of(prompt), told or self.count_tokens(reply.text), context)

    def _estimated(self, prompt: str, tokens_out: int, context: RunContext) -> Usage:
        context.note(tokens_estimated=True)
        return Usage(self.count_tokens(prompt), tokens_out, 0)

    def _book(self, counted: Sequence[Usage], contexts: Sequence[RunContext]) -> None:
        account.book(
            contexts,
            [one.tokens_in for one in counted],
            [0.0] * len(counted),
            tokens_out=[one.tokens_out for one in counted],
            tokens_cached=[one.cached for one in counted],
        )

    def _bodies(self, form: Form | None = None) -> RequestBodies:
        if form is not None:
            wanted = Ability.JSON_SCHEMA if form.grammar is None else Ability.GRAMMAR
            if wanted not in self.abilities:
                raise self._unable(wanted)
        return RequestBodies(self.config, self._started(), self.name)

    def _started(self) -> TokenCounter:
        if self._counter is None:
            raise ModelError(f"{self.name} is not started: call start() first")
        return self._counter
