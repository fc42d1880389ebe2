"""``assay evaluate``: run labelled sets and score them."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import get_args

import click

from assay.apps.commands.index import index_documents
from assay.apps.commands.index import report as say_indexed
from assay.apps.console import notes, out
from assay.apps.evaluating import Scored, print_report, run_and_score, score_with
from assay.apps.many_sets import evaluate_sets
from assay.apps.session import corpus_of, load, opened, set_option
from assay.corpora import dataset as labelled
from assay.corpora.dataset import Dataset
from assay.corpora.local import LocalCorpus
from assay.evaluation.sets import QUESTION_FILES, holds_sets
from assay.guards.risk.folds import Fold
from assay.pipeline.errors import UsageError


@click.command()
@click.argument("pipeline")
@set_option
@click.option(
    "--data",
    "places",
    type=Path,
    required=True,
    multiple=True,
    help="A labelled set, a folder of such sets, or a table of questions. May be repeated.",
)
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
    places: tuple[Path, ...],
    target: Path,
    limit: int | None,
    seed: int,
    fold: Fold | None,
    tenant: str,
) -> None:
    """Run labelled sets through a PIPELINE and score them.

    Writes metrics.json, per_query.jsonl and report.html into the folder, and the
    run itself as records.jsonl. Stop it at any time: the same command goes on
    where it stopped, and a finished run is only scored again.

    With several sets, or a folder that holds sets, each set gets a corpus of its own
    and a folder of its own below the one given with --out; table.md and sets.json
    there hold the figures of all. A set that this cannot run is left out with its
    reason; exit 1 if a set failed that should have run.

    A table of questions (.csv, .xlsx, .jsonl) is asked over the documents that the
    pipeline has indexed.

    \b
    assay evaluate own-documents --data labelled/ --out results/
    assay evaluate own-documents --data nq/ --data squad/ --out results/ --fold report
    assay evaluate own-documents --data questions.csv --out results/
    """
    if len(places) > 1 or holds_sets(places[0]):
        failed = evaluate_sets(
            pipeline,
            places,
            target,
            limit=limit,
            seed=seed,
            fold=fold,
            tenant=tenant,
            overrides=overrides,
        )
        if failed:
            raise click.exceptions.Exit(1)
        return
    data = places[0]
    if data.suffix.lower() in QUESTION_FILES and not data.is_dir():
        scored = _questions(
            pipeline, data, target, overrides, limit=limit, seed=seed, fold=fold, tenant=tenant
        )
    else:
        whole = labelled.load(data, tenant=tenant)
        index_if_missing(pipeline, whole, overrides)
        scored = run_and_score(
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
    print_report(scored)
    out.print(f"report: {target / 'report.html'}", markup=False)


def index_if_missing(pipeline: str, dataset: Dataset, overrides: Collection[str] = ()) -> None:
    """Index the set into the pipeline's corpus if there is no index at all."""
    _, corpus = corpus_of(load(pipeline, overrides))
    if isinstance(corpus, LocalCorpus) and not corpus.indexed:
        notes.print(f"no index yet: indexing {len(dataset.documents)} passages", markup=False)
        done = index_documents(pipeline, dataset.documents, dataset.skipped, overrides=overrides)
        say_indexed(done)


def _questions(
    pipeline: str,
    data: Path,
    target: Path,
    overrides: Collection[str],
    *,
    limit: int | None,
    seed: int,
    fold: Fold | None,
    tenant: str,
) -> Scored:
    """Ask a table of questions over what the pipeline has indexed.

    Raises:
        UsageError: if there is no such file, or nothing is indexed.
    """
    from assay.evaluation.building.questions import dataset_of

    if not data.is_file():
        raise UsageError(f"no file {data}: check the path")
    _, corpus = corpus_of(load(pipeline, overrides))
    if isinstance(corpus, LocalCorpus) and not corpus.indexed:
        raise UsageError(
            f"'{data}' asks over the documents of '{pipeline}', and nothing is indexed yet: run"
            f" 'assay index {pipeline} --docs FOLDER' first"
        )
    with opened(pipeline, overrides) as running:
        _, corpus = corpus_of(running)
        whole = dataset_of(data, corpus, tenant)
        return score_with(
            running, pipeline, whole, target, limit=limit, seed=seed, fold=fold, tenant=tenant
        )
