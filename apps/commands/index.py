"""``assay index``: documents in."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

import click

from assay.apps.console import Advance, notes, out, progress
from assay.apps.session import corpus_of, load, set_option
from assay.corpora import dataset
from assay.corpora.corpus import Corpus, IndexReport
from assay.corpora.document import Document
from assay.corpora.loaders.fields_option import read_fields
from assay.corpora.loaders.folder import Files
from assay.corpora.loaders.loaded import Limits
from assay.corpora.loaders.names import shortened
from assay.pipeline import Scope
from assay.pipeline.errors import UsageError

SHOWN = 20
"""Most skipped files, and most problems, that are listed one by one."""

NAMED = 3
"""Files that are named where several were skipped for one reason."""

MEGABYTE = 1024 * 1024


@click.command()
@click.argument("pipeline")
@set_option
@click.option(
    "--docs", multiple=True, type=Path, help="A file or folder of any kinds. May be repeated."
)
@click.option("--data", type=Path, help="A labelled set (corpus.jsonl) instead of --docs.")
@click.option("--corpus", help="Which corpus, where the pipeline has several.")
@click.option("--tenant", default="local", show_default=True, help="Who may read the documents.")
@click.option("--role", "roles", multiple=True, help="Only who holds this role. May be repeated.")
@click.option("--source", default="", help="Where the documents come from, for filters and audit.")
@click.option("--tier", default="", help="How far they are trusted, in your own words.")
@click.option("--add", is_flag=True, help="Add and update only: other documents stay.")
@click.option("--remove", multiple=True, metavar="ID", help="Take a document out. May be repeated.")
@click.option(
    "--fields",
    metavar="FIELD=KEY,...",
    help="Which keys or columns of JSON and CSV files hold what, such as text=body,title=name.",
)
@click.option(
    "--max-megabytes",
    type=click.IntRange(min=1),
    default=Limits().file_bytes // MEGABYTE,
    show_default=True,
    help="Larger files are skipped, and reported.",
)
@click.option(
    "--pdf-seconds",
    type=click.FloatRange(min=1),
    default=Limits().pdf_seconds,
    show_default=True,
    help="A PDF that takes longer is skipped, and reported.",
)
def command(
    pipeline: str,
    overrides: tuple[str, ...],
    docs: tuple[Path, ...],
    data: Path | None,
    corpus: str | None,
    tenant: str,
    roles: tuple[str, ...],
    source: str,
    tier: str,
    add: bool,
    remove: tuple[str, ...],
    fields: str | None,
    max_megabytes: int,
    pdf_seconds: float,
) -> None:
    """Make the corpus of a PIPELINE hold exactly these documents of a tenant.

    Reads text, Markdown, HTML, PDF, Word, PowerPoint, Excel, CSV and JSON, whole
    folders of them. Says what was added, changed, removed and skipped, and what
    could not be read of a file. Unchanged documents cost nothing; an interrupted
    run leaves the old index in place and is finished by the next one.

    \b
    assay index own-documents --docs ~/notes
    assay index pipeline.yaml --docs handbook.pdf --docs policies/
    assay index pipeline.yaml --docs tickets.jsonl --fields text=body,title=subject
    assay index pipeline.yaml --docs minutes/2026-11.md --add --role board --source minutes
    assay index pipeline.yaml --remove minutes/2026-10.md
    """
    if sum(map(bool, (docs, data, remove))) != 1:
        raise UsageError(
            "say what to index: --docs PATH (one or more), or --data DIR, or --remove ID"
        )
    if remove:
        report(remove_documents(pipeline, tenant, remove, corpus, overrides))
        return
    if data is not None:
        if fields or roles or source or tier:
            raise UsageError(
                "--fields, --role, --source and --tier are for --docs: a labelled set says these"
                " things itself"
            )
        loaded = dataset.load(data, tenant=tenant)
        report(index_documents(pipeline, loaded.documents, loaded.skipped, corpus, overrides, add))
        return
    files = Files(
        docs,
        scope=Scope(tenant, roles),
        limits=Limits(file_bytes=max_megabytes * MEGABYTE, pdf_seconds=pdf_seconds),
        options=read_fields(fields) if fields else {},
        source=source,
        tier=tier,
    )
    report(index_documents(pipeline, files, files.skipped, corpus, overrides, add))
    report_files(files)


def index_documents(
    pipeline: str,
    documents: Collection[Document] | Files,
    skipped: Mapping[str, str],
    corpus: str | None = None,
    overrides: Collection[str] = (),
    keep: bool = False,
) -> IndexReport:
    """Index documents into a pipeline's corpus, with a progress bar.

    ``skipped`` may fill while ``documents`` are read. With ``keep`` nothing is removed.
    """
    with _writing(pipeline, corpus, overrides) as (target, advance):
        read = _followed(documents, advance) if isinstance(documents, Files) else documents
        return target.index(read, skipped=skipped, progress=advance, keep=keep)


def remove_documents(
    pipeline: str,
    tenant: str,
    names: Collection[str],
    corpus: str | None = None,
    overrides: Collection[str] = (),
) -> IndexReport:
    """Take documents out of a pipeline's corpus, with a progress bar."""
    with _writing(pipeline, corpus, overrides) as (target, advance):
        return target.remove(tenant, names, progress=advance)


@contextmanager
def _writing(
    pipeline: str, corpus: str | None, overrides: Collection[str]
) -> Iterator[tuple[Corpus, Advance]]:
    """A pipeline's corpus with the models that it needs, and a progress bar."""
    built = load(pipeline, overrides)
    name, target = corpus_of(built, corpus)
    built.start(only=built.needs(name))
    try:
        with progress() as advance:
            yield target, advance
    finally:
        built.close()


def _followed(files: Files, advance: Advance) -> Iterator[Document]:
    """The files' documents; a bar tells how many of the files are read."""
    for document in files:
        advance("files", files.done, len(files))
        yield document
    advance("files", files.done, len(files))


def report(done: IndexReport) -> None:
    """Say what an index run did."""
    out.print(
        f"{done.passages} passages; documents: {len(done.added)} added, {len(done.changed)}"
        f" changed, {len(done.removed)} removed, {done.unchanged} unchanged,"
        f" {len(done.skipped)} skipped; {done.duplicates} duplicate passages merged",
        markup=False,
    )
    for note in done.notes:
        notes.print(note, markup=False)
    alike: dict[tuple[str, str], list[str]] = {}
    for name, reason in sorted(done.skipped.items()):
        suffix = PurePosixPath(name.partition("#")[0]).suffix.lower()
        alike.setdefault((suffix, reason), []).append(name)
    lines = [_skipped(suffix, reason, names) for (suffix, reason), names in alike.items()]
    shown = list(alike.values())[:SHOWN]
    _list("skipped", lines, len(done.skipped) - sum(len(names) for names in shown))


def report_files(files: Files) -> None:
    """Say what is missing of files that were read, and what a folder holds besides documents."""
    lines = [
        f"{shortened(name)}: {problem}"
        for name, found in sorted(files.problems.items())
        for problem in found
    ]
    if lines:
        out.print(
            f"{_count(lines, 'problem')} in {_count(files.problems, 'file')} that could be read",
            markup=False,
        )
    _list("problem in", lines, len(lines) - SHOWN)
    if files.left_out:
        kinds = ", ".join(f"{count} {shortened(suffix)}" for suffix, count in _most(files))
        notes.print(f"left out, not a kind that is read: {kinds}", markup=False)


def _most(files: Files) -> list[tuple[str, int]]:
    found = sorted(files.left_out.items(), key=lambda one: (-one[1], one[0]))
    others = sum(count for _, count in found[SHOWN:])
    return [*found[:SHOWN], *([("others", others)] if others else [])]


def _skipped(suffix: str, reason: str, names: list[str]) -> str:
    """One line for files of one kind that were skipped for one reason."""
    if len(names) == 1:
        return f"{shortened(names[0])}: {reason}"
    listed = ", ".join(shortened(name, most=60) for name in names[:NAMED])
    more = ", ..." if len(names) > NAMED else ""
    return f"{len(names)} {suffix or 'other'} files: {reason} ({listed}{more})"


def _list(what: str, lines: list[str], more: int) -> None:
    for line in lines[:SHOWN]:
        notes.print(f"{what} {line}", markup=False)
    if len(lines) > SHOWN:
        notes.print(f"{what}: {more} more", markup=False)


def _count(things: Collection[object], name: str) -> str:
    return f"{len(things)} {name}{'' if len(things) == 1 else 's'}"
