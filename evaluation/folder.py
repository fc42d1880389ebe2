"""Files that appear whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from assay.pipeline.errors import UsageError
from assay.pipeline.files import write_atomically

MARK = "info.json"


def write_file(path: Path, text: str) -> None:
    """Write a text file atomically, in UTF-8."""
    write_atomically(path, text.encode())


def write_folder(folder: Path, files: Mapping[str, str]) -> None:
    """Write a folder of text files aside and swap it in.

    Args:
        folder: where; an older data set there (it has an ``info.json``) is replaced.
        files: name to content.

    Raises:
        UsageError: if the folder holds something else.
    """
    if folder.exists() and not (folder / MARK).is_file() and any(folder.iterdir()):
        raise UsageError(f"'{folder}' holds something that is no data set: choose another folder")
    folder.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        made = aside / "new"
        made.mkdir()
        for name, text in files.items():
            write_file(made / name, text)
        if folder.exists():
            os.replace(folder, aside / "old")
        os.replace(made, folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
