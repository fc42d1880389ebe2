"""Encoder-decoder models in the transformers engine, on a tiny T5 made here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assay.models.language_model import Ability
from assay.models.transformers import TransformersConfig, TransformersModel
from assay.pipeline.context import RunContext
from assay.pipeline.errors import UsageError
from tests.models.made_transformers import TEXT, save_t5

torch = pytest.importorskip("torch", reason="needs the extra torch")
transformers = pytest.importorskip("transformers", reason="needs the extra torch")

PAIRS = [(TEXT, "yes"), (TEXT, "no, perhaps"), ("A bird", "sea"), (TEXT[:50], "yes")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_t5(tmp_path_factory.mktemp("t5"))


@pytest.fixture(scope="module")
def plain(folder: Path) -> tuple[Any, Any]:
    model = transformers.AutoModelForSeq2SeqLM.from_pretrained(folder, dtype=torch.float32)
    return model.eval(), transformers.AutoTokenizer.from_pretrained(folder)


@pytest.fixture(params=[0, 4096])
def model(folder: Path, request: pytest.FixtureRequest) -> Iterator[TransformersModel]:
    made = TransformersModel(
        TransformersConfig(model=str(folder), device="cpu", batch_tokens=request.param)
    )
    made.start()
    yield made
    made.close()


def bare(plain: tuple[Any, Any], prompt: str, answer: list[int]) -> Any:
    """Log-probabilities behind the start token and each token of the answer."""
    tokens = plain[1](prompt)["input_ids"]
    with torch.inference_mode():
        done = plain[0](
            input_ids=torch.tensor([tokens]), decoder_input_ids=torch.tensor([[0, *answer]])
        )
    return done.logits[0].log_softmax(-1).numpy()


def test_scores_are_those_of_the_bare_model(
    model: TransformersModel, plain: tuple[Any, Any]
) -> None:
    found = model.sequence_logprobs(PAIRS, [RunContext()] * 4)
    first = model.next_token_logprobs([one for one, _ in PAIRS], [("a",)], [RunContext()] * 4)
    (a,) = plain[1]("a", add_special_tokens=False)["input_ids"]
    for (prompt, answer), score, row in zip(PAIRS, found, first, strict=True):
        tokens = plain[1](answer, add_special_tokens=False)["input_ids"]
        scores = bare(plain, prompt, tokens)
        expected = sum(scores[place, one] for place, one in enumerate(tokens))
        assert score.logprob == pytest.approx(expected, abs=2e-4)
        assert row[0] == pytest.approx(scores[0, a], abs=1e-4)


def test_greedy_answers_are_those_of_the_bare_model(
    model: TransformersModel, plain: tuple[Any, Any]
) -> None:
    expected: list[int] = []
    for _ in range(6):
        expected.append(int(bare(plain, TEXT, expected)[-1].argmax()))
    written = model.generate(TEXT, RunContext(), max_tokens=6)
    ended = expected[: written.tokens_out]
    assert written.text == plain[1].decode(ended, skip_special_tokens=True).replace("\ufffd", "")
    assert written.tokens_out == 6 or expected[written.tokens_out - 1] == plain[1].eos_token_id


def test_a_pinned_prompt_is_read_once(model: TransformersModel) -> None:
    with model.prefix(TEXT) as prompt:
        prompt.sequence_logprobs(["yes"], RunContext())
        model.generate("Something else.", RunContext(), max_tokens=1)
        again = RunContext()
        prompt.sequence_logprobs(["no"], again)
    assert again.cost.tokens_cached == model.count_tokens(TEXT)
    model.generate("Something else.", RunContext(), max_tokens=1)
    after = RunContext()
    model.sequence_logprobs([(TEXT, "no")], [after])
    assert after.cost.tokens_cached == 0 and after.cost.flops > again.cost.flops > 0


def test_it_says_before_start_that_it_shows_nothing_of_its_inside(folder: Path) -> None:
    model = TransformersModel(TransformersConfig(model=str(folder)))
    hidden = {Ability.ATTENTION, Ability.HIDDEN_STATES}
    assert model.abilities == frozenset(Ability) - hidden
    model.start()
    with pytest.raises(UsageError, match="hidden_states"):
        model.hidden_states(["A"], [RunContext()])
    with pytest.raises(UsageError, match="attention"):
        model.attention("A", [0], RunContext())
    assert np.isfinite(model.generate("A", RunContext(), max_tokens=1).tokens_out)
    model.close()
