"""``assay benchmark``: a labelled set from one's own documents, reviewed by a person."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar, get_args

import click
from rich.table import Table

from assay.apps.console import notes, out, progress
from assay.apps.session import corpus_of, load, set_option
from assay.corpora import dataset as labelled
from assay.corpora.labelled_questions import RawQuestion, load_questions
from assay.corpora.local import LocalCorpus
from assay.evaluation.building.build import Plan, build
from assay.evaluation.building.built import Built, read_build, read_corpus, write_pages
from assay.evaluation.building.export import export
from assay.evaluation.building.library import read_library
from assay.evaluation.building.review import (
    FILE,
    apply_review,
    read_review,
    unread_changes,
    write_review,
)
from assay.evaluation.building.tools import JudgeName, tools_of
from assay.models.language_model import Ability, LanguageModel
from assay.models.protocols import CrossEncoder
from assay.pipeline import Pipeline
from assay.pipeline.canonical import digest
from assay.pipeline.context import RunContext
from assay.pipeline.errors import UsageError

Found = TypeVar("Found")


@click.group()
def command() -> None:
    """Build a labelled set from your own documents.

    Three steps: build makes questions with answers, evidence and judged passages;
    review shows what a person has yet to decide; export writes the set.

    \b
    assay benchmark build own-documents --out bench/ --model qwen2.5-coder-0.5b-instruct-q4_k_m
    assay benchmark review bench/
    assay benchmark export bench/ --out set/
    assay evaluate own-documents --data set/ --out results/
    """


@command.command("build")
@click.argument("pipeline")
@set_option
@click.option("--out", "folder", type=Path, required=True, help="Folder of the build.")
@click.option(
    "--questions",
    type=Path,
    help="People's questions (.csv, .xlsx, .jsonl), with or without answers, instead of a model's.",
)
@click.option(
    "--n", default=50, show_default=True, type=click.IntRange(1, 10_000), help="Questions."
)
@click.option("--seed", default=0, show_default=True, help="For every random choice.")
@click.option(
    "--unanswerable",
    default=0.25,
    show_default=True,
    type=click.FloatRange(0.0, 0.9),
    help="Share of the questions that has no answer in the documents.",
)
@click.option(
    "--model",
    help="An embedded language model, by key or .gguf file, where the pipeline has none to take.",
)
@click.option(
    "--judge",
    "judge_name",
    type=click.Choice(get_args(JudgeName)),
    default="auto",
    show_default=True,
    help="What judges passages: auto takes the pipeline's cross-encoder, else a rule.",
)
@click.option(
    "--nuggets",
    type=click.Choice(["rule", "model"]),
    default="rule",
    show_default=True,
    help="What names the facts that an answer needs: sentences by rule, or the language model.",
)
@click.option(
    "--k",
    default=20,
    show_default=True,
    type=click.IntRange(1, 1000),
    help="A written question must find its passage among so many; at most a tenth of all.",
)
@click.option(
    "--depth",
    default=10,
    show_default=True,
    type=click.IntRange(1, 100),
    help="Passages of each retriever that are judged.",
)
@click.option("--corpus", "corpus_name", help="Which corpus, where the pipeline has several.")
@click.option(
    "--tenant", default=labelled.DEFAULT_TENANT, show_default=True, help="Whose documents."
)
def build_command(
    pipeline: str,
    overrides: tuple[str, ...],
    folder: Path,
    questions: Path | None,
    n: int,
    seed: int,
    unanswerable: float,
    model: str | None,
    judge_name: JudgeName,
    nuggets: str,
    k: int,
    depth: int,
    corpus_name: str | None,
    tenant: str,
) -> None:
    """Make questions over what a PIPELINE has indexed, and the files for review.

    Questions come from a language model that reads sampled passages, or with
    --questions from people. Kept is what finds its own passage again. Each answer's
    facts are judged over passages of all the corpus's retrievers, and some questions
    are turned into ones that no document answers. Stop at any time: the same command
    goes on where it stopped, and never overwrites what a person wrote in review.csv.

    \b
    assay benchmark build own-documents --out bench/ --model qwen2.5-coder-0.5b-instruct-q4_k_m
    assay benchmark build pipeline.yaml --out bench/ --questions asked.csv --n 100
    """
    asked = _asked(questions)
    with _working(pipeline, overrides, corpus_name, model, bool(asked)) as work:
        with progress() as advance:
            library = read_library(work.corpus, tenant, tell=advance)
            tools = tools_of(
                library,
                work.corpus,
                work.context,
                writes=work.writes,
                encoder=work.encoder,
                judge=judge_name,
                facts_by_model=nuggets == "model",
                k=k,
                depth=depth,
                tenant=tenant,
            )
            plan = Plan(
                n=n,
                unanswerable=unanswerable,
                seed=seed,
                k=k,
                depth=depth,
                pipeline=work.pipeline.name,
                corpus=work.corpus.fingerprint(),
                tenant=tenant,
                judge=tools.judge.name,
                nuggets=nuggets,
                writer="" if work.writes is None else work.writes.fingerprint(),
                asked=digest([asdict(one) for one in asked]) if asked else "",
            )
            built = build(plan, tools, folder, asked=asked, tell=advance)
        _print_built(built, folder, work.context)


@command.command("review")
@click.argument("folder", type=Path)
def review_command(folder: Path) -> None:
    """Say what a person has yet to decide about a build, and renew its page.

    The decisions stand in review.csv: y, n or edit in the column 'keep'.
    """
    built = read_build(folder)
    write_review(folder, built.candidates)
    page = write_pages(built, folder)
    decisions = read_review(folder)
    counts = {"y": 0, "edit": 0, "n": 0, "": 0}
    for one in built.candidates:
        counts[decisions[one.id].verdict] += 1
    out.print(
        f"{len(built.candidates)} questions: {counts['y']} taken, {counts['edit']} edited,"
        f" {counts['n']} left out, {counts['']} open",
        markup=False,
    )
    unread = unread_changes(built.candidates, decisions)
    if unread:
        notes.print(
            f"{len(unread)} rows were changed and 'keep' does not say 'edit', so the change is not"
            f" taken: {', '.join(unread)}",
            markup=False,
            style="yellow",
        )
    out.print(f"read: {page}\nwrite: {folder / FILE}", markup=False)


@command.command("export")
@click.argument("folder", type=Path)
@click.option("--out", "target", type=Path, required=True, help="Folder of the labelled set.")
@click.option(
    "--accept-unreviewed",
    is_flag=True,
    help="Take questions without a decision, too; they are marked so.",
)
def export_command(folder: Path, target: Path, accept_unreviewed: bool) -> None:
    """Write a reviewed build as a labelled set, with every decision applied."""
    built = read_build(folder)
    decisions = read_review(folder)
    reviewed = apply_review(
        built.candidates,
        decisions,
        accept_unreviewed=accept_unreviewed,
        where=str(folder / FILE),
    )
    unread = unread_changes(built.candidates, decisions)
    if unread:
        notes.print(
            f"{len(unread)} rows were changed and 'keep' does not say 'edit': their old text is"
            f" taken ({', '.join(unread)})",
            markup=False,
            style="yellow",
        )
    done = export(reviewed, read_corpus(folder), built.facts, target)
    said = ", ".join(f"{count} {name}" for name, count in reviewed.counts.items())
    strata = ", ".join(f"{count} {name}" for name, count in sorted(done.strata.items()))
    out.print(f"decisions: {said}", markup=False)
    out.print(f"{done.queries} questions ({strata}), {done.judged} judgements", markup=False)
    for notice in done.notices:
        notes.print(notice, markup=False, style="yellow")
    out.print(
        f"set: {target}\nnext: assay evaluate PIPELINE --data {target} --out DIR", markup=False
    )


@dataclass(frozen=True, slots=True)
class _Work:
    """A pipeline of which only what a build needs is started."""

    pipeline: Pipeline
    corpus: LocalCorpus
    writes: LanguageModel | None
    encoder: CrossEncoder | None
    context: RunContext


def _asked(path: Path | None) -> tuple[RawQuestion, ...]:
    if path is None:
        return ()
    file = load_questions(path)
    for notice in file.notices:
        notes.print(notice, markup=False, style="yellow")
    return file.questions


@contextmanager
def _working(
    pipeline: str,
    overrides: Collection[str],
    corpus_name: str | None,
    model: str | None,
    has_questions: bool,
) -> Iterator[_Work]:
    """The corpus with its models, a language model if one is wanted, a cross-encoder."""
    built = load(pipeline, overrides)
    name, corpus = corpus_of(built, corpus_name)
    if not isinstance(corpus, LocalCorpus):
        raise UsageError(f"the corpus '{name}' is a {corpus.name}: a build needs corpora.local@1")
    if not corpus.indexed:
        raise UsageError(
            f"nothing is indexed in '{name}': run 'assay index {pipeline} --docs FOLDER' first"
        )
    encoders = _of(built.resources, CrossEncoder)  # type: ignore[type-abstract]
    writers = {
        key: one
        for key, one in _of(built.resources, LanguageModel).items()  # type: ignore[type-abstract]
        if Ability.GENERATE in one.abilities
    }
    for kind, found in (("cross-encoder", encoders), ("language model", writers)):
        if len(found) > 1:
            notes.print(f"of several {kind}s '{min(found)}' is taken", markup=False)
    own = None if model is None else _embedded(model)
    first = [name, *sorted(encoders)[:1], *(sorted(writers)[:1] if own is None else [])]
    wanted = set(first).union(*map(built.needs, first))
    with notes.status("loading") as status:
        built.start(only=wanted, notify=lambda key: status.update(f"loading {key}"))
        if own is not None:
            own.start()
    try:
        encoder = encoders[min(encoders)] if encoders else None
        writes = own or (writers[min(writers)] if writers else None)
        if writes is None and has_questions:
            notes.print(
                "no language model: where an answer is missing, only its evidence is proposed",
                markup=False,
            )
        yield _Work(built, corpus, writes, encoder, RunContext())
    finally:
        if own is not None:
            own.close()
        built.close()


def _of(resources: Mapping[str, object], kind: type[Found]) -> dict[str, Found]:
    return {key: one for key, one in resources.items() if isinstance(one, kind)}


def _embedded(model: str) -> LanguageModel:
    """A model that the pipeline does not name, by key of the catalogue or by file."""
    from pydantic import ValidationError

    from assay.models.llama_cpp import LlamaCpp, LlamaCppConfig

    try:
        return LlamaCpp(LlamaCppConfig(model=model))
    except ValidationError as error:
        raise UsageError(f"--model {model}: {error.errors()[0]['msg']}") from error


def _print_built(built: Built, folder: Path, context: RunContext) -> None:
    facts = built.facts
    table = Table(box=None, pad_edge=False)
    table.add_column("")
    table.add_column("questions", justify="right")
    for kind, count in facts["kinds"].items():
        table.add_row(kind.replace("_", "-"), str(count))
    out.print(table)
    found: Sequence[str] = [f"{name} {count}" for name, count in facts["found_by"].items()]
    judged = sum(len(one.grades) for one in built.candidates)
    out.print(
        f"{facts['attempts']} attempts; source found again by: {', '.join(found) or 'none'};"
        f" {judged} passages judged by {facts['judge']}",
        markup=False,
    )
    for reason, count in sorted(facts["rejected"].items(), key=lambda one: -one[1]):
        out.print(f"  thrown away {count}: {reason}", markup=False)
    for notice in facts["notices"]:
        notes.print(notice, markup=False, style="yellow")
    cost = context.cost
    out.print(
        f"this run: {cost.calls} model calls, {cost.tokens_in} tokens in, {cost.tokens_out} out",
        markup=False,
    )
    out.print(
        f"read: {folder / 'review.html'}\nwrite: {folder / FILE}\n"
        f"then: assay benchmark export {folder} --out SET",
        markup=False,
    )
