"""``assay evaluate``: run a labelled set and score it."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import click
from rich.table import Table

from assay.apps.commands.index import index_documents
from assay.apps.commands.index import report as say_indexed
from assay.apps.commands.run import records
from assay.apps.console import notes, out, progress
from assay.apps.session import corpus_of, load, opened, set_option
from assay.corpora import dataset as labelled
from assay.corpora.dataset import Dataset
from assay.corpora.local import LocalCorpus
from assay.evaluation.evaluate import Report, evaluate
from assay.evaluation.folder import write_file
from assay.evaluation.plan import plan_of
from assay.evaluation.report.page import HEADLINES, Heading, render, show, show_interval
from assay.evaluation.sampling import only_fold, stratified_sample
from assay.guards.risk.folds import Fold
from assay.pipeline import Pipeline, Query
from assay.pipeline.canonical import digest
from assay.pipeline.codec import to_json
from assay.pipeline.errors import DataError, UsageError


@click.command()
@click.argument("pipeline")
@set_option
@click.option("--data", type=Path, required=True, help="A labelled set.")
@click.option("--out", "target", type=Path, required=True, help="Folder for what is found.")
@click.option("--limit", type=click.IntRange(min=1), help="At most so many questions, by seed.")
@click.option("--seed", default=0, show_default=True, help="For every random choice.")
@click.option("--fold", type=click.Choice(get_args(Fold)), help="Only one part of the split.")
@click.option(
    "--tenant", default=labelled.DEFAULT_TENANT, show_default=True, help="On whose behalf."
)
def command(
    pipeline: str,
    overrides: tuple[str, ...],
    data: Path,
    target: Path,
    limit: int | None,
    seed: int,
    fold: Fold | None,
    tenant: str,
) -> None:
    """Run a labelled set through a PIPELINE and score it.

    Writes metrics.json, per_query.jsonl and report.html into the folder, and the
    run itself as records.jsonl. Stop it at any time: the same command goes on
    where it stopped, and a finished run is only scored again.

    \b
    assay evaluate own-documents --data labelled/ --out results/
    """
    whole = labelled.load(data, tenant=tenant)
    index_if_missing(pipeline, whole, overrides)
    report = run_and_score(
        pipeline,
        whole,
        target,
        limit=limit,
        seed=seed,
        fold=fold,
        tenant=tenant,
        data=data,
        overrides=overrides,
    )
    print_report(report)
    out.print(f"report: {target / 'report.html'}", markup=False)


def index_if_missing(pipeline: str, dataset: Dataset, overrides: Collection[str] = ()) -> None:
    """Index the set into the pipeline's corpus if there is no index at all."""
    _, corpus = corpus_of(load(pipeline, overrides))
    if isinstance(corpus, LocalCorpus) and not corpus.indexed:
        notes.print(f"no index yet: indexing {len(dataset.documents)} passages", markup=False)
        done = index_documents(pipeline, dataset.documents, dataset.skipped, overrides=overrides)
        say_indexed(done)


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
) -> Report:
    """Run what has not been run yet, score everything, write every file."""
    chosen = whole if fold is None else only_fold(whole, fold)
    available = len(chosen.queries)
    if limit is not None:
        chosen = stratified_sample(chosen, limit, seed=seed)
    remarks = [] if fold is None else [f"Only the fold '{fold}' of the set."]
    if len(chosen.queries) < available:
        remarks.append(
            f"A sample of {len(chosen.queries)} of {available} questions, drawn with seed {seed}:"
            " figures of the whole set differ."
        )
    queries = [labelled.to_query(one, tenant=tenant) for one in chosen.queries]
    with opened(pipeline, overrides) as running:
        require_passages(running, whole, pipeline, data, tenant)
        found = run_records(running, queries, target, seed=seed)
        scored = evaluate(chosen, found, plan_of(running), seed=seed)
        heading = Heading(
            title=f"{running.name} on {whole.name}",
            when=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
            fingerprint=running.fingerprint(),
            certificate=running.certificate_id,
            notices=remarks,
        )
    for remark in remarks:
        notes.print(remark, markup=False, style="yellow")
    write_report(scored, heading, chosen, target)
    return scored


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


def run_records(
    pipeline: Pipeline, queries: Sequence[Query], target: Path, *, seed: int
) -> list[dict[str, Any]]:
    """One record a question: those of an earlier run where it was the same, else new ones.

    A run is the same if fingerprint, thresholds, certificate and seed agree and the
    question has not changed. Failed questions are tried again.
    """
    target.mkdir(parents=True, exist_ok=True)
    file, mark = target / "records.jsonl", target / "run.json"
    identity: dict[str, Any] = {
        "pipeline": pipeline.fingerprint(),
        "thresholds": _thresholds(pipeline),
        "certificate": pipeline.certificate_id,
        "void": pipeline.void,
        "seed": seed,
        "queries": {query.id: digest(to_json(query)) for query in queries},
    }
    done, earlier = _reusable(file, mark, identity)
    identity["queries"] = earlier | identity["queries"]
    write_file(mark, json.dumps(identity, indent=1) + "\n")
    write_file(file, "".join(_line(record) for record in done.values()))
    left = [query for query in queries if query.id not in done]
    if len(left) < len(queries):
        notes.print(f"{len(queries) - len(left)} questions taken from {file}", markup=False)
    with file.open("a", encoding="utf-8") as stream, progress() as advance:
        for number, record in enumerate(records(pipeline, left, seed=seed), 1):
            plain = record.to_json()
            done[plain["query_id"]] = plain
            stream.write(_line(plain))
            stream.flush()
            advance("answering", number, len(left))
    return [done[query.id] for query in queries]


def _thresholds(pipeline: Pipeline) -> dict[str, Any]:
    values = {}
    for name, place in pipeline.thresholds.items():
        node, key = place.split(".", 1)
        values[name] = pipeline.steps[node].node.config.model_dump(mode="json").get(key)
    return values


def _reusable(
    file: Path, mark: Path, identity: Mapping[str, Any]
) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
    """Records of an earlier run that still hold, and digests of the questions asked."""
    if not file.exists() or not mark.exists():
        return {}, {}
    try:
        before = json.loads(mark.read_text(encoding="utf-8"))
        queries = dict(before.pop("queries"))
        lines = file.read_text(encoding="utf-8").split("\n")[:-1]  # a line that was cut off
        found = [json.loads(line) for line in lines]
        wanted = {key: value for key, value in identity.items() if key != "queries"}
        if before != wanted:
            aside = file.with_name(f"records-{str(before.get('pipeline'))[:8]}.jsonl")
            file.replace(aside)
            notes.print(
                "the earlier run had another pipeline, threshold or seed; it is kept as"
                f" {aside.name}, and all questions are run anew",
                markup=False,
                style="yellow",
            )
            return {}, {}
        now = {**queries, **identity["queries"]}
        holding = {
            record["query_id"]: record
            for record in found
            if record["outcome"] != "failed"
            and record["pipeline"] == identity["pipeline"]
            and queries[record["query_id"]] == now[record["query_id"]]
        }
        return holding, queries
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"{file} or {mark.name} is damaged ({error}): remove both to begin anew"
        ) from error


def write_report(report: Report, heading: Heading, dataset: Dataset, target: Path) -> None:
    """Write metrics.json, per_query.jsonl and report.html, each whole or not at all."""
    passages = {one.id: (one.title, one.text) for one in dataset.documents}
    metrics = report.to_json() | {"run": asdict(heading)}
    write_file(
        target / "metrics.json",
        json.dumps(metrics, ensure_ascii=False, indent=1, allow_nan=False) + "\n",
    )
    write_file(target / "per_query.jsonl", "".join(_line(row) for row in report.per_query))
    write_file(target / "report.html", render(report, heading, passages))


def print_report(report: Report) -> None:
    """The headline figures, and every failure loudly."""
    metrics = report.metrics
    table = Table(box=None, pad_edge=False)
    for name in ("", "value", "95 % interval"):
        table.add_column(name, justify="left" if not name else "right")
    for key, name, percent in HEADLINES:
        if metrics.get(key) is not None:
            table.add_row(
                name,
                show(metrics[key], percent=percent),
                show_interval(metrics.get(f"{key}.ci95"), percent=percent),
            )
    out.print(table)
    out.print(
        f"{metrics['n.queries']} questions: {metrics['n.answered']} answered,"
        f" {metrics['n.abstained']} abstained, {metrics['n.failed']} failed",
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


def _line(record: Mapping[str, Any]) -> str:
    return json.dumps(record, ensure_ascii=False, allow_nan=False) + "\n"
