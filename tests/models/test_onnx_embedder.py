"""The real embedding model: meaning, long texts, and independence of neighbours."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from assay.models.onnx_embedder import OnnxEmbedder, OnnxEmbedderConfig
from assay.pipeline.context import DeadlineExceeded, RunContext
from assay.pipeline.errors import ModelError, UsageError
from assay.pipeline.registry import find

KEY = "bge-small-en-v1.5-int8"
TEXTS = (
    "A list can be sorted in place with its sort method.",
    "Kettles boil water. " * 8,
    "",
    "The reading room closes at noon on Saturdays, and the loan desk an hour before that.",
)


@pytest.fixture(scope="module")
def embedder(needs: Callable[[str], str]) -> Iterator[OnnxEmbedder]:
    needs(KEY)
    made = OnnxEmbedder(OnnxEmbedderConfig())
    made.start()
    yield made
    made.close()


@pytest.mark.models
def test_a_text_has_the_same_vector_alone_and_among_others(embedder: OnnxEmbedder) -> None:
    together = embedder.embed_passages(TEXTS, RunContext())
    for text, vector in zip(TEXTS, together, strict=True):
        assert np.array_equal(embedder.embed_passages([text], RunContext())[0], vector)


@pytest.mark.models
def test_vectors_have_length_one_and_the_promised_shape(embedder: OnnxEmbedder) -> None:
    vectors = embedder.embed_queries(TEXTS, RunContext())
    assert vectors.shape == (len(TEXTS), embedder.dimension) == (4, 384)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1.0, abs=1e-5)
    assert embedder.embed_queries([], RunContext()).shape == (0, 384)


@pytest.mark.models
def test_a_paraphrase_is_nearer_than_a_text_about_something_else(embedder: OnnxEmbedder) -> None:
    query = embedder.embed_queries(["How do I put a list in order?"], RunContext())[0]
    near, far = embedder.embed_passages(TEXTS[:2], RunContext()) @ query
    assert near > far + 0.1


@pytest.mark.models
def test_the_end_of_a_long_text_changes_its_vector(embedder: OnnxEmbedder) -> None:
    long = "Kettles boil water and whistle when they are done. " * 120
    context = RunContext()
    one, other = embedder.embed_passages([long, long + TEXTS[0] * 40], context)
    assert context.cost.calls > 4
    assert float(one @ other) < 0.99


@pytest.mark.models
def test_names_of_special_tokens_in_a_text_are_words(embedder: OnnxEmbedder) -> None:
    context = RunContext()
    embedder.embed_passages(["[CLS] [SEP] [PAD]"], context)
    assert context.cost.tokens_in > 5


@pytest.mark.models
def test_calls_tokens_and_operations_are_booked(embedder: OnnxEmbedder) -> None:
    context = RunContext()
    embedder.embed_passages(["water", "water water"], context)
    assert (context.cost.calls, context.cost.rounds, context.cost.tokens_in) == (2, 1, 7)
    weights = 2 * 384 * 12 * (2 * 384 + 1536)
    assert context.cost.flops == 2 * weights * 7 + 4 * 12 * 384 * (9 + 16)


@pytest.mark.models
def test_a_request_whose_time_is_up_stops(embedder: OnnxEmbedder) -> None:
    with pytest.raises(DeadlineExceeded):
        embedder.embed_passages(TEXTS, RunContext(deadline=time.monotonic() - 1))


@pytest.mark.models
def test_the_fingerprint_knows_pooling_and_prefix_but_not_threads(
    embedder: OnnxEmbedder,
) -> None:
    prints = []
    for config in (
        OnnxEmbedderConfig(threads=1),
        OnnxEmbedderConfig(pooling="mean"),
        OnnxEmbedderConfig(query_prefix="query: "),
    ):
        other = OnnxEmbedder(config)
        other.start()
        prints.append(other.fingerprint())
        other.close()
    assert prints[0] == embedder.fingerprint()
    assert len({embedder.fingerprint(), *prints[1:]}) == 3


@pytest.mark.models
def test_a_prefix_stands_before_queries_only(embedder: OnnxEmbedder) -> None:
    other = OnnxEmbedder(OnnxEmbedderConfig(query_prefix="Find passages: "))
    other.start()
    plain = embedder.embed_queries([TEXTS[0]], RunContext())
    by_hand = embedder.embed_queries(["Find passages: " + TEXTS[0]], RunContext())
    assert np.array_equal(other.embed_queries([TEXTS[0]], RunContext()), by_hand)
    assert np.array_equal(other.embed_passages([TEXTS[0]], RunContext()), plain)
    other.close()


@pytest.mark.models
def test_more_tokens_than_the_model_reads_is_a_usage_error(needs: Callable[[str], str]) -> None:
    needs(KEY)
    with pytest.raises(UsageError, match="max_tokens is 513, but the model reads 512"):
        OnnxEmbedder(OnnxEmbedderConfig(max_tokens=513)).start()


def test_a_folder_without_a_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="holds 0 files"):
        OnnxEmbedder(OnnxEmbedderConfig(model=str(tmp_path))).start()


def test_a_damaged_model_in_a_users_folder_is_a_model_error(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"junk")
    (tmp_path / "tokenizer.json").write_text("{}")
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ModelError, match="expected a JSON object with num_hidden_layers"):
        OnnxEmbedder(OnnxEmbedderConfig(model=str(tmp_path))).start()
    (tmp_path / "config.json").write_text(
        '{"num_hidden_layers": 1, "hidden_size": 8, "intermediate_size": 8,'
        ' "max_position_embeddings": 512}'
    )
    with pytest.raises(ModelError, match="cannot be loaded"):
        OnnxEmbedder(OnnxEmbedderConfig(model=str(tmp_path))).start()


def test_use_before_start_says_so() -> None:
    with pytest.raises(ModelError, match="call start"):
        OnnxEmbedder(OnnxEmbedderConfig()).embed_queries(["x"], RunContext())


def test_a_mistyped_model_is_found_when_the_file_is_built() -> None:
    with pytest.raises(ValidationError, match=f"did you mean '{KEY}'"):
        OnnxEmbedderConfig(model="bge-small-en-v1.5")


def test_the_registry_finds_it() -> None:
    assert find("models.onnx_embedder@1") is OnnxEmbedder
