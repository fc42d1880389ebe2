"""YAML as plain data: what is refused, where, and that nothing else escapes."""

from __future__ import annotations

import math

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from assay.pipeline.source import MAX_BYTES, MAX_DEPTH, Source, decode, read, read_value

BOMB = "a: &a [x, x]\n" + "".join(
    f"{name}: &{name} [*{before}, *{before}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)

REFUSED = {
    "a bomb of aliases": (BOMB, 1, 4, "anchors and aliases are not allowed"),
    "an alias alone": ("a: *b", 1, 4, "anchors and aliases"),
    "an anchor deep inside": ("a: [1,\n  {b: &c 1}]", 2, 7, "anchors and aliases"),
    "a merge key": ("a: 1\n<<: {b: 2}", 2, 1, "keys must be plain words"),
    "an object tag": ("a: !!python/object:os.system x", 1, 4, "plain data"),
    "an object tag on a mapping": ("a:\n  !!python/object/apply:os.system [x]", 2, 3, "plain data"),
    "an object tag on a key": ("!!python/name:os.system a: 1", 1, 1, "plain data"),
    "an object tag on the file": ("!!python/object:x {a: 1}", 1, 1, "plain data"),
    "a harmless tag": ("a: !!int ''", 1, 4, "plain data"),
    "a tag of no namespace": ("a: ! x", 1, 4, "plain data"),
    "a tag handle": ("a: !x!y z", 1, 4, "plain data"),
    "a date": ("a: 2024-01-01", 1, 4, "timestamp"),
    "a tab as indentation": ("a:\n\t- b", 2, 1, "a tab stands here"),
    "a tab as separator": ("a:\tb", 1, 3, "a tab stands here"),
    "a key twice": ("a: 1\nb: 2\na: 3", 3, 1, "key 'a' stands twice"),
    "a key twice, once quoted": ("a: {b: 1, 'b': 2}", 1, 11, "key 'b' stands twice"),
    "a list as a key": ("[a]: 1", 1, 1, "plain words"),
    "brackets without end": ("[" * 100_000, 1, MAX_DEPTH + 1, f"deeper than {MAX_DEPTH}"),
    "braces without end": ("{a: " * 50_000, 1, 4 * MAX_DEPTH + 1, f"deeper than {MAX_DEPTH}"),
    "blocks without end": ("- " * 5_000, 1, 2 * MAX_DEPTH + 1, f"deeper than {MAX_DEPTH}"),
    "two documents": ("a: 1\n---\nb: 2", 2, 1, "another document"),
    "a control character": ("a: 1\nb: \x07", 2, 4, "U+0007"),
    "half a character": ("\ud800", 1, 1, "U+D800"),
    "half a character, escaped": ('a: "\\ud800"', 1, 4, "surrogate"),
    "half a character as a key": ('"\\ud800": 1', 1, 1, "surrogate"),
    "a quote without end": ("a: 'x", 1, 6, "end of stream"),
    "a number that is none": ("a: 0b_", 1, 4, "reads as int"),
    "a number too long to read": ("a: " + "9" * 5_000, 1, 4, "more than 400 characters"),
    "minutes that overflow": ("a: " + "1:" * 190 + "1.0", 1, 4, "reads as float"),
    "a character out of range": ('a: "\\UFFFFFFFF"', 1, None, "out of range"),
    "a YAML of too many digits": (f"%YAML 1.{'9' * 5_000}\n---\na: 1", 1, None, "out of range"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_plain_data_is_refused_once_at_its_place(name: str) -> None:
    text, line, column, words = REFUSED[name]
    (problem,) = read(text, "p.yaml").problems
    assert words in problem.message
    assert (problem.file, problem.line) == ("p.yaml", line)
    assert column is None or problem.column == column


def test_forty_levels_are_taken_and_forty_one_are_not() -> None:
    assert not read("[" * MAX_DEPTH + "]" * MAX_DEPTH, "p.yaml").problems
    assert read("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1), "p.yaml").problems


def test_many_short_lists_are_no_deep_ones() -> None:
    assert read("[" + "[], " * 500 + "]", "p.yaml").data == [[]] * 500


def test_a_large_file_is_refused_before_it_is_parsed() -> None:
    broken = b"\t" * (MAX_BYTES + 1)  # no YAML and, at that size, not looked at
    found = decode(broken, "p.yaml")
    assert isinstance(found, Source)
    assert [str(one) for one in found.problems] == [
        "p.yaml:1:1: the file is larger than 1000000 bytes; a pipeline is not"
    ]
    assert "larger than" in read("é" * (MAX_BYTES // 2 + 1), "p.yaml").problems[0].message
    assert not read("# " + "x" * (MAX_BYTES - 2), "p.yaml").problems


def test_bytes_that_are_no_text_are_told_with_line_and_column() -> None:
    found = decode("a: é\nb: ".encode() + b"\xff", "p.yaml")
    assert isinstance(found, Source)
    assert str(found.problems[0]).startswith("p.yaml:2:4: not UTF-8 text")


def test_a_message_cannot_write_to_the_terminal() -> None:
    (problem,) = read('"\\e[31m\\n": 1\n"\\e[31m\\n": 2', "p.yaml").problems
    assert problem.message == "key '\\x1b[31m\\n' stands twice"


def test_every_value_has_the_place_of_its_key() -> None:
    source = read("a:\n  b: [1, {c: 2}]\n", "p.yaml")
    places = {path: (one.line, one.column) for path, one in source.places.items()}
    assert places[("a", "b")] == (2, 3)
    assert places[("a", "b", 1, "c")] == (2, 11)
    assert source.place(("a", "b", 1, "c", "d")).origin == "p.yaml:2"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1.5", 1.5),
        ("null", None),
        ("'1.5'", "1.5"),
        ("a word", "a word"),
        ("[a, {b: 2}]", ["a", {"b": 2}]),
        ("{env: X}", {"env": "X"}),
    ],
)
def test_a_value_is_a_scalar_or_a_flow_collection(text: str, value: object) -> None:
    assert read_value(text).data == value


@pytest.mark.parametrize("text", ["a: 1", "- 1", "", " ", "# x", "1\n---\n2", "[1", "!x", "&a 1"])
def test_a_value_is_nothing_else(text: str) -> None:
    assert len(read_value(text).problems) == 1


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**300), 10**300)
    | st.floats(allow_nan=False)
    | st.text(st.characters(codec="utf-8"), max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text("abcxyz_", min_size=2, max_size=6), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(PLAIN, st.booleans())
def test_what_yaml_writes_is_read_back_whole(value: object, flow: bool) -> None:
    class Dumper(yaml.SafeDumper):
        def ignore_aliases(self, data: object) -> bool:
            return True

    source = read(yaml.dump(value, Dumper=Dumper, default_flow_style=flow), "p.yaml")
    assert not source.problems
    assert source.data == value


@given(
    st.text(
        st.characters() | st.sampled_from("{}[]:,-?&*!|>'\"%@` \t\n#0123456789ae_."), max_size=80
    )
)
def test_no_text_makes_the_reader_raise(text: str) -> None:
    for source in (read(text, "p.yaml"), read_value(text)):
        assert all(one.message and math.isfinite(one.line) for one in source.problems)
        assert all("\n" not in one.message for one in source.problems)


@given(st.binary(max_size=60))
def test_no_bytes_make_the_reader_raise(content: bytes) -> None:
    found = decode(content, "p.yaml")
    assert isinstance(found, str) or len(found.problems) == 1
