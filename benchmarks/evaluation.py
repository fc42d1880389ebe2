"""How long the scoring of run records takes, and whether its nDCG is trec_eval's.

    python -m benchmarks.evaluation --out build/evaluation
    python -m benchmarks.evaluation --out build/evaluation --data ../shared/data --records 2000

The tables go to standard output and ``table.md``, the figures to ``figures.json`` in ``--out``.

Speed. 100,000 questions and run records are made from a seed, in the shape of the demo's: four
rankings (50, 50, 91 and 20 passages), four selections (20 passages in, 3 out), six verifiers,
five stages with a draft answer, a cost for each of 19 nodes; 70 % answered, 20 % abstained at the
last gate, 10 % before it; every tenth question attacked, every fifth unanswerable; clusters of
two. Passages of the records share their entries (id, score, kind), so that the records fit into
memory. ``evaluate`` scores them with 1,000 bootstrap samples; its parts are timed by wrapping the
functions it calls. Seconds are wall time of one run; peak memory is the process's, less what the
records took before.

Quality (``--data``). BM25 by bm25s ranks cranfield and noveleval, 100 passages a question;
nDCG@10 through ``retrieval.ndcg@10`` of ``evaluate`` is compared with pytrec_eval called here
directly on the same rankings, question by question. Then the BM25 figures that are quoted as the
reference of retrieval are reproduced. What reproduces them, found by trying: words are runs of
a-z and 0-9 in the lower-cased title and text, without stemming or stop words; a word that occurs
twice in a question counts once; Lucene's form with k1 0.9, b 0.4, document frequencies over the
whole corpus, the scope applied to the ranking; of the questions with a relevant passage, in file
order, shuffled by Python's ``random.Random(0)``, the first 100 (cranfield, musique) or 150
(contractnli, tatqa).
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any
from unittest.mock import patch

import assay.evaluation.evaluate as scoring
from assay.corpora.dataset import load
from assay.evaluation.metrics import abstention, answers, cost, poison, ranking, selection
from assay.evaluation.statistics.resampling import Resampler
from benchmarks.evaluation_figures.bm25 import REFERENCE, agreement, reproduced
from benchmarks.evaluation_figures.made_records import PLAN, made

Seconds = tuple[float, float]
"""Of the wall clock, and of the processor: apart where other programs run beside."""


FAMILIES = {
    "ranking metrics": ranking,
    "selection metrics": selection,
    "answer metrics": answers,
    "abstention metrics": abstention,
    "poison metrics": poison,
    "cost metrics": cost,
}


def speed(n: int, *, seed: int, resamples: int) -> dict[str, Any]:
    """Wall and processor seconds of each part of one evaluation, and its peak memory in MiB."""
    dataset, records = made(n, seed=seed)
    before = _peak()
    seconds: dict[str, Seconds] = {}
    with ExitStack() as stack:
        for name, family in FAMILIES.items():
            stack.enter_context(_timed(family, "measure", name, seconds))
        stack.enter_context(_timed(scoring, "observe", "joining", seconds))
        stack.enter_context(_timed(scoring, "_describe", "per-query rows", seconds))
        stack.enter_context(_timed(Resampler, "estimates", "figures and intervals", seconds))
        with _timing("all", seconds):
            report = scoring.evaluate(dataset, records, PLAN, seed=seed, resamples=resamples)
    whole = seconds.pop("all")
    parts = [sum(one[place] for one in seconds.values()) for place in (0, 1)]
    seconds["the rest"] = (whole[0] - parts[0], whole[1] - parts[1])
    seconds["all"] = whole
    shown = report.per_query[: min(n, 2000)]
    with _timing("writing", seconds):
        written = sum(len(json.dumps(row, ensure_ascii=False)) for row in shown)
    writing = seconds.pop("writing")
    share = n / len(shown)
    seconds["beside it: per_query.jsonl as text"] = (writing[0] * share, writing[1] * share)
    return {
        "seconds": seconds,
        "figures": sum(not key.endswith(".ci95") for key in report.metrics),
        "memory": _peak() - before,
        "characters a row": written / len(shown),
    }


@contextmanager
def _timed(owner: object, name: str, part: str, seconds: dict[str, Seconds]) -> Iterator[None]:
    """Add the time of every call of a function to a part, while this is open."""
    inner: Callable[..., Any] = getattr(owner, name)

    def timed(*args: Any, **options: Any) -> Any:
        with _timing(part, seconds):
            return inner(*args, **options)

    with patch.object(owner, name, timed):
        yield


@contextmanager
def _timing(part: str, seconds: dict[str, Seconds]) -> Iterator[None]:
    wall, processor = time.perf_counter(), time.process_time()
    yield
    spent = time.perf_counter() - wall, time.process_time() - processor
    before = seconds.get(part, (0.0, 0.0))
    seconds[part] = (before[0] + spent[0], before[1] + spent[1])


def _peak() -> float:
    """Peak resident memory of this process in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    rule = ["---", *("---:" for _ in header[1:])]
    return "\n".join(f"| {' | '.join(row)} |" for row in (header, rule, *rows)) + "\n"


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--data", type=Path, help="folder of the shared sets")
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--resamples", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    found: dict[str, Any] = {
        "seed": arguments.seed,
        "records": arguments.records,
        "resamples": arguments.resamples,
        "python": platform.python_version(),
        "versions": {name: version(name) for name in ("numpy", "scipy", "ir-measures", "bm25s")},
    }
    tables = []
    if arguments.records:
        measured = speed(arguments.records, seed=arguments.seed, resamples=arguments.resamples)
        found["speed"] = measured
        tables.append(
            f"{arguments.records} run records, {arguments.resamples} bootstrap samples of"
            f" {measured['figures']} figures; {measured['memory']:.0f} MiB beside the records:\n\n"
            + _table(
                ("part", "seconds", "of the processor"),
                [
                    (name, *(f"{one:.1f}" for one in seconds))
                    for name, seconds in measured["seconds"].items()
                ],
            )
        )
    if arguments.data is not None:
        names = ("cranfield", "noveleval")
        found["agreement"] = {name: agreement(load(arguments.data / name)) for name in names}
        tables.append(
            "nDCG@10 of BM25, ours and trec_eval's:\n\n"
            + _table(
                ("set", "questions", "ours", "trec_eval", "largest distance on a question"),
                [
                    (
                        name,
                        f"{one['questions']}",
                        f"{one['ours']:.6f}",
                        f"{one['trec_eval']:.6f}",
                        f"{one['largest distance']:.1e}",
                    )
                    for name, one in found["agreement"].items()
                ],
            )
        )
        found["reference"] = [
            {"set": one.folder, "in_scope": one.in_scope}
            | reproduced(load(arguments.data / one.folder), one)
            for one in REFERENCE
        ]
        tables.append(
            "The quoted BM25 figures:\n\n"
            + _table(
                ("set", "questions", "quoted", "here", "distance"),
                [
                    (
                        one["set"] + (", in scope" if one["in_scope"] else ""),
                        f"{one['questions']}",
                        f"{one['quoted']:.3f}",
                        f"{one['here']:.4f}",
                        f"{one['distance']:.4f}",
                    )
                    for one in found["reference"]
                ],
            )
        )
    text = "\n".join(tables)
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "table.md").write_text(text, encoding="utf-8")
    (arguments.out / "figures.json").write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
