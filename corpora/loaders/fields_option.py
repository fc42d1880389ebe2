"""The field map of JSON and CSV files as a person types it on the command line."""

from __future__ import annotations

from assay.corpora.loaders.field_map import KEYS, field_map
from assay.pipeline.errors import UsageError, nearest


def read_fields(typed: str) -> dict[str, object]:
    """The options of ``field_map`` that ``--fields`` stands for.

    Args:
        typed: such as ``text=body,title=name``; several paths for one field with ``+`` between.

    Raises:
        UsageError: for an unknown field, a field that stands twice, one without a path, or
            where no field is the text.

    Returns:
        The field map, and ``rows: documents``, which makes each row of a CSV file a record.

    >>> read_fields("text=question+answer, title=head.main")
    {'text': ('question', 'answer'), 'title': ('head.main',), 'rows': 'documents'}
    """
    found: dict[str, object] = {}
    for part in filter(None, (one.strip() for one in typed.split(","))):
        field, equals, paths = (word.strip() for word in part.partition("="))
        names = tuple(name for one in paths.split("+") if (name := one.strip()))
        if not equals or not names:
            raise UsageError(f"--fields: expected FIELD=KEY such as text=body, found '{part}'")
        if field not in KEYS:
            raise UsageError(f"--fields: unknown field '{field}'; {nearest(field, KEYS)}")
        if field in found:
            raise UsageError(f"--fields: '{field}' stands twice; write {field}=a+b for two keys")
        found[field] = names
    if "text" not in found:
        raise UsageError("--fields: say which key holds the text, such as text=body")
    field_map(found)
    return {**found, "rows": "documents"}
