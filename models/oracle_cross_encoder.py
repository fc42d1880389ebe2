"""A cross-encoder that knows the relevance judgements, to measure what stands behind it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    model_validator,
)

from assay.models import account
from assay.models.protocols import CrossEncoder, Floats
from assay.pipeline.canonical import digest
from assay.pipeline.component import Config, register, relative_to
from assay.pipeline.context import RunContext
from assay.pipeline.errors import DataError, ModelError
from assay.pipeline.text import fold, words

Key = tuple[str, str]


class Judgement(BaseModel):
    """How relevant one passage is to one query."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    query: str = Field(description="the query's text")
    passage: str = Field(description="the passage's text, without its title")
    relevance: float = Field(description="its grade; larger is more relevant")


def _resolve(path: str | None, info: ValidationInfo) -> str | None:
    base = (info.context or {}).get("base", Path())
    return None if path is None else str(relative_to(base, path))


class OracleCrossEncoderConfig(Config):
    """Settings of ``models.oracle_cross_encoder@1``."""

    judgements: list[Judgement] = Field(
        default_factory=list, description="query, passage and relevance, written here"
    )
    path: Annotated[str | None, AfterValidator(_resolve)] = Field(
        None,
        description="JSON lines with query, passage and relevance each; relative to the pipeline"
        " file",
    )
    otherwise: float = Field(0.0, description="score of a pair that nobody judged")

    @model_validator(mode="after")
    def _one_grade_a_pair(self) -> OracleCrossEncoderConfig:
        _table(self.judgements)
        return self


@register("models.oracle_cross_encoder@1")
class OracleCrossEncoder(CrossEncoder):
    """The relevance that a person gave, as the score.

    Puts a perfect reranker into a pipeline, so that what is lost behind it can be told from
    what the reranker loses. Texts are compared with white space folded; a passage is known
    with its title in a line before it, too. Judgements in the file and in the config make one
    table, in which a pair has one grade. Scores are of the kind ``logit``: any number, to be
    ordered by. Cost: one call a pair, one round, no FLOPs.
    """

    Config = OracleCrossEncoderConfig

    def __init__(self, config: OracleCrossEncoderConfig) -> None:
        super().__init__(config)
        self._grades: dict[Key, float] | None = None

    def start(self) -> None:
        """Read the judgements.

        Raises:
            ModelError: if the file cannot be read.
            DataError: if a line is no judgement, or two of a pair differ.
        """
        judgements = list(self.config.judgements)
        if self.config.path is not None:
            judgements += _lines(Path(self.config.path))
        try:
            self._grades = _table(judgements)
        except ValueError as error:
            raise DataError(f"{self.config.path}: {error}") from error

    def close(self) -> None:
        """Forget the judgements."""
        self._grades = None

    def fingerprint(self) -> str:
        """Over every judgement and the score of the others."""
        rows = sorted([*key, grade] for key, grade in self._loaded().items())
        return digest({"name": self.name, "otherwise": self.config.otherwise, "judgements": rows})

    def score(self, pairs: Sequence[tuple[str, str]], contexts: Sequence[RunContext]) -> Floats:
        """Grades, shape ``(len(pairs),)``."""
        grades = self._loaded()
        account.check(contexts)
        lengths = [len(words(query)) + len(words(passage)) for query, passage in pairs]
        scores = [self._grade(grades, query, passage) for query, passage in pairs]
        account.book(contexts, lengths, [0.0] * len(pairs))
        return np.asarray(scores, dtype=np.float32)

    def _grade(self, grades: dict[Key, float], query: str, passage: str) -> float:
        untitled = passage.partition("\n")[2]
        for text in (passage, untitled):
            grade = grades.get((fold(query), fold(text)))
            if grade is not None:
                return grade
        return float(self.config.otherwise)

    def _loaded(self) -> dict[Key, float]:
        if self._grades is None:
            raise ModelError(f"{self.name} is not loaded: call start() first")
        return self._grades


def _table(judgements: Sequence[Judgement]) -> dict[Key, float]:
    grades: dict[Key, float] = {}
    for one in judgements:
        key = (fold(one.query), fold(one.passage))
        if grades.setdefault(key, one.relevance) != one.relevance:
            raise ValueError(
                f"the passage '{key[1][:60]}' is judged {grades[key]} and {one.relevance} for the"
                f" query '{key[0][:60]}': keep one of the two"
            )
    return grades


def _lines(path: Path) -> list[Judgement]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(
            f"the judgements {path} cannot be read ({error}): write a JSON line with query,"
            " passage and relevance for each pair"
        ) from error
    found = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            found.append(Judgement.model_validate(_with_float(json.loads(line))))
        except (ValueError, ValidationError) as error:
            raise DataError(
                f"{path}:{number}: expected query, passage and relevance as a JSON object: {error}"
            ) from error
    return found


def _with_float(row: object) -> object:
    """A row whose whole-numbered grade is a float, which strict reading asks for."""
    if isinstance(row, dict) and type(row.get("relevance")) is int:
        return {**row, "relevance": float(row["relevance"])}
    return row
