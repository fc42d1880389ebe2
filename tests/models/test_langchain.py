"""langchain-core chat models and embeddings in the places of ours."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("langchain_core", reason="needs langchain-core: pip install 'assay[langchain]'")

from langchain_core.embeddings import DeterministicFakeEmbedding, Embeddings
from langchain_core.language_models import FakeListChatModel, GenericFakeChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from pydantic import SecretStr, ValidationError

from assay.models.langchain_chat import LangchainChat
from assay.models.langchain_embeddings import LangchainEmbeddings
from assay.models.langchain_settings import described, estimated_tokens
from assay.models.language_model import Form, Generation, LanguageModel, PromptTooLong
from assay.models.prompt import Message
from assay.models.protocols import Embedder
from assay.pipeline import Answer, Query, RunContext, Scope, build_text, registry
from assay.pipeline.context import DeadlineExceeded
from assay.pipeline.errors import BuildError, ModelError, UsageError


class Recorder(FakeListChatModel):
    """Keeps what it was asked with."""

    seen: list[dict[str, Any]] = []
    api_key: SecretStr = SecretStr("hush")

    def _generate(
        self, messages: list[BaseMessage], stop: list[str] | None = None, *rest: Any, **more: Any
    ) -> ChatResult:
        self.seen.append({"messages": messages, "stop": stop, **more})
        return super()._generate(messages, stop, *rest)

    def _stream(
        self, messages: list[BaseMessage], stop: list[str] | None = None, *rest: Any, **more: Any
    ) -> Iterator[ChatGenerationChunk]:
        self.seen.append({"messages": messages, "stop": stop, **more})
        return super()._stream(messages, stop, *rest)


class Counting(FakeListChatModel):
    """Has a tokenizer: a token a character."""

    def get_num_tokens(self, text: str) -> int:
        return len(text)


class Offline(FakeListChatModel):
    """Has a tokenizer whose files lie behind a network that is not there."""

    def get_num_tokens(self, text: str) -> int:
        raise ConnectionError("no route to host")


class Failing(FakeListChatModel):
    """Raises what no built-in exception is the parent of, as client libraries do."""

    class RateLimitError(Exception):
        pass

    def _generate(self, *_: Any, **__: Any) -> ChatResult:
        raise Failing.RateLimitError("slow down")

    def _stream(self, *_: Any, **__: Any) -> Iterator[ChatGenerationChunk]:
        yield ChatGenerationChunk(message=AIMessageChunk(content="one "))
        raise Failing.RateLimitError("slow down")


def chat(model: Any, *, context_length: int = 1000, **more: Any) -> LangchainChat:
    made = LangchainChat(model, context_length=context_length, **more)
    made.start()
    return made


def test_one_prompt_goes_in_as_one_user_message_and_its_answer_comes_back() -> None:
    model = Recorder(responses=["Yes, it is."], seen=[])
    written = chat(model).generate("Is it?", RunContext(), max_tokens=9, stop=["\n"])
    assert isinstance(chat(model), LanguageModel)
    assert (written.text, written.mean_logprob) == ("Yes, it is.", None)
    (call,) = model.seen
    assert [(one.type, one.content) for one in call["messages"]] == [("human", "Is it?")]
    assert call["stop"] == ["\n"]
    assert call["max_tokens"] == 9


def test_the_limit_goes_by_the_models_own_word_or_not_at_all() -> None:
    model = Recorder(responses=["a"], seen=[])
    chat(model, limit="num_predict").generate("x", RunContext(), max_tokens=7)
    chat(model, limit=None).generate("x", RunContext(), max_tokens=7)
    renamed, without = model.seen
    assert renamed["num_predict"] == 7 and "max_tokens" not in renamed
    assert not {"num_predict", "max_tokens"} & set(without)
    assert without["stop"] is None


def test_the_answer_ends_at_the_first_stop_string_though_the_model_goes_on() -> None:
    model = FakeListChatModel(responses=["one. two; three"])
    written = chat(model).generate("x", RunContext(), max_tokens=9, stop=["; ", "", ". "])
    assert written.text == "one"


def test_content_in_blocks_is_read_as_its_text() -> None:
    said = AIMessage(content=[{"type": "text", "text": "par"}, {"type": "text", "text": "ts"}])
    written = chat(GenericFakeChatModel(messages=iter([said]))).generate(
        "x", RunContext(), max_tokens=9
    )
    assert written.text == "parts"


def test_reported_usage_is_booked_and_nothing_is_marked() -> None:
    usage = {"input_tokens": 41, "output_tokens": 2, "total_tokens": 43}
    said = AIMessage(content="fine", usage_metadata=usage)
    context = RunContext()
    written = chat(GenericFakeChatModel(messages=iter([said]))).generate(
        "How?", context, max_tokens=9
    )
    assert (written.tokens_in, written.tokens_out) == (41, 2)
    cost = context.cost
    assert (cost.calls, cost.rounds, cost.tokens_in, cost.tokens_out) == (1, 1, 41, 2)
    assert context.notes == {}


def test_without_usage_the_models_own_tokenizer_counts() -> None:
    context = RunContext()
    model = chat(Counting(responses=["12345"]))
    model.generate("1234567", context, max_tokens=9)
    assert not model.estimates_tokens
    assert (context.cost.tokens_in, context.cost.tokens_out) == (7, 5)
    assert context.notes == {}


def test_token_ids_from_the_constructor_count_too() -> None:
    model = FakeListChatModel(responses=["a"], custom_get_token_ids=lambda text: [0] * len(text))
    assert chat(model).count_tokens("1234") == 4


@pytest.mark.parametrize("kind", [FakeListChatModel, Offline])
def test_without_a_tokenizer_that_answers_tokens_are_estimated_and_the_record_says_so(
    kind: type[FakeListChatModel], monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object) -> None:
        raise AssertionError("GPT-2's tokenizer must not be asked")

    monkeypatch.setattr("langchain_core.language_models.base.get_tokenizer", never)
    context = RunContext()
    model = chat(kind(responses=["answer"]))
    model.generate("a question", context, max_tokens=9)
    assert model.estimates_tokens
    assert (context.cost.tokens_in, context.cost.tokens_out) == (4, 2)
    assert context.notes == {"tokens_estimated": True}


@given(st.text(max_size=200))
def test_an_estimate_is_never_less_than_a_token_for_three_letters(text: str) -> None:
    assert estimated_tokens(text) >= len(text) / 3


def test_a_prompt_that_does_not_fit_is_refused_with_both_numbers_before_the_model_is_asked() -> (
    None
):
    model = Counting(responses=[])
    with pytest.raises(
        PromptTooLong, match=r"has 15 tokens and the answer may have 6, but .* 20 tog"
    ):
        chat(model, context_length=20).generate("x" * 15, RunContext(), max_tokens=6)
    with pytest.raises(PromptTooLong, match="has 15 tokens"):
        list(
            chat(FakeListChatModel(responses=[]), context_length=20).stream(
                "x" * 45, RunContext(), max_tokens=6
            )
        )


def test_whatever_the_model_raises_becomes_a_model_error() -> None:
    with pytest.raises(ModelError, match="RateLimitError: slow down") as caught:
        chat(Failing(responses=[])).generate("x", RunContext(), max_tokens=1)
    assert isinstance(caught.value.__cause__, Failing.RateLimitError)
    streamed = chat(Failing(responses=[])).stream("x", RunContext(), max_tokens=1)
    assert next(streamed) == "one "
    with pytest.raises(ModelError, match="RateLimitError: slow down"):
        next(streamed)


def test_a_conversation_goes_in_turn_by_turn_with_its_parts_joined() -> None:
    model = Recorder(responses=["a"], seen=[])
    turns = (
        Message("system", "Be brief."),
        Message("user", ("Passage. ", "Why?")),
        Message("assistant", "So."),
        Message("user", "And?"),
    )
    chat(model).generate(turns, RunContext(), max_tokens=3)
    chat(model).generate(("in ", "parts"), RunContext(), max_tokens=3)
    first, second = ([(one.type, one.content) for one in call["messages"]] for call in model.seen)
    assert first == [
        ("system", "Be brief."), ("human", "Passage. Why?"), ("ai", "So."), ("human", "And?"),
    ]  # fmt: skip
    assert second == [("human", "in parts")]


def test_a_turn_of_the_assistant_at_the_end_and_a_form_are_refused_before_the_model_is_asked() -> (
    None
):
    model = Recorder(responses=["a"], seen=[])
    open_turn = (Message("user", "Why?"), Message("assistant", "Because"))
    with pytest.raises(UsageError, match="turn of the assistant"):
        chat(model).generate(open_turn, RunContext(), max_tokens=3)
    for form, ability in ((Form(json_schema={}), "json_schema"), (Form(grammar="x"), "grammar")):
        with pytest.raises(UsageError, match=f"not able to give {ability}, only generate"):
            chat(model).generate("x", RunContext(), max_tokens=3, form=form)
    assert model.seen == []


def test_a_stream_gives_the_models_own_pieces_and_the_whole_at_the_end() -> None:
    model = Recorder(responses=["one. two"], seen=[])
    context = RunContext()
    *pieces, whole = chat(model).stream("Is it?", context, max_tokens=9)
    assert pieces == list("one. two")
    assert whole == chat(model).generate("Is it?", RunContext(), max_tokens=9)
    assert (context.cost.calls, context.cost.tokens_in, context.cost.tokens_out) == (1, 2, 3)
    assert model.seen[0] == model.seen[1]


def test_a_stream_holds_back_what_a_stop_string_may_take_and_ends_there() -> None:
    *pieces, whole = chat(FakeListChatModel(responses=["one. two"])).stream(
        "x", RunContext(), max_tokens=9, stop=[". t"]
    )
    assert pieces == ["o", "n", "e"]
    assert isinstance(whole, Generation)
    assert (whole.text, whole.finish) == ("one", "stop")


def test_a_cancelled_stream_ends_between_two_pieces_and_what_was_written_is_booked() -> None:
    context = RunContext()
    streamed = chat(Counting(responses=["12345"])).stream("1234567", context, max_tokens=9)
    assert next(streamed) == "1"
    context.cancelled.set()
    with pytest.raises(DeadlineExceeded):
        next(streamed)
    assert (context.cost.calls, context.cost.tokens_in, context.cost.tokens_out) == (1, 7, 1)


def test_the_temperature_and_the_seed_go_by_the_models_own_words_or_not_at_all() -> None:
    model = Recorder(responses=["a"], seen=[])
    asked = chat(model, temperature="heat", seed="seed")
    for draw in (0, 1, 0):
        asked.generate("x", RunContext(seed=5), max_tokens=7, temperature=0.5, draw=draw)
    chat(model).generate("x", RunContext(seed=5), max_tokens=7)
    first, second, again, plain = model.seen
    assert first["heat"] == 0.5 and not {"heat", "temperature", "seed"} & set(plain)
    assert first["seed"] == again["seed"] != second["seed"]
    with pytest.raises(UsageError, match="without a keyword for the temperature"):
        chat(model, temperature=None).generate("x", RunContext(), max_tokens=7, temperature=0.0)


@pytest.mark.parametrize("key", ["finish_reason", "stop_reason", "done_reason"])
def test_a_text_that_the_limit_cut_says_so(key: str) -> None:
    def finish(reason: str) -> str:
        said = AIMessage(content="cut of", response_metadata={key: reason})
        model = chat(GenericFakeChatModel(messages=iter([said])))
        return model.generate("x", RunContext(), max_tokens=9).finish

    assert [finish(one) for one in ("length", "max_tokens", "stop")] == ["length", "length", "end"]


def test_a_cancelled_request_does_not_reach_the_model() -> None:
    model = Recorder(responses=["a"], seen=[])
    gone = threading.Event()
    gone.set()
    with pytest.raises(DeadlineExceeded):
        chat(model).generate("x", RunContext(cancelled=gone), max_tokens=1)
    assert model.seen == []


def test_the_fingerprint_follows_settings_and_identity_and_not_use() -> None:
    def mark(responses: list[str], **more: Any) -> str:
        return chat(FakeListChatModel(responses=responses), **more).fingerprint()

    assert mark(["a"]) == mark(["a"])
    different = [
        mark(["a"]), mark(["b"]), mark(["a"], identity="may"), mark(["a"], limit=None),
        mark(["a"], context_length=99), chat(Counting(responses=["a"])).fingerprint(),
    ]  # fmt: skip
    assert len(set(different)) == len(different)
    used = chat(FakeListChatModel(responses=["a", "b"]))
    before = used.fingerprint()
    used.generate("x", RunContext(), max_tokens=1)
    assert used.fingerprint() == before


def test_settings_hold_no_secret_no_address_and_nothing_that_is_only_for_show() -> None:
    told = described(Recorder(responses=["a"], seen=[], name="x", tags=["y"]))
    assert told["settings"]["api_key"] == "pydantic.types.SecretStr"
    assert not {"name", "tags", "metadata", "callbacks", "cache"} & set(told["settings"])
    stream = described(GenericFakeChatModel(messages=iter([])))
    assert stream["settings"]["messages"] == "builtins.list_iterator"


@pytest.mark.parametrize(
    "wrap", [lambda one: LangchainChat(one, context_length=99), LangchainEmbeddings]
)
def test_what_is_no_langchain_object_is_refused_by_name(wrap: Callable[[Any], object]) -> None:
    with pytest.raises(UsageError, match=r"found builtins\.str"):
        wrap("gpt")


def test_without_langchain_core_the_message_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = FakeListChatModel(responses=[])
    monkeypatch.setitem(sys.modules, "langchain_core.language_models", None)
    with pytest.raises(UsageError, match=r"pip install 'assay\[langchain\]'"):
        LangchainChat(model, context_length=99)


def test_a_binding_around_a_chat_model_is_refused() -> None:
    with pytest.raises(UsageError, match="RunnableBinding"):
        LangchainChat(FakeListChatModel(responses=[]).with_config(), context_length=99)  # type: ignore[arg-type]


def test_a_window_of_no_tokens_is_refused() -> None:
    with pytest.raises(ValidationError, match="context_tokens"):
        LangchainChat(FakeListChatModel(responses=[]), context_length=0)


# -- embeddings ---------------------------------------------------------------


class Odd(Embeddings):
    """Gives back the vectors that it was told to."""

    def __init__(self, vectors: list[list[float]]) -> None:
        self.vectors = vectors

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return self.vectors

    def embed_query(self, text: str) -> list[float]:
        return [3.0, 4.0]


def embedder(embeddings: Embeddings) -> LangchainEmbeddings:
    made = LangchainEmbeddings(embeddings)
    made.start()
    return made


def test_vectors_are_unit_and_point_where_the_embeddings_point() -> None:
    inner = DeterministicFakeEmbedding(size=12)
    mine = embedder(inner)
    texts = ["one", "two", "one"]
    vectors = mine.embed_passages(texts, [RunContext()] * 3)
    assert isinstance(mine, Embedder)
    assert mine.dimension == 12
    assert vectors.shape == (3, 12) and vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-6)
    raw = np.asarray(inner.embed_query("two"))
    assert np.allclose(vectors[1], raw / np.linalg.norm(raw), atol=1e-6)
    assert np.array_equal(vectors[0], vectors[2])
    assert np.array_equal(mine.embed_queries(texts, [RunContext()] * 3), vectors)


def test_no_texts_give_no_vectors() -> None:
    assert embedder(DeterministicFakeEmbedding(size=12)).embed_passages([], []).shape == (0, 12)


def test_costs_of_embedding_are_booked_and_marked_as_estimated() -> None:
    one, other = RunContext(), RunContext()
    mine = embedder(DeterministicFakeEmbedding(size=12))
    mine.embed_queries(["abc", "a", "abcd"], [one, other, one])
    assert (one.cost.calls, one.cost.rounds, one.cost.tokens_in) == (2, 1, 3)
    assert (other.cost.calls, other.cost.rounds, other.cost.tokens_in) == (1, 1, 1)
    assert one.notes == other.notes == {"tokens_estimated": True}


def test_a_call_of_embeddings_stops_when_one_of_its_requests_is_over() -> None:
    over = RunContext(deadline=-1.0)
    mine = embedder(DeterministicFakeEmbedding(size=12))
    for embed in (mine.embed_queries, mine.embed_passages):
        with pytest.raises(DeadlineExceeded):
            embed(["a", "b"], [RunContext(), over])


@pytest.mark.parametrize(
    ("vectors", "words"),
    [
        ([[1.0, 0.0]], r"shape \(1, 2\), expected \(2, 2\)"),
        ([[1.0], [1.0]], r"shape \(2, 1\), expected \(2, 2\)"),
        ([[1.0, 0.0], [1.0]], "ValueError"),
        ([[1.0, 0.0], [0.0, 0.0]], "no direction .* text 2 of 2"),
        ([[float("nan"), 0.0], [1.0, 0.0]], "no direction .* text 1 of 2"),
    ],
)
def test_vectors_that_cannot_be_used_are_an_error(vectors: list[list[float]], words: str) -> None:
    with pytest.raises(ModelError, match=words):
        embedder(Odd(vectors)).embed_passages(["a", "b"], [RunContext()] * 2)


def test_before_start_there_is_no_dimension() -> None:
    with pytest.raises(ModelError, match="call start"):
        _ = LangchainEmbeddings(DeterministicFakeEmbedding(size=3)).dimension


def test_embeddings_of_other_settings_have_another_fingerprint() -> None:
    def mark(size: int, **more: str) -> str:
        return LangchainEmbeddings(DeterministicFakeEmbedding(size=size), **more).fingerprint()

    assert len({mark(3), mark(4), mark(3, identity="x")}) == 3
    assert mark(3) == mark(3)


# -- in a pipeline --------------------------------------------------------------

FILE = """assay: 1
name: given
resources:
  writer: {use: given}
nodes:
  found: {use: toys.shown@1, inputs: {query: query}}
  said: {use: generate.llm@1, resources: {model: writer}, inputs: {query: query, selection: found}}
output: said
"""


def problems(text: str, **objects: Any) -> str:
    with pytest.raises(BuildError) as caught:
        build_text(text, name="p.yaml", base=Path("."), **objects)
    return str(caught.value)


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> None:
    from assay.pipeline import Node, Selection
    from tests.words import hit

    class Shown(Node):
        name = "toys.shown@1"

        def run(self, query: Query) -> Selection:
            return Selection(query, (hit("d#1", "A tuple is an immutable sequence."),))

    Shown.run.__annotations__.update(query=Query, **{"return": Selection})
    monkeypatch.setattr(registry, "_plugins", lambda: {"toys.shown@1": Shown})


@pytest.mark.usefixtures("shown")
def test_a_given_chat_model_writes_the_answer_of_a_pipeline() -> None:
    model = LangchainChat(
        FakeListChatModel(responses=["A tuple is an immutable sequence [1]."]), context_length=4000
    )
    built = build_text(FILE, name="p.yaml", base=Path("."), resources={"writer": model})
    with built as pipeline:
        record = pipeline.run(Query("What is a tuple?", Scope("local")))
        pipeline.fingerprint()
    assert isinstance(record.outcome, Answer)
    assert "immutable sequence" in record.outcome.text
    assert record.cost["said"].calls == 1
    assert record.stages["said"]["notes"]["tokens_estimated"] is True


@pytest.mark.usefixtures("shown")
def test_a_missing_a_wrong_and_a_needless_object_are_told_at_their_places() -> None:
    model = LangchainChat(FakeListChatModel(responses=[]), context_length=99)
    missing = problems(FILE)
    assert missing.startswith(
        'p.yaml:4:3: resource "writer" is given by the program: pass build(..., resources={"writer": ...})'
    )
    assert "1 problem found" in missing
    raw = problems(FILE, resources={"writer": FakeListChatModel(responses=[])})
    assert 'resource "writer" must be a Resource; build was given a FakeListChatModel' in raw
    other = problems(FILE, resources={"writer": embedder(DeterministicFakeEmbedding(size=3))})
    assert (
        "'model' of generate.llm@1 takes a LanguageModel; 'writer' is given.langchain_embeddings@1"
        in other
    )
    twice = problems(FILE, resources={"writer": model, "writre": model})
    assert "gives 'writre', which is not in the file; did you mean 'writer'?" in twice
    named = problems(FILE.replace("use: given", "use: models.echo@1"), resources={"writer": model})
    assert "write 'use: given' or give none" in named
    config = problems(
        FILE.replace("use: given", "use: given, config: {a: 1}"), resources={"writer": model}
    )
    assert "p.yaml:4:24: 'writer' is given by the program and takes no 'config'" in config


def test_the_registry_does_not_list_what_needs_an_object() -> None:
    assert not [name for name in registry.names() if "langchain" in name or "given" in name]


def test_none_of_the_core_is_imported_with_langchain() -> None:
    assert importlib.util.find_spec("langchain_core") is not None
    code = (
        "import sys, assay.pipeline, assay.pipeline.registry as r; r.names();"
        "print('langchain_core' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
