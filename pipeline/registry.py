"""Names to component classes, without importing what is not asked for.

A built-in ``rerank.cross_encoder@1`` lives in a module ``rerank/cross_encoder.py``
below one of the packages in ``ROOTS``; ``models.*`` and ``corpora.*`` live in those
folders themselves. Outside packages register classes through the entry-point
group ``assay.nodes``, under the full versioned name; what a program registers
itself (``register``, ``node``) is known in that program.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import re
from collections.abc import Iterator
from functools import lru_cache

from assay.pipeline.component import LOCAL, Component
from assay.pipeline.errors import UsageError, nearest

ROOTS = ("assay.stages", "assay.guards")
FOLDERS = ("assay.models", "assay.corpora")
ENTRY_POINT_GROUP = "assay.nodes"
NAME = re.compile(r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*(@[1-9][0-9]*)?")


def _submodules(package: str) -> Iterator[pkgutil.ModuleInfo]:
    spec = importlib.util.find_spec(package)
    if spec is not None and spec.submodule_search_locations:
        yield from pkgutil.iter_modules(spec.submodule_search_locations)


@lru_cache(maxsize=1)
def _modules() -> dict[str, str]:
    """``folder.method`` to module name, for every file that may hold a component."""
    found: dict[str, str] = {}
    folders = list(FOLDERS)
    for root in ROOTS:
        folders += [f"{root}.{module.name}" for module in _submodules(root) if module.ispkg]
    for folder in folders:
        for module in _submodules(folder):
            if not module.ispkg:
                found[f"{folder.rsplit('.', 1)[1]}.{module.name}"] = f"{folder}.{module.name}"
    return found


def _components(module_name: str) -> dict[str, type[Component]]:
    module = importlib.import_module(module_name)
    return {
        value.name: value
        for value in vars(module).values()
        if isinstance(value, type)
        and issubclass(value, Component)
        and value.name
        and value.__module__ == module_name
    }


@lru_cache(maxsize=1)
def _plugins() -> dict[str, type[Component]]:
    from importlib.metadata import entry_points

    return {point.name: point.load() for point in entry_points(group=ENTRY_POINT_GROUP)}


def names() -> list[str]:
    """Every registered name with its version; imports all component modules."""
    known = [name for module in _modules().values() for name in _components(module)]
    return sorted([*known, *_plugins()])


def find(name: str) -> type[Component]:
    """The class registered under a name; without ``@version``, version 1.

    Raises:
        UsageError: for a malformed or unknown name, with the nearest known one.
    """
    if not NAME.fullmatch(name):
        raise UsageError(f"'{name}' is no component name; expected <folder>.<method>@<version>")
    full = name if "@" in name else f"{name}@1"
    stem = full.split("@")[0]
    if stem in _modules():
        components = _components(_modules()[stem])
        if full in components:
            return components[full]
        if components:
            raise UsageError(f"unknown version '{full}'; {nearest(full, components)}")
    if full in LOCAL:
        return LOCAL[full]
    if full in _plugins():
        return _plugins()[full]
    raise UsageError(f"unknown component '{full}'; {nearest(full, [*names(), *LOCAL])}")
