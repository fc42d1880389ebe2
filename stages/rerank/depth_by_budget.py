"""Rerank as deep as a budget admits."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import BaseModel, Field, ValidationInfo, field_validator, model_validator

from assay.corpora.corpus import Corpus
from assay.models.language_model import LanguageModel
from assay.models.protocols import CrossEncoder, Embedder
from assay.pipeline.component import Config, Node, Resource, register
from assay.pipeline.context import Budget, Cost, RunContext
from assay.pipeline.identity import code_digest
from assay.pipeline.types import signature
from assay.pipeline.words import Hit, Query, Ranking, Score, ScoreKind
from assay.stages.rerank.affordable import Limits, deepest
from assay.stages.rerank.inner_reranker import checked_name, checked_settings, inner_reranker
from assay.stages.windows.passage_text import read
from assay.stages.windows.text_lengths import Lengths, counted, models_of
from assay.stages.windows.window import Sizes, WindowRanker


class DepthByBudgetConfig(Config):
    """Settings of ``rerank.depth_by_budget@1``."""

    reranker: str = Field(
        min_length=1,
        description="registered name of the reranker within, such as rerank.sliding_window@1; it"
        " takes this node's resources",
        examples=["rerank.sliding_window@1"],
    )
    settings: dict[str, Any] = Field(
        default_factory=dict,
        validate_default=True,
        description="its config; its own depth is the most that is reranked",
    )
    calls: int | None = Field(None, ge=0, description="model calls for one query; null for any")
    tokens: int | None = Field(
        None, ge=0, description="tokens read and generated for one query; null for any"
    )
    seconds: float | None = Field(
        None, ge=0, le=1e6, description="time for one query, by the two speeds; null for any"
    )
    tokens_per_second: float | None = Field(
        None, gt=0, le=1e12, description="speed of the models, measured by you; null for endless"
    )
    seconds_per_round: float = Field(
        0.0, ge=0, le=1e6, description="time that a round of calls takes whatever is read"
    )
    margin: float = Field(
        0.1,
        ge=0,
        lt=1,
        description="share of tokens and seconds, and of calls where they depend on the answers,"
        " that is left over, since estimates may be off",
    )

    @field_validator("reranker")
    @classmethod
    def _reranks(cls, name: str) -> str:
        if name.removesuffix("@1") == "rerank.depth_by_budget":
            raise ValueError("it would hold itself: take another reranker")
        return checked_name(name)

    @field_validator("settings")
    @classmethod
    def _are_its_config(cls, settings: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        name = info.data.get("reranker")
        return settings if name is None else checked_settings(name, settings, info.context)

    @model_validator(mode="after")
    def _has_a_speed(self) -> Self:
        if self.seconds is not None and not self.is_timed:
            raise ValueError(
                "'seconds' needs a speed: set 'tokens_per_second', 'seconds_per_round' or both"
            )
        return self

    @property
    def is_timed(self) -> bool:
        """Whether a time follows from an estimate."""
        return self.tokens_per_second is not None or self.seconds_per_round > 0


@register("rerank.depth_by_budget@1")
class DepthByBudget(Node):
    """Rerank the best passages, as many as the budget admits, by what a reranker says it costs.

    ::

        reranked:
          use: rerank.depth_by_budget@1
          config:
            reranker: rerank.sliding_window@1
            settings: {window: 10, step: 5}
            calls: 8
          resources: {ranker: lists}
          inputs: {query: query, ranking: found}

    The depth is the largest n for which the reranker's ``estimate`` of the first n passages, with
    their own lengths, is within the limits; it is looked for by bisection, as more passages cost
    no less. Limits are those of the config or, where smaller, what the node's own
    ``policy.budget`` and the request's deadline leave (the deadline only where a speed is set).
    An estimate is no promise: who needs a hard end sets ``policy.budget``, too, which ends the
    node when it is passed.

    The others follow as they came; where the reranker's scores are of kind ``order`` all have
    1 / their place, else they keep the scores that they had. Where not even two passages are
    affordable nothing is reranked, and the run record counts that as ``unaffordable``. It says the
    ``depth``, how many are ``unscored``, and what set the depth as ``limited_by``.

    Lengths are counted by the model's tokenizer where it shows one; for a cross-encoder, which
    shows none, a token is taken for three bytes, so that it goes less deep on a budget of tokens
    than it might. Cost: the reranker's of that depth, and about log2(depth) estimates, which call
    no model.

    Args:
        config: see ``DepthByBudgetConfig``.
        ranker: for the reranker within, as it names it; so are all others.
        model: a cross-encoder or a language model.
        corpus: holds the vectors of the passages.
        embedder: makes vectors.
        cross_encoder: of ``rerank.early_exit``.
        judge: of ``rerank.early_exit``.

    Raises:
        UsageError: if the reranker within needs another resource, or does not take a given one.
    """

    Config = DepthByBudgetConfig
    gives: ClassVar[tuple[str, ...]] = ("order",)

    def __init__(
        self,
        config: DepthByBudgetConfig,
        *,
        ranker: WindowRanker | None = None,
        model: CrossEncoder | LanguageModel | None = None,
        corpus: Corpus | None = None,
        embedder: Embedder | None = None,
        cross_encoder: CrossEncoder | None = None,
        judge: CrossEncoder | None = None,
    ) -> None:
        super().__init__(config)
        named: dict[str, Resource | None] = {
            "ranker": ranker,
            "model": model,
            "corpus": corpus,
            "embedder": embedder,
            "cross_encoder": cross_encoder,
            "judge": judge,
        }
        self.resources = {name: one for name, one in named.items() if one is not None}
        self._inner = inner_reranker(config.reranker, config.settings, self.resources)
        # On the object, for it depends on the config.
        self.gives = self._inner.gives  # type: ignore[misc]

    @property
    def needs(self) -> Mapping[str, tuple[str, ...]]:  # type: ignore[override]
        """What the reranker within needs."""
        return self._inner.needs

    def with_config(self, config: BaseModel) -> Self:
        """The same node with another config, sharing its resources; started."""
        twin = type(self)(config, **self.resources)  # type: ignore[arg-type]
        twin.start()
        return twin

    def prepare(self, base: Path) -> Iterable[str]:
        """What the reranker within finds wrong."""
        return self._inner.prepare(base)

    def check_ports(self, names: Mapping[str, Collection[str]]) -> list[str]:
        """What the reranker within finds wrong between its config and the inputs."""
        check: Callable[..., list[str]] | None = getattr(self._inner, "check_ports", None)
        return [] if check is None else check(names)

    def start(self) -> None:
        """Let the reranker load what it needs."""
        self._inner.start()

    def close(self) -> None:
        """Let it go."""
        self._inner.close()

    def parts(self) -> Mapping[str, Any]:
        """The reranker's name, code and parts."""
        inner = self._inner
        code = code_digest(type(inner))
        return {"reranker": {"use": inner.name, "code": code, "inner": dict(inner.parts())}}

    def run(self, query: Query, ranking: Ranking, context: RunContext) -> Ranking:
        """Rerank as deep as the budget admits; the others follow."""
        return self.run_batch([{"query": query, "ranking": ranking}], [context])[0]

    def run_batch(
        self, items: Sequence[Mapping[str, Any]], contexts: Sequence[RunContext]
    ) -> list[Ranking]:
        """Rerank for several queries, each as deep as its own budget admits; see ``run``."""
        depths = [
            self._affordable(item["query"], item["ranking"].hits, context)
            for item, context in zip(items, contexts, strict=True)
        ]
        busy = [number for number, depth in enumerate(depths) if depth]
        cut = [
            {
                "query": items[number]["query"],
                "ranking": _first(items[number]["ranking"], depths[number]),
            }
            for number in busy
        ]
        found = dict(zip(busy, self._reranked(cut, [contexts[one] for one in busy]), strict=True))
        rankings = []
        for number, (item, context) in enumerate(zip(items, contexts, strict=True)):
            hits = item["ranking"].hits
            head = found[number].hits if number in found else ()
            context.note(depth=depths[number], unscored=len(hits) - depths[number])
            whole = (*head, *hits[depths[number] :])
            rankings.append(Ranking(item["query"], self._scored(whole), self.name))
        return rankings

    def estimate(self, n: int, sizes: Sizes) -> Cost:
        """The reranker's, of as many passages as the config's own limits admit."""
        most = min(n, self._most)
        lengths = Lengths(sizes.query, (sizes.passage,) * most, sizes.marks)
        depth, _ = self._deepest(lengths, most, RunContext())
        cost: Cost = self._told(depth if depth > 1 or most == 1 else 0, sizes)
        return cost

    def estimate_note(self, n: int) -> str:
        """What limits the reranker's figures."""
        config = self.config
        limits = {"calls": config.calls, "tokens": config.tokens, "seconds": config.seconds}
        told = [f"{limit:,} {unit}" for unit, limit in limits.items() if limit is not None]
        note = self._note(n)
        return "; ".join([*([f"within {', '.join(told)}"] if told else []), *([note] * bool(note))])

    @property
    def _most(self) -> int:
        """Passages that the reranker takes at most."""
        return int(getattr(self._inner.config, "depth", 10**9))

    def _affordable(self, query: Query, hits: Sequence[Hit], context: RunContext) -> int:
        """How many of the first passages are reranked; noted."""
        most = min(len(hits), self._most)
        if not most:
            return 0
        texts = [read(hit.passage) for hit in hits[:most]]
        lengths = counted(models_of(self), query.text, texts)
        depth, limit = self._deepest(lengths, most, context)
        if limit:
            context.note(limited_by=limit)
        if depth < min(2, most):
            context.count(unaffordable=1)
            return 0
        return depth

    def _deepest(self, lengths: Lengths, most: int, context: RunContext) -> tuple[int, str]:
        """The deepest affordable depth, and which limit is in the way of the next one."""
        limits = self._limits(context, exact=not self._note(most))
        return deepest(most, lambda n: self._told(n, lengths.first(n)), limits)

    def _limits(self, context: RunContext, *, exact: bool) -> Limits:
        """The smaller of what the config says and what the request has left, less the margin."""
        config, budget, spent = self.config, context.budget or Budget(), context.cost
        left = 1 - config.margin
        calls = _least(config.calls, _rest(budget.calls, spent.calls))
        tokens = _least(config.tokens, _rest(budget.tokens, spent.tokens_in + spent.tokens_out))
        seconds = _least(config.seconds, context.time_left() if config.is_timed else None)
        return Limits(
            calls=calls if calls is None or exact else calls * left,
            tokens=None if tokens is None else tokens * left,
            seconds=None if seconds is None else seconds * left,
            tokens_per_second=config.tokens_per_second,
            seconds_per_round=config.seconds_per_round,
        )

    def _told(self, n: int, sizes: Sizes) -> Cost:
        estimate: Callable[[int, Sizes], Cost] = self._inner.estimate  # type: ignore[attr-defined]
        return estimate(n, sizes)

    def _note(self, n: int) -> str:
        note: Callable[[int], str] | None = getattr(self._inner, "estimate_note", None)
        return "" if note is None else note(n)

    def _reranked(
        self, items: Sequence[Mapping[str, Any]], contexts: Sequence[RunContext]
    ) -> list[Ranking]:
        together: Callable[..., list[Ranking]] | None = getattr(self._inner, "run_batch", None)
        if not items:
            return []
        if together is not None:
            return together(items, contexts)
        name = signature(self._inner.run).context
        return [
            self._inner.run(**item, **({name: context} if name else {}))
            for item, context in zip(items, contexts, strict=True)
        ]

    def _scored(self, hits: Sequence[Hit]) -> tuple[Hit, ...]:
        """Hits with scores of their places where those of the reranker say nothing else."""
        if self.gives != ("order",):
            return tuple(hits)
        return tuple(
            Hit(hit.passage, Score(1 / place, ScoreKind.ORDER, self._inner.name))
            for place, hit in enumerate(hits, 1)
        )


def _rest(limit: int | None, spent: int) -> int | None:
    return None if limit is None else limit - spent


def _first(ranking: Ranking, n: int) -> Ranking:
    return Ranking(ranking.query, ranking.hits[:n], ranking.source)


def _least(one: float | None, other: float | None) -> float | None:
    found = [it for it in (one, other) if it is not None]
    return min(found, default=None)
