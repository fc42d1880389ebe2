"""The catalogue is complete and consistent in itself."""

from __future__ import annotations

import re

import pytest

from assay.models.catalogue import CATALOGUE, ENTRIES, CatalogueEntry, find
from assay.pipeline.errors import UsageError


def test_no_key_stands_twice() -> None:
    assert len(CATALOGUE) == len(ENTRIES)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.key)
def test_every_entry_names_plain_files_with_full_digests(entry: CatalogueEntry) -> None:
    for file in entry.files:
        assert re.fullmatch(r"[\w.-]+", file.name)
        assert re.fullmatch(r"[0-9a-f]{64}", file.sha256)
        assert all(re.fullmatch(r"[0-9][\w.]*", part.version) for part in file.parts)
    assert entry.weights.name.endswith((".onnx", ".gguf")) and entry.weights.required


@pytest.mark.parametrize(
    ("key", "size"),
    [
        ("bge-small-en-v1.5-int8", 34_015_106),
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
