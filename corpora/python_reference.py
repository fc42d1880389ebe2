"""The Python language reference that most Pythons carry, as documents."""

from __future__ import annotations

import importlib

from assay.corpora.document import Document
from assay.corpora.markup import blocks_of, first_heading
from assay.pipeline.errors import UsageError
from assay.pipeline.words import Scope

MARKUP = "underlined"
SOURCE = "python-reference"


def load_python_reference(*, scope: Scope) -> list[Document]:
    """The topics that ``help()`` shows, read from the standard library at run time.

    The text is the reference of the running Python, so it differs between versions.
    Topics overlap: a section may stand in several of them, word for word.

    Args:
        scope: who may read them.

    Returns:
        One document a topic, in topic order; its id is the topic, which is also
        in its metadata.

    Raises:
        UsageError: if this Python was installed without the topics.
    """
    try:
        topics: dict[str, str] = importlib.import_module("pydoc_data.topics").topics
    except ImportError as error:
        raise UsageError(
            "this Python comes without the standard library's module 'pydoc_data.topics'; "
            "use another Python, or index files of your own"
        ) from error
    documents = []
    for topic, text in sorted(topics.items()):
        documents.append(
            Document(
                id=topic,
                text=text,
                scope=scope,
                title=first_heading(text, blocks_of(text, MARKUP)) or topic,
                metadata={"topic": topic, "source": SOURCE},
                markup=MARKUP,
            )
        )
    return documents
