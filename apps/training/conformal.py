"""``assay train conformal``: fit a selection that misses evidence at most so often."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import get_args

import click

from assay.apps.commands.evaluate import index_if_missing
from assay.apps.console import notes, out, progress
from assay.apps.session import load, set_option
from assay.apps.uses import known_uses, note_use
from assay.corpora import dataset as labelled
from assay.corpora.dataset import Dataset
from assay.evaluation.sampling import only_fold
from assay.evaluation.uses import chosen_on
from assay.guards.risk.folds import Fold
from assay.pipeline import Pipeline
from assay.pipeline.errors import UsageError, nearest
from assay.stages.select.conformal import Conformal
from assay.stages.select.conformal_rule import ConformalRule, Guarantee, Loss, Measure
from assay.stages.select.figures import figure, named
from assay.training.collect import collect, upstream
from assay.training.conformal_selection import fit
from assay.training.labelled_rankings import LabelledRankings

COMMAND = "assay train conformal"
LEVEL = click.FloatRange(0, 1, min_open=True, max_open=True)


@click.command()
@click.argument("pipeline")
@set_option
@click.option("--data", type=Path, required=True, help="A labelled set.")
@click.option("--node", required=True, help="The selector's name in the pipeline file.")
@click.option(
    "--alpha", default=0.1, show_default=True, type=LEVEL,
    help="Share of the questions on which evidence may be missing.",
)  # fmt: skip
@click.option(
    "--delta", default=0.1, show_default=True, type=LEVEL,
    help="How probably the calibration questions may be so lucky that it does not hold.",
)  # fmt: skip
@click.option(
    "--guarantee", default="confidence", show_default=True,
    type=click.Choice(get_args(Guarantee)),
    help="With confidence 1 - delta, or on the mean over calibration sets.",
)  # fmt: skip
@click.option(
    "--loss", default="all", show_default=True, type=click.Choice(get_args(Loss)),
    help="All: any missing passage counts. Recall: the share of the passages that is missing.",
)  # fmt: skip
@click.option(
    "--measure", type=click.Choice(get_args(Measure)),
    help="What is cut by; the score where those of two questions can be compared, else the place.",
)  # fmt: skip
@click.option(
    "--fold", "folds", multiple=True, default=("tune",), show_default=True,
    type=click.Choice(("tune", "certify")),
    help="Part of the set that it is fitted to. May be repeated.",
)  # fmt: skip
@click.option(
    "--whole-clusters", is_flag=True,
    help="Take all questions of a cluster, as if they were independent.",
)  # fmt: skip
@click.option("--seed", default=0, show_default=True, help="For every random choice.")
@click.option(
    "--tenant", default=labelled.DEFAULT_TENANT, show_default=True, help="On whose behalf."
)
@click.option(
    "--out", "target", type=Path,
    help="File for the rule; else where the node looks for it.",
)  # fmt: skip
def conformal(
    pipeline: str,
    overrides: tuple[str, ...],
    data: Path,
    node: str,
    alpha: float,
    delta: float,
    guarantee: Guarantee,
    loss: Loss,
    measure: Measure | None,
    folds: tuple[Fold, ...],
    whole_clusters: bool,
    seed: int,
    tenant: str,
    target: Path | None,
) -> None:
    """Fit select.conformal in a PIPELINE so that needed evidence is seldom missing.

    Runs what comes before the node on questions of the tune fold and finds the strictest rule
    that keeps the promise. Where the promise cannot be kept, it says which could be, and how many
    questions it takes. Evidence that retrieval does not find counts as missing.

    Fit it to questions that nothing else was chosen on: after 'assay tune', or behind a selector
    or reranker trained on the tune fold, take --fold certify, and certify with another set. The
    questions are noted beside the pipeline file: a report over them is marked from then on. The
    report fold is never used.

    \b
    assay train conformal pipeline.yaml --data labelled/ --node selected
    assay train conformal pipeline.yaml --data labelled/ --node selected --alpha 0.05 \\
      --guarantee expectation --loss recall --out conformal.json
    """
    whole = labelled.load(data, tenant=tenant)
    part = _questions(whole, folds)
    built = load(pipeline, overrides)
    place = _place(built, node, target)
    earlier = [one for one in known_uses(pipeline) if not one.command.startswith(COMMAND)]
    used = chosen_on(earlier, whole, part.queries)
    for sentence in used:
        notes.print(f"the promise is weakened: {sentence}", markup=False, style="yellow")
    _tell_of_clusters(part)
    index_if_missing(pipeline, whole, overrides)
    for fold in folds:
        note_use(
            pipeline,
            whole,
            [query.id for query in only_fold(whole, fold).queries],
            purpose="calibration",
            command=COMMAND,
            fold=fold,
        )
    try:
        with progress() as advance:
            examples = collect(
                built,
                node,
                part,
                tenant=tenant,
                seed=seed,
                advance=advance,
                say=lambda sentence: notes.print(sentence, markup=False),
            )
        rule = fit(
            examples,
            alpha=alpha,
            delta=delta,
            guarantee=guarantee,
            loss=loss,
            measure=measure,
            whole_clusters=whole_clusters,
            seed=seed,
            upstream=upstream(built, node),
            chosen_on=used,
        )
    finally:
        built.close()
    rule.write(place)
    _print(rule, examples, folds, place)
    if not _reads(built, node, place):
        out.print(f"use it: {{use: select.conformal@1, config: {{path: {place}}}}}", markup=False)


def _questions(whole: Dataset, folds: Sequence[Fold]) -> Dataset:
    """The questions of the folds, in the order of the set."""
    wanted = {query.id for fold in folds for query in only_fold(whole, fold).queries}
    return replace(whole, queries=tuple(query for query in whole.queries if query.id in wanted))


def _tell_of_clusters(part: Dataset) -> None:
    """Say where questions about one document are not marked as such."""
    scopes = {str(query.meta.get("scope")) for query in part.queries}
    marked = any("cluster" in query.meta for query in part.queries)
    if not marked and 1 < len(scopes) < len(part.queries):
        notes.print(
            f"the {len(part.queries)} questions are about {len(scopes)} scopes and name no cluster:"
            " questions about one document share fate, so the promise is weaker than it says; give"
            " them 'meta.cluster'",
            markup=False,
            style="yellow",
        )


def _place(built: Pipeline, node: str, target: Path | None) -> Path:
    """Where the rule goes.

    Raises:
        UsageError: if nothing says where, or there is no such node.
    """
    if node not in built.steps:
        raise UsageError(f"the pipeline has no node '{node}'; {nearest(node, built.steps)}")
    if target is not None:
        return target
    own = built.steps[node].node
    if not isinstance(own, Conformal):
        raise UsageError(
            f"--out is missing: '{node}' is no select.conformal, whose file would say where the"
            " rule goes"
        )
    return own.file


def _reads(built: Pipeline, node: str, place: Path) -> bool:
    own = built.steps[node].node
    return isinstance(own, Conformal) and own.file.resolve() == place.resolve()


def _print(
    rule: ConformalRule, examples: Sequence[LabelledRankings], folds: Sequence[Fold], place: Path
) -> None:
    limit = figure(rule.threshold)
    kept = {
        "score": f"passages with {named(rule.kind)} {limit} or more",
        "place": f"the first {limit} passages",
        "gap": f"passages with {named(rule.kind)} at most {limit} below the best",
    }[rule.measure]
    ranked = sum(len(one.rankings["ranking"].hits) for one in examples) / len(examples)
    left = "; ".join(f"{count} left out: {why}" for why, count in rule.left_out.items())
    out.print(
        f"fitted to {rule.n} questions of the fold {' and '.join(folds)} of '{rule.name}'"
        + (f" ({left})" if left else ""),
        markup=False,
    )
    out.print(f"keeps {kept}, scored by {rule.source}", markup=False)
    out.print(f"promise: {rule.promise()}", markup=False)
    lost = (
        f"evidence is missing on {rule.lost:.0f}"
        if rule.loss == "all"
        else f"{rule.lost / rule.n:.1%} of the evidence is missing on the mean"
    )
    out.print(
        f"on these {rule.n} questions: {rule.size:.1f} of {ranked:.1f} passages are kept on the"
        f" mean; {lost}; the ranking itself lacks evidence on {rule.missed_by_retrieval}",
        markup=False,
    )
    out.print(f"rule: {place}", markup=False)
