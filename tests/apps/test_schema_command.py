"""``assay schema``, as a shell runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from click.testing import CliRunner
from jsonschema import Draft202012Validator

from assay.apps.main import cli
from assay.pipeline import registry


def printed(target: Path, **environment: str) -> bytes:
    """What the command writes to a file that its output is turned into."""
    with target.open("wb") as stream:
        done = subprocess.run(
            [sys.executable, "-m", "assay.apps.main", "schema"],
            stdout=stream,
            stderr=subprocess.PIPE,
            env={**os.environ, **environment},
            check=True,
        )
    assert done.stderr == b""
    return target.read_bytes()


def test_the_schema_goes_to_a_file_and_nothing_else_does(tmp_path: Path) -> None:
    text = printed(tmp_path / "pipeline.schema.json").decode("ascii")
    schema = json.loads(text)
    Draft202012Validator.check_schema(schema)
    assert set(registry.names()) <= set(schema["$defs"])
    assert text == json.dumps(schema, indent=2, sort_keys=True) + "\n"


def test_every_process_prints_the_same_bytes(tmp_path: Path) -> None:
    first = printed(tmp_path / "a.json", PYTHONHASHSEED="1", PYTHONIOENCODING="utf-8")
    second = printed(tmp_path / "b.json", PYTHONHASHSEED="2", PYTHONIOENCODING="ascii")
    assert first == second


def test_the_command_is_listed_and_says_how_an_editor_finds_the_file() -> None:
    assert "schema" in CliRunner().invoke(cli, ["--help"]).output
    shown = CliRunner().invoke(cli, ["schema", "--help"]).output
    assert "yaml-language-server: $schema=" in shown
    assert "> pipeline.schema.json\n" in shown
