"""``assay demo``: the whole product on the documentation that every Python carries."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from assay.apps import examples, show
from assay.apps.commands.index import index_documents
from assay.apps.commands.index import report as say_indexed
from assay.apps.commands.models import SETS, fetch
from assay.apps.console import notes, out
from assay.apps.evaluating import print_report, run_and_score
from assay.apps.session import corpus_of, load, opened, place_in
from assay.corpora import dataset
from assay.corpora.dataset import Dataset, LabelledQuery, to_query
from assay.corpora.document import Document
from assay.corpora.local import LocalCorpus
from assay.corpora.python_reference import load_python_reference
from assay.evaluation.attacks import load_templates
from assay.evaluation.folder import write_file
from assay.evaluation.reference_set import build_reference_set, write_reference_set
from assay.evaluation.sampling import only_fold
from assay.pipeline import Passage, Scope
from assay.pipeline.errors import WorldError

TENANT = "local"
SHOWN = {"answerable": 8, "unanswerable": 3, "poisoned": 1}
"""How many questions of each kind are answered on the screen."""

PIPELINES = {"llm": "pipeline.yaml", "extractive": "extractive.yaml"}
SHIPPED = (
    "calibrator.json",
    "certificate.json",
    "certificate.path.json",
    "certificate.ledger.jsonl",
    "certificate.canaries.json",
    "attempts.jsonl",
)


@click.command()
@click.option(
    "--out", "folder", type=Path, default=Path("demo"), show_default=True, help="Where it works."
)
@click.option(
    "--generator",
    type=click.Choice(sorted(PIPELINES)),
    default="llm",
    show_default=True,
    help="llm writes answers; extractive quotes the evidence and needs no compiler.",
)
def command(folder: Path, generator: str) -> None:
    """Fetch small models, index Python's own reference, answer, measure, report.

    Everything happens below the folder given with --out; models go to the user's
    cache once. The second run takes less than a minute. Afterwards ask it
    yourself:  assay ask demo/pipeline.yaml "How do I ...?"
    """
    out.rule("1. models")
    fetch(SETS["demo" if generator == "llm" else "extractive"])
    out.rule("2. index")
    pipeline = str(prepare(folder, generator))
    data = index_reference(pipeline, folder / "data")
    out.rule("3. a dozen questions")
    answer_some(pipeline, only_fold(data, "report"))
    out.rule("4. figures on the report fold")
    scored = run_and_score(
        pipeline,
        data,
        folder,
        limit=None,
        seed=0,
        fold="report",
        tenant=TENANT,
        data=folder / "data",
    )
    print_report(scored)
    out.print(f"report: {folder / 'report.html'}", markup=False)
    out.print(f'ask it yourself: assay ask {pipeline} "How do I ...?"', markup=False)


def prepare(folder: Path, generator: str) -> Path:
    """Lay the shipped pipeline and its certificate into the folder; a file you edited stays.

    Raises:
        WorldError: if the folder cannot be written.
    """
    source = examples.folder() / "python-reference"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        ledger = folder / ".shipped.json"
        before: Mapping[str, str] = (
            json.loads(ledger.read_text(encoding="utf-8")) if ledger.exists() else {}
        )
        laid: dict[str, str] = {}
        for name in (*PIPELINES.values(), *SHIPPED):
            if not (source / name).exists():
                continue
            text = (source / name).read_text(encoding="utf-8")
            target = folder / name
            laid[name] = _digest(text)
            if target.exists():
                present = _digest(target.read_text(encoding="utf-8"))
                if present not in (laid[name], before.get(name)):
                    notes.print(f"{target} was edited and stays as it is", markup=False)
                    continue
            write_file(target, text)
        write_file(ledger, json.dumps(laid) + "\n")
    except OSError as error:
        raise WorldError(
            f"cannot write into {folder} ({error.strerror}): choose another folder with --out"
        ) from error
    return folder / PIPELINES[generator]


def index_reference(pipeline: str, folder: Path) -> Dataset:
    """Index the reference and the planted passages, and write the labelled set beside it."""
    documents = load_python_reference(scope=Scope(TENANT))
    source = examples.folder() / "python-reference"
    clean = _index(pipeline, documents)
    made = build_reference_set(
        clean,
        dataset.load_queries(source / "questions.jsonl"),
        load_templates(source / "attack_templates.json"),
        tenant=TENANT,
    )
    _index(pipeline, [*documents, *made.planted], say=True)
    write_reference_set(made, folder, description="pydoc_data.topics of the running Python")
    if made.left_out:
        notes.print(
            f"{len(made.left_out)} questions do not apply to this Python's reference", markup=False
        )
    return dataset.load(folder, tenant=TENANT)


def _index(
    pipeline: str, documents: Sequence[Document], *, say: bool = False
) -> tuple[Passage, ...]:
    done = index_documents(pipeline, documents, {})
    if say:
        say_indexed(done)
    built = load(pipeline)
    name, corpus = corpus_of(built)
    if not isinstance(corpus, LocalCorpus):
        raise WorldError(f"the demo needs a corpora.local corpus; '{name}' is {corpus.name}")
    built.start(only={name, *built.needs(name)})
    try:
        return tuple(corpus.every_passage())
    finally:
        built.close()


def answer_some(pipeline: str, data: Dataset) -> None:
    """Answer a fixed choice of questions (by digest of their ids) and show each outcome."""
    with opened(pipeline) as running:
        for number, labelled in enumerate(chosen(data.queries), 1):
            out.print()
            kind = str(labelled.meta["stratum"])
            title = {"unanswerable": "not in the reference", "poisoned": "under attack"}.get(kind)
            out.print(
                f"{number}. {labelled.text}" + (f"  ({title})" if title else ""), style="bold"
            )
            query = to_query(labelled, TENANT)
            show.outcome(running.run(query), place_in(running, query))


def chosen(queries: Sequence[LabelledQuery]) -> list[LabelledQuery]:
    """The first of each kind by digest of the id: nobody picked them."""
    order = sorted(queries, key=lambda query: _digest(query.id))
    found = [
        query
        for kind, count in SHOWN.items()
        for query in [one for one in order if one.meta["stratum"] == kind][:count]
    ]
    return sorted(found, key=lambda query: _digest(query.id))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
