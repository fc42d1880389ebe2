"""Files that are written whole or not at all, and the folder for what can be made anew."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path


def write_atomically(path: Path, data: bytes) -> None:
    """Replace ``path`` by ``data``; folders above it are made.

    Raises:
        OSError: if it cannot be written; the old file is then untouched.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(draft, 0o644)
        os.replace(draft, path)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise


def cache_path(
    name: str,
    variable: str,
    environment: Mapping[str, str] = os.environ,
    platform: str = sys.platform,
) -> Path:
    """Where something lies that can be made anew: as a variable says, else in the user's cache.

    Args:
        name: of the file or folder.
        variable: the environment variable that overrides it.
        environment: variables to look at.
        platform: as ``sys.platform`` has it.
    """
    if environment.get(variable):
        return Path(environment[variable]).expanduser().absolute()
    home = Path("~").expanduser()
    if platform == "win32":
        base = Path(environment.get("LOCALAPPDATA") or home / "AppData" / "Local")
        return base / "assay" / "Cache" / name
    if platform == "darwin":
        return home / "Library" / "Caches" / "assay" / name
    named = environment.get("XDG_CACHE_HOME") or ""
    base = Path(named) if os.path.isabs(named) else home / ".cache"
    return base / "assay" / name
