"""BM25: a question's latency through the corpus, scope included, against libraries called bare.

    python benchmarks/corpora.py bm25

Every system has a process of its own and the same passages; they answer the same questions in
turns of 25, so that what else the machine does hits all alike. A question's time is the median
over rounds. Ours goes from the question to passages with their texts, read from the store and
looked at for their scope; the bare libraries go from the question to passages' numbers.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from . import passages as made
from .building import build, quiet
from .figures import Percentiles, head, keep, table, told
from .peers import READERS
from .work import Child, Work, add_options, chosen
from .worker import BESIDE, OURS, PEERS, RANK, TITLES

TURN = 25
WARM = 10
FEW = 200
"""Questions that readers other than ``all`` ask."""

SMALL = 100_000
"""Passages up to which rank-bm25 takes part."""

SMALL_QUESTIONS = 50


@dataclass(slots=True)
class System:
    """A process with what it said.

    Args:
        name: of the system.
        child: the process.
        seconds: by reader, for each question its time in each round.
        found: by reader, for each question what was found.
        first: by reader, seconds of the first question.
        memory: megabytes, after the last task.
        opening: seconds until it could answer.
        built: seconds that building its index took, making the passages included.
    """

    name: str
    child: Child
    seconds: dict[str, list[list[float]]] = field(default_factory=dict)
    found: dict[str, list[list[int]]] = field(default_factory=dict)
    first: dict[str, float] = field(default_factory=dict)
    memory: Mapping[str, float] = field(default_factory=dict)
    opening: float = 0.0
    built: float | None = None

    def ask(self, reader: str, questions: Sequence[int], *, count: bool = True) -> None:
        """Have it answer questions, in order."""
        done = self.child.ask(questions=list(questions), reader=reader)
        self.memory = done["memory"]
        self.first.setdefault(reader, done["seconds"][0])
        if count:
            own = self.seconds.setdefault(reader, [])
            answers = self.found.setdefault(reader, [])
            for number, seconds, found in zip(
                questions, done["seconds"], done["found"], strict=True
            ):
                while len(own) <= number:
                    own.append([])
                    answers.append([])
                own[number].append(seconds)
                answers[number] = found

    def times(self, reader: str) -> list[float]:
        """Seconds of each question."""
        return [statistics.median(rounds) for rounds in self.seconds.get(reader, [])]


def started(work: Work, folder: Path, names: Sequence[str], *, vectors: bool) -> list[System]:
    """Systems that can answer; those whose library is missing are left out."""
    systems: list[System] = []
    for name in names:
        own = ["--corpus", str(folder), *(["--vectors"] if vectors else [])]
        built = None
        if name != OURS:
            child = Child("worker", [*work.arguments(), "--system", name, "--build"])
            built = child.ask()["seconds"]
            child.end()
        child = Child("worker", [*work.arguments(), "--system", name, *own])
        hello = child.ask()
        if hello["installed"]:
            systems.append(System(name, child, opening=hello["seconds"], built=built))
        else:
            child.end()
    return systems


def ask_all(systems: Sequence[System], reader: str, questions: int, rounds: int) -> None:
    """Every system answers the same questions in turns."""
    for one in systems:
        one.ask(reader, range(min(WARM, questions)), count=False)
    for round_ in range(rounds):
        for first in range(0, questions, TURN):
            turn = range(first, min(first + TURN, questions))
            # Who begins changes, so that nobody always comes after the same one.
            shift = (round_ + first // TURN) % len(systems)
            for one in [*systems[shift:], *systems[:shift]]:
                one.ask(reader, turn)


def compared(systems: Sequence[System], reader: str) -> list[tuple[object, ...]]:
    """A row for each system."""
    reference = next(one for one in systems if one.name == OURS)
    asked = [one for one in systems if reader in one.seconds]
    percentiles = Percentiles(len(reference.times(reader)))
    fastest = fastest_of(asked, reader)
    rows: list[tuple[object, ...]] = []
    for one in asked:
        times = one.times(reader)
        ratio = "–"
        if one is not reference:
            ratio = percentiles.ratio(reference.times(reader), times, 0.5)
        rows.append(
            (
                f"**{one.name}**" if one is fastest else one.name,
                percentiles.of(times, 0.5, scale=1e3),
                percentiles.of(times, 0.95, scale=1e3),
                told(1e3 * statistics.mean(times)),
                ratio,
                f"{overlap(reference.found[reader], one.found[reader]):.3f}",
                told(1e3 * one.first[reader]),
            )
        )
    return rows


def fastest_of(systems: Sequence[System], reader: str) -> System | None:
    """The bare library with the least median."""
    bare = [one for one in systems if one.name != OURS and "texts" not in one.name]
    return min(bare, key=lambda one: statistics.median(one.times(reader)), default=None)


def overlap(ours: Sequence[Sequence[int]], theirs: Sequence[Sequence[int]]) -> float:
    """Mean share of the passages that one found among those of the other.

    >>> overlap([[1, 2], []], [[2, 3], []])
    0.75
    """
    shares = [
        len(set(one) & set(other)) / max(len(one), len(other), 1) if one or other else 1.0
        for one, other in zip(ours, theirs, strict=True)
    ]
    return statistics.mean(shares)


COLUMNS = (
    *("system (the fastest bare one bold)", "p50, ms", "p95, ms", "mean, ms"),
    *("ours / it, p50", "of ten the same as ours", "first, ms"),
)


def report(work: Work, systems: Sequence[System], title: str) -> str:
    """A section for each reader."""
    lines = [head(passages=work.described()), "", title]
    for reader, name in TITLES.items():
        rows = compared(systems, reader) if reader in systems[0].seconds else []
        if rows:
            asked = len(systems[0].seconds[reader])
            rounds = len(systems[0].seconds[reader][0])
            lines += [
                "",
                f"{name.capitalize()}; {asked} questions, {rounds} rounds, [95 % interval]:",
                "",
                table(COLUMNS, rows),
            ]
    lines += [
        "",
        table(
            ("system", "building, s", "opening, s", "resident, MB", "of mapped files, MB"),
            [
                (
                    one.name,
                    "–" if not one.built else told(one.built),
                    told(one.opening),
                    told(one.memory["all"]),
                    told(one.memory["files"]),
                )
                for one in systems
            ],
        ),
    ]
    return "\n".join(lines)


def _figures(systems: Sequence[System]) -> dict[str, object]:
    return {
        one.name: {
            "seconds": {reader: one.times(reader) for reader in one.seconds},
            "first": one.first,
            "memory": dict(one.memory),
        }
        for one in systems
    }


def large(work: Work, rounds: int) -> None:
    """All but rank-bm25, at full size."""
    names = [OURS, *(name for name in PEERS if name != RANK)]
    systems = started(work, work.corpus_folder, names, vectors=True)
    ask_all(systems, "all", len(work.questions), rounds)
    for reader in READERS[1:]:
        ask_all(systems, reader, min(FEW, len(work.questions)), rounds)
    ask_all(systems[:1], BESIDE, min(FEW, len(work.questions)), rounds)
    title = "BM25, from the question to the ten best."
    keep(work.figures, "bm25", report(work, systems, title), _figures(systems))
    for one in systems:
        one.child.end()


def small(work: Work, rounds: int) -> None:
    """With rank-bm25, at its size."""
    size = min(SMALL, work.passages)
    at = work.at(size)
    folder = at.folder / "words"
    if not (folder / "store.sqlite").exists():
        fresh = at.folder / "words.new"
        shutil.rmtree(fresh, ignore_errors=True)
        corpus = at.corpus(fresh)
        corpus.index(made.documents(at.pool, size), skipped={}, progress=quiet)
        shutil.rmtree(folder, ignore_errors=True)
        fresh.rename(folder)
    names = [OURS, *(name for name in PEERS if "texts" not in name)]
    systems = started(at, folder, names, vectors=False)
    ask_all(systems, "all", min(SMALL_QUESTIONS, len(at.questions)), rounds)
    title = "BM25 beside rank-bm25, from the question to the ten best."
    keep(work.figures, "bm25-small", report(at, systems, title), _figures(systems))
    for one in systems:
        one.child.end()


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add_options(parser)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=("large", "small"), help="one of the two tables")
    options = parser.parse_args(arguments)
    work = chosen(options)
    if options.only != "small":
        build(work)
        large(work, options.rounds)
    if options.only != "large":
        small(work, options.rounds)
    return 0
