"""``assay models``: what a person and a program read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from assay.apps.main import cli
from assay.models.files.catalogue import CATALOGUE
from assay.pipeline.errors import UsageError


def call(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["models", *arguments])


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ASSAY_MODELS", str(tmp_path / "models"))
    return tmp_path


def mine(folder: Path) -> str:
    """A model of the hub, from files of this machine."""
    (folder / "model.gguf").write_bytes(b"weights")
    assert call("pull", "hf:maker/model@v1", "--from", str(folder / "model.gguf")).exit_code == 0
    return "hf:maker/model@v1"


def test_the_list_is_grouped_by_role_and_fits_a_terminal_of_80_columns(folder: Path) -> None:
    key = mine(folder)
    lines = call("list").output.splitlines()
    assert max(map(len, lines)) <= 80
    heads = [number for number, line in enumerate(lines) if not line.startswith(" ")]
    words = [lines[number].partition(":")[0] for number in heads]
    assert words == ["Embedders", "Cross-encoders", "Language models", "From the hub"]
    named = [lines[a:b] for a, b in zip(heads, [*heads[1:], None], strict=True)]
    for role, block in zip(("embedder", "cross_encoder", "language_model"), named, strict=False):
        keys = {line.split()[0] for line in block[1:] if not line.startswith("   ")}
        assert keys == {entry.key for entry in CATALOGUE.values() if entry.role == role}
        assert all(" - " in line for line in block[1:] if not line.startswith("   "))
    assert named[3][1].split()[0] == key and " here " in named[3][1]


def test_a_program_reads_the_same_as_json(folder: Path) -> None:
    key = mine(folder)
    rows = {row["key"]: row for row in json.loads(call("list", "--json").output)}
    assert rows.keys() == {*CATALOGUE, key}
    assert [row["key"] for row in rows.values() if row["here"]] == [key]
    assert (Path(rows[key]["path"]) / "model.gguf").read_bytes() == b"weights"
    for name, entry in CATALOGUE.items():
        assert (rows[name]["role"], rows[name]["bytes"]) == (entry.role, entry.size)


def test_verify_and_rm_know_models_of_the_hub(folder: Path) -> None:
    key = mine(folder)
    assert call("verify").output == f"{key}: right\n"
    assert call("rm", key).output == f"{key}: removed\n"
    assert call("rm", key).output == f"{key}: was not here\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ("smollm2-135m-instruct-q4_1", "--file", "a.gguf"),
        ("hf:a/b", "hf:c/d", "--file", "a.gguf"),
        ("hf:a/b#a.gguf", "--file", "b.gguf"),
    ],
)
def test_a_file_is_named_for_one_model_of_the_hub_only(arguments: tuple[str, ...]) -> None:
    error = call("pull", *arguments).exception
    assert isinstance(error, UsageError) and "--file goes with one model" in str(error)
