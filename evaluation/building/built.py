"""A finished build, as it lies in its folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from assay.evaluation.building.candidate import Candidate
from assay.evaluation.building.review import read_review
from assay.evaluation.building.review_page import write_page
from assay.pipeline.errors import DataError, UsageError

CORPUS, FACTS, CANDIDATES = "corpus.jsonl", "build.json", "candidates.jsonl"


@dataclass(frozen=True, slots=True)
class Built:
    """What a build has.

    Args:
        candidates: its questions.
        facts: content of ``build.json``.
    """

    candidates: tuple[Candidate, ...]
    facts: Mapping[str, Any] = field(default_factory=dict)


def write_pages(built: Built, folder: Path) -> Path:
    """Write ``review.html`` anew, with what was decided so far."""
    passages = {one["id"]: one for one in read_corpus(folder)}
    return write_page(folder, built.candidates, read_review(folder), passages, built.facts)


def read_build(folder: Path) -> Built:
    """A finished build.

    Raises:
        UsageError: if the folder holds none, or one that was stopped.
        DataError: if a file is damaged.
    """
    try:
        facts = json.loads((folder / FACTS).read_text(encoding="utf-8"))
        found = [json.loads(one) for one in _text(folder / CANDIDATES).splitlines()]
        return Built(tuple(Candidate.from_json(one) for one in found), facts)
    except FileNotFoundError as error:
        raise UsageError(
            f"'{folder}' holds no finished build: run 'assay benchmark build PIPELINE --out"
            f" {folder}' to its end first"
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"a file of the build in '{folder}' is damaged ({error})") from error


def read_corpus(folder: Path) -> list[dict[str, Any]]:
    """The passages that a build asks about."""
    return [json.loads(one) for one in _text(folder / CORPUS).split("\n") if one]


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")
