"""Texts that a reranker lets a language model write side by side."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Unpack

from assay.models.account import requests_of
from assay.models.language_model import Generation, LanguageModel, WritingOptions
from assay.models.prompt import Prompt
from assay.pipeline.context import RunContext
from assay.pipeline.errors import ModelError

COMPUTES = True
"""Part of the code of every component that imports it (``assay.pipeline.identity``)."""


@contextlib.contextmanager
def one_round(contexts: Sequence[RunContext]) -> Iterator[None]:
    """What is asked within does not wait for one another: each request is booked one round.

    Also where an engine answers one after another, and where it takes several calls to ask.

    Args:
        contexts: of all that is asked.
    """
    before = {id(one): one.cost.rounds for one in requests_of(contexts)}
    yield
    for one in requests_of(contexts):
        one.spend(rounds=min(0, before[id(one)] + 1 - one.cost.rounds))


def generated(
    model: LanguageModel,
    prompts: Sequence[Prompt],
    contexts: Sequence[RunContext],
    **options: Unpack[WritingOptions],
) -> list[Generation | None]:
    """A text for each prompt, in one round; None where the model failed for that prompt alone.

    Args:
        model: writes.
        prompts: what to continue.
        contexts: one for each prompt.
        options: for each of them.

    Raises:
        ModelError: if the model fails for all of them.
    """
    with one_round(contexts):
        try:
            return list(model.generate_batch(prompts, contexts, **options))
        except ModelError:
            return _one_by_one(model, prompts, contexts, options)


def _one_by_one(
    model: LanguageModel,
    prompts: Sequence[Prompt],
    contexts: Sequence[RunContext],
    options: WritingOptions,
) -> list[Generation | None]:
    found: list[Generation | None] = []
    failures: list[ModelError] = []
    for prompt, context in zip(prompts, contexts, strict=True):
        try:
            found.append(model.generate(prompt, context, **options))
        except ModelError as error:
            failures.append(error)
            found.append(None)
    if failures and len(failures) == len(prompts):
        raise failures[0]
    return found
