"""Results folders of ``assay evaluate``, read to be compared."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from assay.evaluation.metrics.from_rows import Row
from assay.pipeline.errors import DataError, UsageError

_SHOWN = 3  # names in a message
_NEEDED = ("query_id", "text", "outcome", "retrieval", "selection", "qa", "abstention_metrics",
           "poison", "cost")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Results:
    """A results folder of ``assay evaluate``.

    Args:
        name: of the folder, unique among those compared.
        metrics: its metrics.json.
        rows: its per-query rows.
        marks: what belongs to every figure of it, such as that its questions were used
            to choose.
        chosen: whether its questions were used to choose it.
    """

    name: str
    metrics: Mapping[str, Any]
    rows: tuple[Row, ...]
    marks: tuple[str, ...]
    chosen: bool


def read_results(folders: Sequence[Path]) -> tuple[Results, ...]:
    """Results folders with the marks that their figures carry.

    Raises:
        UsageError: for fewer than two folders, the same folder twice, or one that is no
            results folder.
        DataError: for a damaged one.
    """
    if len(folders) < 2:
        raise UsageError("a comparison needs at least two results folders of 'assay evaluate'")
    places = [folder.resolve() for folder in folders]
    twice = next((one for place, one in enumerate(places) if one in places[:place]), None)
    if twice is not None:
        raise UsageError(f"'{twice}' was given twice: compare different folders")
    short = [place.name for place in places]
    names = [
        name if short.count(name) == 1 else str(folder)
        for name, folder in zip(short, folders, strict=True)
    ]
    return tuple(_read(folder, name) for folder, name in zip(folders, names, strict=True))


def _read(folder: Path, name: str) -> Results:
    metrics_file, rows_file = folder / "metrics.json", folder / "per_query.jsonl"
    for file in (metrics_file, rows_file):
        if not file.is_file():
            raise UsageError(
                f"'{folder}' has no {file.name}: give a folder that 'assay evaluate --out' wrote"
            )
    try:
        metrics = _parsed(metrics_file.read_text(encoding="utf-8"))
        with rows_file.open(encoding="utf-8") as lines:
            rows = tuple(_parsed(line) for line in lines)
        run = metrics.get("run", {})
        notices, chosen = run.get("notices") or (), run.get("chosen_on") or ()
        marks = [str(one) for one in notices if one not in chosen]
        marks += [f"chosen on these questions: {one}" for one in chosen]
        lacking = next((key for row in rows for key in _NEEDED if key not in row), None)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"'{folder}' is damaged ({type(error).__name__}: {error}): score it again with"
            " 'assay evaluate'"
        ) from error
    if not rows or lacking is not None:
        what = f"a row without '{lacking}'" if rows else "no question"
        raise DataError(f"'{rows_file}' holds {what}: score the set again")
    return Results(name, metrics, rows, tuple(marks), bool(chosen))


def _parsed(text: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(text, parse_constant=_no_number)
    return found


def _no_number(written: str) -> NoReturn:
    raise ValueError(f"{written} is no number that a figure can have")


def same_questions(
    results: Sequence[Results], *, common: bool
) -> tuple[tuple[tuple[Row, ...], ...], list[str]]:
    """Each system's rows over the same questions, in the first one's order.

    Args:
        results: at least two.
        common: whether questions that not all have are left out.

    Returns:
        The rows, and a sentence on what was left out, if anything was.

    Raises:
        UsageError: if the questions differ and ``common`` is not set, or none is common.
        DataError: if a question stands in two folders with other words or labels.
    """
    by_id = [{row["query_id"]: row for row in one.rows} for one in results]
    shared = set.intersection(*(set(one) for one in by_id))
    left_out = [
        (one.name, [name for name in found if name not in shared])
        for one, found in zip(results, by_id, strict=True)
    ]
    told = [
        f"{name}: {len(ids)} of its questions ({_few(ids)}) are not in all of the others"
        for name, ids in left_out
        if ids
    ]
    if told and not common:
        common_ones = f", or compare the {len(shared)} common ones with --common" if shared else ""
        raise UsageError(
            "the folders hold different questions; "
            + "; ".join(told)
            + f". Score the same questions{common_ones}"
        )
    if not shared:
        raise UsageError("the folders have no question in common: there is nothing to compare")
    order = [row["query_id"] for row in results[0].rows if row["query_id"] in shared]
    for one, found in zip(results[1:], by_id[1:], strict=True):
        for name in order:
            _same_labels(name, by_id[0][name], found[name], results[0].name, one.name)
    rows = tuple(tuple(found[name] for name in order) for found in by_id)
    if not told:
        return rows, []
    return rows, [f"Compared on the {len(order)} common questions only. " + ". ".join(told) + "."]


def _same_labels(name: str, first: Row, second: Row, one: str, other: str) -> None:
    for key in ("text", "answers", "answerable", "relevant", "cluster"):
        if first.get(key) != second.get(key):
            raise DataError(
                f"the question '{name}' has another '{key}' in {one} ({first.get(key)!r}) than in"
                f" {other} ({second.get(key)!r}): score both against the same labels"
            )


def _few(ids: Sequence[str]) -> str:
    shown = ", ".join(f"'{one}'" for one in ids[:_SHOWN])
    return shown + (", ..." if len(ids) > _SHOWN else "")
