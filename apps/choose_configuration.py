"""``assay calibrate choose``: among prompts or whole configurations, by bounds on their losses."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from assay.apps.choosing import LOSSES, LossName, losses, named, questions
from assay.apps.console import notes, out
from assay.apps.session import set_option
from assay.apps.uses import known_uses, note_use
from assay.corpora import dataset
from assay.evaluation.folder import write_file
from assay.evaluation.uses import chosen_on
from assay.guards.risk.choosing import MEASURES, Measure, MeasureName
from assay.guards.risk.choosing import choose as choose_by_bound
from assay.guards.risk.folds import Fold
from assay.pipeline.errors import UsageError


@click.command()
@click.argument("pipelines", nargs=-1, required=True)
@set_option
@click.option("--data", type=Path, required=True, help="A labelled set.")
@click.option(
    "--fold", type=click.Choice(("tune", "report")), default="tune", show_default=True,
    help="The questions to choose on; those to certify stay fresh.",
)  # fmt: skip
@click.option(
    "--loss", type=click.Choice(LOSSES), default="failed", show_default=True,
    help="failed: no right answer; wrong: a wrong one; f1: 1 less the overlap of words.",
)  # fmt: skip
@click.option(
    "--measure", "measured", type=click.Choice(MEASURES), default="mean", show_default=True,
    help="What of the losses is bounded.",
)  # fmt: skip
@click.option("--beta", default=0.9, show_default=True, help="Share, for quantile and tail.")
@click.option("--level", type=float, required=True, help="What the measure must stay under.")
@click.option("--delta", default=0.1, show_default=True, help="Chance that any bound is wrong.")
@click.option("--tenant", default="local", show_default=True, help="On whose behalf.")
@click.option("--out", "target", type=Path, help="The choice as JSON.")
def choose(
    pipelines: tuple[str, ...],
    overrides: tuple[str, ...],
    data: Path,
    fold: Fold,
    loss: LossName,
    measured: MeasureName,
    beta: float,
    level: float,
    delta: float,
    tenant: str,
    target: Path | None,
) -> None:
    """Choose among PIPELINES, such as prompts, by upper bounds on what they lose.

    All run over the same questions, one a cluster. Their bounds hold together with
    probability 1 - delta, whichever is taken, for questions drawn the same way, if no
    pipeline was made by looking at these questions. Exit 0 if one keeps the level, 1 if none.

    \b
    assay calibrate choose short.yaml long.yaml --data set --level 0.3
    assay calibrate choose a.yaml b.yaml --data set --loss f1 --measure tail --level 0.9
    """
    names = named(pipelines)
    measure = Measure(measured, beta)
    if not (0.0 < delta < 1.0 and 0.0 < level <= 1.0):
        raise UsageError(f"expected delta in (0, 1) and a level in (0, 1], found {delta}, {level}")
    loaded = dataset.load(data, tenant=tenant)
    asked = questions(loaded, fold)
    for name in names:
        for sentence in chosen_on(known_uses(name), loaded, asked.queries):
            notes.print(f"warning: {name}: {sentence}: its bound may be too low", style="yellow")
        note_use(
            name,
            loaded,
            [query.id for query in asked.queries],
            purpose="search",
            command="assay calibrate choose",
            fold=fold,
        )
    lost = {name: losses(name, overrides, asked, loss=loss, tenant=tenant) for name in names}
    choice = choose_by_bound(lost, measure, level=level, delta=delta)
    what = measured if measured in ("mean", "gini") else f"{measured} at {beta:g}"
    for one in choice.candidates:
        mean = sum(lost[one.name]) / one.n if one.n else 1.0
        verdict = "keeps" if one.keeps else "may break"
        out.print(
            f"{one.name}: mean {mean:.4f}, bound on the {what} {one.bound:.4f}, {verdict} the level"
            f" {level:g} ({one.n} questions)",
            markup=False,
        )
    out.print(f"chosen: {choice.chosen or 'none'}", markup=False)
    if target is not None:
        found = {
            "measure": measured, "beta": beta, "loss": loss, "level": level, "delta": delta,
            "fold": fold, "chosen": choice.chosen,
            "candidates": [asdict(one) for one in choice.candidates],
        }  # fmt: skip
        write_file(target, json.dumps(found, ensure_ascii=False, indent=1) + "\n")
    if choice.chosen is None:
        raise click.exceptions.Exit(1)
