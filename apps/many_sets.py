"""Several labelled sets through one pipeline: each in a corpus of its own, one table over all."""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Sequence
from pathlib import Path

from assay.apps.commands.index import index_documents
from assay.apps.commands.index import report as say_indexed
from assay.apps.console import notes, out
from assay.apps.evaluating import print_report, run_and_score
from assay.apps.session import corpus_of, load
from assay.corpora import dataset as labelled
from assay.corpora.local import LocalCorpus
from assay.evaluation.folder import write_file
from assay.evaluation.sampling import only_fold
from assay.evaluation.sets import (
    FoundSet,
    Row,
    find_sets,
    markdown,
    plain,
    remarks_of,
    text_table,
)
from assay.guards.risk.folds import Fold
from assay.pipeline.compose import target_of
from assay.pipeline.errors import AssayError, UsageError


def evaluate_sets(
    pipeline: str,
    places: Sequence[Path],
    target: Path,
    *,
    limit: int | None,
    seed: int,
    fold: Fold | None,
    tenant: str,
    overrides: Collection[str] = (),
) -> bool:
    """Index, run and score every set into its own folder, then write the table.

    What is no labelled set, or has no question in the fold, is left out with its reason.
    A set that has all its files and then breaks its format, or cannot be indexed or run, has
    failed. Either way the others go on, and their figures stand.

    Args:
        pipeline: path or shipped name.
        places: sets, and folders that hold sets.
        target: folder; a set's files go into a folder of its name.
        limit: at most so many questions of each set.
        seed: for every random choice.
        fold: only this part of each set.
        tenant: on whose behalf.
        overrides: what ``--set`` was given.

    Returns:
        Whether a set failed.

    Raises:
        UsageError: if there is nothing to run, or the pipeline's corpus is of another kind.
    """
    for place in places:
        if not place.exists():
            raise UsageError(f"--data {place}: there is no such folder; nothing was run")
    sets = find_sets(places)
    if all(one.reason for one in sets):
        raise UsageError(
            "none of these can be run: "
            + "; ".join(f"'{one.folder}': {one.reason}" for one in sets)
        )
    corpus = _corpus_name(pipeline, overrides)
    rows = []
    for found in sets:
        out.rule(found.name)
        rows.append(
            _one(
                pipeline,
                found,
                target / found.name,
                corpus,
                limit=limit,
                seed=seed,
                fold=fold,
                tenant=tenant,
                overrides=overrides,
            )
        )
        if rows[-1].metrics is None:
            notes.print(f"{found.name}: {rows[-1].reason}", markup=False, style="yellow")
    write_file(target / "table.md", markdown(rows))
    whole = {"pipeline": pipeline, "sets": {row.name: plain(row) for row in rows}}
    write_file(
        target / "sets.json",
        json.dumps(whole, ensure_ascii=False, indent=1, allow_nan=False) + "\n",
    )
    _print(rows)
    out.print(f"table: {target / 'table.md'}", markup=False)
    return any(row.failed for row in rows)


def _one(
    pipeline: str,
    found: FoundSet,
    target: Path,
    corpus: str,
    *,
    limit: int | None,
    seed: int,
    fold: Fold | None,
    tenant: str,
    overrides: Collection[str],
) -> Row:
    if found.reason:
        return Row(found.name, reason=found.reason)
    place = json.dumps(str((target / "index").resolve()))
    own = (*overrides, f"resources.{corpus}.path={place}")
    try:
        whole = labelled.load(found.folder, tenant=tenant)
        if not whole.queries:
            return Row(found.name, reason="it has no questions")
        if fold is not None:
            try:
                only_fold(whole, fold)
            except UsageError as error:
                return Row(found.name, reason=str(error))
        begin = time.perf_counter()
        say_indexed(index_documents(pipeline, whole.documents, whole.skipped, overrides=own))
        notes.print(f"indexed in {time.perf_counter() - begin:.1f} s", markup=False)
        scored = run_and_score(
            pipeline,
            whole,
            target,
            limit=limit,
            seed=seed,
            fold=fold,
            tenant=tenant,
            data=found.folder,
            overrides=own,
        )
    except (AssayError, OSError) as error:
        return Row(found.name, reason=f"{type(error).__name__}: {error}", failed=True)
    print_report(scored)
    return Row(found.name, scored.to_json())


def _corpus_name(pipeline: str, overrides: Collection[str]) -> str:
    """Name of the pipeline's corpus, whose place each set overrides."""
    name, corpus = corpus_of(load(pipeline, overrides))
    if not isinstance(corpus, LocalCorpus):
        raise UsageError(
            f"several sets need a corpus each, which only corpora.local@1 can lay into another"
            f" folder; '{name}' is {corpus.name}: evaluate the sets one by one"
        )
    if f"{name}.path" in {target_of(one) for one in overrides}:
        raise UsageError(
            f"--set {name}.path: with several sets each has a corpus of its own; leave it out"
        )
    return name


def _print(rows: Sequence[Row]) -> None:
    out.rule("all sets")
    for line in (*text_table(rows), *remarks_of(rows)):
        out.print(line, markup=False)
