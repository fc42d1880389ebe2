"""Open a pipeline for a command: build, load, and put its certificate in force."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from assay.apps.console import notes
from assay.apps.examples import locate
from assay.corpora.corpus import Corpus
from assay.guards.risk.certificate import apply
from assay.pipeline import Pipeline, Query, Scope, build
from assay.pipeline.errors import UsageError

MAX_QUESTION = 20_000
"""Longest question that is taken, in characters."""


def load(pipeline: str) -> Pipeline:
    """Build a pipeline given by path or shipped name; nothing is loaded yet."""
    path, base = locate(pipeline)
    return build(path, base=base)


@contextmanager
def opened(pipeline: str) -> Iterator[Pipeline]:
    """A started pipeline with its certificate in force, closed at the end.

    Raises:
        CertificateError: if the file says ``refuse`` and the certificate does not hold.
    """
    built = load(pipeline)
    with notes.status("loading") as status:
        built.start(notify=lambda name: status.update(f"loading {name}"))
    try:
        applied = apply(built)
        for difference in applied.differences:
            notes.print(f"uncertified: {difference}", markup=False, style="yellow")
        yield applied.pipeline
    finally:
        built.close()


def corpus_of(pipeline: Pipeline, name: str | None = None) -> tuple[str, Corpus]:
    """The pipeline's corpus, by name where there are several.

    Raises:
        UsageError: if there is none, or several and no name was given.
    """
    found = {
        key: resource
        for key, resource in pipeline.resources.items()
        if isinstance(resource, Corpus) and name in (None, key)
    }
    if len(found) != 1:
        known = [key for key, one in pipeline.resources.items() if isinstance(one, Corpus)]
        raise UsageError(
            f"expected one corpus, found {', '.join(known) or 'none'}; name one with --corpus"
        )
    return next(iter(found.items()))


def question(text: str, *, tenant: str, roles: tuple[str, ...] = ()) -> Query:
    """A query from what a person typed.

    Raises:
        UsageError: for an empty question or one over ``MAX_QUESTION`` characters.
    """
    if not text.strip():
        raise UsageError("the question is empty: write what you want to know")
    if len(text) > MAX_QUESTION:
        raise UsageError(
            f"the question has {len(text)} characters, at most {MAX_QUESTION} are taken:"
            " put long texts into the corpus and ask about them"
        )
    return Query(text=text, scope=Scope(tenant, roles))
