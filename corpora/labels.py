"""What filters see of a passage, as ``storage.store.labels_of`` says of a document."""

from __future__ import annotations

from assay.corpora.passages import SEPARATOR
from assay.pipeline.words import Passage, Scalar

COMPUTES = True
"""Part of the code of every component that imports it (``assay.pipeline.identity``)."""


def labels_of_passage(passage: Passage) -> dict[str, Scalar]:
    """A passage's labels: its metadata, and where these do not say otherwise ``document`` (the
    document's id), ``title`` and ``date`` (in ISO form); an empty one is missing.

    A document's source and tier stand in the metadata of its passages already. Its title is taken
    to be the first part of the passage's heading path, which is wrong for a document that has
    headings and no title.

    >>> from assay.pipeline.words import Scope
    >>> labels_of_passage(Passage("d#0", "d", "x", Scope("t"), title="Loans › Fines"))
    {'document': 'd', 'title': 'Loans'}
    """
    own: dict[str, Scalar] = {
        "document": passage.document_id,
        "title": passage.title.split(SEPARATOR, 1)[0],
        "date": passage.date.isoformat() if passage.date else "",
    }
    return {key: value for key, value in own.items() if value != ""} | dict(passage.metadata)
