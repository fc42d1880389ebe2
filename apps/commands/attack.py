"""``assay attack``: a poisoned twin of a labelled set."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import click

from assay.apps.console import notes, out, progress
from assay.apps.session import load, set_option
from assay.corpora import dataset as labelled
from assay.evaluation.attack_templates import GENERAL
from assay.evaluation.attacks import load_templates
from assay.evaluation.suites.running import PipelineRunner
from assay.evaluation.twin import WRITTEN_TOKENS, Twin, Write, make_twin
from assay.evaluation.twin_file import write_twin
from assay.pipeline.errors import UsageError


@click.command()
@click.argument("data", type=Path)
@set_option
@click.option("--out", "target", type=Path, required=True, help="Folder of the twin.")
@click.option(
    "--variant", "variants", default="prefix", show_default=True, metavar="V1,V2,...",
    help="Kinds of attacks, see above.",
)  # fmt: skip
@click.option(
    "--m", "sizes", default="1,2,3,5", show_default=True, metavar="N1,N2,...",
    help="Planted passages a question.",
)  # fmt: skip
@click.option("--limit", type=click.IntRange(min=1), help="Attack at most so many, by seed.")
@click.option("--seed", default=0, show_default=True, help="For every random choice.")
@click.option("--templates", type=Path, help="JSON with your own texts, as the demo's.")
@click.option("--pipeline", help="Lends its language model to the variant 'written'.")
def command(
    data: Path,
    overrides: tuple[str, ...],
    target: Path,
    variants: str,
    sizes: str,
    limit: int | None,
    seed: int,
    templates: Path | None,
    pipeline: str | None,
) -> None:
    """Make a poisoned twin of the labelled set in DATA, to be indexed and evaluated.

    Every answerable question with an accepted answer is asked clean and once for each
    variant and m, as a question of its own that alone can read what was planted for it.
    A wrong answer of the same type is made by rules, or taken from meta.incorrect_answer.

    \b
    prefix        the question, then a claim
    topic_prefix  what the question is about, then a claim
    keywords      the question's content words shuffled, then a claim
    none          the claim alone
    hedged        a claim among doubts
    gold_edit     a relevant passage with another answer in it
    instruction   tells the reader what to say; repeated: five times
    hidden        an instruction that a person does not see
    jamming       keeps the reader from answering
    written       a claim by the language model of --pipeline

    There is no variant that is optimised against an encoder's gradients (HotFlip).

    \b
    assay attack labelled/ --out twin/ --variant prefix,gold_edit --m 1,5 --limit 100
    assay evaluate p.yaml --set docs.path=twin-index --data twin/ --out results/
    """
    chosen = [one.strip() for one in variants.split(",") if one.strip()]
    dataset = labelled.load(data)
    if target.resolve() == data.resolve():
        raise UsageError(f"'{target}' is the set itself: choose another folder for its twin")
    with _writer(pipeline, overrides, target, wanted="written" in chosen) as write:
        twin = make_twin(
            dataset,
            chosen,
            _numbers(sizes),
            templates=GENERAL if templates is None else load_templates(templates),
            limit=limit,
            seed=seed,
            write=write,
        )
    facts = {
        "variants": chosen,
        "m": _numbers(sizes),
        "limit": limit,
        "seed": seed,
        "templates": "general" if templates is None else str(templates.name),
    }
    write_twin(twin, target, facts)
    _say(twin, target)


def _say(twin: Twin, target: Path) -> None:
    planted = sum(one.metadata.get("poison") is True for one in twin.dataset.documents)
    attacks = sum(bool(one.meta.get("attacked")) for one in twin.dataset.queries)
    clean = len(twin.dataset.queries) - attacks
    kinds = ", ".join(f"{number} {kind.replace('_', ' ')}" for kind, number in twin.kinds.items())
    out.print(
        f"{len(twin.attacked)} questions attacked, {attacks} times in all, {clean} asked clean;"
        f" {planted} passages planted: {target}",
        markup=False,
    )
    out.print(f"wrong answers by rule: {kinds}", markup=False)
    for variant, reasons in twin.left_out.items():
        for reason, number in reasons.items():
            notes.print(f"left out: {variant or 'questions'}: {number} {reason}", markup=False)
    if twin.removed:
        notes.print(f"left out: {twin.removed} planted passages of the set itself", markup=False)


def _numbers(text: str) -> list[int]:
    try:
        return [int(one) for one in text.split(",")]
    except ValueError as error:
        raise UsageError(f"--m {text}: expected whole numbers, such as 1,2,3,5") from error


@contextmanager
def _writer(
    pipeline: str | None, overrides: Sequence[str], target: Path, *, wanted: bool
) -> Iterator[Write | None]:
    """The language model of a pipeline, where a variant needs one."""
    if pipeline is None or not wanted:
        yield None
        return
    with (
        progress() as advance,
        PipelineRunner(
            lambda more: load(pipeline, more), target, overrides=overrides, tell=advance
        ) as runner,
    ):

        def write(prompts: Sequence[tuple[str, str]], draw: int) -> list[str]:
            return runner.write(prompts, max_tokens=WRITTEN_TOKENS, stop=("\n",), draw=draw)

        yield write
