from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assay.models.openai_api.tokens import TokenCounter
from assay.models.openai_embedder import OpenAiEmbedder
from assay.pipeline.context import DeadlineExceeded, RunContext
from assay.pipeline.errors import ModelError, UsageError
from tests.models.faulty_server import FaultyServer, faulty_server, hang, says, status

pytest.importorskip("openai")


@pytest.fixture
def server() -> Iterator[FaultyServer]:
    with faulty_server() as running:
        yield running


@contextmanager
def engine(server: FaultyServer, **settings: Any) -> Iterator[OpenAiEmbedder]:
    config = {"model": "m", "base_url": server.base_url, "dimension": 3, **settings}
    model = OpenAiEmbedder(OpenAiEmbedder.Config(**config))
    model.start()
    try:
        yield model
    finally:
        model.close()


def unit(*numbers: float) -> Any:
    vector = np.asarray(numbers, dtype=np.float64)
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def test_vectors_are_unit_and_in_the_order_of_the_texts(server: FaultyServer) -> None:
    texts = ["a longer text", "b", "four"]
    contexts = [RunContext() for _ in texts]
    with engine(server, batch_size=2, identity="May") as model:
        found = model.embed_passages(texts, contexts)
        assert model.similarity == "cosine"
        assert model.embed_queries([], []).shape == (0, 3)
    assert found.dtype == np.float32
    for row, text in zip(found, texts, strict=True):
        assert row == pytest.approx(unit(len(text), 1, 0))
    batches = sorted(body["input"] for _, body in server.requests)  # they go out side by side
    assert batches == [["a longer text"], ["b", "four"]], "sorted by length, two at a time"
    assert [(one.cost.calls, one.cost.rounds) for one in contexts] == [(1, 1)] * 3
    assert [one.cost.tokens_in for one in contexts] == [5 + 2, 1 + 2, 2 + 2]
    assert contexts[0].notes == {"tokens_estimated": True}


def test_queries_and_passages_have_their_own_prefixes(server: FaultyServer) -> None:
    with engine(server, query_prefix="query: ", passage_prefix="passage: ") as model:
        model.embed_queries(["x"], [RunContext()])
        model.embed_passages(["x"], [RunContext()])
    assert [body["input"] for _, body in server.requests] == [["query: x"], ["passage: x"]]


def test_a_long_text_is_the_weighted_mean_of_its_windows_and_nothing_is_lost(
    server: FaultyServer,
) -> None:
    text = " ".join(f"word{number}" for number in range(30))
    server.vector = lambda one: [1.0, float(one.count("1")), float(len(one))]
    context = RunContext()
    with engine(server, max_tokens=30, passage_prefix="p: ") as model:
        (found,) = model.embed_passages([text], [context])
        _, long = model.embed_passages(["short", text], [context] * 2)
    sent = [one for _, body in server.requests[:1] for one in body["input"]]
    assert len(sent) > 2
    assert all(one.startswith("p: ") and len(one) <= 3 * 30 for one in sent)
    pieces = sorted((one.removeprefix("p: ") for one in sent), key=text.index)
    assert "".join(pieces) == text
    assert all(one.endswith(" ") for one in pieces[:-1]), "cut behind spaces"
    weights = [-(-len(one) // 3) for one in pieces]
    vectors = [unit(1, f"p: {one}".count("1"), len(one) + 3) for one in pieces]
    expected = sum(a * v.astype(np.float64) for a, v in zip(weights, vectors, strict=True))
    assert found == pytest.approx(expected / np.linalg.norm(expected), abs=1e-6)
    assert (long == found).all(), "whatever stands beside it"
    assert context.notes["texts_windowed"] == 2


def test_the_dimension_is_asked_for_only_where_it_is_not_given(server: FaultyServer) -> None:
    with engine(server) as model:
        assert model.dimension == 3
    assert not server.requests
    with engine(server, dimension=None) as model:
        assert model.dimension == 3
    assert len(server.requests) == 1
    cold = OpenAiEmbedder(OpenAiEmbedder.Config(model="m", base_url=server.base_url))
    with pytest.raises(ModelError, match=r"call start\(\) first"):
        _ = cold.dimension


def test_a_server_that_fails_at_the_start_leaves_nothing_open(server: FaultyServer) -> None:
    server.faults = [status(404, "no such model")]
    model = OpenAiEmbedder(OpenAiEmbedder.Config(model="m", base_url=server.base_url))
    with pytest.raises(ModelError, match=r"404.*no such model"):
        model.start()
    with pytest.raises(ModelError, match=r"call start\(\) first"):
        model.embed_queries(["x"], [RunContext()])


@pytest.mark.parametrize(
    ("data", "finding"),
    [
        ([{"embedding": [1, 0, 0]}], "1 vectors for 2 texts"),
        ("vectors", "no vectors for 2 texts"),
        ([{"embedding": [1, 0, 0]}, {"embedding": [1, 0]}], r"shape \(2,\) for text 2"),
        ([{"embedding": [1, 0, 0]}, {"embedding": [0, 0, 0]}], "without a direction.*text 2"),
        ([{"embedding": [float("nan"), 0, 0]}, {"embedding": [1, 0, 0]}], "direction.*text 1"),
        ([{"embedding": [1, 0, 0]}, {"embedding": "AAAA"}], "no list of numbers for text 2"),
        ([{"embedding": [1, 0, 0]}, {}], "text 2"),
        ([{"index": 0, "embedding": [1, 0, 0]}] * 2, "the numbers"),
        ([3, 4], "the numbers"),
    ],
)
def test_vectors_that_are_none_are_told_with_the_text_that_they_belong_to(
    server: FaultyServer, data: Any, finding: str
) -> None:
    server.faults = [says(json.dumps({"data": data}).encode())]
    with engine(server) as model, pytest.raises(ModelError, match=finding):
        model.embed_queries(["a", "bc"], [RunContext()] * 2)


def test_transient_failures_pass_and_the_deadline_holds(server: FaultyServer) -> None:
    server.faults = [status(429, retry_after="0"), status(500, retry_after="0")]
    with engine(server) as model:
        assert model.embed_queries(["a"], [RunContext()]).shape == (1, 3)
        server.faults = [hang]
        context = RunContext()
        context.deadline = context.clock() + 0.2
        with pytest.raises(DeadlineExceeded):
            model.embed_queries(["a"], [context])


def test_a_prefix_that_leaves_no_room_is_refused(server: FaultyServer) -> None:
    with (
        engine(server, max_tokens=16, query_prefix="q" * 60) as model,
        pytest.raises(UsageError, match=r"the prefix.*shorten it"),
    ):
        model.embed_queries(["a"], [RunContext()])


def test_batching_does_not_change_the_fingerprint_but_prefixes_do(server: FaultyServer) -> None:
    def print_of(**settings: Any) -> str:
        with engine(server, **settings) as model:
            return model.fingerprint()

    same = print_of()
    assert print_of(batch_size=1, retries=0, api_key=None) == same
    assert print_of(query_prefix="q: ") != same
    assert print_of(max_tokens=64) != same


def test_a_tokenizer_counts_and_cuts_by_its_own_tokens(
    server: FaultyServer, tmp_path: Path
) -> None:
    tokenizers = pytest.importorskip("tokenizers")
    words = {f"w{number}": number for number in range(50)} | {"[UNK]": 50}
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel(words, unk_token="[UNK]"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    made.save(str(tmp_path / "tokenizer.json"))
    text = " ".join(words)
    context = RunContext()
    config = OpenAiEmbedder.Config(
        model="m",
        base_url=server.base_url,
        dimension=3,
        max_tokens=22,
        tokenizer="tokenizer.json",
    )
    model = OpenAiEmbedder(config)
    assert list(model.prepare(tmp_path / "elsewhere")), "a missing file is found at the build"
    assert not list(model.prepare(tmp_path))
    model.start()
    model.embed_passages([text], [context])
    model.close()
    counter = TokenCounter(tmp_path / "tokenizer.json", "m")
    sent = server.requests[0][1]["input"]
    assert [counter.count(one) <= 20 for one in sent] == [True] * len(sent) and len(sent) >= 3
    assert context.cost.tokens_in == counter.count(text) + 2 * len(sent)
    assert "tokens_estimated" not in context.notes
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(ModelError, match=r"tokenizer\.json \("):
        TokenCounter(tmp_path / "tokenizer.json", "m")


@pytest.mark.parametrize("text", ["", "x", "€" * 400, "no space" * 50, " " * 500])
def test_windows_hold_the_whole_text_and_fit(text: str) -> None:
    counter = TokenCounter(None, "m")
    windows = counter.windows(text, 20)
    assert "".join(one.text for one in windows) == text
    assert all(one.tokens <= 20 for one in windows)
