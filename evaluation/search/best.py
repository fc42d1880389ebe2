"""The winner as a pipeline file of its own."""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from assay.evaluation.folder import write_file
from assay.evaluation.search.space import Settings, Space, applied
from assay.evaluation.search.workbench import Workbench
from assay.pipeline import Pipeline
from assay.pipeline.component import relative_to


def write_best(
    target: Path, bench: Workbench, space: Space, settings: Settings, remarks: Sequence[str]
) -> None:
    """Write the pipeline with settings in it, whole: nothing is included from elsewhere.

    Relative paths of the original are written so that they lead to the same place from the
    new file's folder. The certificate, which belongs to the original, is left out.

    Args:
        target: the file.
        bench: holds the original.
        space: of the search.
        settings: the winner's.
        remarks: comment lines at the top.
    """
    data = applied(bench.data, space, settings)
    data.pop("include", None)
    certificate = data.pop("certificate", None)
    built = bench.build(space, settings)
    folder = target.resolve().parent
    for section in ("resources", "nodes"):
        for name, entry in (data.get(section) or {}).items():
            if entry.get("config"):
                config = _config_of(built, section, name)
                entry["config"] = _moved(entry["config"], config, built.base, folder)
    lines = [f"# {one}" for one in remarks]
    if certificate is not None:
        lines.append(
            "# The certificate of the original is not taken over: 'assay calibrate run' makes one"
        )
        lines.append("# for this file once it names a place: certificate: {path: certificate.json}")
    text = yaml.safe_dump(
        data, sort_keys=False, default_flow_style=None, width=100, allow_unicode=True
    )
    target.parent.mkdir(parents=True, exist_ok=True)
    write_file(target, "\n".join(lines) + "\n" + text)


def _config_of(built: Pipeline, section: str, name: str) -> Any:
    return built.resources[name].config if section == "resources" else built.steps[name].node.config


def _moved(written: Mapping[str, Any], config: Any, base: Path, folder: Path) -> dict[str, Any]:
    """A config with its relative paths seen from another folder.

    A text is a path if the component has put the base before it, or if its field is
    called so (``path``, ``..._path``).
    """
    moved = copy.deepcopy(dict(written))
    for key, value in written.items():
        if not isinstance(value, str) or not value:
            continue
        try:
            there = relative_to(base, value)
        except ValueError:  # '~' before a name that is not known here
            continue
        resolved = getattr(config, key, None) == str(there) != value
        named = key == "path" or key.endswith("_path")
        if (resolved or named) and not (Path(value).is_absolute() or value.startswith("~")):
            moved[key] = Path(os.path.relpath(there.resolve(), folder)).as_posix()
    return moved
