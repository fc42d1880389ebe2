"""The pipelines that come with the package, by name."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from assay.pipeline.errors import UsageError, nearest


def folder() -> Path:
    """The installed ``examples`` folder.

    Raises:
        UsageError: if this installation has none.
    """
    spec = importlib.util.find_spec("assay.examples")
    places = list(spec.submodule_search_locations or ()) if spec else []
    if not places:
        raise UsageError("this installation has no examples: install the package 'assay' again")
    return Path(places[0])


def names() -> list[str]:
    """Names of the shipped pipelines, such as ``own-documents``."""
    root = folder()
    return sorted(str(path.parent.relative_to(root)) for path in root.rglob("pipeline.yaml"))


def locate(pipeline: str) -> tuple[Path, Path]:
    """The file of a pipeline given by path or by shipped name, and its base folder.

    A file's relative paths are seen from its own folder; those of a shipped
    pipeline from the current folder, since nothing is written into the
    installation.

    Raises:
        UsageError: if there is neither a file nor a shipped pipeline of that name.
    """
    path = Path(pipeline)
    if path.is_file():
        return path, path.parent
    if path.is_dir() and (path / "pipeline.yaml").is_file():
        return path / "pipeline.yaml", path
    if not path.suffix and pipeline in names():
        return folder() / pipeline / "pipeline.yaml", Path()
    known = nearest(pipeline, names())
    raise UsageError(
        f"no pipeline file at {pipeline}, and no shipped pipeline has that name; {known}"
    )
