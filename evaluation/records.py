"""Run records kept in a folder, so that a stopped run goes on and a finished one is reused."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from assay.evaluation.folder import write_file
from assay.pipeline import Pipeline, Query, RunRecord
from assay.pipeline.canonical import digest
from assay.pipeline.codec import to_json
from assay.pipeline.errors import DataError, NodeError

RECORDS, MARK = "records.jsonl", "run.json"

Advance = Callable[[str, int, int], None]
"""Told a stage's name, items done and items in all."""

Say = Callable[[str], None]
"""Told a sentence that a person should read."""


def _nothing(*_: object) -> None:
    """Tell nobody."""


def run_records(
    pipeline: Pipeline,
    queries: Sequence[Query],
    target: Path,
    *,
    seed: int,
    advance: Advance = _nothing,
    say: Say = _nothing,
) -> list[dict[str, Any]]:
    """One record a question: those of an earlier run where it was the same, else new ones.

    A run is the same if fingerprint, thresholds, certificate and seed agree and the
    question has not changed. Failed questions are tried again. Each record is written
    when it is made.

    Args:
        pipeline: started.
        queries: what to ask.
        target: folder of the run, with ``records.jsonl`` and ``run.json``; made if missing.
        seed: of the run.
        advance: told how far the run has come.
        say: told what was reused or put aside.

    Returns:
        Records as JSON, in the order of the questions.

    Raises:
        DataError: if an earlier run's files are damaged.
    """
    target.mkdir(parents=True, exist_ok=True)
    file, mark = target / RECORDS, target / MARK
    identity: dict[str, Any] = {
        "pipeline": pipeline.fingerprint(),
        "thresholds": _thresholds(pipeline),
        "certificate": pipeline.certificate_id,
        "void": pipeline.void,
        "seed": seed,
        "queries": {query.id: digest(to_json(query)) for query in queries},
    }
    done, earlier = _reusable(file, mark, identity, say)
    identity["queries"] = earlier | identity["queries"]
    write_file(mark, json.dumps(identity, indent=1) + "\n")
    write_file(file, json_lines(done.values()))
    left = [query for query in queries if query.id not in done]
    if len(left) < len(queries):
        say(f"{len(queries) - len(left)} questions taken from {file}")
    with file.open("a", encoding="utf-8") as stream:
        for number, record in enumerate(asked(pipeline, left, seed=seed), 1):
            plain = record.to_json()
            done[plain["query_id"]] = plain
            stream.write(json_lines([plain]))
            stream.flush()
            advance("answering", number, len(left))
    return [done[query.id] for query in queries]


def asked(pipeline: Pipeline, queries: Iterable[Query], *, seed: int) -> Iterator[RunRecord]:
    """Ask one question after the other; a node's failure becomes a record of its own."""
    for query in queries:
        try:
            yield pipeline.run(query, seed=seed)
        except NodeError as error:
            yield pipeline.failed(query, error, seed=seed)


def json_lines(records: Iterable[Mapping[str, Any]]) -> str:
    """One JSON object a line; never NaN.

    >>> json_lines([{"a": 1}])
    '{"a": 1}\\n'
    """
    return "".join(json.dumps(one, ensure_ascii=False, allow_nan=False) + "\n" for one in records)


def seconds_of(records: Iterable[Mapping[str, Any]]) -> float:
    """Wall seconds that the pipeline took for these questions, whenever they were asked."""
    return sum(float(record["cost"]["seconds"]) for record in records)


def _thresholds(pipeline: Pipeline) -> dict[str, Any]:
    values = {}
    for name, place in pipeline.thresholds.items():
        node, key = place.split(".", 1)
        values[name] = pipeline.steps[node].node.config.model_dump(mode="json").get(key)
    return values


def _reusable(
    file: Path, mark: Path, identity: Mapping[str, Any], say: Say
) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
    """Records of an earlier run that still hold, and digests of the questions asked."""
    if not file.exists() or not mark.exists():
        return {}, {}
    try:
        before = json.loads(mark.read_text(encoding="utf-8"))
        queries = dict(before.pop("queries"))
        lines = file.read_text(encoding="utf-8").split("\n")[:-1]  # a line that was cut off
        found = [json.loads(line) for line in lines]
        wanted = {key: value for key, value in identity.items() if key != "queries"}
        if before != wanted:
            aside = file.with_name(f"records-{str(before.get('pipeline'))[:8]}.jsonl")
            file.replace(aside)
            say(
                "the earlier run had another pipeline, threshold or seed; it is kept as"
                f" {aside.name}, and all questions are run anew"
            )
            return {}, {}
        now = {**queries, **identity["queries"]}
        holding = {
            record["query_id"]: record
            for record in found
            if record["outcome"] != "failed"
            and record["pipeline"] == identity["pipeline"]
            and queries[record["query_id"]] == now[record["query_id"]]
        }
        return holding, queries
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"{file} or {mark.name} is damaged ({error}): remove both to begin anew"
        ) from error
