"""Values survive the way to bytes and back exactly, and nothing else is made of bytes."""

from __future__ import annotations

import dataclasses
import math
import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from datetime import datetime as Moment
from enum import Enum, StrEnum
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.pipeline import words
from assay.pipeline.errors import DataError
from assay.pipeline.types import members
from assay.pipeline.value_codec import NotEncodable, check, decode, encode, is_abstention

WORDS = tuple(
    one
    for one in vars(words).values()
    if dataclasses.is_dataclass(one) and isinstance(one, type) and one.__module__ == words.__name__
)

TEXT = st.text(st.characters(exclude_categories=()), max_size=6)  # lone surrogates included
FLOATS = st.floats()


def anything(kind: Any) -> st.SearchStrategy[Any]:
    """Values of an annotation, odd ones included."""
    options = members(kind)
    if len(options) > 1:
        return st.one_of([anything(one) for one in options])
    origin = get_origin(kind) or kind
    if origin is tuple and get_args(kind)[1:] != (...,):
        return st.tuples(*map(anything, get_args(kind)))
    if origin is tuple:
        return st.lists(anything(get_args(kind)[0]), max_size=2).map(tuple)
    if origin is Mapping:
        return st.dictionaries(TEXT, anything(get_args(kind)[1]), max_size=2)
    if kind is words.Score:
        return st.one_of(
            st.builds(
                words.Score,
                st.floats(allow_nan=False, allow_infinity=False),
                st.sampled_from(
                    [one for one in words.ScoreKind if one is not words.ScoreKind.PROBABILITY]
                ),
                TEXT,
            ),
            st.builds(words.Score, st.floats(0, 1), st.just(words.ScoreKind.PROBABILITY), TEXT),
        )
    if kind is words.Scope:
        return st.builds(words.Scope, TEXT.filter(bool), st.lists(TEXT, max_size=2).map(tuple))
    if kind is words.Signals:
        finite = st.floats(allow_nan=False, allow_infinity=False)
        return st.builds(words.Signals, TEXT, st.dictionaries(TEXT, finite, max_size=2))
    if kind is words.QueryVariants:
        queries = st.lists(anything(words.Query), min_size=1, max_size=2)
        return st.builds(words.QueryVariants, queries.map(tuple))
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        hints = get_type_hints(kind)
        return st.builds(kind, **{name: anything(hint) for name, hint in hints.items()})
    if isinstance(kind, type) and issubclass(kind, Enum):
        return st.sampled_from(list(kind))
    return {
        str: TEXT,
        int: st.integers(),
        float: FLOATS,
        bool: st.booleans(),
        date: st.dates(),
        type(None): st.none(),
    }[kind]


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | FLOATS | TEXT | st.dates(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(TEXT | st.sampled_from(["$tuple", "$word", ""]), inner, max_size=3)
        | st.dictionaries(st.integers(), inner, max_size=2)
    ),
    max_leaves=12,
)


def assert_same(back: object, value: object) -> None:
    # repr tells 1 from 1.0 and True, -0.0 from 0.0, tuples from lists, and shows nan.
    assert repr(back) == repr(value)
    assert encode(back) == encode(value)
    if "nan" not in repr(value):
        assert back == value


def test_every_word_is_tested_here() -> None:
    assert {one.__name__ for one in WORDS} >= {
        "Query", "QueryVariants", "Passage", "Ranking", "Selection", "Verdicts", "Answer",
    }  # fmt: skip
    assert len(WORDS) > 15


@pytest.mark.parametrize("word", WORDS, ids=lambda one: one.__name__)
@given(data=st.data())
def test_every_word_comes_back_as_it_went_in(word: type, data: st.DataObject) -> None:
    value = data.draw(anything(word))
    check(word)
    assert_same(decode(encode(value), word), value)
    assert_same(decode(encode((value, [value])), tuple[word, list[word | None]]), (value, [value]))  # type: ignore[valid-type]


@given(PLAIN)
def test_plain_values_come_back_as_they_went_in(value: object) -> None:
    assert_same(decode(encode(value), Any), value)


@given(st.integers(0, 2**64 - 1))
def test_floats_come_back_bit_for_bit(bits: int) -> None:
    value = np.uint64(bits).view(np.float64).item()
    back = np.float64(decode(encode(value), float)).view(np.uint64)
    quiet = 1 << 51  # some processors set this bit when they copy a signalling nan
    assert int(back) | (quiet if math.isnan(value) else 0) == bits | (
        quiet if math.isnan(value) else 0
    )


@given(PLAIN, PLAIN)
def test_equal_bytes_mean_equal_values(one: object, other: object) -> None:
    if encode(one) == encode(other):
        assert repr(one) == repr(other)


def test_what_json_would_confuse_is_kept_apart() -> None:
    values = [1, 1.0, True, "1", [1], (1,), {"1": 1}, {1: 1}, "2024-01-01", date(2024, 1, 1),
              0.0, -0.0, None, "null", words.ScoreKind.BM25, "bm25", "é", "e\u0301",
              {"$tuple": [1]}, {"$float": "7ff8000000000000"}, math.nan, math.inf, -math.inf,
              "\ud800\udc00", "\U00010000"]  # fmt: skip
    assert len({encode(one) for one in values}) == len(values)


def test_a_union_gives_the_member_that_went_in() -> None:
    scope = words.Scope("acme")
    answer = words.Answer("six", (), ())
    abstention = words.Abstention("gate", words.AbstentionReason.NO_EVIDENCE, "nothing found")
    for value in (answer, abstention):
        assert decode(encode(value), words.Outcome) == value
    assert decode(encode([scope]), list[int] | list[words.Scope]) == [scope]
    assert is_abstention(encode(abstention))
    assert not is_abstention(encode(answer))
    assert not is_abstention(encode(words.Turn("$word", "Abstention")))


def test_a_read_only_mapping_and_numpy_doubles_count_as_the_plain_kind() -> None:
    value = types.MappingProxyType({"a": np.float64(0.1)})
    assert decode(encode(value), Mapping[str, float]) == {"a": 0.1}


def test_common_annotations_are_understood() -> None:
    assert decode(encode("a"), Literal["a", "b"]) == "a"
    assert decode(encode([1, 2]), Sequence[int]) == [1, 2]
    assert decode(encode((1, 2)), Sequence[int]) == (1, 2)
    assert decode(encode((1, "a")), tuple[int, str]) == (1, "a")
    assert decode(encode(()), tuple[int, ...]) == ()
    assert decode(encode({1: 2.5}), dict[int, float]) == {1: 2.5}
    with pytest.raises(DataError):
        decode(encode("c"), Literal["a", "b"])
    with pytest.raises(DataError):
        decode(encode((1, "a", 2)), tuple[int, str])


@dataclass
class Loose:
    text: str


class Colour(StrEnum):
    RED = "red"


@dataclass(frozen=True)
class Scope:
    """Shares its name with a word."""

    tenant: str
    roles: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Same:
    text: str


@dataclass(frozen=True)
class Partly:
    text: str
    length: int = dataclasses.field(init=False, default=0)


def test_classes_of_plug_ins_come_back_where_the_annotation_names_them() -> None:
    assert decode(encode(Loose("a")), Loose) == Loose("a")
    assert decode(encode([Colour.RED]), list[Colour]) == [Colour.RED]
    assert encode(Scope("acme")) != encode(words.Scope("acme"))
    with pytest.raises(DataError):
        decode(encode(Scope("acme")), words.Scope)
    with pytest.raises(DataError):
        decode(encode(Loose("a")), Any)


@pytest.mark.parametrize(
    "value",
    [b"bytes", {1, 2}, object(), np.zeros(2), np.float32(1), Moment(2024, 1, 1), Same("a"),
     Partly("a"), Path("a"), [lambda: 1], 10**5000, words],
    ids=lambda one: type(one).__name__,
)  # fmt: skip
def test_what_cannot_be_encoded_is_named_in_one_error(value: object) -> None:
    with pytest.raises(NotEncodable, match=r"cannot be cached: .*leave 'cache' off"):
        encode([value])


def test_a_value_that_holds_itself_is_refused() -> None:
    value: list[object] = []
    value.append(value)
    with pytest.raises(NotEncodable, match="holds itself"):
        encode(value)


@pytest.mark.parametrize(
    "annotation", [bytes, set[int], list[np.ndarray], Same, words.Ranking | bytes]
)
def test_a_type_that_cannot_be_cached_is_found_before_anything_runs(annotation: Any) -> None:
    with pytest.raises(NotEncodable):
        check(annotation)


@pytest.mark.parametrize(
    "data",
    [b"", b"\xff", b"{", b'{"$word":"Scope"}', b'{"$word":"os.system","command":"true"}',
     b'{"$word":"Scope","tenant":"","roles":{"$tuple":[]}}',
     b'{"$word":"Scope","tenant":1,"roles":{"$tuple":[]}}',
     b'{"$word":"Scope","tenant":"a","roles":["b"]}',
     b'{"$word":"Scope","tenant":"a","roles":{"$tuple":[]},"more":1}',
     b'{"$word":"Mapping"}', b'{"$word":["Scope"]}', b'{"$enum":["ScoreKind","NONE"]}',
     b'{"$enum":["ScoreKind","BM25"]}', b'{"$float":"00"}', b'{"$date":"x"}', b"[" * 100_000],
)  # fmt: skip
def test_bytes_that_are_not_the_expected_value_are_a_data_error(data: bytes) -> None:
    with pytest.raises(DataError, match="not an encoded Scope"):
        decode(data, words.Scope)
