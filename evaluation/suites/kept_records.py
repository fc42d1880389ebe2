"""Run records of one run on disk, each with a digest of what was asked."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from assay.evaluation.suites.suite import Record
from assay.pipeline.errors import DataError


@dataclass(frozen=True, slots=True)
class KeptRecords:
    """A file of run records.

    Args:
        file: one record a line; it need not be there yet.
        keys: question id to a digest of what is asked; a record under another digest is
            passed over.
    """

    file: Path
    keys: Mapping[str, str]

    def read(self) -> dict[str, Record]:
        """Records that hold, by question; failed questions are not among them.

        A last line that was cut off is taken away.

        Raises:
            DataError: if another line is damaged.
        """
        if not self.file.exists():
            return {}
        content = self.file.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        found: dict[str, Record] = {}
        for number, line in enumerate(whole.split(b"\n")[:-1], 1):
            try:
                written = json.loads(line)
                key, record = written["key"], written["record"]
                name, outcome = record["query_id"], record["outcome"]
            except (ValueError, KeyError, TypeError) as error:
                raise DataError(
                    f"{self.file}:{number} is damaged ({error}): remove the file to ask again"
                ) from error
            if self.keys.get(name) == key and outcome != "failed":
                found[name] = record
        if whole != content:
            self.file.write_bytes(whole)
        return found

    def add(self, records: Sequence[Record]) -> None:
        """Put records behind those that are there; they are on disk when this returns."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        lines = [
            json.dumps({"key": self.keys[one["query_id"]], "record": one}, allow_nan=False) + "\n"
            for one in records
        ]
        with self.file.open("a", encoding="utf-8") as stream:
            stream.write("".join(lines))


def slug(label: str) -> str:
    """A label as part of a file's name.

    >>> slug("typos one by swap")
    'typos-one-by-swap'
    """
    return re.sub(r"[^\w.-]+", "-", label).strip("-")[:60] or "run"
