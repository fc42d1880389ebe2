"""What a pipeline engine costs: ours and four others, in one run, as a Markdown table.

    python -m pip install -e '.[bench]'
    python benchmarks/engine.py

The nodes do nothing, so that what is measured is the engine. Each system runs in a
process of its own, with graphs built once, called as its documentation says; the
processes take turns in rounds, so that what else the machine does hits all alike. The
garbage collector stays on. A system that is not installed is a column 'not installed';
``--python langgraph=/path/to/python`` (repeatable; ``peers`` for all four) takes another
environment for it. Nothing leaves the machine: the systems' telemetry is off.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
OURS = "assay"
TITLES = {
    OURS: "assay",
    "hamilton": "Hamilton",
    "haystack": "Haystack",
    "langgraph": "LangGraph",
    "llama_index": "LlamaIndex workflows",
}
QUIET = {
    "DO_NOT_TRACK": "1",
    "HAMILTON_TELEMETRY_ENABLED": "false",
    "HAYSTACK_TELEMETRY_ENABLED": "False",
    "LANGCHAIN_TRACING_V2": "false",
    "LANGSMITH_TRACING": "false",
}
"""The switches by which the systems are told to send nothing."""
HEAVY = ("torch", "transformers", "faiss", "langchain")
IMPORT = f"""
import time
begin = time.perf_counter()
import assay.pipeline
seconds = time.perf_counter() - begin
import json, sys
heavy = [one for one in {HEAVY} if any(name.startswith(one) for name in sys.modules)]
print(json.dumps([seconds, heavy]))
"""
ONLY_OURS = ("unrecorded", "read", "build")


@dataclass(slots=True)
class System:
    """One measured system: its process, what it said of itself and what was measured.

    Args:
        name: key of ``TITLES``.
        process: the worker.
        hello: its first reply; empty where the worker failed.
        seconds: task to all its figures.
        missing: why there are no figures, '' where there are.
    """

    name: str
    process: subprocess.Popen[str]
    hello: Mapping[str, Any] = field(default_factory=dict)
    seconds: dict[str, list[float]] = field(default_factory=dict)
    missing: str = ""

    def greet(self) -> None:
        """Wait for the worker's first reply."""
        self.hello = self._reply()
        if not self.missing and not self.hello["installed"]:
            self.missing = "not installed"

    def measure(self, task: str, count: int, *, keep: bool = True) -> None:
        """Have the worker run a task; no effect where the system has no such task."""
        if self.missing or (task in ONLY_OURS and self.name != OURS):
            return
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(json.dumps({"task": task, "count": count}) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            self.missing = "failed"
            return
        seconds = self._reply().get("seconds", [])
        if keep:
            self.seconds.setdefault(task, []).extend(seconds)

    def end(self) -> None:
        """Let the worker go."""
        self.process.communicate(timeout=60)

    def _reply(self) -> Mapping[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            self.missing = "failed"
            return {}
        reply: Mapping[str, Any] = json.loads(line)
        return reply


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; exit code 1 if a system that is installed failed."""
    options = _options(arguments)
    pythons = _pythons(options.python)
    load = os.getloadavg()[0]
    systems = [_started(name, pythons[name]) for name in options.systems]
    for one in systems:
        one.greet()
    _rounds(systems, options)
    for one in systems:
        one.end()
    imports: tuple[list[float], list[str]] = ([], [])
    if any(one.name == OURS and not one.missing for one in systems):
        imports = _imports(pythons[OURS], options.imports)
    head = (
        f"Date: {datetime.date.today().isoformat()}. {os.cpu_count()} cores"
        f" ({platform.machine()}, {platform.system()}), load {load:.1f} at the start and"
        f" {os.getloadavg()[0]:.1f} at the end. n = {options.runs} runs after {options.warm_ups}"
        f" warm-ups, in rounds of {options.turn}; sleeps {options.naps}, batches"
        f" {options.batches}, builds {options.builds}, imports {options.imports}. Medians with"
        " [first, third quartile]."
    )
    print(f"{head}\n\n{markdown(systems, imports, options.queries)}")
    if options.json is not None:
        data = {one.name: {**one.hello, "seconds": one.seconds} for one in systems}
        options.json.write_text(json.dumps({"head": head, "systems": data, "import": imports}))
    return 1 if any(one.missing == "failed" for one in systems) else 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--systems", nargs="+", choices=list(TITLES), default=list(TITLES))
    parser.add_argument("--python", action="append", default=[], metavar="NAME=PATH")
    parser.add_argument("--runs", type=_count, default=300, help="of the chain and the diamond")
    parser.add_argument("--warm-ups", type=_count, default=50, help="before the first run counts")
    parser.add_argument("--turn", type=_count, default=20, help="runs until the next one's turn")
    parser.add_argument("--naps", type=_count, default=5, help="runs of the nodes that sleep")
    parser.add_argument("--queries", type=_count, default=10_000, help="of one batch")
    parser.add_argument("--batches", type=_count, default=3)
    parser.add_argument("--builds", type=_count, default=50)
    parser.add_argument("--imports", type=_count, default=10)
    parser.add_argument("--json", type=Path, help="write every figure to this file")
    return parser.parse_args(arguments)


def _count(text: str) -> int:
    if (value := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, found {text}")
    return value


def _pythons(given: Iterable[str]) -> dict[str, str]:
    found = dict.fromkeys(TITLES, sys.executable)
    for one in given:
        name, _, path = one.partition("=")
        names = [peer for peer in TITLES if peer != OURS] if name == "peers" else [name]
        if not Path(path).is_file() or not set(names) <= set(TITLES):
            raise SystemExit(
                f"--python {one}: expected NAME=PATH with a name of {', '.join(TITLES)} or"
                " peers, and the path of an interpreter"
            )
        found.update(dict.fromkeys(names, path))
    return found


def _started(name: str, python: str) -> System:
    process = subprocess.Popen(
        [python, "-m", "benchmarks.engines.worker", name],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, **QUIET},
    )
    return System(name, process)


def _rounds(systems: Sequence[System], options: argparse.Namespace) -> None:
    """Measure everything; each round begins with another system."""
    singles = ("chain", "unrecorded", "read", "diamond")
    for one in systems:
        for task in (*singles, "build"):
            one.measure(task, options.warm_ups, keep=False)
    turns = [options.turn] * (options.runs // options.turn)
    turns += [options.runs % options.turn] * (options.runs % options.turn > 0)
    plan: list[tuple[tuple[str, ...], int]] = [(singles, count) for count in turns]
    plan += [(("naps",), 1)] * options.naps
    plan += [(("batch",), options.queries)] * options.batches
    for number, (tasks, count) in enumerate(plan):
        first = number % len(systems)
        for one in (*systems[first:], *systems[:first]):
            for task in tasks:
                one.measure(task, count)
    for one in systems:
        one.measure("build", options.builds)


def _imports(python: str, count: int) -> tuple[list[float], list[str]]:
    """Seconds of ``import assay.pipeline`` in fresh interpreters, and what heavy it pulled.

    The first one, which may have to compile, does not count.
    """
    found = []
    for _ in range(count + 1):
        done = subprocess.run(
            [python, "-c", IMPORT], capture_output=True, text=True, check=True, cwd=ROOT
        )
        found.append(json.loads(done.stdout))
    return [seconds for seconds, _ in found[1:]], found[0][1]


def markdown(
    systems: Sequence[System], imports: tuple[Sequence[float], Sequence[str]], queries: int
) -> str:
    """The table: a column for each system, a row for each figure."""
    own = [one.name == OURS for one in systems]
    rows = [
        ("version", [_said(one, "version") for one in systems]),
        ("Python", [_said(one, "python") for one in systems]),
        ("one run is", [_said(one, "single_call") for one in systems]),
        ("chain of 8 nodes, µs a run", _figures(systems, "chain", 1e6)),
        ("the same without records, µs", _figures(systems, "unrecorded", 1e6)),
        ("the same with the record read, µs", _figures(systems, "read", 1e6)),
        ("diamond of 8 nodes, µs a run", _figures(systems, "diamond", 1e6)),
        ("two independent sleeps of 0.3 s, s", _figures(systems, "naps", 1)),
        ("a batch is", [_said(one, "batch_call") for one in systems]),
        (f"{queries:,} queries through the chain, µs a query", _figures(systems, "batch", 1e6)),
        ("build of a 30-node file, ms", _figures(systems, "build", 1e3)),
        ("import of `assay.pipeline`, ms", [_figure(imports[0], 1e3) if it else "–" for it in own]),
        (
            f"of {', '.join(HEAVY)} imported",
            [(", ".join(imports[1]) or "none") if it else "–" for it in own],
        ),
    ]
    lines = [
        f"| | {' | '.join(TITLES[one.name] for one in systems)} |",
        f"|---|{'---:|' * len(systems)}",
        *(f"| {title} | {' | '.join(cells)} |" for title, cells in rows),
    ]
    return "\n".join(lines)


def _said(system: System, key: str) -> str:
    return system.missing or str(system.hello[key])


def _figures(systems: Sequence[System], task: str, scale: float) -> list[str]:
    return [one.missing or _figure(one.seconds.get(task, ()), scale) for one in systems]


def _figure(seconds: Sequence[float], scale: float) -> str:
    """Median and quartiles, '–' where nothing was measured.

    >>> _figure([0.001, 0.002, 0.003], 1000)
    '2.00 [1.50, 2.50]'
    """
    if not seconds:
        return "–"
    values = [one * scale for one in seconds]
    median = statistics.median(values)
    digits = 0 if median >= 100 else 1 if median >= 10 else 2
    low, _, high = statistics.quantiles(
        values * 2 if len(values) == 1 else values, n=4, method="inclusive"
    )
    return f"{median:,.{digits}f} [{low:,.{digits}f}, {high:,.{digits}f}]"


if __name__ == "__main__":
    sys.exit(main())
