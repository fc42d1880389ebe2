"""Which prompts are computed together: what they share once, what differs in padded batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from assay.models.transformers_engine.cache import shared as common_tokens
from assay.models.vocabulary import Reading

_WORTHWHILE = 32
"""Shared tokens from which on a beginning is computed by itself."""

_SCORED = 2048
"""Most positions in a batch whose logits are wanted: they are as wide as the vocabulary."""


@dataclass(frozen=True, slots=True)
class Job:
    """A prompt to read.

    Args:
        place: its number in the call.
        reading: the prompt; log-probabilities are wanted behind its last token.
        follows: tokens behind it, each of which they are wanted behind, too.
    """

    place: int
    reading: Reading
    follows: list[int]

    @property
    def first(self) -> int:
        """The first position behind which log-probabilities are wanted."""
        return len(self.reading.tokens) - 1

    @property
    def tokens(self) -> list[int]:
        """All that is read."""
        return self.reading.tokens + self.follows


@dataclass(frozen=True, slots=True)
class Group:
    """Prompts that are read together.

    Args:
        jobs: at least one.
        shared: first tokens that they have in common and that are computed once.
    """

    jobs: tuple[Job, ...]
    shared: int


def groups(jobs: Sequence[Job], known: Callable[[Reading], int]) -> Iterator[Group]:
    """Prompts by their beginnings.

    Sorted prompts join the one before while that leaves fewer tokens to compute. Prompts that
    share nothing worthwhile, neither with others nor with what is at hand, make one group.

    Args:
        jobs: the prompts.
        known: tells how many first tokens of a prompt are at hand.
    """
    alone: list[Job] = []
    for group in _sorted_groups(jobs):
        if len(group.jobs) > 1:
            yield group
            continue
        (job,) = group.jobs
        at_hand = min(job.first, known(job.reading))
        if at_hand >= _WORTHWHILE:
            yield Group((job,), at_hand)
        else:
            alone.append(job)
    if alone:
        yield Group(tuple(alone), 0)


def batches(jobs: Sequence[Job], shared: int, budget: int) -> Iterator[list[Job]]:
    """Jobs of about equal length, so that padding is small; longest first.

    Args:
        jobs: the prompts.
        shared: first tokens that are not part of the batch.
        budget: most tokens in a batch, padding included; one prompt always fits.
    """
    batch: list[Job] = []
    width = scored = 0
    for job in sorted(jobs, key=lambda one: -len(one.tokens)):
        wanted = len(job.tokens) - job.first
        full = (len(batch) + 1) * width > budget or scored + wanted > _SCORED
        if batch and full:
            yield batch
            batch, scored = [], 0
        if not batch:
            width = len(job.tokens) - shared
        batch.append(job)
        scored += wanted
    if batch:
        yield batch


def _sorted_groups(jobs: Sequence[Job]) -> Iterator[Group]:
    group: list[Job] = []
    shared = 0
    for job in sorted(jobs, key=lambda one: one.tokens):
        if group:
            # The first wanted position is computed in each row.
            most = min(job.first, group[-1].first if len(group) == 1 else shared)
            common = common_tokens(group[-1].reading.tokens[:most], job.reading.tokens[:most])
            saved_before = (len(group) - 1) * shared
            if common >= _WORTHWHILE and len(group) * common > saved_before:
                group.append(job)
                shared = common
                continue
            yield Group(tuple(group), shared)
        group, shared = [job], 0
    if group:
        yield Group(tuple(group), shared)
