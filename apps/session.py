"""Open a pipeline for a command: build, load, and put its certificate in force."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager

import click

from assay.apps.console import notes
from assay.apps.examples import locate
from assay.corpora.citing import where
from assay.corpora.corpus import Corpus
from assay.guards.risk.certificate import Applied, apply
from assay.guards.risk.tightening import still_promised, tightened
from assay.pipeline import Passage, Pipeline, Query, Scope, build
from assay.pipeline.compose import target_of
from assay.pipeline.errors import UsageError

MAX_QUESTION = 20_000
"""Longest question that is taken, in characters."""


set_option = click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="NAME.FIELD=VALUE",
    help="Set a field of a node or resource, whatever the file says. May be repeated.",
)
"""For every command that loads a pipeline."""


def load(pipeline: str, overrides: Collection[str] = ()) -> Pipeline:
    """Build a pipeline given by path or shipped name; nothing is loaded yet.

    Args:
        pipeline: path or name.
        overrides: what ``--set`` was given.
    """
    path, base = locate(pipeline)
    return build(path, base=base, overrides=overrides)


@contextmanager
def opened(pipeline: str, overrides: Collection[str] = ()) -> Iterator[Pipeline]:
    """A started pipeline with its certificate in force, closed at the end.

    Raises:
        CertificateError: if the file says ``refuse`` and the certificate does not hold.
        UsageError: if ``--set`` loosens a threshold that a certificate sets.
    """
    built = load(pipeline, overrides)
    with notes.status("loading") as status:
        built.start(notify=lambda name: status.update(f"loading {name}"))
    try:
        applied = apply(built)
        tell_status(applied)
        yield with_own_thresholds(applied, built, overrides)
    finally:
        built.close()


def tell_status(applied: Applied) -> None:
    """Why the certificate is not in force, or counts less."""
    word = "degraded" if applied.status == "DEGRADED" else "uncertified"
    for difference in applied.differences:
        notes.print(f"{word}: {difference}", markup=False, style="yellow")


def with_own_thresholds(applied: Applied, built: Pipeline, overrides: Collection[str]) -> Pipeline:
    """Thresholds from ``--set`` in force; under a certificate only stricter ones.

    A certificate that does not cover all its risks at the stricter ones is not in force. A record
    shows the thresholds that were in force under ``margins``.
    """
    targets = {target_of(one) for one in overrides}
    own = {name: value for name, (target, value) in built.gates().items() if target in targets}
    pipeline = applied.pipeline
    if not own:
        return pipeline
    if pipeline.certificate_id is None:
        return pipeline.with_thresholds(own)
    certified = {name: value for name, (_, value) in pipeline.gates().items() if value is not None}
    values = tightened(certified, own, certificate_id=pipeline.certificate_id)
    changed = ", ".join(f"{name} {values[name]:g}" for name in sorted(own))
    certificate = applied.certificate
    assert certificate is not None  # its id is in force
    lost = sorted(set(certificate.declared) - set(still_promised(certificate, values)))
    if lost:
        notes.print(
            f"uncertified: at {changed} the certificate no longer covers {', '.join(lost)}: of"
            " fewer answers a larger share may be wrong",
            markup=False,
            style="yellow",
        )
        return pipeline.with_thresholds(values)
    notes.print(f"stricter than certified: {changed}", markup=False, style="yellow")
    return pipeline.with_thresholds(values, certificate_id=pipeline.certificate_id)


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


def place_in(pipeline: Pipeline, query: Query) -> Callable[[Passage], str]:
    """Says where a passage stands, by the raw text of its document in the pipeline's corpora.

    Args:
        pipeline: started.
        query: on whose behalf documents are read.
    """
    found = [one for one in pipeline.resources.values() if isinstance(one, Corpus)]

    def place(passage: Passage) -> str:
        for corpus in found:
            try:
                return where(passage, corpus.document(passage.document_id, query))
            except UsageError:
                continue  # it comes from another corpus
        return where(passage)

    return place


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
