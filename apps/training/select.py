"""``assay train select``: a selector that learns from labelled questions what is needed."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import click
import numpy as np

from assay.apps.commands.evaluate import index_if_missing
from assay.apps.console import Advance, notes, out, progress
from assay.apps.session import load, set_option
from assay.apps.uses import note_use
from assay.corpora import dataset as labelled
from assay.corpora.dataset import Dataset
from assay.evaluation.sampling import only_fold
from assay.guards.risk.folds import Fold
from assay.models.protocols import Floats
from assay.pipeline import Passage, Pipeline, Query
from assay.pipeline.context import RunContext
from assay.pipeline.errors import UsageError, nearest
from assay.stages.rerank.unit_vectors import UnitVectors
from assay.stages.select.learned_judge import BASE, LearnedJudge
from assay.stages.select.selection_model import SelectionModel, VectorsOf
from assay.training.collect import collect, upstream
from assay.training.labelled_rankings import LabelledRankings
from assay.training.selection.fit import EPOCHS, fit

COMMAND = "assay train select"
FOLD: Fold = "tune"
CHECKPOINT = "checkpoint"


@click.command()
@click.argument("pipeline")
@set_option
@click.option(
    "--data", "folders", type=Path, required=True, multiple=True,
    help="A labelled set, all of it in the pipeline's corpus. May be repeated.",
)  # fmt: skip
@click.option("--node", required=True, help="The selector's name in the pipeline file.")
@click.option(
    "--out", "target", type=Path,
    help="Folder for the model; else where the node looks for it.",
)  # fmt: skip
@click.option("--seed", default=0, show_default=True, help="For every random choice.")
@click.option(
    "--epochs", default=EPOCHS, show_default=True, type=click.IntRange(1, 10_000),
    help="Most for each network; each stops where other questions say so.",
)  # fmt: skip
@click.option("--resume", is_flag=True, help="Go on with a training that was stopped.")
@click.option(
    "--tenant", default=labelled.DEFAULT_TENANT, show_default=True, help="On whose behalf."
)
def select(
    pipeline: str,
    overrides: tuple[str, ...],
    folders: tuple[Path, ...],
    node: str,
    target: Path | None,
    seed: int,
    epochs: int,
    resume: bool,
    tenant: str,
) -> None:
    """Train select.learned, or rerank.learned, in a PIPELINE on the questions of the tune fold.

    Runs what comes before the node, then trains on the processor, for which the extra 'torch' is
    needed; using the model needs none. The folder gets weights.safetensors and model_card.json,
    which tells the data's fingerprint, seeds, losses and how well probabilities fit.

    The questions are noted beside the pipeline file: a report over them is marked from then on.
    The other folds are not looked at. Stop at any time: with --resume the same command goes on
    where it was and ends with the same weights.

    \b
    assay train select pipeline.yaml --data labelled/ --node selected
    assay train select pipeline.yaml --data one/ --data two/ --node selected --out selector/
    """
    built = load(pipeline, overrides)
    own = _node(built, node)
    place = target or own.folder
    kept = place / CHECKPOINT
    if kept.exists() and not resume:
        raise UsageError(
            f"'{kept}' holds a training that was stopped: add --resume to go on with it, or remove"
            " it to begin anew"
        )
    wholes = [labelled.load(one, tenant=tenant) for one in folders]
    parts = [only_fold(one, FOLD) for one in wholes]
    for whole, part in zip(wholes, parts, strict=True):
        index_if_missing(pipeline, whole, overrides)
        note_use(
            pipeline,
            whole,
            [query.id for query in part.queries],
            purpose="search",
            command=COMMAND,
            fold=FOLD,
        )
    with progress() as advance:
        try:
            examples = _examples(built, node, parts, tenant, seed, advance)
            facts = {"node": node, "fold": FOLD, "upstream": upstream(built, node)}
            model = fit(
                examples,
                base=BASE,
                vectors=_vectors(own),
                seed=seed,
                epochs=epochs,
                checkpoint=kept,
                progress=advance,
                facts=facts,
            )
        finally:
            built.close()
    model.save(place)
    shutil.rmtree(kept)
    _print(model, place)


def _node(built: Pipeline, name: str) -> LearnedJudge:
    if name not in built.steps:
        raise UsageError(f"the pipeline has no node '{name}'; {nearest(name, built.steps)}")
    found = built.steps[name].node
    if not isinstance(found, LearnedJudge):
        raise UsageError(
            f"'{name}' is {found.name}: this trains select.learned and rerank.learned."
            " Write"
            f" 'use: select.learned@1, config: {{path: FOLDER}}' at '{name}', with the corpus as"
            " resource and other rankings as 'signals'"
        )
    return found


def _examples(
    built: Pipeline, node: str, parts: Sequence[Dataset], tenant: str, seed: int, advance: Advance
) -> list[LabelledRankings]:
    """The rankings of all sets."""
    found: list[LabelledRankings] = []
    for part in parts:
        found += collect(
            built,
            node,
            part,
            tenant=tenant,
            seed=seed,
            advance=_named(advance, part.name),
            say=lambda sentence: notes.print(sentence, markup=False),
        )
    return found


def _named(advance: Advance, name: str) -> Advance:
    """Tells the set's name with the stage."""

    def told(stage: str, done: int, total: int, /) -> None:
        advance(f"{stage} {name}", done, total)

    return told


def _vectors(node: LearnedJudge) -> VectorsOf:
    """Vectors as the node takes them."""
    source = UnitVectors(node.corpus, node.embedder)

    def vectors(query: Query, passages: Sequence[Passage]) -> tuple[Floats, Floats]:
        context = RunContext()
        return (
            source.of_queries([query.text], [context])[0],
            source.of_passages([passages], [query], [context])[0],
        )

    return vectors


def _print(model: SelectionModel, place: Path) -> None:
    facts = model.facts
    trained = facts["trained_on"]
    questions = sum(trained["questions"].values())
    before, after = (facts["calibration_figures"][key] for key in ("before", "after"))
    out.print(
        f"trained on {questions} questions of the fold {FOLD}, {trained['without_needed']} of them"
        f" with no needed passage among the candidates; rankings: {', '.join(model.rankings)}",
        markup=False,
    )
    best = [one["best_epoch"] + 1 for one in facts["members"]]
    out.print(
        f"{len(best)} networks, best after {', '.join(map(str, best))} epochs;"
        f" {sum(np.size(one) for one in model.network.weights.values())} numbers",
        markup=False,
    )
    out.print(
        f"on questions that neither trained nor stopped it: calibration error {after['ece']:.3f}"
        f" (before calibration {before['ece']:.3f}), Brier {after['brier']:.4f}"
        f" ({before['brier']:.4f})",
        markup=False,
    )
    out.print(f"model: {place}", markup=False)
