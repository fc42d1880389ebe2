"""The last look at what leaves a node: is every passage one that the asker may read?

Corpora apply the scope inside their searches; this holds whatever a node or a corpus does wrong.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from assay.pipeline.errors import ScopeError
from assay.pipeline.words import Abstention, Answer, Passage, Ranking, Scope, Selection

HOLDERS = frozenset({Ranking, Selection, Answer, Abstention})
"""Types of outputs that hold passages."""


def require_readable(output: Any, reader: Scope, maker: str) -> None:
    """Nothing, where the reader may read every passage of an output.

    Args:
        output: one of ``HOLDERS``.
        reader: who asks.
        maker: the component that made it, for the message.

    Raises:
        ScopeError: naming the first passage that is not for this reader, never its text.
    """
    seen: Scope | None = None
    for passage in _passages(output):
        scope = passage.scope
        if scope is seen:  # the passages of one document share theirs
            continue
        if not scope.admits(reader):
            raise ScopeError(
                f"{maker} gave passage '{passage.id}' of tenant '{scope.tenant}' to a reader of"
                f" tenant '{reader.tenant}' who may not read it: this is a defect of {maker};"
                " nothing was answered"
            )
        seen = scope


def _passages(output: Any) -> Iterable[Passage]:
    match output:
        case Ranking():
            return (hit.passage for hit in output.hits)
        case Selection():
            dropped = (one.hit.passage for one in output.dropped)
            return (*(hit.passage for hit in output.kept), *dropped)
        case Answer() | Abstention():
            return output.evidence
        case _:
            return ()
