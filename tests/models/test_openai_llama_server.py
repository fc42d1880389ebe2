"""The engines against a server that others wrote: llama-cpp-python's own."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from assay.models.language_model import Form, Generation
from assay.models.openai import OpenAi
from assay.models.openai_embedder import OpenAiEmbedder
from assay.models.prompt import Message
from assay.pipeline.context import RunContext
from assay.pipeline.errors import ModelError
from tests.models.llama_server import MODEL, llama_server

pytest.importorskip("openai")
pytestmark = pytest.mark.models


@pytest.fixture(scope="module")
def address(needs: Callable[[str], str]) -> Iterator[str]:
    needs(MODEL)
    with llama_server() as base_url:
        yield base_url


@pytest.fixture
def model(address: str, request: pytest.FixtureRequest) -> Iterator[OpenAi]:
    made = OpenAi(
        OpenAi.Config(
            **{"model": MODEL, "base_url": address, "context_tokens": 1024} | request.param
        )
    )
    made.start()
    yield made
    made.close()


def engine(**settings: Any) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("model", [settings], indirect=True)


@engine(api="completions", logprobs=5)
def test_it_writes_whole_and_in_pieces_alike(model: OpenAi) -> None:
    context = RunContext()
    whole = model.generate("The capital of France is", context, max_tokens=8)
    assert whole.text.startswith(" Paris")
    assert (whole.tokens_in, whole.tokens_out, whole.finish) == (5, 8, "length")
    assert whole.pieces is not None and "".join(one.text for one in whole.pieces) == whole.text
    assert "tokens_estimated" not in context.notes
    *pieces, last = model.stream("The capital of France is", context, max_tokens=8)
    assert isinstance(last, Generation)
    assert "".join(map(str, pieces)) == last.text == whole.text
    assert last.tokens_out == 8
    cut = model.generate("The capital of France is", context, max_tokens=8, stop=["."])
    assert cut.text == " Paris"


@engine(structured="json_object")
def test_a_conversation_is_answered_within_a_json_schema(model: OpenAi) -> None:
    schema = {
        "type": "object",
        "properties": {"city": {"type": "string", "maxLength": 12}},
        "required": ["city"],
    }
    prompt = (Message("system", "You answer in JSON."), Message("user", "Name a city."))
    whole = model.generate(prompt, RunContext(), max_tokens=60, form=Form(json_schema=schema))
    assert list(json.loads(whole.text)) == ["city"]
    assert whole.finish == "end"


@engine(api="completions", structured="llama_cpp")
def test_a_text_is_continued_within_a_grammar(model: OpenAi) -> None:
    form = Form(grammar='root ::= " maybe" | " perhaps"')
    whole = model.generate("Is it so?", RunContext(), max_tokens=20, form=form)
    assert whole.text in (" maybe", " perhaps")


@engine(api="completions", logprobs=20)
def test_the_next_token_has_the_probabilities_of_the_model(model: OpenAi) -> None:
    prompt = "The capital of France is"
    context = RunContext()
    found = model.next_token_logprobs([prompt, prompt], ["Paris", "London"], [context] * 2)
    whole = model.generate(prompt, RunContext(), max_tokens=1)
    assert whole.pieces is not None
    assert found[0, 0] >= whole.pieces[0].logprob > -1.0
    assert found[0, 0] > found[0, 1] + 2
    assert (found[0] == found[1]).all()
    assert context.cost.tokens_out == 2


@engine(api="completions", prompt_logprobs="echo")
def test_its_shifted_prompt_log_probabilities_are_refused(model: OpenAi) -> None:
    with pytest.raises(ModelError, match="wrong log-probabilities of a prompt"):
        model.sequence_logprobs([("The capital of France is", " Paris")], [RunContext()])


@engine(api="completions", context_tokens=100_000)
def test_a_prompt_that_the_server_refuses_comes_back_with_its_words(model: OpenAi) -> None:
    with pytest.raises(ModelError, match=r"status 400: .*maximum context length is 1024"):
        model.generate("a " * 2000, RunContext(), max_tokens=4)


def test_a_vector_for_each_token_is_refused_where_one_for_the_text_belongs(
    needs: Callable[[str], str],
) -> None:
    needs(MODEL)
    with llama_server(embedding=True) as address:
        model = OpenAiEmbedder(OpenAiEmbedder.Config(model=MODEL, base_url=address))
        with pytest.raises(ModelError, match=r"shape \(\d, 576\) for text 1.*one a token"):
            model.start()
