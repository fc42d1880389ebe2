"""Rerankers with a language model: what their shortcuts save, on one model in one process.

    python -m benchmarks.rerank_speed --json build/rerank-speed.json
    python -m benchmarks.rerank_speed likelihood --passages 100 --sampled 20

``likelihood``
    ``rerank.query_likelihood@1`` over all passages (worked examples first, kept for all) against
    a plain loop that asks about each passage with nothing left in the engine from before. Both
    must give the same scores.
``first``
    ``windows.first@1`` against ``windows.listwise@1`` in the same sliding windows: one token's
    probabilities against a written order.
``attention``
    ``windows.in_context_attention@1`` over the full list (two passes) against
    ``rerank.token_logit@1`` (a call a passage), on the engine that tells attention.

Calls, rounds and tokens are those of the run record and the same on every machine; "computed" is
tokens read less those taken over from before. Seconds are wall time: the median of the
repetitions after one that does not count, with the 95 % interval of the median by bootstrap. The
two ways take turns, and the one that begins changes; before each the engine reads another text,
outside the measured time. Measure on a quiet machine.
"""

from __future__ import annotations

import argparse
import datetime
import json
import math
import os
import platform
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from assay.models.language_model import LanguageModel
from assay.pipeline.component import Node
from assay.pipeline.context import RunContext
from assay.pipeline.words import Hit, Passage, Query, Ranking, Scope, Score, ScoreKind
from benchmarks.model_speed.prefix import KEY, interval, text_of

SCOPE = Scope("benchmark")
QUESTION = Query("how do two passages about the same thing differ", SCOPE)


@dataclass(frozen=True, slots=True)
class Row:
    """One way of one part.

    Args:
        part: which comparison.
        way: what was run.
        passages: in the ranking.
        calls: of the model.
        rounds: of calls that had to wait for one another.
        tokens_in: read.
        computed: of those, not taken over from before.
        tokens_out: written.
        seconds: a figure each repetition.
        sampled: passages that were really run; figures are scaled up from them.
    """

    part: str
    way: str
    passages: int
    calls: int
    rounds: int
    tokens_in: int
    computed: int
    tokens_out: int
    seconds: tuple[float, ...]
    sampled: int


@dataclass(frozen=True, slots=True)
class Sizes:
    """What is measured.

    Args:
        passages: in a ranking.
        tokens: of a passage, about.
        repeats: repetitions that count.
        sampled: passages of the plain loop.
    """

    passages: int
    tokens: int
    repeats: int
    sampled: int


def ranking(model: LanguageModel, sizes: Sizes) -> Ranking:
    """Passages of plain English words, each of its own."""
    hits = tuple(
        Hit(
            Passage(str(place), str(place), text_of(model, sizes.tokens, 100 + place), SCOPE),
            Score(-float(place), ScoreKind.BM25, "benchmark"),
        )
        for place in range(sizes.passages)
    )
    return Ranking(QUESTION, hits, "benchmark")


def timed(node: Node, asked: Ranking) -> tuple[float, RunContext, Ranking]:
    """One run of a reranker."""
    context = RunContext()
    begin = time.perf_counter()
    found = node.run(query=QUESTION, ranking=asked, context=context)
    return time.perf_counter() - begin, context, found


def forgetting(model: LanguageModel) -> Callable[[], None]:
    """A function that lets the engine read another text, so that nothing is left from before."""
    other = text_of(model, 200, 7)

    def forget() -> None:
        model.sequence_logprobs([(other, " yes")], [RunContext()])

    return forget


def likelihood(model: LanguageModel, sizes: Sizes) -> list[Row]:
    """The reranker against a loop over single passages.

    Raises:
        SystemExit: if the two ways give other scores.
    """
    from assay.stages.rerank.query_likelihood import QueryLikelihoodConfig, QueryLikelihoodRerank

    config = QueryLikelihoodConfig(template="examples", depth=1000)
    node = QueryLikelihoodRerank(config, model=model)
    asked = ranking(model, sizes)
    step = len(asked.hits) / min(sizes.sampled, len(asked.hits))
    chosen = [asked.hits[int(place * step)] for place in range(min(sizes.sampled, len(asked.hits)))]

    forget = forgetting(model)

    def ours() -> tuple[float, RunContext, dict[str, float]]:
        forget()
        seconds, context, found = timed(node, asked)
        return seconds, context, {hit.passage.id: hit.score.value for hit in found.hits}

    def loop() -> tuple[float, RunContext, dict[str, float]]:
        total, seconds, scores = RunContext(), 0.0, {}
        for hit in chosen:
            forget()
            one, context, found = timed(node, Ranking(QUESTION, (hit,), "benchmark"))
            seconds += one
            total.cost.add(context.cost)
            scores[hit.passage.id] = found.hits[0].score.value
        return seconds, total, scores

    ways: dict[str, Callable[[], tuple[float, RunContext, dict[str, float]]]] = {
        "rerank.query_likelihood": ours,
        "a plain loop": loop,
    }
    taken: dict[str, list[float]] = {name: [] for name in ways}
    last: dict[str, tuple[RunContext, dict[str, float]]] = {}
    for turn in range(sizes.repeats + 1):
        for name in sorted(ways, reverse=turn % 2 == 1):
            seconds, context, scores = ways[name]()
            last[name] = context, scores
            if turn:
                taken[name].append(seconds)
    _agree(last["rerank.query_likelihood"][1], last["a plain loop"][1])
    scale = {"rerank.query_likelihood": 1.0, "a plain loop": len(asked.hits) / len(chosen)}
    return [
        _row("likelihood", name, sizes.passages, last[name][0], taken[name], scale[name])
        for name in ways
    ]


def first(model: LanguageModel, sizes: Sizes) -> list[Row]:
    """One token's probabilities against a written order."""
    from assay.stages.rerank.sliding_window import SlidingWindowConfig, SlidingWindowRerank
    from assay.stages.windows.first import First, FirstConfig
    from assay.stages.windows.listwise import Listwise, ListwiseConfig

    rankers = {
        "windows.first": First(FirstConfig(words=sizes.tokens), model=model),
        "windows.listwise, alphabetic": Listwise(
            ListwiseConfig(template="alphabetic", words=sizes.tokens), model=model
        ),
    }
    nodes = {
        name: SlidingWindowRerank(SlidingWindowConfig(depth=sizes.passages), ranker=ranker)
        for name, ranker in rankers.items()
    }
    return _compared("first", nodes, ranking(model, sizes), sizes, forgetting(model))


def attention(model: LanguageModel, sizes: Sizes) -> list[Row]:
    """Two passes over the whole list against a call a passage."""
    from assay.stages.rerank.full_list import FullList, FullListConfig
    from assay.stages.rerank.token_logit import TokenLogitConfig, TokenLogitRerank
    from assay.stages.windows.in_context_attention import (
        InContextAttention,
        InContextAttentionConfig,
    )

    depth = sizes.passages
    ranker = InContextAttention(InContextAttentionConfig(max_window=depth), model=model)
    nodes = {
        "windows.in_context_attention": FullList(FullListConfig(depth=depth), ranker=ranker),
        "rerank.token_logit": TokenLogitRerank(TokenLogitConfig(depth=depth), model=model),
    }
    return _compared("attention", nodes, ranking(model, sizes), sizes, forgetting(model))


PARTS: dict[str, tuple[str, Callable[[LanguageModel, Sizes], list[Row]]]] = {
    "likelihood": ("", likelihood),
    "first": ("", first),
    "attention": ("transformers", attention),
}
"""Each part with the engine that it needs ('' for any)."""


def _compared(
    part: str, nodes: Mapping[str, Node], asked: Ranking, sizes: Sizes, forget: Callable[[], None]
) -> list[Row]:
    taken: dict[str, list[float]] = {name: [] for name in nodes}
    last: dict[str, RunContext] = {}
    for turn in range(sizes.repeats + 1):
        for name in sorted(nodes, reverse=turn % 2 == 1):
            forget()
            seconds, last[name], _ = timed(nodes[name], asked)
            if turn:
                taken[name].append(seconds)
    return [_row(part, name, sizes.passages, last[name], taken[name], 1.0) for name in nodes]


def _agree(ours: dict[str, float], loop: dict[str, float]) -> None:
    for name, score in loop.items():
        if not math.isclose(score, ours[name], rel_tol=0.0, abs_tol=1e-4):
            raise SystemExit(f"passage {name}: {ours[name]} in the batch, {score} alone")


def _row(
    part: str, way: str, passages: int, context: RunContext, seconds: Sequence[float], scale: float
) -> Row:
    cost = context.cost
    return Row(
        part,
        way,
        passages,
        round(cost.calls * scale),
        round(cost.rounds * scale),
        round(cost.tokens_in * scale),
        round((cost.tokens_in - cost.tokens_cached) * scale),
        cost.tokens_out,
        tuple(one * scale for one in seconds),
        round(passages / scale),
    )


def markdown(rows: Sequence[Row]) -> str:
    """The table, a row for each way."""
    lines = [
        "| part | way | passages | calls | rounds | tokens read | computed | written | seconds |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        middle, low, high = interval(row.seconds)
        lines.append(
            f"| {row.part} | {row.way} | {row.passages} | {row.calls} | {row.rounds}"
            f" | {row.tokens_in:,} | {row.computed:,} | {row.tokens_out:,}"
            f" | {middle:.2f} [{low:.2f}, {high:.2f}] |"
        )
    return "\n".join(lines)


def _made(engine: str, options: argparse.Namespace) -> LanguageModel:
    room = options.context_tokens
    if engine == "llama_cpp":
        from assay.models.llama_cpp import LlamaCpp, LlamaCppConfig

        settings = {"model": options.model, "context_tokens": room, "threads": options.threads}
        return LlamaCpp(LlamaCppConfig.model_validate(settings))
    from assay.models.transformers import TransformersConfig, TransformersModel

    settings = {"model": options.model, "context_tokens": room, "threads": options.threads}
    return TransformersModel(TransformersConfig.model_validate(settings))


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all")
    parser.add_argument("--model", default=KEY, help="key of the catalogue, or a .gguf file")
    parser.add_argument("--engine", choices=("llama_cpp", "transformers"), default="llama_cpp")
    parser.add_argument("--context-tokens", type=int, default=8192)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--passages", type=int, default=100)
    parser.add_argument("--tokens", type=int, default=60, help="of a passage, about")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--sampled", type=int, default=100, help="passages of the plain loop")
    parser.add_argument("--json", type=Path, help="write every figure to this file")
    options = parser.parse_args(arguments)
    unknown = sorted(set(options.parts) - set(PARTS))
    if unknown:
        parser.error(f"no part {', '.join(unknown)}; there are {', '.join(PARTS)}")
    sizes = Sizes(options.passages, options.tokens, options.repeats, options.sampled)
    load, rows = os.getloadavg()[0], []
    for part in options.parts or PARTS:
        needed, run = PARTS[part]
        model = _made(needed or options.engine, options)
        model.start()
        try:
            rows += run(model, sizes)
        finally:
            model.close()
        print(f"{part} is done", file=sys.stderr)
    head = (
        f"Date: {datetime.date.today().isoformat()}. {os.cpu_count()} cores"
        f" ({platform.machine()}), load {load:.1f} at the start and {os.getloadavg()[0]:.1f} at the"
        f" end. Model {options.model}, {options.engine} (attention: transformers), about"
        f" {sizes.tokens} tokens a passage, n = {sizes.repeats} repetitions after one that does"
        f" not count; the plain loop over {min(sizes.sampled, sizes.passages)} passages, scaled up."
    )
    print(f"{head}\n\n{markdown(rows)}")
    if options.json is not None:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        data = {"head": head, "rows": [asdict(row) for row in rows]}
        options.json.write_text(json.dumps(data, indent=1), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
