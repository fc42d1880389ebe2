"""What a shared beginning saves: scoring continuations with and without ``model.prefix``.

    python benchmarks/models.py prefix --json build/prefix.json

Each engine scores the same continuations (20 of about 20 tokens) after a prefix of 1,500 tokens,
in two ways: "with" asks for all of them within ``model.prefix``; "without" scores each one
alone. Before each measurement, and "without" before each continuation, the engine reads another
text of the same length, outside the measured time, so that nothing of the prefix is left from
before. The two take turns, and the one that begins changes with each repetition. Both must give
the same scores to the last bit; the benchmark ends with an error where they do not (on the
processor; on a card within 1 %).

Seconds are of all continuations together (one by one, those of a sample where ``--sampled`` says
so, times what it stands for): the median with the 95 % interval of the median by
bootstrap over repetitions, and the best. A ratio is of the two times of one repetition.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.metadata
import json
import os
import platform
import random
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from assay.models.language_model import LanguageModel, SequenceScore
from assay.pipeline.context import RunContext

KEY = "smollm2-135m-instruct-q4_1"
ENGINES = ("llama_cpp", "transformers")
LIBRARIES = ("llama-cpp-python", "torch", "transformers")
RESAMPLES = 2000


@dataclass(frozen=True, slots=True)
class Row:
    """One engine's figures.

    Args:
        engine: its registered name.
        model: key, file or folder of its model.
        prefix_tokens: tokens of the shared beginning.
        continuations: how many follow it.
        continuation_tokens: tokens of all of them.
        shared: seconds within ``model.prefix``, a figure each repetition.
        alone: seconds one by one, of all continuations; see ``sampled``.
        sampled: how many of them were measured one by one; the seconds are those of the
            sample times ``continuations / sampled``.
        computed_shared: tokens that were computed within ``model.prefix``.
        computed_alone: tokens that were computed one by one.
    """

    engine: str
    model: str
    prefix_tokens: int
    continuations: int
    continuation_tokens: int
    shared: tuple[float, ...]
    alone: tuple[float, ...]
    sampled: int
    computed_shared: int
    computed_alone: int

    @property
    def ratios(self) -> list[float]:
        """How many times faster the shared beginning made each repetition."""
        return [slow / fast for slow, fast in zip(self.alone, self.shared, strict=True)]


def words(seed: int) -> list[str]:
    """Plain English words in a fixed order, from the reference that Python carries."""
    from pydoc_data.topics import topics

    written = " ".join(topics[name] for name in sorted(topics)).split()
    plain = [word for word in written if word.isascii() and word.isalpha()]
    begin = random.Random(seed).randrange(len(plain) // 2)
    return plain[begin:]


def text_of(model: LanguageModel, tokens: int, seed: int) -> str:
    """A text of at most so many tokens and about as many."""
    source = words(seed)
    low, high = 0, min(len(source), tokens)
    while low < high:
        middle = (low + high + 1) // 2
        if model.count_tokens(" ".join(source[:middle])) <= tokens:
            low = middle
        else:
            high = middle - 1
    return " ".join(source[:low])


def measure(
    model: LanguageModel,
    key: str,
    *,
    tokens: int,
    count: int,
    length: int,
    repeats: int,
    sampled: int,
) -> Row:
    """One engine, started.

    Args:
        model: the engine.
        key: what it loaded.
        tokens: tokens of the prefix.
        count: continuations.
        length: tokens of a continuation.
        repeats: repetitions after one that does not count.
        sampled: continuations that are scored one by one, spread over all.

    Raises:
        SystemExit: if the two ways give other scores.
    """
    prefix = text_of(model, tokens, seed=1)
    other = text_of(model, tokens, seed=2)
    chosen = [place * count // sampled for place in range(sampled)]
    texts = [f" {text_of(model, length - 1, seed=10 + place)}" for place in range(count)]

    def forget() -> None:
        model.sequence_logprobs([(other, " yes")], [RunContext()])

    def within(context: RunContext) -> tuple[float, list[SequenceScore]]:
        forget()
        begin = time.perf_counter()
        with model.prefix(prefix) as shared:
            scores = shared.sequence_logprobs(texts, context)
        return time.perf_counter() - begin, scores

    def one_by_one(context: RunContext) -> tuple[float, list[SequenceScore]]:
        seconds = 0.0
        scores = []
        for place in chosen:
            forget()
            begin = time.perf_counter()
            scores += model.sequence_logprobs([(prefix, texts[place])], [context])
            seconds += time.perf_counter() - begin
        return seconds * count / sampled, scores

    ways: Mapping[str, Callable[[RunContext], tuple[float, list[SequenceScore]]]] = {
        "shared": within,
        "alone": one_by_one,
    }
    found: dict[str, list[float]] = {"shared": [], "alone": []}
    computed: dict[str, int] = {}
    for turn in range(repeats + 1):
        scores: dict[str, list[SequenceScore]] = {}
        for way in sorted(ways, reverse=turn % 2 == 1):
            context = RunContext()
            seconds, scores[way] = ways[way](context)
            computed[way] = context.cost.tokens_in - context.cost.tokens_cached
            if turn:
                found[way].append(seconds)
        _agree(model, [scores["shared"][place] for place in chosen], scores["alone"])
    return Row(
        engine=model.name,
        model=key,
        prefix_tokens=model.count_tokens(prefix),
        continuations=count,
        continuation_tokens=sum(model.count_tokens(text) for text in texts),
        shared=tuple(found["shared"]),
        alone=tuple(found["alone"]),
        sampled=sampled,
        computed_shared=computed["shared"],
        computed_alone=computed["alone"] * count // sampled,
    )


def _agree(
    model: LanguageModel, shared: Sequence[SequenceScore], alone: Sequence[SequenceScore]
) -> None:
    on_card = getattr(model.config, "device", "cpu") != "cpu"
    for one, two in zip(shared, alone, strict=True):
        differ = abs(one.logprob - two.logprob)
        if differ > (0.01 * abs(two.logprob) if on_card else 0.0):
            raise SystemExit(
                f"{model.name}: {one.logprob} within the prefix, {two.logprob} alone: a shared"
                " beginning must not change a score"
            )


def rows(
    key: str,
    engines: Sequence[str],
    *,
    device: str = "cpu",
    tokens: int = 1500,
    count: int = 20,
    length: int = 20,
    repeats: int = 5,
    sampled: int = 20,
) -> list[Row]:
    """The figures of each engine, one after another in this process; see ``measure``."""
    found = []
    for engine in engines:
        model = _made(engine, key, device, tokens + 4 * length)
        model.start()
        found.append(
            measure(
                model,
                key,
                tokens=tokens,
                count=count,
                length=length,
                repeats=repeats,
                sampled=min(sampled, count),
            )
        )
        model.close()
    return found


def _made(engine: str, key: str, device: str, tokens: int) -> LanguageModel:
    room = max(256, tokens)
    if engine == "llama_cpp":
        from assay.models.llama_cpp import LlamaCpp, LlamaCppConfig

        return LlamaCpp(LlamaCppConfig(model=key, context_tokens=room))
    from assay.models.transformers import TransformersConfig, TransformersModel

    settings = {"model": key, "context_tokens": room, "device": device}
    return TransformersModel(TransformersConfig.model_validate(settings))


def interval(values: Sequence[float], seed: int = 0) -> tuple[float, float, float]:
    """Median, and the 2.5th and 97.5th percentile of medians of resampled repetitions.

    >>> interval([2.0, 2.0, 2.0])
    (2.0, 2.0, 2.0)
    """
    chance = np.random.default_rng(seed)
    drawn = chance.choice(np.asarray(values), size=(RESAMPLES, len(values)))
    low, high = np.quantile(np.median(drawn, axis=1), [0.025, 0.975])
    return statistics.median(values), float(low), float(high)


def markdown(found: Sequence[Row]) -> str:
    """The table, a row for each engine."""
    lines = [
        "| engine | prefix + continuations, tokens | with, s (best) | without, s (best) |"
        " times faster | tokens computed, with / without |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for row in found:
        lines.append(
            f"| `{row.engine}` | {row.prefix_tokens:,} + {row.continuations} x"
            f" {row.continuation_tokens / row.continuations:.1f}"
            f" | {_figure(row.shared)} ({min(row.shared):.3f})"
            f" | {_figure(row.alone)} ({min(row.alone):.3f})"
            f" | {_figure(row.ratios, digits=1)}"
            f" | {row.computed_shared:,} / {row.computed_alone:,} |"
        )
    return "\n".join(lines)


def _figure(values: Sequence[float], digits: int = 3) -> str:
    middle, low, high = interval(values)
    return f"{middle:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"


def _version(library: str) -> str:
    try:
        return importlib.metadata.version(library)
    except importlib.metadata.PackageNotFoundError:
        return "none"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default=KEY, help="key of the catalogue, or a .gguf file")
    parser.add_argument("--engines", nargs="+", choices=ENGINES, default=list(ENGINES))
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--tokens", type=int, default=1500, help="of the prefix")
    parser.add_argument("--continuations", type=int, default=20)
    parser.add_argument("--length", type=int, default=20, help="tokens of a continuation")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument(
        "--sampled", type=int, default=20, help="continuations that are scored one by one"
    )
    parser.add_argument("--json", type=Path, help="write every figure to this file")
    options = parser.parse_args(arguments)
    load = os.getloadavg()[0]
    found = rows(
        options.model,
        options.engines,
        device=options.device,
        tokens=options.tokens,
        count=options.continuations,
        length=options.length,
        repeats=options.repeats,
        sampled=options.sampled,
    )
    versions = ", ".join(f"{one} {_version(one)}" for one in LIBRARIES)
    head = (
        f"Date: {datetime.date.today().isoformat()}. {os.cpu_count()} cores"
        f" ({platform.machine()}, {platform.system()}), device {options.device}, load {load:.1f} at"
        f" the start and {os.getloadavg()[0]:.1f} at the end. Python {platform.python_version()},"
        f" {versions}. Model {options.model}; {min(options.sampled, options.continuations)} of the"
        f" {options.continuations} continuations scored one by one; n = {options.repeats}"
        " repetitions after one that does not count. Medians with [95 % interval] and the best."
    )
    print(f"{head}\n\n{markdown(found)}")
    if options.json is not None:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        data = {"head": head, "rows": [asdict(row) for row in found]}
        options.json.write_text(json.dumps(data, indent=1), encoding="utf-8")
    return 0
