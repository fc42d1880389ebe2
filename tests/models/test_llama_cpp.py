"""A real small language model: prefix reuse, plain text, limits, cancellation, silence."""

from __future__ import annotations

import importlib.util
import math
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from assay.models.llama_cpp import CHUNK, LlamaCpp, LlamaCppConfig
from assay.pipeline.context import DeadlineExceeded, RunContext
from assay.pipeline.errors import ModelError, UsageError
from assay.pipeline.registry import find

KEY = "smollm2-135m-instruct-q4_1"
PREFIX = "The library opens at nine and closes at five. Members may borrow three books. " * 12
engine_missing = pytest.mark.skipif(
    importlib.util.find_spec("llama_cpp") is None, reason="llama-cpp-python is not installed"
)


@pytest.fixture(scope="module")
def model(needs: Callable[[str], str]) -> Iterator[LlamaCpp]:
    if importlib.util.find_spec("llama_cpp") is None:
        pytest.skip("llama-cpp-python is not installed")
    needs(KEY)
    made = LlamaCpp(LlamaCppConfig(model=KEY, context_tokens=1024))
    made.start()
    yield made
    made.close()


@pytest.mark.models
def test_an_answer_is_the_same_whatever_was_asked_before(model: LlamaCpp) -> None:
    prompt = PREFIX + "\nQuestion: When does it open?\nAnswer:"
    model.generate("Something else.", RunContext(), max_tokens=1)
    cold_context, warm_context = RunContext(), RunContext()
    cold = model.generate(prompt, cold_context, max_tokens=16)
    again = model.generate(prompt, RunContext(), max_tokens=16)
    model.generate(PREFIX + "\nQuestion: How many?\nAnswer:", RunContext(), max_tokens=9)
    warm = model.generate(prompt, warm_context, max_tokens=16)
    assert cold == again == warm
    assert cold.tokens_in > CHUNK
    assert warm_context.cost.flops < 0.7 * cold_context.cost.flops
    assert warm_context.cost.tokens_in == cold_context.cost.tokens_in


@pytest.mark.models
def test_generated_tokens_are_never_reused_as_prompt(model: LlamaCpp) -> None:
    first = model.generate(PREFIX, RunContext(), max_tokens=CHUNK + 40)
    prompt = PREFIX + first.text + " And"
    warm = model.generate(prompt, RunContext(), max_tokens=8)
    model.generate("Something else.", RunContext(), max_tokens=1)
    assert warm == model.generate(prompt, RunContext(), max_tokens=8)


@pytest.mark.models
@pytest.mark.parametrize("control", ["<|im_start|>", "<|im_end|>", "<|endoftext|>"])
def test_names_of_control_tokens_are_read_as_letters(model: LlamaCpp, control: str) -> None:
    assert model.count_tokens(control) > 3


@pytest.mark.models
def test_text_ends_before_the_stop_string(model: LlamaCpp) -> None:
    free = model.generate("One, two, three, four,", RunContext(), max_tokens=12)
    assert "," in free.text
    stopped = model.generate("One, two, three, four,", RunContext(), max_tokens=12, stop=(",",))
    assert stopped.text == free.text.split(",")[0]
    assert stopped.tokens_out < free.tokens_out


@pytest.mark.models
def test_the_mean_log_probability_is_that_of_confident_greedy_choices(model: LlamaCpp) -> None:
    sure = model.generate("1, 2, 3, 4, 5, 6, 7, 8,", RunContext(), max_tokens=4)
    vague = model.generate("My", RunContext(), max_tokens=4)
    assert sure.mean_logprob is not None and vague.mean_logprob is not None
    assert vague.mean_logprob < sure.mean_logprob < 0
    assert vague.mean_logprob > -math.log(49_152)


@pytest.mark.models
def test_a_prompt_that_does_not_fit_is_refused_with_both_numbers(model: LlamaCpp) -> None:
    prompt = "word " * 2000
    count = model.count_tokens(prompt)
    with pytest.raises(UsageError, match=rf"{count} tokens .* 1024 together"):
        model.generate(prompt, RunContext(), max_tokens=8)


@pytest.mark.models
def test_a_cancelled_request_stops_and_leaves_the_model_usable(model: LlamaCpp) -> None:
    before = model.generate(PREFIX, RunContext(), max_tokens=4)
    cancelled = threading.Event()
    cancelled.set()
    with pytest.raises(DeadlineExceeded):
        model.generate("Another " * 300, RunContext(cancelled=cancelled), max_tokens=4)
    assert model.generate(PREFIX, RunContext(), max_tokens=4) == before


@pytest.mark.models
def test_threads_get_their_own_answers(model: LlamaCpp) -> None:
    prompts = [f"{PREFIX}\nThe number is {number}" for number in range(4)]
    alone = [model.generate(prompt, RunContext(), max_tokens=5) for prompt in prompts]
    with ThreadPoolExecutor(4) as pool:
        together = pool.map(lambda one: model.generate(one, RunContext(), max_tokens=5), prompts)
    assert list(together) == alone


@pytest.mark.models
def test_a_temperature_draws_by_the_seed(model: LlamaCpp, needs: Callable[[str], str]) -> None:
    warm = LlamaCpp(LlamaCppConfig(model=needs(KEY), context_tokens=512, temperature=1.5))
    warm.start()
    texts = [
        warm.generate("My dream is", RunContext(seed=seed), max_tokens=12).text
        for seed in (1, 1, 2, 3)
    ]
    assert texts[0] == texts[1]
    assert len(set(texts)) > 1
    assert warm.fingerprint() != model.fingerprint()
    warm.close()
    with pytest.raises(ModelError, match="call start"):
        warm.generate("x", RunContext(), max_tokens=1)


@pytest.mark.models
def test_loading_writes_nothing_to_the_terminal(
    needs: Callable[[str], str], capfd: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("llama_cpp")
    made = LlamaCpp(LlamaCppConfig(model=needs(KEY), context_tokens=256))
    made.start()
    made.generate("Hello", RunContext(), max_tokens=2)
    made.close()
    assert capfd.readouterr() == ("", "")


@pytest.mark.models
def test_more_context_than_the_model_was_trained_for_is_a_usage_error(
    needs: Callable[[str], str],
) -> None:
    pytest.importorskip("llama_cpp")
    with pytest.raises(UsageError, match="trained for 8192"):
        LlamaCpp(LlamaCppConfig(model=needs(KEY), context_tokens=10_000)).start()


@engine_missing
def test_a_file_that_is_no_model_is_a_model_error(tmp_path: Path) -> None:
    path = tmp_path / "x.gguf"
    path.write_bytes(b"junk")
    with pytest.raises(ModelError, match="whole GGUF"):
        LlamaCpp(LlamaCppConfig(model=str(path))).start()


def test_without_the_library_the_error_names_extra_compiler_and_alternative(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "llama_cpp", None)
    with pytest.raises(ModelError, match=r"compiler and cmake.*assay\[llama\].*extractive"):
        LlamaCpp(LlamaCppConfig(model=KEY)).start()


def test_the_registry_finds_it() -> None:
    assert find("models.llama_cpp@1") is LlamaCpp
