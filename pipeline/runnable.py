"""A pipeline as a langchain-core Runnable; imported by ``Pipeline.as_runnable`` only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from assay.pipeline.canonical import digest
from assay.pipeline.codec import from_json
from assay.pipeline.errors import DataError, NodeError, UsageError, WorldError, nearest
from assay.pipeline.graph import Pipeline
from assay.pipeline.record import RunRecord
from assay.pipeline.words import Outcome, Query

try:
    from langchain_core.runnables import Runnable, RunnableConfig
    from langchain_core.runnables.config import get_config_list
except ImportError as missing:
    raise UsageError(
        "a pipeline as a Runnable needs langchain-core: `pip install 'assay[langchain]'`"
    ) from missing

Question: TypeAlias = str | Query | dict[str, Any]
"""Text, a query, or a mapping with ``text``, ``tenant`` and whatever else a query has."""

KEYS = ("text", "tenant", "roles", "id", "as_of", "filters", "language", "history")


def as_runnable(
    pipeline: Pipeline,
    *,
    tenant: str | None = None,
    seed: int = 0,
    timeout: float | None = None,
) -> PipelineRunnable:
    """A started pipeline as a part of a langchain chain.

    Args:
        pipeline: started; it is not closed here.
        tenant: whose question a plain text is. A question that names another tenant
            is then refused. None where every question names its own.
        seed: for every random choice of each run.
        timeout: seconds for each run, None for no limit; in ``batch``, for all queries
            that are under way together.

    Raises:
        UsageError: if langchain-core is missing (when this module is imported).
    """
    return PipelineRunnable(pipeline, tenant=tenant, seed=seed, timeout=timeout)


class PipelineRunnable(Runnable[Question, Outcome]):
    """A question in, an Answer or an Abstention out.

    ``invoke`` and ``batch`` run ``Pipeline.run`` and ``Pipeline.batch``; ``ainvoke``
    and ``abatch`` run ``Pipeline.arun``. The config's ``max_concurrency`` is the most
    queries that are under way at a time, and its callbacks see each question start
    and end as a chain run; so they see the texts of questions and answers.

    ``stream`` and ``astream`` yield the outcome once, whole, when it is there: text
    that was not verified yet must not be shown as an answer.

    ``seed`` and ``timeout`` can be given with each call too. An abstention is an
    outcome and is returned; a node that fails raises NodeError; a question that
    cannot be read raises UsageError.

    Args:
        pipeline: see ``as_runnable``, which makes this.
    """

    def __init__(
        self, pipeline: Pipeline, *, tenant: str | None, seed: int, timeout: float | None
    ) -> None:
        self.name = pipeline.name
        self.pipeline = pipeline
        self.tenant = tenant
        self._options = {"seed": seed, "timeout": timeout}

    def invoke(
        self,
        input: Question,  # noqa: A002 - langchain-core's name
        config: RunnableConfig | None = None,
        **kwargs: Any,
    ) -> Outcome:
        """Answer one question.

        Args:
            input: the question.
            config: langchain's: callbacks, tags, metadata, run name.
            kwargs: ``seed`` and ``timeout``, for this call.

        Raises:
            UsageError: if the question cannot be read.
            NodeError: if a node failed.
        """
        options = self._with(kwargs)

        def answer(question: Question) -> Outcome:
            return _outcome(self.pipeline.run(self.query(question), **options))

        return self._call_with_config(answer, input, config)

    async def ainvoke(
        self,
        input: Question,  # noqa: A002 - langchain-core's name
        config: RunnableConfig | None = None,
        **kwargs: Any,
    ) -> Outcome:
        """As ``invoke``, on the running event loop."""
        options = self._with(kwargs)

        async def answer(question: Question) -> Outcome:
            return _outcome(await self.pipeline.arun(self.query(question), **options))

        return await self._acall_with_config(answer, input, config)

    def batch(
        self,
        inputs: list[Question],
        config: RunnableConfig | list[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any | None,
    ) -> list[Outcome]:
        """Answer many questions, each node on many at once; in the order of ``inputs``.

        Args:
            inputs: the questions.
            config: one for all, or one for each; the least ``max_concurrency`` counts.
            return_exceptions: give an error back in its question's place, instead of
                raising the first one when all are done.
            kwargs: ``seed`` and ``timeout``, for this call.
        """
        options = self._with(kwargs)
        limits = [one.get("max_concurrency") for one in get_config_list(config, len(inputs))]
        width = min((one for one in limits if one), default=len(inputs))

        def answer(questions: list[Question]) -> list[Exception | Outcome]:
            results: dict[int, Exception | Outcome] = {}
            queries: dict[int, Query] = {}
            for place, question in enumerate(questions):
                try:
                    queries[place] = self.query(question)
                except UsageError as error:
                    results[place] = error
            places = list(queries)
            for begin in range(0, len(places), width):
                some = places[begin : begin + width]
                records = self.pipeline.batch([queries[place] for place in some], **options)
                results.update(zip(some, map(_result, records), strict=True))
            return [results[place] for place in range(len(questions))]

        return self._batch_with_config(answer, inputs, config, return_exceptions=return_exceptions)

    def query(self, question: Question) -> Query:
        """The query that a question stands for.

        Raises:
            UsageError: for an unknown key, no text, no tenant, or another tenant than
                the one that this runnable is for.
        """
        match question:
            case Query():
                query = question
            case str():
                query = self._read({"text": question})
            case Mapping():
                query = self._read(question)
            case _:
                raise UsageError(
                    "a question must be text, a Query or a mapping with 'text' and 'tenant',"
                    f" found {type(question).__name__}"
                )
        if self.tenant is not None and query.scope.tenant != self.tenant:
            raise UsageError(
                f"this runnable answers for tenant '{self.tenant}', the question names"
                f" '{query.scope.tenant}': make one without a tenant to let each question name its"
                " own"
            )
        if not query.text.strip():
            raise UsageError("the question is empty: give it a text")
        return query

    def _read(self, fields: Mapping[str, Any]) -> Query:
        for key in fields:
            if key not in KEYS:
                raise UsageError(f"a question has no key '{key}'; {nearest(str(key), KEYS)}")
        tenant = fields.get("tenant", self.tenant)
        if tenant is None:
            raise UsageError(
                "the question names no tenant: pass {'text': ..., 'tenant': ...}, or"
                " as_runnable(pipeline, tenant=...) if all questions are one tenant's"
            )
        more = {key: value for key, value in fields.items() if key not in {"tenant", "roles"}}
        scope = {"tenant": tenant, "roles": fields.get("roles", ())}
        try:
            return from_json(Query, more | {"scope": scope})
        except DataError as error:
            raise UsageError(f"the question cannot be read: {error}") from error

    def _with(self, options: Mapping[str, Any]) -> dict[str, Any]:
        for key in options:
            if key not in self._options:
                raise UsageError(f"a run has no option '{key}'; {nearest(key, self._options)}")
        return self._options | dict(options)


def _outcome(record: RunRecord) -> Outcome:
    result = _result(record)
    if isinstance(result, Exception):
        raise result
    return result


def _result(record: RunRecord) -> Outcome | NodeError:
    """A record's outcome, or the failure that it tells of."""
    if record.outcome is not None:
        return record.outcome
    told = record.error or {}
    # The record keeps the error's class and message, not the exception itself.
    cause = WorldError(f"{told.get('type')}: {told.get('message')}")
    return NodeError(str(told.get("node")), digest(record.query.text)[:12], cause)
