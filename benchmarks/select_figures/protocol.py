"""Methods, and their cross-validation: what is fitted for a question never saw its cluster."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from assay.pipeline.errors import UsageError
from benchmarks.select_figures.cases import FOLDS, Case

Chooser = Callable[[Case], Collection[str]]
"""Gives the ids of the passages that are kept."""

Choices = Mapping[str, Mapping[str, frozenset[str]]]
"""Set to question to what was kept."""


@dataclass(frozen=True, slots=True)
class Method:
    """A selector of the benchmark.

    Args:
        name: of its row.
        fit: what it learns from the questions of the same set in the other folds; a UsageError
            leaves the questions of this fold out.
        learns_from: those, or nothing.
        asks: tells the questions that it is asked, None for all; for what is slow and kept
            elsewhere.
    """

    name: str
    fit: Callable[[Sequence[Case]], Chooser]
    learns_from: Literal["own", "none"] = "own"
    asks: Callable[[Case], bool] | None = None


def run(
    method: Method, cases: Mapping[str, Sequence[Case]], work: Path
) -> dict[str, dict[str, frozenset[str]]]:
    """Choose for every question by what was fitted on the other folds.

    What was chosen is kept in ``work/chosen``, a fold of a set a line; a later run goes on there.

    Args:
        method: which.
        cases: by set.
        work: folder.
    """
    path = work / "chosen" / f"{method.name.replace(' ', '_').replace('/', '_')}.jsonl"
    asked = method.asks or (lambda _: True)
    found, done = _kept(path) if method.asks is None else ({}, set())
    path.parent.mkdir(parents=True, exist_ok=True)
    for fold in range(FOLDS):
        wanted = [name for name in cases if (name, fold) not in done]
        if not wanted:
            continue
        for name in wanted:
            begin = time.perf_counter()
            tested = [one for one in cases[name] if one.fold == fold and asked(one)]
            others = [one for one in cases[name] if one.fold != fold]
            try:
                chooser = method.fit(others if method.learns_from == "own" else [])
            except UsageError as error:
                print(f"{method.name}, {name}, fold {fold + 1}: {error}", file=sys.stderr)
                continue
            chosen = {one.query.id: sorted(chooser(one)) for one in tested}
            line = {
                "set": name,
                "fold": fold,
                "chosen": chosen,
                "seconds": round(time.perf_counter() - begin, 3),
            }
            if method.asks is None:
                with path.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(line) + "\n")
            own = found.setdefault(name, {})
            own.update({key: frozenset(ids) for key, ids in chosen.items()})
        print(f"{method.name}: fold {fold + 1} of {FOLDS}", file=sys.stderr, flush=True)
    return {name: found.get(name, {}) for name in cases}


def _kept(path: Path) -> tuple[dict[str, dict[str, frozenset[str]]], set[tuple[str, int]]]:
    found: dict[str, dict[str, frozenset[str]]] = {}
    done: set[tuple[str, int]] = set()
    if path.exists():
        for line in path.read_text(encoding="utf-8").split("\n"):
            try:
                one = json.loads(line)
            except ValueError:
                continue  # a line that was cut off
            done.add((one["set"], one["fold"]))
            own = found.setdefault(one["set"], {})
            own.update({key: frozenset(ids) for key, ids in one["chosen"].items()})
    return found, done
