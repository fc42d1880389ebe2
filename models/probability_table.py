"""Rows of next-token probabilities, and the tokens that they are written in."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator

END = ""
"""Stands in a table for the end of the text."""

_TOKEN = re.compile(r" ?\w{1,16}| ?[^\w\s]|\s")


def split(text: str) -> list[str]:
    """A text in the tokens of this model, which joined are the text again.

    A token is up to 16 letters and digits, or another mark, with the space before it; or a
    single white space.

    >>> split("Is it 9 o'clock?\\n")
    ['Is', ' it', ' 9', ' o', "'", 'clock', '?', '\\n']
    """
    return _TOKEN.findall(text)


def count(text: str) -> int:
    """Number of tokens of a text; nothing is kept of a long one."""
    return sum(1 for _ in _TOKEN.finditer(text))


def _distribution(row: Mapping[str, float]) -> Mapping[str, float]:
    for token, probability in row.items():
        if token != END and split(token) != [token]:
            raise ValueError(
                f"{token!r} is {len(split(token))} tokens: a token is one word or mark with at"
                " most one space before it, '' the end of the text"
            )
        if not 0.0 < probability <= 1.0:
            raise ValueError(f"the probability of {token!r} lies in (0, 1], found {probability}")
    if not row or math.fsum(row.values()) > 1.0 + 1e-9:
        raise ValueError(
            f"probabilities of a row add up to at most 1, found {math.fsum(row.values())} over"
            f" {len(row)} tokens"
        )
    return row


Distribution = Annotated[dict[str, float], AfterValidator(_distribution)]


class TableRow(BaseModel):
    """One row of the table."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    after: str = Field(
        description="regular expression that the text so far must end with; '.' is any character"
    )
    then: Distribution = Field(
        description="probability of each next token; '' is the end of the text"
    )

    @field_validator("after")
    @classmethod
    def _compiles(cls, value: str) -> str:
        try:
            re.compile(value, re.DOTALL)
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from error
        return value
