"""``assay index``: documents in."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

import click

from assay.apps.console import notes, out, progress
from assay.apps.session import corpus_of, load, set_option
from assay.corpora import dataset
from assay.corpora.corpus import IndexReport
from assay.corpora.document import Document
from assay.corpora.text_files import TextFiles
from assay.pipeline import Scope
from assay.pipeline.errors import UsageError

SHOWN = 20
"""Most skipped files that are listed one by one."""


@click.command()
@click.argument("pipeline")
@set_option
@click.option("--docs", multiple=True, type=Path, help="A file or folder of text. May be repeated.")
@click.option("--data", type=Path, help="A labelled set (corpus.jsonl) instead of --docs.")
@click.option("--corpus", help="Which corpus, where the pipeline has several.")
@click.option("--tenant", default="local", show_default=True, help="Who may read the documents.")
def command(
    pipeline: str,
    overrides: tuple[str, ...],
    docs: tuple[Path, ...],
    data: Path | None,
    corpus: str | None,
    tenant: str,
) -> None:
    """Make the corpus of a PIPELINE hold exactly these documents.

    Says what was added, changed, removed and skipped. Unchanged documents cost
    nothing; an interrupted run leaves the old index in place and is finished by
    the next one.

    \b
    assay index own-documents --docs ~/notes
    assay index pipeline.yaml --docs handbook.md --docs policies/
    """
    if bool(docs) == bool(data):
        raise UsageError("say what to index: --docs PATH (one or more) or --data DIR")
    if data is not None:
        loaded = dataset.load(data, tenant=tenant)
        done = index_documents(pipeline, loaded.documents, loaded.skipped, corpus, overrides)
    else:
        files = TextFiles(docs, scope=Scope(tenant))
        done = index_documents(pipeline, files, files.skipped, corpus, overrides)
    report(done)


def index_documents(
    pipeline: str,
    documents: Collection[Document] | TextFiles,
    skipped: Mapping[str, str],
    corpus: str | None = None,
    overrides: Collection[str] = (),
) -> IndexReport:
    """Index documents into a pipeline's corpus, with a progress bar.

    ``skipped`` may fill while ``documents`` are read.
    """
    built = load(pipeline, overrides)
    name, target = corpus_of(built, corpus)
    built.start(only=built.needs(name))
    try:
        with progress() as advance:
            return target.index(documents, skipped=skipped, progress=advance)
    finally:
        built.close()


def report(done: IndexReport) -> None:
    """Say what an index run did."""
    out.print(
        f"{done.passages} passages; documents: {len(done.added)} added, {len(done.changed)}"
        f" changed, {len(done.removed)} removed, {done.unchanged} unchanged,"
        f" {len(done.skipped)} skipped; {done.duplicates} duplicate passages merged",
        markup=False,
    )
    for number, (name, reason) in enumerate(sorted(done.skipped.items())):
        if number == SHOWN:
            notes.print(f"skipped: {len(done.skipped) - SHOWN} more", markup=False)
            break
        notes.print(f"skipped {name}: {reason}", markup=False)
