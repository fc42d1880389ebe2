"""Rerank by windows that also show what is known of each passage: scores, dates, labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
from pydantic import Field, model_validator

from assay.corpora.fusion import normalised
from assay.pipeline.component import register
from assay.pipeline.context import Cost, RunContext
from assay.pipeline.readable import require_readable
from assay.pipeline.words import Hit, Passage, Query, Ranking, ScoreKind
from assay.stages.rerank.windowed import WindowedConfig, WindowedRerank
from assay.stages.schedules.schedule import Schedule
from assay.stages.schedules.sliding_window import sliding_window
from assay.stages.windows.window import Sizes, WindowAbility, WindowRanker

NONE: Mapping[str, Ranking] = MappingProxyType({})
LABELS: Mapping[ScoreKind, str] = MappingProxyType(
    {
        ScoreKind.BM25: "BM25 score",
        ScoreKind.COSINE: "cosine similarity",
        ScoreKind.LOGIT: "relevance logit",
        ScoreKind.RRF: "reciprocal rank fusion score",
        ScoreKind.SPARSE: "learned sparse score",
        ScoreKind.FUSED: "fused score",
        ScoreKind.PAGERANK: "graph score",
        ScoreKind.LIKELIHOOD: "log-likelihood",
        ScoreKind.RATING: "rating",
        ScoreKind.ORDER: "reciprocal rank",
        ScoreKind.PROBABILITY: "probability of relevance",
    }
)
"""What a score is called in a prompt: always by its own kind."""
LONGEST = 80
"""Characters of a label's value that are shown."""
REMARK_TOKENS = 8
"""Tokens of a score, a date or a label in a prompt, at the mean."""

Normalise = Literal["none", "minmax01", "minmax100", "zscore_sigmoid"]


class InsertRankConfig(WindowedConfig):
    """Settings of ``rerank.insert_rank@1``."""

    window: int = Field(
        0, ge=0, le=1000, description="passages of a window; 0 for as many as the ranker takes"
    )
    step: int = Field(
        0, ge=0, le=1000, description="places that the window moves; 0 for half a window"
    )
    score: bool = Field(True, description="show the score that each passage came with")
    date: bool = Field(False, description="show the date of each passage that has one")
    fields: list[str] = Field([], description="metadata that are shown, by name")
    normalise: Normalise = Field(
        "none",
        description="scale of the scores, over the whole ranking: as they are, 0 to 1, 0 to 100,"
        " or the logistic function of the z-score",
    )

    @model_validator(mode="after")
    def _fits_together(self) -> InsertRankConfig:
        if self.window == 1:
            raise ValueError("a window of 1 passage has no order: at least 2, or 0 for all")
        if self.window and self.step > self.window:
            raise ValueError(f"step {self.step} leaves passages out: at most window {self.window}")
        doubles = [name for name, count in Counter(self.fields).items() if count > 1]
        if doubles:
            raise ValueError(f"'fields' names {doubles[0]!r} twice")
        return self


@register("rerank.insert_rank@1")
class InsertRank(WindowedRerank):
    """Listwise reranking in which scores and labels stand beside the passages.

    Beside each passage stand, as configured, the score that it came with, its date, its metadata,
    and its score in each ranking of the port ``signals``. A score is called by its own kind, so
    that a fused one never passes for BM25, and scaled over the whole ranking, so that it means
    the same in every window. A passage that a ranking lacks has no score of it, one of which
    nothing is known no remark. Of a ranking whose scores are of several kinds only the leading
    ones of one kind are shown. ``windows.listwise`` with the template ``insert_rank`` tells the
    model what the scores are.

    How far the result follows each score (Kendall's tau-b over the reranked passages, 1 for the
    same order) is noted as ``tau.score`` and ``tau.<signal>``: near 1 the model reads the scores
    and not the passages. Not noted where fewer than two different scores are known.

    Source: Seetharaman et al. 2025 (InsertRank). Differs: any score, several at once, dates and
    labels. Cost: one window where the ranker takes the whole list, else those of
    ``rerank.sliding_window``, ceil((n - window) / step) + 1; each passage is about 8 tokens longer
    for each thing that is shown.

    Args:
        config: see ``InsertRankConfig``.
        ranker: orders the windows and reads their remarks.
    """

    Config = InsertRankConfig
    needs = {"ranker": (WindowAbility.REMARKS,)}

    def __init__(self, config: InsertRankConfig, *, ranker: WindowRanker) -> None:
        super().__init__(config, ranker=ranker)
        self._signals = 0  # how many are wired, as check_ports learns

    def check_ports(self, names: Mapping[str, Collection[str]]) -> list[str]:
        """What is wrong between the config and the inputs that are wired.

        Args:
            names: port to the keys that feed it.

        Returns:
            One sentence a problem.
        """
        signals = sorted(names.get("signals", ()))
        self._signals = len(signals)
        if "score" in signals:
            return ["a signal is called 'score', as the incoming ranking's own is: rename it"]
        if signals or self._own:
            return []
        return [
            "nothing is shown beside the passages: set 'score', 'date' or 'fields', or feed"
            " the port 'signals'"
        ]

    def run(
        self,
        query: Query,
        ranking: Ranking,
        context: RunContext,
        signals: Mapping[str, Ranking] = NONE,
    ) -> Ranking:
        """Rerank the best ``depth`` hits; the others follow as they came."""
        item = {"query": query, "ranking": ranking, "signals": signals}
        return self.run_batch([item], [context])[0]

    def run_batch(
        self, items: Sequence[Mapping[str, Any]], contexts: Sequence[RunContext]
    ) -> list[Ranking]:
        """Rerank for several queries side by side; see ``run``.

        Raises:
            ScopeError: if a signal holds a passage that the query may not read.
        """
        for item in items:
            for name, signal in item.get("signals", NONE).items():
                require_readable(signal, item["query"].scope, f"the signal '{name}'")
        found = super().run_batch(items, contexts)
        for item, ranking, context in zip(items, found, contexts, strict=True):
            head = ranking.ids[: self.config.depth]
            for name, signal in self._shown(item).items():
                known = {hit.passage.id: hit.score.value for hit in signal.hits}
                tau = tau_b([known[one] for one in head if one in known])
                if tau is not None:
                    context.note(**{f"tau.{name}": round(tau, 6)})
        return found

    def remarks(self, item: Mapping[str, Any], head: Sequence[Hit]) -> Sequence[str]:
        """What is known of each hit, in one line; '' for nothing."""
        columns = []
        for name, signal in self._shown(item).items():
            label = label_of(signal, name if name != "score" else "")
            values = scaled(signal, self.config.normalise)
            columns.append({one: f"{label}: {shown(value)}" for one, value in values.items()})
        return [
            "; ".join(
                [
                    *(column[hit.passage.id] for column in columns if hit.passage.id in column),
                    *self._labels(hit.passage),
                ]
            )
            for hit in head
        ]

    def schedule(self, n: int, generator: np.random.Generator) -> Schedule:
        """Nothing random."""
        window = min(self.config.window or n, self.ranker.max_window, max(2, n))
        whole = self.config.window or window
        step = self.config.step * window // whole if self.config.step else window // 2
        return sliding_window(n, window=window, step=min(window, max(1, step)))

    def estimate(self, n: int, sizes: Sizes) -> Cost:
        """As of any windows, of passages that are longer by what is shown beside them.

        As many signals are counted as are wired in a pipeline; none where it was made by hand.
        """
        things = self._own + self._signals
        longer = replace(sizes, passage=sizes.passage + REMARK_TOKENS * things)
        return super().estimate(n, longer)

    @property
    def _own(self) -> int:
        """Things that are shown without any signal."""
        return int(self.config.score) + int(self.config.date) + len(self.config.fields)

    def _shown(self, item: Mapping[str, Any]) -> dict[str, Ranking]:
        """The rankings whose scores are shown, by name; the incoming one is called ``score``."""
        ranking: Ranking = item["ranking"]
        found = {"score": ranking} if self.config.score else {}
        signals: Mapping[str, Ranking] = item.get("signals", NONE)
        found.update((name, signals[name]) for name in sorted(signals))
        return {name: replace(one, hits=one.alike) for name, one in found.items() if one.hits}

    def _labels(self, passage: Passage) -> list[str]:
        """Date and metadata of a passage, as far as it has them."""
        found = []
        if self.config.date and passage.date is not None:
            found.append(f"date: {passage.date.isoformat()}")
        for name in self.config.fields:
            value = " ".join(str(passage.metadata.get(name, "")).split())
            if value:
                cut = value if len(value) <= LONGEST else value[: LONGEST - 1] + "…"
                found.append(f"{name}: {cut}")
        return found


def label_of(ranking: Ranking, name: str = "") -> str:
    """What the scores of a ranking are called: by their kind, with the signal's name.

    Args:
        ranking: of one kind of scores, at least one hit.
        name: of the signal; '' for the incoming ranking.
    """
    label = LABELS[ranking.hits[0].score.kind]
    return f"{label} ({name})" if name else label


def scaled(ranking: Ranking, normalise: Normalise) -> dict[str, float]:
    """Scores by passage id on the scale that is asked for.

    Where all scores are equal, all are the same: 1 or 100 for the minima and maxima, 0.5 for the
    z-score.

    Args:
        ranking: all of it, since its other hits make the scale.
        normalise: the scale.
    """
    match normalise:
        case "none":
            values = [hit.score.value for hit in ranking.hits]
        case "minmax01":
            values = normalised(ranking, "min_max")
        case "minmax100":
            values = [100 * one for one in normalised(ranking, "min_max")]
        case "zscore_sigmoid":
            values = normalised(ranking, "z_score")
    return dict(zip(ranking.ids, values, strict=True))


def shown(value: float) -> str:
    """A score in a prompt: three decimals; from a billion on, six digits.

    >>> shown(12.34549), shown(-0.0001), shown(2.5e300)
    ('12.345', '0.000', '2.5e+300')
    """
    return f"{round(value, 3) + 0.0:.3f}" if abs(value) < 1e9 else f"{value:.6g}"


def tau_b(scores: Sequence[float]) -> float | None:
    """Kendall's tau-b of an order with scores; None where fewer than two scores differ.

    Source: Kendall 1945.

    Args:
        scores: in the order; falling ones agree with it.

    >>> tau_b([3.0, 2.0, 1.0]), tau_b([1.0, 1.0])
    (1.0, None)
    """
    values = np.asarray(scores, dtype=np.float64)
    above, below = np.triu_indices(len(values), 1)
    signs = (values[above] > values[below]).astype(np.int64) - (values[above] < values[below])
    differing = int(np.abs(signs).sum())
    if not differing:
        return None
    return float(signs.sum() / np.sqrt(float(differing) * len(signs)))
