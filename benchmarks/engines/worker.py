"""One measured system in a process of its own; ``benchmarks/engine.py`` starts it.

    python -m benchmarks.engines.worker langgraph

Reads one JSON request a line from standard input and writes one JSON reply a line to
standard output. The first reply says which version runs, or that it is not installed.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import itertools
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator
from typing import IO, Any

from benchmarks.engines.protocol import Engine, Shape

SYSTEMS = {
    "assay": ("assay", "ours", "Ours"),
    "hamilton": ("hamilton", "hamilton", "Hamilton"),
    "haystack": ("haystack", "haystack", "Haystack"),
    "langgraph": ("langgraph", "langgraph", "LangGraph"),
    "llama_index": ("workflows", "llama_index", "LlamaIndex"),
}
"""System to the import name of its package, our module for it and the class therein."""


def main() -> int:
    """Serve requests until standard input ends."""
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a library prints is no reply
    engine = _engine(sys.argv[1])
    if engine is None:
        _reply(replies, {"installed": False})
        return 0
    hello = {
        "installed": True,
        "version": _version(engine.distribution),
        "python": platform.python_version(),
        "single_call": engine.single_call,
        "batch_call": engine.batch_call,
    }
    _reply(replies, hello)
    texts = (f"question {number}" for number in itertools.count())
    for line in sys.stdin:
        request = json.loads(line)
        _reply(replies, {"seconds": measured(engine, texts, request["task"], request["count"])})
    engine.close()
    return 0


def measured(engine: Engine, texts: Iterator[str], task: str, count: int) -> list[float]:
    """Seconds of a task.

    Args:
        engine: the system.
        texts: fresh questions, so that no run repeats an earlier one.
        task: ``build``, ``batch`` (of ``count`` questions; one figure: seconds per
            question) or the name of a shape (``count`` runs, a figure each).
        count: how many, from 1.

    Raises:
        ValueError: if an answer is not the one to its question.
    """
    if task == "build":
        return [_seconds(engine.build) for _ in range(count)]
    asked = list(itertools.islice(texts, count))
    inputs = [engine.given(text) for text in asked]
    if task == "batch":
        begin = time.perf_counter()
        outputs = engine.batch(inputs)
        seconds = [(time.perf_counter() - begin) / count]
    else:
        seconds, outputs = engine.timed(Shape(task), inputs)
    found = [engine.text(output) for output in outputs]
    if found != asked:
        raise ValueError(f"{engine.distribution}, {task}: wrong answers, first {found[:1]}")
    return seconds


def _engine(name: str) -> Engine | None:
    package, module, kind = SYSTEMS[name]
    try:
        found = importlib.import_module(f"benchmarks.engines.{module}")
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != package:
            raise
        return None
    made: Engine = getattr(found, kind)()
    return made


def _version(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return "from its source"


def _seconds(call: Callable[[], object]) -> float:
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def _reply(replies: IO[str], reply: dict[str, Any]) -> None:
    replies.write(json.dumps(reply) + "\n")
    replies.flush()


if __name__ == "__main__":
    sys.exit(main())
