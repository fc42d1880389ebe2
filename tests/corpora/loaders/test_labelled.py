from __future__ import annotations

import json
from datetime import date as Day
from pathlib import Path

import pytest

from assay.corpora.loaders.labelled import LINE_BYTES, is_collection, load
from assay.corpora.loaders.loaded import Limits, Loaded, Source, Unreadable

BEIR = [
    {
        "_id": "d1",
        "title": "Loans",
        "text": " Three weeks.\n\nThen a fine. ",
        "metadata": {"url": "u", "n": 3},
    },
    {"_id": "d2", "title": "", "text": "Open daily.", "metadata": {}},
]
TREC = """<DOC>
<DOCNO> FT911-3 </DOCNO>
<DATE>1991-05-14</DATE>
<PROFILE>_AN-BEOA7AAIFT</PROFILE>
<HEADLINE>
FT  14 MAY 91 / Acorn &amp; Oak
</HEADLINE>
<TEXT>
<P>First paragraph with 3 &lt; 4.</P>
<P>Second.</P>
</TEXT>
<TEXT>More.</TEXT>
</DOC>
<DOC><DOCNO>X-2</DOCNO>Bare text of an old collection.</DOC>
"""


def folder(path: Path, name: str, content: str | bytes) -> Source:
    path.mkdir(exist_ok=True)
    (path / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return Source(path, "set")


def lines(*records: object) -> str:
    return "".join(json.dumps(record) + "\n" for record in records)


def read(source: Source) -> list[Loaded]:
    found = list(load(source))
    for one in found:
        covered = "".join(one.text[block.start : block.end] for block in one.blocks)
        assert "".join(covered.split()) == "".join(one.text.split())
        assert one.whole
    return found


def test_a_beir_folder_gives_its_passages_unchanged(tmp_path: Path) -> None:
    first, second = read(folder(tmp_path, "corpus.jsonl", lines(*BEIR)))
    assert (first.id, first.title, first.text) == ("d1", "Loans", " Three weeks.\n\nThen a fine. ")
    assert first.metadata == {"url": "u", "n": 3} and first.problems == ()
    assert [dict(block.place) for block in first.blocks] == [{"line": 1}, {"line": 1}]
    assert second.id == "d2"


def test_a_house_set_gives_its_meta_and_says_what_is_nested(tmp_path: Path) -> None:
    record = {
        "id": "p",
        "text": "T",
        "meta": {"visible_to": "hr", "date": "2024-01-31", "spans": [{"a": 1}], "none": None},
    }
    (one,) = read(folder(tmp_path, "corpus.jsonl", lines(record)))
    assert one.metadata == {"visible_to": "hr", "date": "2024-01-31"}
    assert one.date == Day(2024, 1, 31)
    assert len(one.problems) == 1 and "'spans' is nested" in one.problems[0]


def test_broken_lines_are_said_and_the_others_read(tmp_path: Path) -> None:
    content = b'\xef\xbb\xbf{"id":"a","text":"one"}\n{"id":\n{"id":"b","text":"\xff"}\n{"text":"x"}\n{"id":"c","text":""}\n'
    content += b"[" * 100_000 + b"]" * 100_000 + b'\n{"id":"a","text":"again"}\n[]\n'
    first, second = read(folder(tmp_path, "corpus.jsonl", content))
    assert (first.id, second.id, second.text) == ("a", "a~2", "again")
    said = [problem.split(": ")[0] for problem in first.problems + second.problems]
    assert said == [f"set/corpus.jsonl, line {number}" for number in (2, 3, 4, 5, 6, 7, 8)]


def test_a_line_without_end_is_passed_over_in_pieces(tmp_path: Path) -> None:
    content = b'{"id":"a","text":"' + b"x" * (LINE_BYTES + 10) + b'"}\n{"id":"b","text":"short"}\n'
    (one,) = read(folder(tmp_path, "corpus.jsonl", content))
    assert one.id == "b" and "line 1: longer than" in one.problems[0]
    assert one.blocks[0].place == {"line": 2}


def test_a_trec_folder_gives_its_documents(tmp_path: Path) -> None:
    first, second = read(folder(tmp_path, "ft.trec", TREC))
    assert (first.id, first.title, first.date) == (
        "FT911-3",
        "FT 14 MAY 91 / Acorn & Oak",
        Day(1991, 5, 14),
    )
    assert first.text.split() == "First paragraph with 3 < 4. Second. More.".split()
    assert first.metadata == {"date": "1991-05-14", "profile": "_AN-BEOA7AAIFT"}
    assert first.blocks[0].place == {"line": 1} and second.blocks[0].place == {"line": 14}
    assert (second.id, second.text) == ("X-2", "Bare text of an old collection.")
    assert first.problems == second.problems == ()


def test_broken_trec_markup_is_said(tmp_path: Path) -> None:
    content = "stray <DOC><DOCNO>1</DOCNO><TEXT>one\n<DOC><DOCNO>2</DOCNO><TEXT>two</DOC><DOC>x</DOC> tail"
    first, second = read(folder(tmp_path, "a.trec", content))
    assert (first.text, second.text) == ("one", "two")
    said = " | ".join(first.problems + second.problems)
    for part in (
        "text before <DOC>",
        "expected </DOC>",
        "expected <DOCNO>",
        "behind the last </DOC>",
    ):
        assert part in said


def test_a_million_open_tags_take_one_pass(tmp_path: Path) -> None:
    content = "<DOC><DOCNO>1</DOCNO>" + "<A>" * 300_000 + "end</DOC>"
    (one,) = read(folder(tmp_path, "a.trec", content))
    assert one.text == "end"


def test_a_folder_without_a_collection_is_unreadable(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match=r"expected corpus\.jsonl or files ending in \.trec"):
        read(Source(tmp_path, "set"))
    with pytest.raises(Unreadable, match="expected passages, found none"):
        read(folder(tmp_path, "corpus.jsonl", "\n"))


def test_the_limits_hold(tmp_path: Path) -> None:
    source = folder(tmp_path, "corpus.jsonl", lines(*BEIR))
    with pytest.raises(Unreadable, match="file_bytes"):
        read(Source(source.path, "set", Limits(file_bytes=20)))
    (one,) = read(Source(source.path, "set", Limits(characters=12)))
    assert one.id == "d2" and "the limit is 12" in one.problems[0]


def test_a_collection_is_known_by_its_files(tmp_path: Path) -> None:
    folder(tmp_path, "corpus.jsonl", lines(*BEIR))
    assert not is_collection(tmp_path)
    (tmp_path / "queries.jsonl").touch()
    assert is_collection(tmp_path)


@pytest.mark.parametrize("role", [{"role": "hr"}, ["hr"], 7, True, ""])
def test_a_passage_of_which_nobody_knows_who_may_read_it_is_left_out(
    tmp_path: Path, role: object
) -> None:
    records = [
        {"id": "open", "text": "All may read.", "meta": {}},
        {"id": "closed", "text": "Few may read.", "meta": {"visible_to": role}},
    ]
    found = read(folder(tmp_path, "corpus.jsonl", lines(*records)))
    assert [one.id for one in found if one.text] == ["open"]
    said = [sentence for one in found for sentence in one.problems]
    assert any("who may read it" in sentence for sentence in said)
