"""What holds for the whole project: examples in docstrings, names, a light core."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

from assay.apps import examples
from assay.pipeline import build, build_text, registry

FOLDERS = (
    "pipeline", "models", "corpora", "stages", "guards", "evaluation", "training", "apps",
)  # fmt: skip


def modules() -> list[str]:
    found = []
    for folder in FOLDERS:
        package = importlib.import_module(f"assay.{folder}")
        found += [
            one.name for one in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
        ]
    return found


@pytest.mark.parametrize("name", modules())
def test_the_examples_in_docstrings_are_right(name: str) -> None:
    result = doctest.testmod(
        importlib.import_module(name), optionflags=doctest.NORMALIZE_WHITESPACE
    )
    assert result.failed == 0


def test_every_component_is_registered_under_the_name_of_its_file() -> None:
    names = registry.names()
    assert len(names) > 25
    for name in names:
        component = registry.find(name)
        folder, method = component.__module__.split(".")[-2:]
        assert name == f"{folder}.{method}@1"


def test_every_setting_of_every_component_says_what_it_means() -> None:
    for name in registry.names():
        for key, field in registry.find(name).Config.model_fields.items():
            assert field.description, f"{name}: '{key}' has no description"


def test_the_shipped_pipelines_have_no_error() -> None:
    files = sorted(examples.folder().rglob("*.yaml"))
    assert len(files) >= 3
    for file in files:
        assert build(file).output


def test_the_demo_takes_several_wordings_where_its_comment_says_so() -> None:
    text = (examples.folder() / "python-reference" / "pipeline.yaml").read_text()
    line = next(one for one in text.splitlines() if "reworded:" in one)
    more = text.replace(line, line.replace("#   ", "", 1), 1)
    head, tail = more.split("  fused:", 1)
    before, wired = head.split("  sparse:", 1)
    wired = wired.replace("inputs: {query: repaired}", "inputs: {query: reworded}")
    built = build_text(f"{before}  sparse:{wired}  fused:{tail}", name="x", base=Path())
    assert built.levels[1] == ("reworded",)


def test_the_core_pulls_no_model_library() -> None:
    heavy = ("torch", "transformers", "numpy", "onnxruntime", "langchain_core", "bm25s")
    code = f"import sys, assay.pipeline; print([one for one in {heavy} if one in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path.cwd()
    )
    assert done.stdout.strip() == "[]"
