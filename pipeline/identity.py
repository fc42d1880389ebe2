"""What a pipeline's outputs depend on: code, config, wiring, models, indexes, libraries."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import inspect
import textwrap
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from assay.pipeline.errors import UsageError

if TYPE_CHECKING:
    from assay.pipeline.graph import Pipeline

NUMERIC_LIBRARIES = (
    "numpy",
    "onnxruntime",
    "llama-cpp-python",
    "bm25s",
    "faiss-cpu",
    "rank-bm25",
    "tantivy",
)
"""Libraries whose major.minor version is part of a pipeline's fingerprint."""


def parts_of(pipeline: Pipeline) -> dict[str, Any]:
    """Everything that a started pipeline's outputs depend on, by name."""
    thresholds = {tuple(target.split(".", 1)) for target in pipeline.thresholds.values()}
    nodes = {}
    for name, step in pipeline.steps.items():
        config = step.node.config.model_dump(mode="json")
        open_config = {key: value for key, value in config.items() if (name, key) not in thresholds}
        how = step.how()
        inner = step.node.parts()
        nodes[name] = (
            how
            | ({"inner": dict(inner)} if inner else {})
            | {
                "use": step.node.name,
                "code": code_digest(type(step.node)),
                "config": open_config,
                "inputs": {
                    port: dict(feed) if isinstance(feed, Mapping) else feed
                    for port, feed in step.inputs.items()
                },
                "resources": dict(step.resources),
            }
        )
    resources = {
        name: {
            "use": resource.name,
            "code": code_digest(type(resource)),
            "fingerprint": resource.fingerprint(),
            "resources": dict(pipeline.resource_uses[name]),
        }
        for name, resource in pipeline.resources.items()
    }
    return {
        "nodes": nodes,
        "resources": resources,
        "output": pipeline.output,
        "thresholds": dict(pipeline.thresholds),
        "libraries": {name: minor(name) for name in NUMERIC_LIBRARIES},
    }


@lru_cache(maxsize=256)
def code_digest(component: type) -> str:
    """sha256 over the syntax trees of a class's module and of those near it that it imports.

    Near it is in the same folder or below. What lies elsewhere has components and fingerprints of
    its own, unless it says ``COMPUTES = True``: such a module is part of whatever imports it, with
    those near it that it imports. A folder whose ``__init__.py`` says ``COMPUTES = False`` is left
    out, and so are comments, docstrings and declarations that only the build reads. Of a component
    that is typed into a notebook, over its own source.

    Raises:
        UsageError: if it has no source at all, as in the plain interpreter.
    """
    own = component.__module__
    return _digest(own, _trees(own, ast.parse(_source(component))))


@lru_cache(maxsize=256)
def module_digest(name: str) -> str:
    """The same of a module that a component picks by its config, such as a template.

    A component that does so tells this in ``parts`` or in its fingerprint.

    Args:
        name: full name of the module.
    """
    source = inspect.getsource(importlib.import_module(name))
    return _digest(name, _trees(name, ast.parse(source)))


def _digest(own: str, trees: Mapping[str, ast.Module]) -> str:
    """sha256 over the trees, the module's own first."""
    whole = hashlib.sha256(ast.dump(_bare(trees[own])).encode())
    for name, tree in sorted(trees.items()):
        if name != own:
            whole.update(f"\n{name}\n{ast.dump(_bare(tree))}".encode())
    return whole.hexdigest()


def _trees(own: str, tree: ast.Module) -> dict[str, ast.Module]:
    """The syntax tree of each module that a module is made of, itself among them, by name."""
    trees = {own: tree}
    waiting = [own] if "." in own else []
    while waiting:
        name = waiting.pop()
        for other in _imported(trees[name], folder=name.rpartition(".")[0]):
            if other not in trees:
                trees[other] = ast.parse(inspect.getsource(importlib.import_module(other)))
                waiting.append(other)
    return trees


def _imported(tree: ast.Module, *, folder: str) -> set[str]:
    """Full names of the modules that a module imports, wherever in it, and that count with it."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    near = {one for one in names if one.startswith(f"{folder}.") and _is_module(one)}
    return near | {one for one in names - near if one.startswith("assay.") and _computes(one)}


def _computes(name: str) -> bool:
    """Whether a name is that of a module which counts wherever it is imported."""
    return _is_module(name) and getattr(importlib.import_module(name), "COMPUTES", False) is True


def _is_module(name: str) -> bool:
    """Whether a name is that of a module that computes, not of a folder or of a thing in one."""
    package = importlib.import_module(name.rpartition(".")[0])
    if not hasattr(package, "__path__") or not getattr(package, "COMPUTES", True):
        return False
    found = importlib.util.find_spec(name)
    return found is not None and found.submodule_search_locations is None


def _bare(tree: ast.Module) -> ast.Module:
    """A tree without docstrings and without what only the build reads."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                node.body = node.body[1:] or [ast.Pass()]
        if isinstance(node, ast.ClassDef):
            node.body = [one for one in node.body if not _declares(one)] or [ast.Pass()]
    return tree


def _declares(statement: ast.stmt) -> bool:
    """Whether a statement of a class only tells the build what it may join."""
    return (
        isinstance(statement, ast.Assign)
        and isinstance(statement.targets[0], ast.Name)
        and statement.targets[0].id in ("gives", "compares", "needs")
    )


def _source(component: type) -> str:
    own = getattr(component, "function", component)
    for where in (inspect.getmodule(component), own):
        try:
            return textwrap.dedent(inspect.getsource(where))  # type: ignore[arg-type]
        except (OSError, TypeError):
            continue
    raise UsageError(
        f"{component.__name__} has no source to take a fingerprint of: define it in a file"
    )


def minor(library: str) -> str | None:
    """Major and minor version of an installed library; None where it is missing."""
    import importlib.metadata

    try:
        return ".".join(importlib.metadata.version(library).split(".")[:2])
    except importlib.metadata.PackageNotFoundError:
        return None
