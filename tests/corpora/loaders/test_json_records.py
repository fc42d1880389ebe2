from __future__ import annotations

import json
from datetime import date as Day
from pathlib import Path

import pytest

from assay.corpora.loaders.json_records import load
from assay.corpora.loaders.loaded import Limits, Loaded, Source, Unreadable
from assay.pipeline.errors import UsageError

USUAL = Limits()


def loaded(
    folder: Path, name: str, content: str, /, *, limits: Limits = USUAL, **options: object
) -> list[Loaded]:
    path = folder / name
    path.write_text(content, encoding="utf-8", newline="")
    found = list(load(Source(path, name, limits, options)))
    for one in found:
        covered = "".join(one.text[block.start : block.end] for block in one.blocks)
        assert "".join(covered.split()) == "".join(one.text.split())
    ids = [one.id for one in found]
    assert len(set(ids)) == len(ids)
    return found


def test_a_field_map_reaches_into_objects_and_lists(tmp_path: Path) -> None:
    record = {
        "doc": {"head": "Loans", "parts": [{"p": "Three weeks."}, {"p": "Then a fine."}]},
        "key": 7, "when": "2024-01-31T10:00:00Z", "tags": ["a", "b"], "price": {"eur": 1.5}, "x.y": "dotted",
    }  # fmt: skip
    (one,) = loaded(
        tmp_path, "a.jsonl", json.dumps(record), text=["doc.head", "doc.parts.p"], title="doc.head",
        id="key", date="when", metadata=["tags", "price.eur", "tags[1]", "x.y", "missing"],
    )  # fmt: skip
    assert one.text == "Loans\n\nThree weeks.\n\nThen a fine."
    assert (one.title, one.id, one.date, one.problems) == ("Loans", "7", Day(2024, 1, 31), ())
    assert one.metadata == {"tags": "a; b", "price.eur": 1.5, "tags[1]": "b", "x.y": "dotted"}
    assert [block.place for block in one.blocks] == [{"line": 1}] * 3


def test_common_names_are_taken_without_a_map_and_the_rest_becomes_labels(tmp_path: Path) -> None:
    record = {
        "_id": "x",
        "name": "N",
        "contents": "C",
        "created": "2020-02-03",
        "n": 1,
        "deep": {"a": True},
        "l": ["p", "q"],
    }
    (one,) = loaded(tmp_path, "a.json", json.dumps([record]))
    assert (one.text, one.title, one.id, one.date) == ("C", "N", "x", Day(2020, 2, 3))
    assert one.metadata == {"n": 1, "deep.a": True, "l": "p; q"}


def test_a_broken_line_is_said_with_its_number_and_the_rest_is_read(tmp_path: Path) -> None:
    found = loaded(
        tmp_path, "a.ndjson", '{"text": "one"}\n{"text": \n\n{"text": "two\u2028lines"}\r\n[1\n'
    )
    assert [one.text for one in found] == ["one", "two\u2028lines"]
    problems = [problem for one in found for problem in one.problems]
    assert len(problems) == 2
    assert problems[0].startswith("line 2: ") and problems[1].startswith("line 5: ")


def test_a_record_without_the_mapped_text_is_said(tmp_path: Path) -> None:
    found = loaded(tmp_path, "a.json", '[{"body": "x"}, {"other": "y"}, 3]', text="body")
    assert [one.text for one in found] == ["x"]
    assert "record 2: expected text in 'body'" in found[0].problems[0]
    assert "record 3: expected an object, found 3" in found[0].problems[1]


def test_an_id_that_comes_twice_is_said_and_told_apart(tmp_path: Path) -> None:
    found = loaded(
        tmp_path, "a.jsonl", '{"id":"a","text":"1"}\n{"id":"a","text":"2"}\n{"id":"a~2","text":"3"}'
    )
    assert [one.id for one in found] == ["a", "a~2", "a~2~2"]
    assert "id 'a' stands already in line 1" in found[1].problems[0]


def test_a_document_without_such_fields_becomes_lines_of_path_and_value(tmp_path: Path) -> None:
    (one,) = loaded(
        tmp_path,
        "conf.json",
        '{"a": {"b": [1.50, null, "x\\ny"]}, "big": 123456789012345678901234567890}',
    )
    assert (
        one.text == "a.b[0]: 1.50\na.b[1]: null\na.b[2]: x y\nbig: 123456789012345678901234567890"
    )
    assert one.title == "conf.json" and one.id == ""
    assert one.blocks[0].place == {"path": "a.b[0]"}


def test_big_integers_and_nan_stay_as_written(tmp_path: Path) -> None:
    (one,) = loaded(
        tmp_path, "a.jsonl", '{"text":"t","big":' + "9" * 900 + ',"n":NaN,"e":1e999,"ok":-3}'
    )
    assert one.metadata == {"big": "9" * 900, "n": "NaN", "e": "1e999", "ok": -3}
    assert any("NaN is no JSON number" in problem for problem in one.problems)


def test_a_hundred_thousand_levels_are_refused_and_stop_nothing_else(tmp_path: Path) -> None:
    deep = "[" * 100_000 + "]" * 100_000
    with pytest.raises(Unreadable, match="deep"):
        loaded(tmp_path, "a.json", deep)
    with pytest.raises(Unreadable, match="deep"):
        loaded(tmp_path, "b.json", '{"a":' * 100_000 + "1" + "}" * 100_000)
    found = loaded(tmp_path, "a.jsonl", f'{{"text":"one"}}\n{deep}\n{{"text":"two"}}')
    assert [one.text for one in found] == ["one", "two"]
    assert "line 2: nested too deeply" in found[1].problems[0]
    (one,) = loaded(tmp_path, "c.json", '{"x": 5, "a": ' + "[" * 300 + "]" * 300 + "}")
    assert one.text == "x: 5" and "more than 100 deep" in one.problems[0]


def test_a_name_that_stands_twice_loses_no_value(tmp_path: Path) -> None:
    (one,) = loaded(tmp_path, "a.jsonl", '{"text":"t","k":"1","k":"2"}')
    assert one.metadata == {"k": "1; 2"} and "'k' stands twice" in one.problems[0]


def test_half_a_surrogate_pair_can_be_stored(tmp_path: Path) -> None:
    (one,) = loaded(tmp_path, "a.jsonl", '{"text":"a\\ud800b \\ud83d\\ude00"}')
    assert one.text == "a\ufffdb 😀"


def test_a_list_that_breaks_off_keeps_what_came_before(tmp_path: Path) -> None:
    (one,) = loaded(tmp_path, "a.json", '[{"text": "one"},\n{"text": "tw')
    assert one.text == "one"
    assert "record 2 (line 2)" in one.problems[0] and "the rest is not read" in one.problems[0]


def test_records_inside_a_document_are_found_by_their_path(tmp_path: Path) -> None:
    found = loaded(
        tmp_path,
        "a.json",
        '{"data": {"items": [{"t": "x"}, {"t": "y"}]}}',
        text="t",
        records="data.items",
    )
    assert [(one.text, one.id) for one in found] == [("x", "record-1"), ("y", "record-2")]


def test_json_lines_under_the_wrong_name_are_read_and_said(tmp_path: Path) -> None:
    found = loaded(tmp_path, "a.json", '{"text":"one"}\n{"text":"two"}\n')
    assert [one.text for one in found] == ["one", "two"]
    assert "read as JSON Lines" in found[0].problems[0]


@pytest.mark.parametrize("text", ["", " \n", "[]", "not json", "{"])
def test_a_file_with_nothing_to_read_is_unreadable(tmp_path: Path, text: str) -> None:
    for name in ("a.json", "a.jsonl"):
        if (name, text) != ("a.jsonl", "[]"):
            with pytest.raises(Unreadable, match=name):
                loaded(tmp_path, name, text)


def test_limits_hold(tmp_path: Path) -> None:
    small = Limits(characters=10)
    (one,) = loaded(tmp_path, "a.jsonl", '{"text":"0123456789abc"}', limits=small)
    assert one.text == "0123456789" and "first 10 of 13 characters" in one.problems[0]
    with pytest.raises(Unreadable, match="JSON Lines"):
        loaded(tmp_path, "b.json", '{"a":"0123456789abc"}', limits=small)
    with pytest.raises(Unreadable, match="file_bytes"):
        loaded(tmp_path, "c.json", '{"a":"0123456789abc"}', limits=Limits(file_bytes=5))


@pytest.mark.parametrize(
    "options", [{"title": "x"}, {"text": 3}, {"text": "a", "id": ["b", "c"]}, {"text": [""]}]
)
def test_a_field_map_that_makes_no_sense_is_the_callers_mistake(
    tmp_path: Path, options: dict[str, object]
) -> None:
    with pytest.raises(UsageError, match="field map"):
        loaded(tmp_path, "a.jsonl", '{"text":"t"}', limits=USUAL, **options)


def test_a_thousand_broken_lines_are_counted_not_listed(tmp_path: Path) -> None:
    (one,) = loaded(tmp_path, "a.jsonl", "{\n" * 1000 + '{"text":"t"}')
    assert len(one.problems) == 21 and one.problems[-1].startswith("980 more")


def test_a_large_document_becomes_parts_and_no_value_is_lost(tmp_path: Path) -> None:
    found = loaded(
        tmp_path,
        "a.json",
        json.dumps({"k" * 2000: list(range(3000)), "e": [], "o": {}}),
        limits=Limits(characters=100_000),
    )
    assert [one.id for one in found][:2] == ["part-1", "part-2"]
    assert all(len(one.text) <= 100_000 for one in found)
    lines = [line for one in found for line in one.text.splitlines()]
    assert [line.split(": ")[1] for line in lines] == [*map(str, range(3000)), "[]", "{}"]
    assert max(map(len, lines)) < 320


def test_more_values_than_fit_into_memory_are_refused(tmp_path: Path) -> None:
    many = "[" + "1," * 5_000_000 + "1]"
    with pytest.raises(Unreadable, match="write it as JSON Lines"):
        loaded(tmp_path, "a.json", many)
    (one,) = loaded(tmp_path, "a.jsonl", f'{many}\n{{"text":"t"}}')
    assert one.text == "t" and "line 1: " in one.problems[0]


def test_a_nested_name_with_a_dot_is_said_not_dropped(tmp_path: Path) -> None:
    (one,) = loaded(tmp_path, "a.jsonl", '{"text":"t","a.b":1,"m":{"c.d":2}}')
    assert one.metadata == {"a.b": 1}
    assert len(one.problems) == 1 and "'m.c.d'" in one.problems[0]
