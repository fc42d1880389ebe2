"""Documents of any langchain-core document loader.

Nothing of langchain is imported: what ``lazy_load()`` gives has ``page_content``, ``metadata`` and
perhaps ``id``, and that is all that is read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date as Day
from typing import Any, Protocol

from assay.corpora.filters import iso_day
from assay.corpora.loaders.field_map import (
    LABEL_CHARACTERS,
    Names,
    Problems,
    held_back,
    label,
    paragraphs,
    written,
)
from assay.corpora.loaders.loaded import Limits, Loaded, Unreadable
from assay.pipeline.errors import AssayError
from assay.pipeline.words import Scalar


class LangchainDocument(Protocol):
    """What is read of a document of langchain-core."""

    @property
    def page_content(self) -> str:
        """Its text."""

    @property
    def metadata(self) -> dict[Any, Any]:
        """What its loader says of it."""


def loaded_of(
    documents: Iterable[LangchainDocument], *, limits: Limits | None = None
) -> Iterator[Loaded]:
    """The documents of a loader, one at a time.

    ``page`` in the metadata counts from 0 in langchain's loaders and becomes a place that counts
    from 1; ``page_number`` is taken as it stands. ``title`` and ``date`` are taken where they are
    a text and an ISO date. Flat values become labels; the others are said in ``problems``.

    Args:
        documents: ``loader.lazy_load()``, or a list of documents.
        limits: a longer text is cut at ``characters``, and said; None for the usual ones.

    Yields:
        One for each that has text, with the document's id or ``document-n``.

    Raises:
        Unreadable: where the loader itself fails; what came before was yielded.

    >>> from types import SimpleNamespace
    >>> page = SimpleNamespace(page_content="Three weeks.", metadata={"page": 0, "by": "Ann"})
    >>> [(one.text, one.id, one.blocks[0].place) for one in loaded_of([page])]
    [('Three weeks.', 'document-1', {'page': 1})]
    """
    problems, names = Problems(), Names()
    return held_back(_each(documents, limits or Limits(), names, problems), problems)


def _each(
    documents: Iterable[LangchainDocument], limits: Limits, names: Names, problems: Problems
) -> Iterator[Loaded]:
    number = 0
    given = iter(documents)
    while True:
        number += 1
        try:
            document = next(given)
        except StopIteration:
            return
        except AssayError:
            raise
        except Exception as error:  # loaders raise classes of their own libraries, with no root
            raise Unreadable(
                f"document {number}: the langchain loader failed:"
                f" {type(error).__name__}: {str(error)[:200]}"
            ) from error
        one = _loaded(document, number, limits, names, problems)
        if one is not None:
            yield one


def _loaded(
    document: LangchainDocument, number: int, limits: Limits, names: Names, problems: Problems
) -> Loaded | None:
    where = f"document {number}"
    content = getattr(document, "page_content", None)
    if not isinstance(content, str):
        problems.add(f"{where}: expected 'page_content' with a text, found {content!r:.40}")
        return None
    text = written(content) or ""
    if not text.strip():
        problems.add(f"{where}: has no text; left out")
        return None
    if len(text) > limits.characters:
        problems.add(f"{where}: only the first {limits.characters} of {len(text)} characters read")
        text = text[: limits.characters]
    given = getattr(document, "metadata", None)
    metadata: Mapping[Any, Any] = given if isinstance(given, Mapping) else {}
    labels = dict(_labels(metadata, where, problems))
    wanted = getattr(document, "id", None)
    title, said = labels.get("title"), labels.get("date")
    return Loaded(
        text=text,
        blocks=tuple(paragraphs(text, _place(metadata))),
        title=" ".join(title.split()) if isinstance(title, str) else "",
        id=names.unique(str(wanted) if wanted else f"document-{number}", where, problems),
        date=iso_day(said) if isinstance(said, str) else None,
        metadata=labels,
        problems=problems.take(),
    )


def _labels(
    metadata: Mapping[Any, Any], where: str, problems: Problems
) -> Iterator[tuple[str, Scalar]]:
    for key, value in metadata.items():
        if value is None:
            continue
        found: Scalar | None = value.isoformat() if isinstance(value, Day) else None
        if found is None and not isinstance(value, list):
            found = label(value)
        if found is None:
            problems.add(
                f"{where}: metadata '{key!s:.60}' is a {type(value).__name__}, no text, number or"
                " truth value; left out"
            )
        elif isinstance(found, str) and len(found) > LABEL_CHARACTERS:
            problems.add(
                f"{where}: metadata '{key!s:.60}' has {len(found)} characters, at most"
                f" {LABEL_CHARACTERS} are kept; left out"
            )
        else:
            yield str(key), found


def _place(metadata: Mapping[Any, Any]) -> dict[str, Scalar]:
    page, numbered = metadata.get("page"), metadata.get("page_number")
    if isinstance(numbered, int) and not isinstance(numbered, bool):
        return {"page": numbered}
    if isinstance(page, int) and not isinstance(page, bool):
        return {"page": page + 1}
    return {}
