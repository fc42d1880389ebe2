"""Every error that assay raises, in one tree.

::

    AssayError
    ├── UsageError            the caller's mistake: an argument, a question, a path
    ├── BuildError            a pipeline file that cannot be built; holds every problem
    ├── DataError             a data set, corpus or document that breaks its format
    ├── CertificateError      a certificate that is missing, void or tampered with
    └── WorldError            the world failed: worth another try after the named step
        ├── ModelError        a model file is missing, damaged or cannot be loaded
        ├── CorpusError       an index is missing, damaged or cannot be written
        └── NodeError         a node failed while a query ran; names node and input

A message says where it happened, what was expected, what was found, and the
next step.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass


class AssayError(Exception):
    """The root: catch this to catch everything that assay raises on purpose."""


class UsageError(AssayError):
    """The caller asked for something that cannot be done as asked."""


class DataError(AssayError):
    """Data on disk breaks its format; the message names file and line."""


class CertificateError(AssayError):
    """A certificate is missing, does not fit its pipeline, or was altered."""


class ScopeError(AssayError):
    """Something was about to reach a reader who may not read it; never caught, never retried."""


class WorldError(AssayError):
    """Something outside the program failed; the message names the next step."""


class ModelError(WorldError):
    """A model file is missing, damaged or cannot be loaded."""


class CorpusError(WorldError):
    """An index is missing, damaged or cannot be written."""


class NodeError(WorldError):
    """A node failed while a query ran.

    Args:
        node: the node's name in the pipeline.
        query_digest: first 12 hex digits of the query's digest (never its text).
        cause: the exception that the node raised; also the ``__cause__``.
    """

    def __init__(self, node: str, query_digest: str, cause: Exception) -> None:
        self.node = node
        self.query_digest = query_digest
        self.cause = cause
        super().__init__(
            f"node '{node}' failed on query {query_digest}: {type(cause).__name__}: {cause}"
        )


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing that is wrong in a pipeline file.

    Args:
        file: the file's path as the user gave it.
        line: line, counted from 1; 0 where it was not written in a file.
        column: column, counted from 1; 0 where it was not written in a file.
        message: what is wrong, what was expected and what to do.
    """

    file: str
    line: int
    column: int
    message: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return f"{place}: {self.message}"


class BuildError(AssayError):
    """A pipeline file cannot be built; ``problems`` holds every reason."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(set(problems)))
        count = len(self.problems)
        lines = "\n".join(str(problem) for problem in self.problems)
        super().__init__(f"{lines}\n{count} problem{'s' if count != 1 else ''} found")


def nearest(name: str, known: Iterable[str]) -> str:
    """A sentence that helps with a mistyped name.

    Args:
        name: what was written.
        known: what would have been right.

    Returns:
        ``"did you mean 'x'?"`` where one is close, else the list of known names.

    >>> nearest("retreive", ["retrieve", "rerank"])
    "did you mean 'retrieve'?"
    >>> nearest("zzz", ["b", "a"])
    'known: a, b'
    """
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1)
    if close:
        return f"did you mean '{close[0]}'?"
    return "known: " + (", ".join(names) if names else "none")
