"""The real embedding model: meaning, long texts, and independence of neighbours."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from assay.models.files.catalogue import CATALOGUE
from assay.models.files.store import default_store
from assay.models.onnx_embedder import OnnxEmbedder, OnnxEmbedderConfig
from assay.models.protocols import Embedder, Floats
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


def passages(embedder: Embedder, texts: Sequence[str], context: RunContext | None = None) -> Floats:
    return embedder.embed_passages(texts, [context or RunContext()] * len(texts))


def queries(embedder: Embedder, texts: Sequence[str], context: RunContext | None = None) -> Floats:
    return embedder.embed_queries(texts, [context or RunContext()] * len(texts))


def started(**settings: object) -> OnnxEmbedder:
    made = OnnxEmbedder(OnnxEmbedderConfig.model_validate(settings))
    made.start()
    return made


@pytest.fixture(scope="module")
def embedder(needs: Callable[[str], str]) -> Iterator[OnnxEmbedder]:
    needs(KEY)
    made = started()
    yield made
    made.close()


@pytest.mark.models
def test_a_text_has_the_same_vector_alone_and_among_others(embedder: OnnxEmbedder) -> None:
    together = passages(embedder, TEXTS)
    for text, vector in zip(TEXTS, together, strict=True):
        assert np.array_equal(passages(embedder, [text])[0], vector)


@pytest.mark.models
def test_vectors_have_length_one_and_the_promised_shape(embedder: OnnxEmbedder) -> None:
    vectors = queries(embedder, TEXTS)
    assert vectors.shape == (len(TEXTS), embedder.dimension) == (4, 384)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1.0, abs=1e-5)
    assert embedder.similarity == "cosine"
    assert queries(embedder, []).shape == (0, 384)


@pytest.mark.models
def test_a_paraphrase_is_nearer_than_a_text_about_something_else(embedder: OnnxEmbedder) -> None:
    query = queries(embedder, ["How do I put a list in order?"])[0]
    near, far = passages(embedder, TEXTS[:2]) @ query
    assert near > far + 0.1


@pytest.mark.models
def test_the_end_of_a_long_text_changes_its_vector_and_the_windows_are_counted(
    embedder: OnnxEmbedder,
) -> None:
    long = "Kettles boil water and whistle when they are done. " * 120
    context = RunContext()
    texts = [long, long + TEXTS[0] * 40, "short"]
    one, other, _ = passages(embedder, texts, context)
    assert context.cost.calls > 5
    assert context.notes == {"texts_windowed": 2}
    assert float(one @ other) < 0.99


@pytest.mark.models
@pytest.mark.parametrize("name", ["[CLS]", "[SEP]", "[PAD]", "[MASK]", "[UNK]"])
def test_names_of_special_tokens_in_a_text_are_words(embedder: OnnxEmbedder, name: str) -> None:
    tokenizer = embedder._loaded().tokenizer
    window = embedder._loaded().windows(f"a {name} b")[0]
    assert tokenizer.token_to_id(name) not in window.ids[1:-1]
    assert window.own >= 5  # the brackets are tokens of their own


@pytest.mark.models
def test_letters_and_half_surrogates_are_texts_too(embedder: OnnxEmbedder) -> None:
    vectors = passages(embedder, ["a", "\ud800 water", "? water", "\x00"])
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1.0, abs=1e-5)
    assert np.array_equal(vectors[1], vectors[2])


@pytest.mark.models
def test_each_request_pays_for_its_own_texts_of_a_shared_call(embedder: OnnxEmbedder) -> None:
    one, other = RunContext(), RunContext()
    embedder.embed_passages(["water", "kettle kettle", "water water"], [one, other, one])
    assert (one.cost.calls, one.cost.rounds, one.cost.tokens_in) == (2, 1, 7)
    assert (other.cost.calls, other.cost.rounds) == (1, 1)
    weights = 2 * 384 * 12 * (2 * 384 + 1536)
    assert one.cost.flops == 2 * weights * 7 + 4 * 12 * 384 * (9 + 16)


@pytest.mark.models
def test_a_call_stops_when_one_of_its_requests_is_over(embedder: OnnxEmbedder) -> None:
    over = RunContext(deadline=time.monotonic() - 1)
    alive = RunContext()
    with pytest.raises(DeadlineExceeded):
        embedder.embed_passages(TEXTS, [alive, alive, over, alive])


@pytest.mark.models
def test_a_text_of_ten_megabytes_stops_soon_after_its_deadline(embedder: OnnxEmbedder) -> None:
    text = "The kettle boils, and the water is poured. " * (10_000_000 // 43)
    begin = time.monotonic()
    with pytest.raises(DeadlineExceeded):
        passages(embedder, [text], RunContext(deadline=begin + 0.3))
    assert time.monotonic() - begin < 5


@pytest.mark.models
def test_the_fingerprint_knows_what_vectors_depend_on_but_not_threads(
    embedder: OnnxEmbedder,
) -> None:
    def of(**settings: object) -> str:
        made = started(**settings)
        try:
            return made.fingerprint()
        finally:
            made.close()

    prefix = CATALOGUE[KEY].embedding.query_prefix  # type: ignore[union-attr]
    same = of(threads=1, pooling="cls", query_prefix=prefix, passage_prefix="")
    assert same == embedder.fingerprint()
    others = [
        of(pooling="mean"),
        of(query_prefix=""),
        of(passage_prefix="x"),
        of(normalise=False),
        of(max_tokens=64),
    ]
    assert len({same, *others}) == 6


@pytest.mark.models
def test_the_catalogue_names_the_prefix_and_an_explicit_one_wins(embedder: OnnxEmbedder) -> None:
    prefix = "Represent this sentence for searching relevant passages: "
    plain, trained = started(query_prefix=""), started(query_prefix=prefix)
    by_hand = queries(plain, [prefix + TEXTS[0]])
    assert np.array_equal(queries(embedder, [TEXTS[0]]), by_hand)
    assert np.array_equal(queries(trained, [TEXTS[0]]), by_hand)
    assert not np.allclose(queries(plain, [TEXTS[0]]), by_hand, atol=1e-3)
    assert np.array_equal(passages(embedder, [TEXTS[0]]), queries(plain, [TEXTS[0]]))
    plain.close()
    trained.close()


@pytest.mark.models
def test_vectors_that_keep_their_length_point_the_same_way(embedder: OnnxEmbedder) -> None:
    raw = started(normalise=False)
    vectors = passages(raw, TEXTS)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    assert raw.similarity == "dot"
    assert (lengths > 1.5).all()
    assert np.allclose(vectors / lengths, passages(embedder, TEXTS), atol=1e-6)
    raw.close()


@pytest.mark.models
def test_more_tokens_than_the_model_reads_is_a_usage_error(needs: Callable[[str], str]) -> None:
    needs(KEY)
    with pytest.raises(UsageError, match="max_tokens is 513, but the model reads 512"):
        started(max_tokens=513)


@pytest.fixture
def copied(needs: Callable[[str], str], tmp_path: Path) -> Path:
    """The model as a user's own folder, which the catalogue knows nothing about."""
    place = default_store().locate(needs(KEY)).path
    for name in ("model.onnx", "tokenizer.json", "config.json"):
        (tmp_path / name).symlink_to(place / name)
    return tmp_path


@pytest.mark.models
def test_a_users_folder_is_pooled_as_its_files_say(copied: Path, embedder: OnnxEmbedder) -> None:
    with pytest.raises(UsageError, match="write 'pooling: cls' or 'pooling: mean'"):
        started(model=str(copied))
    (copied / "1_Pooling").mkdir()
    file = copied / "1_Pooling" / "config.json"
    file.write_text(json.dumps({"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}))
    mine = started(model=str(copied))
    assert np.array_equal(passages(mine, TEXTS), passages(embedder, TEXTS))
    assert np.array_equal(queries(mine, TEXTS), passages(embedder, TEXTS))  # no prefix is known
    mine.close()
    file.write_text(json.dumps({"pooling_mode": "weightedmean"}))
    with pytest.raises(ModelError, match=r"weightedmean.*known are cls and mean"):
        started(model=str(copied))


def test_a_folder_without_a_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="holds 0 files"):
        started(model=str(tmp_path))


def test_a_damaged_model_in_a_users_folder_is_a_model_error(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"junk")
    (tmp_path / "tokenizer.json").write_text("{}")
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ModelError, match="expected a JSON object with num_hidden_layers"):
        started(model=str(tmp_path))
    (tmp_path / "config.json").write_text(
        '{"num_hidden_layers": 1, "hidden_size": 8, "intermediate_size": 8,'
        ' "max_position_embeddings": 512}'
    )
    with pytest.raises(ModelError, match="cannot be loaded"):
        started(model=str(tmp_path))


def test_use_before_start_says_so() -> None:
    with pytest.raises(ModelError, match="call start"):
        queries(OnnxEmbedder(OnnxEmbedderConfig()), ["x"])


def test_a_mistyped_model_or_one_in_another_form_is_found_when_the_file_is_built() -> None:
    with pytest.raises(ValidationError, match=f"did you mean '{KEY}'"):
        OnnxEmbedderConfig(model="bge-small-en-v1.5")
    with pytest.raises(ValidationError, match=r"expected is one that ends \.onnx"):
        OnnxEmbedderConfig(model="all-minilm-l6-v2")


def test_the_registry_finds_it() -> None:
    assert find("models.onnx_embedder@1") is OnnxEmbedder
