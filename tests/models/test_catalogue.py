"""The catalogue is complete and consistent in itself."""

from __future__ import annotations

import hashlib
import re
import zipfile
from pathlib import Path

import pytest

from assay.models.files.catalogue import CATALOGUE, ENTRIES, CatalogueEntry, ModelFile, Part, find
from assay.models.files.store import ModelStore
from assay.models.flops import TransformerShape
from assay.pipeline.errors import ModelError, UsageError


def test_no_key_stands_twice() -> None:
    assert len(CATALOGUE) == len(ENTRIES)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.key)
def test_every_entry_names_plain_files_with_full_digests(entry: CatalogueEntry) -> None:
    for file in entry.files:
        assert all(re.fullmatch(r"\w[\w.-]*", part) for part in file.name.split("/"))
        assert re.fullmatch(r"[0-9a-f]{64}", file.sha256)
        assert all(re.fullmatch(r"[0-9][\w.]*", part.version) for part in file.parts)
    assert entry.weights.name.endswith((".onnx", ".gguf", ".safetensors"))
    assert entry.weights.required
    assert len({file.name for file in entry.files}) == len(entry.files)
    assert (entry.embedding is not None) == (entry.role == "embedder")


@pytest.mark.parametrize(
    "name", ["", "/etc/passwd", "../up", "a/../b", "a//b", ".hidden", "a/.b", "a\\b", "C:x", "a/"]
)
def test_a_file_that_could_lie_outside_of_its_folder_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="cannot be called"):
        ModelFile(name, "0" * 64, ())


def test_a_file_may_lie_in_a_folder_of_its_model() -> None:
    names = [file.name for file in find("all-minilm-l6-v2").files]
    assert "1_Pooling/config.json" in names and "config.json" in names


@pytest.mark.parametrize(
    ("key", "size"),
    [
        ("bge-small-en-v1.5-int8", 34_015_106),
        ("all-minilm-l6-v2", 90_868_376),
        ("ms-marco-minilm-l12-v2-int8", 34_001_604),
        ("qwen2.5-coder-0.5b-instruct-q4_k_m", 491_400_064),
        ("qwen2.5-coder-1.5b-instruct-q4_k_m", 1_117_320_768),
        ("smollm2-135m-instruct-q4_1", 98_362_432),
    ],
)
def test_the_parts_of_the_weights_add_up_to_the_published_size(key: str, size: int) -> None:
    assert find(key).weights.size == size


def test_a_size_for_people_is_in_decimal_megabytes() -> None:
    assert find("qwen2.5-coder-0.5b-instruct-q4_k_m").display_size == "491 MB"


def test_a_mistyped_key_gets_the_nearest_one() -> None:
    with pytest.raises(UsageError, match=r"did you mean 'bge-small-en-v1\.5-int8'"):
        find("bge-small-en-v1.5")


@pytest.mark.parametrize("packed", [True, False], ids=["an archive", "plain files"])
def test_files_of_one_name_in_two_folders_are_both_pulled_and_told_apart(
    tmp_path: Path, packed: bool
) -> None:
    contents = {"w.safetensors": b"w", "config.json": b"{}", "1_Pooling/config.json": b"{ }"}
    source = tmp_path / "source"
    source.mkdir()
    if packed:
        with zipfile.ZipFile(source / "tiny_nested-1.0-py3-none-any.whl", "w") as archive:
            for name, content in contents.items():
                archive.writestr(f"data/{name}", content)
    else:
        (source / "1_Pooling").mkdir()
        for name, content in contents.items():
            (source / name).write_bytes(content)
    files = tuple(
        ModelFile(
            name,
            hashlib.sha256(content).hexdigest(),
            (Part("tiny-nested", "1.0", f"data/{name}", len(content)),),
        )
        for name, content in contents.items()
    )
    entry = CatalogueEntry(
        "tiny", "embedder", "Tiny", "nested", "MIT", files, TransformerShape(1, 1, 1), 8
    )
    store = ModelStore(tmp_path / "cache", {"tiny": entry})
    place = store.pull("tiny", source=source)
    found = store.locate("tiny")
    for file in files:
        assert (place / file.name).read_bytes() == contents[file.name]
        assert found.sha256(place / file.name) == file.sha256
    (place / "1_Pooling" / "config.json").write_bytes(b"{}\n")
    with pytest.raises(ModelError, match="wrong bytes"):
        store.verify("tiny")
