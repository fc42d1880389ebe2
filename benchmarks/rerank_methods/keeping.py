"""What was measured as JSON, so that a run that was stopped goes on where it was."""

from __future__ import annotations

import datetime
import hashlib
import inspect
import json
import os
import platform
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from assay.pipeline.identity import code_digest, module_digest
from assay.stages.windows.self_consistent import SelfConsistent
from benchmarks.rerank_methods import measuring, problems, rankers
from benchmarks.rerank_methods.measuring import Measured, first_stage, intervals, reranker
from benchmarks.rerank_methods.methods import Method, methods
from benchmarks.rerank_methods.rankers import RANKERS, Failing, SimulatedRanker
from benchmarks.rerank_methods.tables import Row

Found = Mapping[int, Sequence[Row]]
"""Rows by the number of passages."""


def digest(method: Method, n: int) -> str:
    """sha256 over all that a row depends on: the method, its schedule, and what simulates rankers.

    What a node does beside its schedule is not run here, so its code counts no further.
    """
    node = reranker(method, n, SimulatedRanker(Failing(), np.zeros(n), seed=(0,), most=n))
    used = {
        one.__module__
        for one in vars(inspect.getmodule(type(node))).values()
        if getattr(one, "__module__", "").startswith("assay.stages.schedules.")
    }
    parts = [
        {**asdict(method), "at_1000": 0}, node.config.model_dump(mode="json"),
        dict(node.parts()), inspect.getsource(type(node).schedule),
        *(module_digest(one) for one in sorted(used)),
        code_digest(SelfConsistent) if method.samples > 1 else "",
        *(inspect.getsource(one) for one in (measuring, problems, rankers)),
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def to_json(found: Found, seeds: Sequence[int]) -> dict[str, Any]:
    """Everything that was measured, each ranking by itself, and the means with intervals."""
    most = max([len(seeds), *(row.rankings for rows in found.values() for row in rows)])
    return {
        "date": datetime.date.today().isoformat(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "seeds": list(range(seeds[0], seeds[0] + most)),
        "rankers": {name: asdict(one) for name, one in RANKERS.items()},
        "first_stage": {
            n: [round(one, 6) for one in first_stage(n, range(seeds[0], seeds[0] + most))]
            for n in found
        },
        "rows": {n: [_row(row, n) for row in rows] for n, rows in found.items()},
    }


def _row(row: Row, n: int) -> dict[str, Any]:
    means = {}
    for ranker, one in row.found.items():
        low, high = intervals(np.array([one.ndcg]))
        means[ranker] = {
            "ndcg@10": float(np.mean(one.ndcg)),
            "interval": [float(low[0]), float(high[0])],
            "calls": float(np.mean(one.calls)),
            "rounds": float(np.mean(one.rounds)),
        }
    return {
        "method": row.method.name,
        "digest": digest(row.method, n),
        "use": f"rerank.{row.method.use}@1",
        "config": dict(row.method.config),
        "samples": row.method.samples,
        "window": row.method.window,
        "tokens_in": row.tokens_in,
        "tokens_out": row.tokens_out,
        "means": means,
        "each": {ranker: asdict(one) for ranker, one in row.found.items()},
    }


def from_json(data: Mapping[str, Any], *, fresh: bool = False) -> dict[int, list[Row]]:
    """What ``to_json`` kept, for the methods that there still are.

    Args:
        data: of ``to_json``.
        fresh: whether rows are left out of which method or code has changed since.
    """
    known = {one.name: one for one in methods()}
    return {
        int(n): [
            Row(
                known[row["method"]],
                {
                    ranker: Measured(**{key: tuple(value) for key, value in one.items()})
                    for ranker, one in row["each"].items()
                },
            )
            for row in rows
            if row["method"] in known
            and not (fresh and row["digest"] != digest(known[row["method"]], int(n)))
        ]
        for n, rows in data["rows"].items()
    }


def save(path: Path, found: Found, seeds: Sequence[int]) -> None:
    """Write all of it in the place of what was there, or nothing."""
    written = path.with_suffix(".writing")
    written.write_text(json.dumps(to_json(found, seeds)), encoding="utf-8")
    os.replace(written, path)


def load(path: Path, seeds: Sequence[int]) -> dict[int, list[Row]]:
    """Rows of a run that was stopped, with the same seeds and numpy, that are still true.

    Args:
        path: of ``save``; nothing is kept where it is missing.
        seeds: of the rankings; fewer or more of them may have been measured.
    """
    if not path.exists():
        return {}
    data = json.loads(path.read_text(encoding="utf-8"))
    same = data["seeds"][:1] == list(seeds[:1]) and data["numpy"] == np.__version__
    found = from_json(data, fresh=True) if same else {}
    lost = sum(map(len, data["rows"].values())) - sum(map(len, found.values()))
    if lost:
        before = path.with_suffix(".before.json")
        shutil.copyfile(path, before)
        print(f"{lost} rows are measured again: seeds, code or numpy changed; see {before}",
              file=sys.stderr, flush=True)  # fmt: skip
    return found
