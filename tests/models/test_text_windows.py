"""Cutting: nothing is lost, nothing is too long, and time grows with the text alone."""

from __future__ import annotations

import numpy as np
import pytest
import tokenizers
from hypothesis import given
from hypothesis import strategies as st

from assay.models.pooling import pooled, unit
from assay.models.protocols import Floats
from assay.models.text_windows import BLOCK, blocks, readable, token_windows
from assay.pipeline.context import DeadlineExceeded, RunContext
from assay.pipeline.errors import ModelError, UsageError


@pytest.fixture(scope="module")
def letters() -> tokenizers.Tokenizer:
    """A token a byte, with [CLS] before and [SEP] after."""
    alphabet = tokenizers.pre_tokenizers.ByteLevel.alphabet()
    names = ["[CLS]", "[SEP]", *sorted(alphabet)]
    made = tokenizers.Tokenizer(
        tokenizers.models.BPE({name: place for place, name in enumerate(names)}, [])
    )
    made.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.post_processor = tokenizers.processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 0), ("[SEP]", 1)],
    )
    made.add_special_tokens(["[CLS]", "[SEP]"])
    made.encode_special_tokens = True
    return made


@given(st.text(max_size=60), st.integers(0, 12))
def test_blocks_joined_are_the_text(piece: str, times: int) -> None:
    text = piece * (times * BLOCK // 40)
    found = list(blocks(text))
    assert "".join(found) == text
    assert all(0 < len(one) <= BLOCK for one in found) or text == ""


def test_blocks_end_before_white_space_where_there_is_some() -> None:
    text = "kettle " * BLOCK
    found = list(blocks(text))
    assert len(found) == 8  # 7 x 65,536 characters, and what the cuts leave
    assert all(one.startswith(" kettle") for one in found[1:])
    assert [len(one) for one in blocks("x" * (2 * BLOCK + 5))] == [BLOCK, BLOCK, 5]


@given(text=st.text(max_size=300), longest=st.integers(4, 40))
def test_windows_hold_every_token_once_and_fit(
    letters: tokenizers.Tokenizer, text: str, longest: int
) -> None:
    windows = token_windows(letters, text, longest)
    own = [token for window in windows for token in window.ids[1:-1]]
    assert own == letters.encode(readable(text), add_special_tokens=False).ids
    assert all(len(window.ids) <= longest for window in windows)
    assert all(len(window.ids) == window.own + 2 for window in windows)
    sizes = [window.own for window in windows]
    assert len(windows) == max(1, -(-len(own) // (longest - 2)))
    assert len(sizes) == 1 or max(sizes) - min(sizes) < len(sizes)


def test_what_comes_before_stands_in_every_window(letters: tokenizers.Tokenizer) -> None:
    before = letters.encode("ab", add_special_tokens=False)
    joined = token_windows(letters, "xyz" * 4, 10, before=before)
    assert [window.ids[1:3] for window in joined] == [before.ids] * 2
    paired = token_windows(letters, "xyz" * 4, 10, before=before, pair=True)
    assert [window.types for window in paired] == [[0] * 4 + [1] * 5] * 3
    with pytest.raises(UsageError, match="leaves no room"):
        token_windows(letters, "x", 4, before=before)


def test_cutting_a_long_text_stops_when_the_request_is_over(
    letters: tokenizers.Tokenizer,
) -> None:
    ticks = iter(range(10_000))
    context = RunContext(deadline=2, clock=lambda: float(next(ticks)))
    with pytest.raises(DeadlineExceeded):
        token_windows(letters, "a " * 10 * BLOCK, 512, context=context)
    assert next(ticks) < 6


def vector(*numbers: float) -> Floats:
    return np.asarray(numbers, dtype=np.float32)


def test_the_mean_of_windows_is_weighted_and_brought_to_length_one() -> None:
    found = pooled([vector(5, 0), vector(0, 0.1)], [1, 3], normalise=True)
    assert found == pytest.approx(np.array([1, 3]) / np.sqrt(10))
    assert pooled([vector(4, 0), vector(0, 8)], [0, 0], normalise=False) == pytest.approx([2, 4])
    assert pooled([vector(3, 4)], [7], normalise=False).tolist() == [3, 4]


@pytest.mark.parametrize("normalise", [True, False])
@pytest.mark.parametrize(
    "vectors", [[(0, 0)], [(float("nan"), 1)], [(float("inf"), 1)], [(1, 0), (-1, 0)]]
)
def test_a_vector_without_a_direction_is_an_error(
    vectors: list[tuple[float, float]], normalise: bool
) -> None:
    with pytest.raises(ModelError, match="without a direction"):
        pooled([vector(*one) for one in vectors], [1] * len(vectors), normalise=normalise)
    assert unit(vector(0, 2)).tolist() == [0, 1]
