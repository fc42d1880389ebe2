"""Typing errors in questions: what each kind and each number of them costs."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field, PositiveInt

from assay.corpora.dataset import Dataset, LabelledQuery
from assay.evaluation.suites.comparing import (
    answering,
    came_out,
    clusters_of,
    compared,
    counted,
    observed,
)
from assay.evaluation.suites.mistyping import OPERATORS, Operator, with_typos
from assay.evaluation.suites.suite import Findings, Row, Runner, Suite


class TyposSuite(BaseModel, Suite):
    """Asks each question with typing errors, by operator and by number.

    The first row is the questions as they are. Each operator makes one error a question;
    a severity of n makes errors in n different words, each by an operator that is drawn.
    The n errors of a question begin with those of fewer. Words of numbers, identifiers,
    short words, stop words and quoted names stay (``mistyping``).

    Source: Zhuang and Zuccon 2021, and Penha, Câmara and Hauff 2022, for the operators.
    Cost: the pipeline's cost for each question, once a row.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: ClassVar[str] = "What typing errors in questions cost"

    operators: tuple[Operator, ...] = Field(
        default=OPERATORS, min_length=1, description="kinds of typing errors"
    )
    severities: tuple[PositiveInt, ...] = Field(
        default=(1, 2, 3), description="typing errors a question, one row each"
    )

    def measure(self, dataset: Dataset, runner: Runner, *, seed: int) -> Findings:
        """See ``Suite.measure``."""
        asked: dict[str, tuple[Sequence[Operator], int]] = {
            f"one by {operator}": ((operator,), 1) for operator in self.operators
        } | {counted(number, "typo"): (self.operators, number) for number in self.severities}
        plan = runner.plan
        records = runner.run(dataset.queries, label="as asked")
        observations = observed(dataset, records, plan)
        clusters, clean = clusters_of(observations), answering(observations)
        rows: list[Row] = [compared("as asked", clusters, clean, seed=seed)]
        notes: list[str] = []
        per_query = [
            {"query_id": one.query.id, "row": "as asked", "text": one.query.text} | came_out(one)
            for one in observations
        ]
        for name, (operators, number) in asked.items():
            changed = [_changed(one, operators, number, seed) for one in dataset.queries]
            few = sum(made < number for _, made in changed)
            if few:
                notes.append(
                    f"{name}: {few} of {counted(len(changed), 'question')} had fewer words that"
                    " can be mistyped, and got fewer errors."
                )
            queries = [query for query, _ in changed]
            records = runner.run(queries, label=f"typos {name}")
            seen = observed(dataset, records, plan)
            rows.append(compared(name, clusters, answering(seen), clean, seed=seed))
            per_query += [
                {"query_id": query.id, "row": name, "text": query.text, "typos": made}
                | came_out(one)
                for (query, made), one in zip(changed, seen, strict=True)
            ]
        return Findings("typos", self.title, rows, notes, per_query)


def _changed(
    query: LabelledQuery, operators: Sequence[Operator], number: int, seed: int
) -> tuple[LabelledQuery, int]:
    generator = random.Random(f"{seed}|{','.join(operators)}|{query.id}")
    text, made = with_typos(query.text, number, operators, generator)
    return replace(query, text=text), made
