"""Run a labelled set through a pipeline, score it, write and print what was found."""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.table import Table

from assay.apps.console import notes, out, progress
from assay.apps.session import corpus_of, opened
from assay.apps.uses import known_uses
from assay.corpora import dataset as labelled
from assay.corpora.dataset import Dataset
from assay.evaluation.evaluate import Report, evaluate
from assay.evaluation.folder import write_file
from assay.evaluation.plan import plan_of
from assay.evaluation.records import json_lines, run_records, seconds_of
from assay.evaluation.report.page import HEADLINES, Heading, render, show, show_interval
from assay.evaluation.sampling import only_fold, stratified_sample
from assay.evaluation.spans import inside_passages
from assay.evaluation.uses import chosen_on
from assay.guards.risk.folds import Fold
from assay.pipeline import Pipeline
from assay.pipeline.errors import UsageError

MARK = "†"
"""Stands at every figure over questions that were used to choose."""


POOLS, SEARCHED = "candidates.tsv", "each question searches all that its scope allows"


@dataclass(frozen=True, slots=True)
class Scored:
    """A run that was scored.

    Args:
        report: what was found.
        heading: where it comes from, with the marks.
        seconds: what running and scoring took.
    """

    report: Report
    heading: Heading
    seconds: Mapping[str, float]

    def to_json(self) -> dict[str, Any]:
        """The content of ``metrics.json``."""
        return self.report.to_json() | {"run": asdict(self.heading) | {"seconds": self.seconds}}


def run_and_score(
    pipeline: str,
    whole: Dataset,
    target: Path,
    *,
    limit: int | None,
    seed: int,
    fold: Fold | None,
    tenant: str,
    data: Path,
    overrides: Collection[str] = (),
) -> Scored:
    """Run what has not been run yet, score everything, write every file."""
    with opened(pipeline, overrides) as running:
        require_passages(running, whole, pipeline, data, tenant)
        pools = (data / POOLS).exists()
        return score_with(
            running,
            pipeline,
            whole,
            target,
            limit=limit,
            seed=seed,
            fold=fold,
            tenant=tenant,
            remarks=[f"The set's pools ({POOLS}) are not used: {SEARCHED}."] if pools else [],
        )


def score_with(
    running: Pipeline,
    pipeline: str,
    whole: Dataset,
    target: Path,
    *,
    limit: int | None,
    seed: int,
    fold: Fold | None,
    tenant: str,
    remarks: Sequence[str] = (),
) -> Scored:
    """As ``run_and_score``, with a pipeline that is started.

    Args:
        running: started, its certificate in force.
        pipeline: its path or shipped name, beside which uses of questions are noted.
        whole: the labelled set.
        target: folder for what is found.
        limit: at most so many questions, None for all.
        seed: of the sample, the run and the bootstrap.
        fold: only this part of the set, None for the whole.
        tenant: on whose behalf.
        remarks: what else a reader of the report must know.
    """
    placed, lost = inside_passages(whole)
    chosen = placed if fold is None else only_fold(placed, fold)
    available = len(chosen.queries)
    if limit is not None:
        chosen = stratified_sample(chosen, limit, seed=seed)
    remarks = [*remarks, *([] if fold is None else [f"Only the fold '{fold}' of the set."])]
    if len(chosen.queries) < available:
        remarks.append(
            f"A sample of {len(chosen.queries)} of {available} questions, drawn with seed {seed}:"
            " figures of the whole set differ."
        )
    if lost:
        remarks.append(
            f"{lost} evidence spans of the set lie in none of its passages and are not counted."
        )
    said = whole.info.get("notices")
    if isinstance(said, list):  # what a set says of itself, such as evidence that was not found
        remarks += [str(one) for one in said]
    used = chosen_on(known_uses(pipeline), whole, chosen.queries)
    for remark in remarks:
        notes.print(remark, markup=False, style="yellow")
    queries = [labelled.to_query(one, tenant=tenant) for one in chosen.queries]
    with progress() as advance:
        found = run_records(
            running,
            queries,
            target,
            seed=seed,
            advance=advance,
            say=lambda sentence: notes.print(sentence, markup=False),
        )
    begin = time.perf_counter()
    scored = evaluate(chosen, found, plan_of(running), seed=seed)
    heading = Heading(
        title=f"{running.name} on {whole.name}",
        when=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        fingerprint=running.fingerprint(),
        certificate=running.certificate_id,
        notices=remarks,
        chosen_on=used,
    )
    write_pages(scored, heading, chosen, target)
    seconds = {"running": seconds_of(found), "scoring": time.perf_counter() - begin}
    done = Scored(scored, heading, seconds)
    # The metrics come last: where they are, the other files are, and their time is known.
    write_file(
        target / "metrics.json",
        json.dumps(done.to_json(), ensure_ascii=False, indent=1, allow_nan=False) + "\n",
    )
    return done


def require_passages(
    pipeline: Pipeline, dataset: Dataset, name: str, data: Path, tenant: str
) -> None:
    """Refuse to score a corpus that lacks judged or planted passages.

    Raises:
        UsageError: with the command that indexes them.
    """
    _, corpus = corpus_of(pipeline)
    judged = {passage for grades in dataset.qrels.values() for passage in grades}
    planted = {one.id for one in dataset.documents if one.metadata.get("poison") is True}
    wanted = (judged | planted) - dataset.skipped.keys()
    missing = wanted - corpus.holds(wanted, tenant)
    if missing:
        raise UsageError(
            f"the corpus of '{name}' lacks {len(missing)} judged passages of '{data}', such as"
            f" '{min(missing)}': index the set first with 'assay index {name} --data {data}'"
        )


def write_pages(report: Report, heading: Heading, dataset: Dataset, target: Path) -> None:
    """Write report.html and per_query.jsonl, each whole or not at all."""
    passages = {one.id: (one.title, one.text) for one in dataset.documents}
    write_file(target / "per_query.jsonl", json_lines(report.per_query))
    write_file(target / "report.html", render(report, heading, passages))


def print_report(scored: Scored) -> None:
    """The headline figures, every failure loudly, and a mark at figures that are too good."""
    report, metrics = scored.report, scored.report.metrics
    table = Table(box=None, pad_edge=False)
    for name in ("", "value", "95 % interval"):
        table.add_column(name, justify="left" if not name else "right")
    mark = f" {MARK}" if scored.heading.chosen_on else ""
    for key, name, percent in HEADLINES:
        if metrics.get(key) is not None:
            table.add_row(
                name,
                show(metrics[key], percent=percent) + mark,
                show_interval(metrics.get(f"{key}.ci95"), percent=percent),
            )
    out.print(table)
    for sentence in scored.heading.chosen_on:
        out.print(f"{MARK} {sentence}", markup=False)
    out.print(
        f"{metrics['n.queries']} questions: {metrics['n.answered']} answered,"
        f" {metrics['n.abstained']} abstained, {metrics['n.failed']} failed",
        markup=False,
    )
    out.print(
        f"seconds: {scored.seconds['running']:.1f} for the pipeline,"
        f" {scored.seconds['scoring']:.1f} for scoring and the report",
        markup=False,
    )
    if report.failed:
        _print_failures(report.per_query, report.failed)


def _print_failures(rows: Iterable[Mapping[str, Any]], count: int) -> None:
    notes.print(
        f"{count} questions FAILED; they count as not answered and not right:",
        markup=False,
        style="bold red",
    )
    for row in [row for row in rows if row["outcome"] == "failed"][:5]:
        error = row["error"]
        notes.print(
            f"  {row['query_id']}: node '{error['node']}': {error['type']}: {error['message']}",
            markup=False,
        )
