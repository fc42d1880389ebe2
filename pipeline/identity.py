"""What a component's outputs depend on beside its config: its code and its libraries."""

from __future__ import annotations

import ast
import hashlib
import inspect
import textwrap
from functools import lru_cache

from assay.pipeline.errors import UsageError

NUMERIC_LIBRARIES = ("numpy", "onnxruntime", "llama-cpp-python", "bm25s")
"""Libraries whose major.minor version is part of a pipeline's fingerprint."""


@lru_cache(maxsize=256)
def code_digest(component: type) -> str:
    """sha256 over the syntax tree of a class's module, without what outputs do not depend on.

    That is comments, docstrings and declarations that only the build reads. Of a
    component that is typed into a notebook, over its own source.

    Raises:
        UsageError: if it has no source at all, as in the plain interpreter.
    """
    tree = ast.parse(_source(component))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                node.body = node.body[1:] or [ast.Pass()]
        if isinstance(node, ast.ClassDef):
            node.body = [one for one in node.body if not _declares(one)] or [ast.Pass()]
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()


def _declares(statement: ast.stmt) -> bool:
    """Whether a statement of a class only tells the build about score kinds."""
    return (
        isinstance(statement, ast.Assign)
        and isinstance(statement.targets[0], ast.Name)
        and statement.targets[0].id in ("gives", "compares")
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
