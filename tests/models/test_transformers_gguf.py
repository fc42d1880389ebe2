"""A GGUF file in the transformers engine: as llama.cpp reads it, within the numbers' tolerance."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from assay.models.llama_cpp import LlamaCpp, LlamaCppConfig
from assay.models.prompt import Message, Prompt
from assay.models.transformers import TransformersConfig, TransformersModel
from assay.pipeline.context import RunContext

KEY = "smollm2-135m-instruct-q4_1"
PROMPT = "The library opens at nine and closes at five. Question: When does it open?\nAnswer:"
CHAT = (Message("user", "What is the capital of France?"),)
SHORT: list[tuple[Prompt, str]] = [
    (PROMPT, " It opens at nine."),
    (PROMPT, " In 2024, at 365 o'clock"),
    (CHAT, "Paris"),
]
LONG: list[tuple[Prompt, str]] = [
    ("The", " capital of France is Paris, which lies on the river Seine. It is a large city."),
    ("Water", " boils at 100 degrees Celsius at sea level, but on a mountain it boils at less."),
]
"""llama.cpp rounds activations to 8 bits, which moves single tokens and evens out over many."""

pytestmark = pytest.mark.models


@pytest.fixture(scope="module")
def model(needs: Callable[[str], str]) -> Iterator[TransformersModel]:
    for library in ("torch", "transformers", "gguf", "accelerate"):
        pytest.importorskip(library, reason="needs the extra torch")
    made = TransformersModel(
        TransformersConfig(model=needs(KEY), context_tokens=512, device="cpu", dtype="float32")
    )
    made.start()
    yield made
    made.close()


def test_scores_and_text_agree_with_llama_cpp(model: TransformersModel) -> None:
    pytest.importorskip("llama_cpp", reason="needs the extra llama")
    other = LlamaCpp(LlamaCppConfig(model=KEY, context_tokens=512))
    other.start()
    contexts = [RunContext()] * 3
    for pairs, tolerance in ((SHORT, 0.6), (LONG, 0.05)):
        ours = model.sequence_logprobs(pairs, contexts[: len(pairs)])
        theirs = other.sequence_logprobs(pairs, contexts[: len(pairs)])
        for one, two in zip(ours, theirs, strict=True):
            assert one.tokens == two.tokens
            assert one.mean == pytest.approx(two.mean, abs=tolerance)
    candidates = ["nine", "five", "It"]
    (one,) = model.next_token_logprobs([PROMPT], candidates, contexts[:1])
    (two,) = other.next_token_logprobs([PROMPT], candidates, contexts[:1])
    assert one.argsort().tolist() == two.argsort().tolist()
    # llama.cpp alone moves these by 0.5 when it reads the prompt token by token.
    np.testing.assert_allclose(one, two, atol=1.6)
    other.close()


def test_it_answers_in_words(model: TransformersModel) -> None:
    written = model.generate(CHAT, RunContext(), max_tokens=12)
    assert "Paris" in written.text


def test_the_same_weights_keep_their_shape_from_the_catalogue(model: TransformersModel) -> None:
    from assay.models.files.catalogue import find

    assert model._shape() == find(KEY).shape
