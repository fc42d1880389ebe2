"""The page on models: its files are right, its figures are computed as it says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from assay.corpora.local import LocalCorpus
from assay.models.files.catalogue import CATALOGUE
from assay.models.language_model import LanguageModel
from assay.models.protocols import CrossEncoder, Embedder, SparseEncoder
from assay.pipeline import registry
from assay.pipeline.source import read

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "models.md").read_text(encoding="utf-8")
KINDS = (LanguageModel, Embedder, CrossEncoder, SparseEncoder, LocalCorpus)


def resources() -> list[tuple[str, dict[str, Any]]]:
    found = []
    for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL):
        found += [(name, said) for name, said in read(block, "models.md").data["resources"].items()]
    return found


def plain(value: Any) -> Any:
    if isinstance(value, dict) and set(value) == {"env"}:
        return SecretStr("from the environment")
    return {key: plain(one) for key, one in value.items()} if isinstance(value, dict) else value


@pytest.mark.parametrize(("name", "said"), resources())
def test_every_model_in_the_page_is_one_that_a_file_may_name(
    name: str, said: dict[str, Any], tmp_path: Path
) -> None:
    component = registry.find(said["use"])
    config = component.Config.model_validate(
        plain(said.get("config", {})), context={"base": tmp_path}
    )
    made = component(config, **dict.fromkeys(said.get("resources", ())))
    assert isinstance(made, KINDS), name


def test_every_engine_that_files_can_name_is_in_the_page() -> None:
    tests_only = {"echo", "echo_reader", "hash_embedder", "table_language_model"}
    tests_only |= {"word_sparse_encoder"}
    tests_only |= {f"{name}_cross_encoder" for name in ("overlap", "oracle", "biased")}
    for name in registry.names():
        if name.startswith("models.") and name[7:].partition("@")[0] not in tests_only:
            assert f"`{name}`" in PAGE


def test_the_memory_in_the_page_is_computed_from_the_parameters() -> None:
    rows = re.findall(r"\| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \|$", PAGE, re.MULTILINE)
    assert len(rows) == 14
    for parameters, four, sixteen in rows:
        assert abs(float(parameters) * 0.6 - float(four)) <= 0.05001
        assert abs(float(parameters) * 2.0 - float(sixteen)) <= 0.05001


def test_keys_and_commands_that_the_page_names_exist() -> None:
    for key in re.findall(r"assay\s+models pull ([a-z][\w.-]+)`", PAGE):
        assert key in CATALOGUE
    for page in ("README.md", "docs/architecture.md"):
        assert "docs/models.md" in (ROOT / page).read_text(encoding="utf-8")
