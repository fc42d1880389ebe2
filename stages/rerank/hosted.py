"""Rerank by a server that takes Cohere's request form."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import Field

from assay.models.openai_api.client import ServerClient, ServerRequest
from assay.models.openai_api.config import NO_MATTER, ServerConfig
from assay.models.openai_api.events import UnreadableReply
from assay.models.openai_api.replies import checked
from assay.models.openai_api.tokens import TokenCounter
from assay.models.vocabulary import clean
from assay.pipeline.canonical import digest
from assay.pipeline.component import Node, Resource, register, relative_to
from assay.pipeline.context import Cost, RunContext
from assay.pipeline.errors import ModelError
from assay.pipeline.words import Query, Ranking, ScoreKind
from assay.stages.rerank.foreign import Row, rearranged
from assay.stages.windows.passage_text import read
from assay.stages.windows.window import Sizes

NEXT_STEP = "check base_url, and that the server speaks Cohere's rerank API"


class HostedConfig(ServerConfig):
    """Settings of ``rerank.hosted@1``."""

    depth: int = Field(
        50,
        ge=1,
        le=1000,
        description="passages that are sent; those behind them follow as they came",
    )
    kind: ScoreKind = Field(
        ScoreKind.RATING,
        strict=False,
        description="what the server's relevance_score means; 'logit' where it tells logits",
    )


class _Server(Resource):
    """The connections, shared by all requests, with a life of their own."""

    def __init__(self, config: HostedConfig, name: str) -> None:
        super().__init__(config)
        self.client = ServerClient(config, name)

    def start(self) -> None:
        self.client.start()

    def close(self) -> None:
        self.client.close()

    def fingerprint(self) -> str:
        return digest(self.config.model_dump(mode="json", exclude=set(NO_MATTER)))


@register("rerank.hosted@1")
class HostedRerank(Node):
    """Send the question and the best ``depth`` passages to a server, and take its order.

    The request is ``POST <base_url>/rerank`` with ``{model, query, documents, top_n}``, the answer
    ``{"results": [{"index": 0, "relevance_score": 0.9}, ...]}``, as Cohere's API v2 has them; Jina,
    vLLM, llama.cpp's server and Hugging Face's text-embeddings-inference behind a proxy take the
    same. Source: Cohere, API reference, "Rerank".

    **What leaves this machine**: the question's text, and title and text of the passages that are
    sent: all that the asker may read, nothing else. No ids, no metadata, no tenant, no roles. The
    key comes from the environment (``api_key: {env: NAME}``) and is in no log, record or message.

    The output is a permutation of the ranking. Passages that the answer does not name follow as
    they came; counted are ``rows_missing``, ``rows_repeated`` and ``rows_unknown``. Scores are of
    the kind that ``kind`` names. Failures that may pass are tried again (``retries``), within the
    request's deadline.

    Cost: one call of the server a ranking, in one round; those of a batch at the same time, as far
    as ``concurrency`` lets. Tokens are those that are sent, counted by ``tokenizer`` or estimated
    (then ``tokens_estimated`` is noted); what the server computes is not known.
    """

    Config = HostedConfig

    def __init__(self, config: HostedConfig) -> None:
        super().__init__(config)
        # On the object, for it depends on the config.
        self.gives = (config.kind.value,)  # type: ignore[misc]
        self._base = Path()
        self._server = _Server(config, self.name)
        self._counter: TokenCounter | None = None

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
            ModelError: if a library or the tokenizer is missing, or the key cannot be sent.
        """
        path = self.config.tokenizer
        self._counter = TokenCounter(relative_to(self._base, path) if path else None, self.name)
        self._server.start()

    def close(self) -> None:
        """End requests that are under way and close the connections."""
        self._server.close()
        self._counter = None

    def run(self, query: Query, ranking: Ranking, context: RunContext) -> Ranking:
        """Rerank.

        Raises:
            ModelError: if the server fails.
            DeadlineExceeded: if the request's time ends meanwhile.
        """
        return self.run_batch([{"query": query, "ranking": ranking}], [context])[0]

    def run_batch(
        self, items: Sequence[Mapping[str, Any]], contexts: Sequence[RunContext]
    ) -> list[Ranking]:
        """Rerank for several queries at the same time; see ``run``."""
        heads = [item["ranking"].hits[: self.config.depth] for item in items]
        busy = [number for number, head in enumerate(heads) if head]
        requests = []
        for number in busy:
            query = clean(items[number]["query"].text)
            texts = [clean(read(hit.passage)) for hit in heads[number]]
            body = {"query": query, "documents": texts, "top_n": len(texts)}
            requests.append(ServerRequest("rerank", body, _reader()))
            self._book(query, texts, contexts[number])
        answers = (
            self._server.client.ask(requests, [contexts[number] for number in busy])
            if requests
            else []
        )
        rows = dict(zip(busy, answers, strict=True))
        return [
            rearranged(
                item["ranking"],
                rows.get(number, ()),
                shown=len(heads[number]),
                kind=self.config.kind,
                source=self.name,
                context=contexts[number],
            )
            for number, item in enumerate(items)
        ]

    def estimate(self, n: int, sizes: Sizes) -> Cost:
        """One call of query and passages."""
        shown = min(n, self.config.depth)
        calls = min(1, shown)
        return Cost(
            calls=calls, rounds=calls, tokens_in=calls * sizes.query + shown * sizes.passage
        )

    def _book(self, query: str, texts: Sequence[str], context: RunContext) -> None:
        counter = self._counter
        if counter is None:
            raise ModelError(f"{self.name} is not started: call start() first")
        if counter.estimates:
            context.note(tokens_estimated=True)
        tokens = counter.count(query) + sum(counter.count(text) for text in texts)
        context.spend(calls=1, rounds=1, tokens_in=tokens)


def _reader() -> Callable[[Any], list[Row]]:
    """Reads the rows of an answer."""

    def read_rows(answer: Any) -> list[Row]:
        results = checked(answer).get("results")
        if not isinstance(results, list):
            raise UnreadableReply("the answer has no list 'results'", NEXT_STEP)
        return [_row(one) for one in results]

    return read_rows


def _row(one: Any) -> Row:
    index = one.get("index") if isinstance(one, dict) else None
    score = one.get("relevance_score") if isinstance(one, dict) else None
    if (
        not isinstance(index, int)
        or not isinstance(score, int | float)
        or isinstance(index, bool)
        or isinstance(score, bool)
    ):
        raise UnreadableReply(
            f"a result has no number 'index' and 'relevance_score': {str(one)[:100]}", NEXT_STEP
        )
    return index, float(score)
