"""What the protocol itself costs: the share of a call's time outside of the engine's library.

    python benchmarks/models.py overhead --json build/overhead.json

The engines run as always, but the library's own functions are timed from within (llama_decode
and the reading of logits, tokenizers and session.run of ONNX runtime). What is left of the wall
time is ours: prompts, runs and caches, choosing a token, accounts, limits. Log-probabilities over
the vocabulary are a result that was asked for; their time is told apart.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from assay.models import llama_cpp, onnx_cross_encoder, onnx_embedder
from assay.models.llama_cpp_engine import memory
from assay.pipeline.context import RunContext

TEXT = "The library opens at nine and closes at five. Members may borrow three books. " * 7
"""About 110 words."""


@dataclass(frozen=True, slots=True)
class Row:
    """One kind of call.

    Args:
        call: what was asked.
        seconds: of a call, the median.
        inside: share of the time in the library, the median.
        logprobs: share in log-probabilities over the vocabulary, the median.
        own: share that is left, the median, and the highest and lowest of the repetitions.
    """

    call: str
    seconds: float
    inside: float
    logprobs: float
    own: tuple[float, float, float]


class Stopwatch:
    """Seconds that were spent in what it wraps."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def around(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*arguments: Any, **options: Any) -> Any:
            begin = time.perf_counter()
            try:
                return function(*arguments, **options)
            finally:
                self.seconds += time.perf_counter() - begin

        return timed


class Timed:
    """A library or session of which some functions are timed.

    Args:
        whole: the object itself.
        watch: takes the time.
        names: the functions that are timed.
    """

    def __init__(self, whole: Any, watch: Stopwatch, names: Sequence[str]) -> None:
        self._whole = whole
        for name in names:
            setattr(self, name, watch.around(getattr(whole, name)))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._whole, name)


def rows(key: str, repeats: int) -> list[Row]:
    """Every kind of call.

    Args:
        key: a language model of the catalogue.
        repeats: turns of each call.
    """
    return [*_written(key, repeats), *_encoded(repeats)]


def _written(key: str, repeats: int) -> Iterator[Row]:
    model = llama_cpp.LlamaCpp(llama_cpp.LlamaCppConfig(model=key, context_tokens=2048))
    model.start()
    inside, logprobs = Stopwatch(), Stopwatch()
    loaded = model._loaded()
    loaded._library = Timed(
        loaded._library, inside, ("llama_decode", "llama_get_logits_ith", "llama_memory_seq_rm")
    )
    number = iter(range(10**6))

    def generate() -> None:
        model.generate(f"{next(number)} {TEXT}", RunContext(), max_tokens=64)

    def judge() -> None:
        prompts = [f"{next(number)} {TEXT}\nIs it open? Answer:" for _ in range(8)]
        model.next_token_logprobs(prompts, ["yes", "no"], [RunContext()] * 8)

    with _watched(memory, "log_softmax", logprobs):
        yield _row(f"{key}: 64 tokens after 130", generate, repeats, inside, logprobs)
        yield _row(f"{key}: yes or no after 8 prompts", judge, repeats, inside, logprobs)
    model.close()


def _encoded(repeats: int) -> Iterator[Row]:
    """The ONNX engines with one thread, so that wall time is the sum of what threads do."""
    inside, none = Stopwatch(), Stopwatch()
    embedder = onnx_embedder.OnnxEmbedder(onnx_embedder.OnnxEmbedderConfig(threads=1))
    judge = onnx_cross_encoder.OnnxCrossEncoder(
        onnx_cross_encoder.OnnxCrossEncoderConfig(threads=1)
    )
    for model in (embedder, judge):
        model.start()
        encoder = model._loaded()
        encoder.session = Timed(encoder.session, inside, ("run",))
        encoder.tokenizer = Timed(encoder.tokenizer, inside, ("encode", "post_process"))
    texts = [f"{number} {TEXT}" for number in range(32)]
    context = RunContext()
    yield _row(
        "bge-small int8: 32 passages",
        lambda: embedder.embed_passages(texts, [context] * 32),
        repeats,
        inside,
        none,
    )
    pairs = [("When does the library open?", text) for text in texts]
    yield _row(
        "ms-marco int8: 32 pairs", lambda: judge.score(pairs, [context] * 32), repeats, inside, none
    )
    embedder.close()
    judge.close()


def _row(
    call: str, work: Callable[[], object], repeats: int, inside: Stopwatch, logprobs: Stopwatch
) -> Row:
    work()
    seconds, shares, told, own = [], [], [], []
    for _ in range(repeats):
        inside.seconds = logprobs.seconds = 0.0
        begin = time.perf_counter()
        work()
        whole = time.perf_counter() - begin
        seconds.append(whole)
        shares.append(inside.seconds / whole)
        told.append(logprobs.seconds / whole)
        own.append(1 - shares[-1] - told[-1])
    middle = (statistics.median(own), min(own), max(own))
    return Row(
        call, statistics.median(seconds), statistics.median(shares), statistics.median(told), middle
    )


@contextmanager
def _watched(module: Any, name: str, watch: Stopwatch) -> Iterator[None]:
    """A function of a module, timed meanwhile."""
    function = getattr(module, name)
    setattr(module, name, watch.around(function))
    try:
        yield
    finally:
        setattr(module, name, function)


def markdown(found: Sequence[Row]) -> str:
    """The table."""
    lines = [
        "| call | ms | library | log-probabilities | ours (lowest to highest) |",
        "| --- | --- | --- | --- | --- |",
    ]
    for row in found:
        own, low, high = (f"{100 * share:.2f}" for share in row.own)
        lines.append(
            f"| {row.call} | {1000 * row.seconds:.0f} | {100 * row.inside:.1f} % |"
            f" {100 * row.logprobs:.2f} % | {own} % ({low} to {high}) |"
        )
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="qwen2.5-coder-0.5b-instruct-q4_k_m")
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--json", type=Path, help="write every figure to this file")
    options = parser.parse_args(arguments)
    found = rows(options.model, options.repeats)
    print(markdown(found))
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps([asdict(row) for row in found], indent=1))
    return 0
