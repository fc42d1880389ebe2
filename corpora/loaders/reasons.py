"""Why a file was not read, in one line for the report."""

from __future__ import annotations

from collections.abc import Sequence

from assay.pipeline.errors import AssayError

TOLD = 3
"""Problems that are told as the reason where nothing at all was read."""


def reason_of(error: Exception, file: str) -> str:
    """What to tell of an exception, in one line."""
    if isinstance(error, FileNotFoundError):
        return "it vanished after the folder was listed"
    if isinstance(error, OSError):
        return f"cannot be read: {error.strerror or _said(error)}"
    if isinstance(error, AssayError):
        return without_name(str(error), file)
    return f"cannot be read, the parser failed: {_said(error)}"


def why_empty(problems: Sequence[str]) -> str:
    """Why nothing was found in a file that could be read, in one line."""
    more = f"; and {len(problems) - TOLD} more" if len(problems) > TOLD else ""
    return f"empty: {'; '.join(problems[:TOLD]) or 'it has no text'}{more}"


def without_name(sentence: str, file: str) -> str:
    """The sentence without the file's name at its beginning, which the report says already."""
    return _shown(sentence.removeprefix(f"{file}: "))


def _said(error: Exception) -> str:
    words = _shown(str(error)[:300])
    return f"{type(error).__name__}: {words}" if words else type(error).__name__


def _shown(sentence: str) -> str:
    """One line; what a terminal would obey, or cannot show, is the sign for unknown.

    A broken file may put its own words into a parser's message.
    """
    line = " ".join(sentence.split())
    return "".join(one if one.isprintable() else "\ufffd" for one in line)
