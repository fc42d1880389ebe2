"""``assay tune``: search for better settings, and say what they are worth on other questions."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from rich.table import Table

from assay.apps.commands.evaluate import index_if_missing
from assay.apps.console import notes, out, progress
from assay.apps.evaluating import require_passages, score_with
from assay.apps.examples import locate
from assay.apps.session import load, set_option
from assay.apps.uses import known_uses, note_use, place_of
from assay.corpora import dataset as labelled
from assay.corpora.dataset import Dataset
from assay.evaluation.comparing import USUAL, Comparison, compare
from assay.evaluation.folder import write_file
from assay.evaluation.metrics.from_rows import row_metrics
from assay.evaluation.report.values import show, show_interval
from assay.evaluation.results import read_results
from assay.evaluation.sampling import only_fold, stratified_sample
from assay.evaluation.search.best import write_best
from assay.evaluation.search.goals import constraint_of, objective_of
from assay.evaluation.search.halving import Found, Search, search, told
from assay.evaluation.search.journal import Journal
from assay.evaluation.search.page import render, signed
from assay.evaluation.search.space import read_space, shown
from assay.evaluation.search.workbench import Workbench
from assay.evaluation.uses import record_use, use_of
from assay.guards.risk.folds import Fold
from assay.pipeline.canonical import digest
from assay.pipeline.errors import DataError, UsageError

SEARCHED: Fold = "tune"
REPORTED: Fold = "report"


@click.command()
@click.argument("pipeline")
@set_option
@click.option("--space", "space_file", type=Path, required=True, help="What may change, as YAML.")
@click.option("--data", type=Path, required=True, help="A labelled set.")
@click.option("--out", "target", type=Path, required=True, help="Folder for what is found.")
@click.option(
    "--trials", default=30, show_default=True, type=click.IntRange(1, 10_000),
    help="How many pipelines to try beside the unchanged one.",
)  # fmt: skip
@click.option("--seed", default=0, show_default=True, help="For every random choice.")
@click.option(
    "--objective", "objective_key", default="qa.correct", show_default=True,
    help="Figure of metrics.json to make as good as can be.",
)  # fmt: skip
@click.option(
    "--constraint", "constraints", multiple=True, metavar="FIGURE<=VALUE",
    help="Bound that the winner must keep, with <= or >=. May be repeated.",
)  # fmt: skip
@click.option(
    "--limit", type=click.IntRange(min=1), help="At most so many questions of each fold, by seed."
)
@click.option(
    "--tenant", default=labelled.DEFAULT_TENANT, show_default=True, help="On whose behalf."
)
def command(
    pipeline: str,
    overrides: tuple[str, ...],
    space_file: Path,
    data: Path,
    target: Path,
    trials: int,
    seed: int,
    objective_key: str,
    constraints: tuple[str, ...],
    limit: int | None,
    tenant: str,
) -> None:
    """Search over settings of a PIPELINE; the result is that of the report fold only.

    Tries pipelines of the space on questions of the tune fold: all on a few, the better ones
    on more, the best on all. The winner and the unchanged pipeline then answer the report
    fold once. Writes best.yaml, trials.jsonl with all that was tried, tune.html,
    result.json, and both runs below report/.

    The questions of the tune fold are noted beside the pipeline file, in FILE.uses.jsonl: a
    report over them is marked from then on. Stop a search at any time: the same command
    goes on, and with more --trials it goes further.

    \b
    assay tune pipeline.yaml --space space.yaml --data labelled/ --out tuned/
    assay tune pipeline.yaml --space space.yaml --data labelled/ --out tuned/ \\
      --objective qa.correct --constraint 'abstention.risk<=0.1' --trials 60
    """
    wanted = objective_of(objective_key)
    bounds = tuple(constraint_of(one) for one in constraints)
    whole = labelled.load(data, tenant=tenant)
    folds = _folds(whole, limit, seed)
    path, base = locate(pipeline)
    bench = Workbench(path, base, overrides=overrides)
    space = read_space(space_file, bench.source)
    bench.problems(space)
    asked = Search(space, wanted, bounds, trials, seed, tenant)
    if asked.costs:
        notes.print("outputs are not kept from trial to trial: a cost is looked at", markup=False)
        bench = Workbench(path, base, overrides=overrides, cached=False)
    index_if_missing(pipeline, whole, overrides)
    note_use(
        pipeline,
        whole,
        [query.id for query in folds[SEARCHED].queries],
        purpose="search",
        command="assay tune",
        fold=SEARCHED,
    )
    with bench:
        found = _search(bench, asked, folds[SEARCHED], target, whole, pipeline, data)
        job = _Job(pipeline, overrides, whole, data, target, asked, limit)
        best = target / "best.yaml"
        write_best(best, bench, space, found.winner.settings, _remarks(job, found))
    _inherit_uses(job, best, [query.id for query in folds[SEARCHED].queries])
    comparison = _report(job, best, found)
    looks = _write(job, found, comparison)
    _print(job, found, comparison, looks)


@dataclass(frozen=True, slots=True)
class _Job:
    """What was asked for."""

    pipeline: str
    overrides: Collection[str]
    whole: Dataset
    data: Path
    target: Path
    search: Search
    limit: int | None


def _folds(whole: Dataset, limit: int | None, seed: int) -> dict[Fold, Dataset]:
    """The fold that is searched on and the one that is reported, each of which must be there."""
    folds = {}
    for fold in (SEARCHED, REPORTED):
        part = only_fold(whole, fold)
        folds[fold] = part if limit is None else stratified_sample(part, limit, seed=seed)
    return folds


def _search(
    bench: Workbench,
    asked: Search,
    tune: Dataset,
    target: Path,
    whole: Dataset,
    pipeline: str,
    data: Path,
) -> Found:
    with bench.opened(asked.space, {}) as unchanged:
        require_passages(unchanged, whole, pipeline, data, asked.tenant)
        fingerprint = unchanged.fingerprint()
    identity: dict[str, Any] = {
        "pipeline": fingerprint,
        "file": digest(bench.data),
        "space": digest(asked.space.source.data),
        "questions": digest([asdict(query) for query in tune.queries]),
        "objective": asked.objective.key,
        "constraints": [str(one) for one in asked.constraints],
        "seed": asked.seed,
        "tenant": asked.tenant,
    }
    journal = Journal(target, identity)
    if journal.resumed:
        notes.print(f"{journal.resumed} scores taken from {target}", markup=False)
    with progress() as advance:
        return search(
            bench,
            asked,
            tune,
            target / "trials",
            journal,
            advance=advance,
            say=lambda sentence: notes.print(sentence, markup=False),
        )


def _remarks(job: _Job, found: Found) -> list[str]:
    asked = job.search
    wanted = "; ".join([asked.objective.key, *(str(one) for one in asked.constraints)])
    tried = len({one.trial for one in found.scores}) - 1
    return [
        f"Made by 'assay tune' from {Path(job.pipeline).name}: trial {found.winner.trial} of"
        f" {tried}, seed {asked.seed}.",
        f"Changed: {shown(found.winner.settings)}",
        f"Searched for: {wanted}, on {found.winner.questions} questions of the tune fold of"
        f" {job.whole.name}.",
        "What it is worth on other questions: result.json and tune.html beside this file.",
    ]


def _inherit_uses(job: _Job, best: Path, names: list[str]) -> None:
    """What the original was chosen on, the winner was chosen on too."""
    place = place_of(str(best))
    for use in known_uses(job.pipeline):
        record_use(place, use)
    today = datetime.now(UTC).date().isoformat()
    record_use(
        place,
        use_of(job.whole, names, purpose="search", date=today, command="assay tune", fold=SEARCHED),
    )


def _report(job: _Job, best: Path, found: Found) -> Comparison | None:
    """Both pipelines on the report fold, once; None where the unchanged one is the winner."""
    runs = [("unchanged", job.pipeline, job.overrides)]
    if found.winner.trial != 0:
        runs.append(("best", str(best), ()))
    for name, pipeline, overrides in runs:
        notes.print(f"the report fold, {name}:", markup=False)
        with load(pipeline, overrides) as running:
            if name == "best" and running.fingerprint() != found.winner.fingerprint:
                raise DataError(
                    f"{best} does not give the pipeline that won: a path in it may lead elsewhere;"
                    " compare it with the original"
                )
            score_with(
                running,
                pipeline,
                job.whole,
                job.target / "report" / name,
                limit=job.limit,
                seed=job.search.seed,
                fold=REPORTED,
                tenant=job.search.tenant,
            )
    if found.winner.trial == 0:
        return None
    results = read_results([job.target / "report" / name for name, _, _ in runs])
    asked = job.search
    own = [asked.objective.key, *(one.key for one in asked.constraints)]
    measured = [
        key
        for key in dict.fromkeys((*own, *USUAL))
        if key in row_metrics() and any(one.metrics.get(key) is not None for one in results)
    ]
    return compare(results, keys=measured, seed=asked.seed)


def _write(job: _Job, found: Found, comparison: Comparison | None) -> int:
    """Write result.json and tune.html; how often the report fold was looked at by now."""
    file = job.target / "result.json"
    seen: list[str] = []
    if file.exists():
        try:
            seen = list(json.loads(file.read_text(encoding="utf-8"))["report_seen_by"])
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"{file} is damaged ({error}): remove it") from error
    seen = list(dict.fromkeys([*seen, found.winner.fingerprint]))
    result = {
        "objective": job.search.objective.key,
        "constraints": [str(one) for one in job.search.constraints],
        "trials": len({one.trial for one in found.scores}) - 1,
        "rungs": list(found.rungs),
        "exhausted": found.exhausted,
        "winner": {"trial": found.winner.trial, "changed": dict(found.winner.settings)},
        "keeps_constraints_on_tune_fold": found.winner.feasible,
        "report": None if comparison is None else comparison.to_json(),
        "report_seen_by": seen,
    }
    write_file(file, json.dumps(result, ensure_ascii=False, indent=1, allow_nan=False) + "\n")
    when = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    page = render(
        found,
        job.search,
        comparison,
        title=f"Search over {Path(job.pipeline).name} on {job.whole.name}",
        facts=f"{when} · {result['trials']} trials · winner: {shown(found.winner.settings)}",
        notices=_notices(found, len(seen)),
    )
    write_file(job.target / "tune.html", page)
    return len(seen)


def _notices(found: Found, looks: int) -> list[str]:
    notices = []
    if not found.winner.feasible:
        notices.append(
            "No pipeline that was tried keeps every constraint on the tune fold; the winner misses"
            " them by least."
        )
    if found.exhausted:
        notices.append("Every pipeline of the space was tried.")
    if looks > 1:
        notices.append(
            f"{looks} winners of this search were looked at on the report fold, as it went on:"
            " the best of several looks is a little too good."
        )
    return notices


def _print(job: _Job, found: Found, comparison: Comparison | None, looks: int) -> None:
    out.print(f"winner: trial {found.winner.trial}: {shown(found.winner.settings)}", markup=False)
    out.print(f"tune fold (chosen on it, too good): {told(found.winner, job.search)}", markup=False)
    for notice in _notices(found, looks):
        notes.print(notice, markup=False, style="yellow")
    if comparison is None:
        out.print("no trial was better than the unchanged pipeline", markup=False)
    else:
        table = Table(box=None, pad_edge=False, title="report fold", title_justify="left")
        for name in ("", "unchanged", "best", "difference", "95 % interval"):
            table.add_column(name, justify="right" if name else "left")
        for line in comparison.lines:
            one = line.against[0].difference
            interval = None if one.interval is None else list(one.interval)
            table.add_row(
                line.key, show(one.first), show(one.second), signed(one.value),
                show_interval(interval),
            )  # fmt: skip
        out.print(table)
    out.print(f"pipeline: {job.target / 'best.yaml'}", markup=False)
    out.print(f"all that was tried: {job.target / 'tune.html'}", markup=False)
    if not found.winner.feasible:
        raise UsageError(
            "no pipeline that was tried keeps every constraint: widen the space, loosen a bound, or"
            " add --trials"
        )
