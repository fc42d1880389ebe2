"""A question on its way into a labelled set, and the files in which steps are kept."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from assay.evaluation.folder import write_file
from assay.pipeline.errors import DataError

Kind = Literal["written", "asked", "swapped", "look_alike"]
"""Who made it: a model from a passage, a person, or a swap that makes it unanswerable (by
something that stands nowhere, or by something that stands elsewhere in the corpus)."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A question with everything that was found out about it.

    Args:
        id: unique in its build.
        text: the question.
        answers: accepted ones; none where it is unanswerable.
        answerable: whether the corpus holds the answer, as far as is known.
        kind: see ``Kind``.
        source: id of the passage that it was made from or that answers it, '' for none.
        evidence: what of that passage answers it, word for word.
        cluster: questions that share fate share this: the source's file.
        parent: the question that it is a swap of, '' for none.
        nuggets: the single facts that the answer needs.
        grades: passage id to 2 (every nugget), 1 (some) or 0 (none), of all that were judged.
        found: retriever to the source's place in its ranking, from 1; None for not found.
        flags: what its reviewer should look at.
        meta: further labels.
    """

    id: str
    text: str
    answers: tuple[str, ...]
    answerable: bool
    kind: Kind
    source: str = ""
    evidence: str = ""
    cluster: str = ""
    parent: str = ""
    nuggets: tuple[str, ...] = ()
    grades: Mapping[str, int] = field(default_factory=dict)
    found: Mapping[str, int | None] = field(default_factory=dict)
    flags: tuple[str, ...] = ()
    meta: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Candidate:
        """The way back.

        Raises:
            TypeError: if it holds other fields.
        """
        several = {name: tuple(data[name]) for name in ("answers", "nuggets", "flags")}
        return Candidate(**{**data, **several})


class Journal:
    """One step's results, a JSON object a line, each written when it is known.

    A line that was cut off when the build was stopped is taken away when the file is read.

    Args:
        path: where; need not exist.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._done = self._read()

    def get(self, key: str) -> Any:
        """What was found for a key; None where the step has not come to it."""
        return self._done.get(key)

    def put(self, key: str, value: Any) -> None:
        """Keep a result; it is on disk when this returns."""
        line = json.dumps({"key": key, "value": value}, ensure_ascii=False, allow_nan=False)
        with self._path.open("a", encoding="utf-8", errors="surrogatepass") as file:
            file.write(line + "\n")
        self._done[key] = value

    def _read(self) -> dict[str, Any]:
        if not self._path.exists():
            return {}
        text = self._path.read_text(encoding="utf-8", errors="surrogatepass")
        whole = text[: text.rfind("\n") + 1]
        found = {}
        for number, line in enumerate(whole.split("\n")[:-1], 1):
            try:
                record = json.loads(line)
                found[str(record["key"])] = record["value"]
            except (ValueError, KeyError, TypeError) as error:
                raise DataError(
                    f"{self._path}:{number} is damaged ({error}): remove the file, and the same"
                    " command makes it anew"
                ) from error
        if whole != text:
            write_file(self._path, whole)
        return found
