from __future__ import annotations

import errno
import json
import os
import socket
import sys
import types
from collections.abc import Iterator
from pathlib import Path

import pytest

from assay.corpora.loaders import kinds
from assay.corpora.loaders.folder import Files
from assay.corpora.loaders.loaded import Limits, Loaded, Source, Unreadable
from assay.pipeline.errors import UsageError
from tests.corpora.doubles import LOCAL, corpus_at, index


def plain(source: Source) -> Iterator[Loaded]:
    """A loader without any library, so that these tests are about folders alone."""
    raw = source.path.read_bytes()
    if raw == b"explode":
        raise RecursionError("too deep")
    if raw == b"attack":
        raise ValueError("\x1b[2Jgone\udcff\nskipped all.txt: fine")
    if raw == b"refuse":
        raise Unreadable(f"{source.id}: encrypted; save it without a password")
    if raw == b"halves":
        yield Loaded("first half", (), id="1")
        raise ValueError("second half is broken")
    if raw == b"patchy":
        yield Loaded("page one", (), problems=(f"{source.id}: page 7 has no text",))
        return
    if raw == b"grow":
        source.path.write_bytes(b"grown in the meantime")
    if raw == b"twins":
        yield Loaded("one", (), id="1")
        yield Loaded("two", (), id="1")
        return
    yield Loaded(raw.decode("utf-8-sig"), ())


@pytest.fixture
def plain_loader(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("assay.corpora.loaders.plain_for_tests")
    module.load = plain  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    kind = kinds.FileKind("plain", "plain_for_tests", (".txt",), markup="plain")
    monkeypatch.setattr(kinds, "kind_of", lambda path, named=False: kind)


def ids(*paths: Path) -> list[str]:
    return [one.id for one in Files(paths, scope=LOCAL)]


def test_a_folder_gives_its_texts_with_titles_and_ids(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "b.md").write_text("intro\n\n# Head\n\ntext", encoding="utf-8")
    (tmp_path / "a.txt").write_text("plain", encoding="utf-8")
    (tmp_path / "c.rst").write_text("Deep\n====\n\ntext", encoding="utf-8")
    (tmp_path / "code.py").write_text("x = 1", encoding="utf-8")
    (tmp_path / ".hidden.md").write_text("# no", encoding="utf-8")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "d.md").write_text("# no", encoding="utf-8")
    files = Files([tmp_path], scope=LOCAL)
    assert [(one.id, one.title, one.markup) for one in files] == [
        ("a.txt", "a.txt", "plain"),
        ("c.rst", "Deep", "underlined"),
        ("sub/b.md", "Head", "markdown"),
    ]
    assert files.left_out == {".py": 1}
    assert not files.skipped and not files.problems


def test_a_file_named_itself_may_have_any_suffix(tmp_path: Path) -> None:
    path = tmp_path / "code.py"
    path.write_text("x = 1", encoding="utf-8")
    assert ids(path) == ["code.py"]


def test_a_file_without_a_suffix_is_read_if_it_is_text(tmp_path: Path) -> None:
    (tmp_path / "README").write_text("Opening hours are nine to five.", encoding="utf-8")
    (tmp_path / "program").write_bytes(b"\x7fELF\x02\x01\x01\0\0\0")
    files = Files([tmp_path], scope=LOCAL)
    assert [one.id for one in files] == ["README"]
    assert files.left_out == {"without a suffix": 1}


def test_bad_files_are_skipped_with_their_reason_and_stop_nothing(tmp_path: Path) -> None:
    (tmp_path / "bom.txt").write_bytes(b"\xef\xbb\xbfwith mark")
    (tmp_path / "empty.txt").write_bytes(b" \n")
    (tmp_path / "nothing.txt").write_bytes(b"")
    (tmp_path / "large.txt").write_bytes(b"x" * 101)
    (tmp_path / "zero.txt").write_bytes(b"\x00\x01\x02\x03\xff\xfe\x00\x9d" * 9)
    (tmp_path / "gone.txt").symlink_to(tmp_path / "nowhere")
    (tmp_path / "circle.txt").symlink_to(tmp_path / "circle.txt")
    (tmp_path / "old.doc").write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
    files = Files([tmp_path], scope=LOCAL, limits=Limits(file_bytes=100))
    assert [(one.id, one.text) for one in files] == [("bom.txt", "with mark")]
    assert set(files.skipped) == {
        "circle.txt", "empty.txt", "gone.txt", "large.txt", "nothing.txt", "old.doc", "zero.txt",
    }  # fmt: skip
    assert "empty" in files.skipped["empty.txt"] and "empty" in files.skipped["nothing.txt"]
    assert "larger than the bound: 101 bytes, at most 100" in files.skipped["large.txt"]
    assert "leads nowhere" in files.skipped["gone.txt"]
    assert "save it as .docx" in files.skipped["old.doc"]
    assert "cannot be read" in files.skipped["circle.txt"]
    assert all(reason.isprintable() for reason in files.skipped.values())


@pytest.mark.usefixtures("plain_loader")
def test_whatever_a_parser_throws_is_the_reason_of_this_file_alone(tmp_path: Path) -> None:
    for name in ("a explode", "b fine", "c refuse", "d halves", "e patchy", "f twins"):
        (tmp_path / f"{name}.txt").write_text(name[2:], encoding="utf-8")
    files = Files([tmp_path], scope=LOCAL)
    assert [one.text for one in files] == ["fine", "first half", "page one", "one"]
    assert files.skipped == {
        "a explode.txt": "cannot be read, the parser failed: RecursionError: too deep",
        "c refuse.txt": "encrypted; save it without a password",
    }
    assert files.problems == {
        "d halves.txt": (
            "read only in part: cannot be read, the parser failed: ValueError: second half is"
            " broken",
        ),
        "e patchy.txt": ("page 7 has no text",),
        "f twins.txt": ("read only in part: two parts of it have the id 'f twins.txt#1'",),
    }
    assert (files.done, len(files)) == (6, 6)


@pytest.mark.usefixtures("plain_loader")
def test_a_file_cannot_forge_lines_or_colours_of_the_report(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("attack", encoding="utf-8")
    files = Files([tmp_path], scope=LOCAL)
    assert not list(files)
    assert files.skipped["a.txt"].isprintable()
    files.skipped["a.txt"].encode()
    assert "skipped all.txt" in files.skipped["a.txt"]


@pytest.mark.usefixtures("plain_loader")
def test_reading_twice_reports_once(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("refuse", encoding="utf-8")
    (tmp_path / "b.txt").write_text("patchy", encoding="utf-8")
    files = Files([tmp_path], scope=LOCAL)
    first = [one.id for one in files]
    assert [one.id for one in files] == first == ["b.txt"]
    assert len(files.skipped) == len(files.problems) == 1
    (tmp_path / "a.txt").write_text("well again", encoding="utf-8")
    (tmp_path / "b.txt").write_text("well again", encoding="utf-8")
    assert len(list(files)) == 2
    assert not files.skipped and not files.problems


@pytest.mark.usefixtures("plain_loader")
def test_a_file_that_vanishes_or_changes_meanwhile_is_reported(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        (tmp_path / f"{name}.txt").write_text("grow" if name == "a" else name, encoding="utf-8")
    files = Files([tmp_path], scope=LOCAL)
    (tmp_path / "b.txt").unlink()
    assert [one.id for one in files] == ["a.txt", "c.txt"]
    assert "vanished" in files.skipped["b.txt"]
    assert "changed while it was read" in files.problems["a.txt"][0]


def test_a_loop_of_links_ends(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("text", encoding="utf-8")
    (tmp_path / "loop").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "up").symlink_to(tmp_path, target_is_directory=True)
    assert ids(tmp_path) == ["a.txt"]


def test_special_files_are_told_of_and_never_opened(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("text", encoding="utf-8")
    os.mkfifo(tmp_path / "pipe.txt")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "null.md").symlink_to("/dev/null")
    with socket.socket(socket.AF_UNIX) as one:
        here = os.open(tmp_path, os.O_RDONLY)  # a socket's path must be short
        try:
            one.bind(f"/proc/self/fd/{here}/s.txt")
        finally:
            os.close(here)
        files = Files([tmp_path], scope=LOCAL)
        assert [one.id for one in files] == ["a.txt"]
    assert files.skipped == {
        "null.md": "not a regular file: a device",
        "pipe": "not a regular file: a named pipe",
        "pipe.txt": "not a regular file: a named pipe",
        "s.txt": "not a regular file: a socket",
    }
    named = Files([tmp_path / "pipe.txt"], scope=LOCAL)
    assert list(named) == []
    assert "named pipe" in named.skipped["pipe.txt"]


def test_a_folder_that_cannot_be_listed_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.txt").write_text("text", encoding="utf-8")
    (tmp_path / "closed").mkdir()
    (tmp_path / "closed" / "b.txt").write_text("text", encoding="utf-8")
    listed = os.scandir

    def scandir(path: str) -> object:
        if str(path).endswith("closed"):  # who runs the tests may be allowed everything
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return listed(path)

    monkeypatch.setattr(os, "scandir", scandir)
    files = Files([tmp_path], scope=LOCAL)
    assert [one.id for one in files] == ["a.txt"]
    assert files.skipped == {"closed/": "the folder cannot be listed: Permission denied"}


def test_names_with_odd_characters_are_read_and_shown_safely(tmp_path: Path) -> None:
    names = [
        "line\nend.txt", "\x1b[31mred.txt", "per%41cent.txt", "perAcent.txt", "a#page=1.txt",
        "🙂 smile.txt", "日本語\u3000.txt", "\u202etxt.txt", "x" * 250 + ".txt", "-rf.txt",
    ]  # fmt: skip
    for name in names:
        (tmp_path / name).write_text(f"text of {len(name)}", encoding="utf-8")
    odd = os.fsencode(tmp_path) + b"/caf\xe9.txt"
    with open(odd, "wb") as file:
        file.write(b"text")
    found = ids(tmp_path)
    assert len(set(found)) == len(names) + 1
    assert ids(tmp_path) == found
    for name in (
        "line%0Aend.txt", "%1B[31mred.txt", "per%2541cent.txt", "perAcent.txt", "a%23page=1.txt",
        "🙂 smile.txt", "日本語\u3000.txt", "%E2%80%AEtxt.txt", "x" * 250 + ".txt", "-rf.txt",
        "caf%E9.txt",
    ):  # fmt: skip
        assert name in found
    done = index(corpus_at(tmp_path / ".corpus"), Files([tmp_path], scope=LOCAL))
    assert len(done.added) == len(names) + 1


def test_an_empty_folder_says_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no documents found .*\.txt, .*\.md.*\.pdf"):
        Files([tmp_path], scope=LOCAL)
    (tmp_path / "a.png").write_bytes(b"\x89PNG")
    with pytest.raises(UsageError, match=r"found 1 \.png"):
        Files([tmp_path], scope=LOCAL)


def test_a_missing_path_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nowhere"):
        Files([tmp_path / "nowhere"], scope=LOCAL)


def test_two_folders_are_told_apart_by_their_names(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.txt").write_text(name, encoding="utf-8")
    assert ids(tmp_path / "one", tmp_path / "two") == ["one/a.txt", "two/a.txt"]


def test_two_files_that_would_be_called_alike_are_refused_before_anything_is_read(
    tmp_path: Path,
) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.txt").write_text(name, encoding="utf-8")
    with pytest.raises(UsageError, match=r"both be called .a\.txt."):
        Files([tmp_path / "one" / "a.txt", tmp_path / "two" / "a.txt"], scope=LOCAL)


def test_a_file_that_is_named_twice_is_read_once(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("text", encoding="utf-8")
    assert len(ids(path, path, tmp_path)) == 1


def test_of_a_labelled_set_only_the_corpus_is_evidence(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    (folder / "qrels").mkdir(parents=True)
    (folder / "corpus.jsonl").write_text('{"_id": "d1", "title": "T", "text": "Soup."}\n')
    (folder / "queries.jsonl").write_text('{"_id": "q1", "text": "what soup"}\n')
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq1\td1\t1\n")
    (folder / "README.md").write_text("About the set.")
    found = list(Files([tmp_path], scope=LOCAL))
    assert {one.text for one in found} == {"About the set.", "Soup."}
    alone = list(Files([folder / "corpus.jsonl"], scope=LOCAL))
    assert [(one.id, one.whole) for one in alone] == [("corpus.jsonl#d1", True)]


def test_a_passage_for_one_role_is_for_nobody_else(tmp_path: Path) -> None:
    records = [
        {"id": "a", "text": "For all."},
        {"id": "b", "text": "For the board.", "meta": {"visible_to": "board"}},
    ]
    lines = "".join(json.dumps(one) + "\n" for one in records)
    for name in ("set", "alone"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "corpus.jsonl").write_text(lines)
    (tmp_path / "set" / "queries.jsonl").write_text("")
    found = {one.id: one.scope.roles for one in Files([tmp_path], scope=LOCAL)}
    assert found == {
        "alone/corpus.jsonl#a": (),
        "alone/corpus.jsonl#b": ("board",),
        "set/corpus.jsonl#a": (),
        "set/corpus.jsonl#b": ("board",),
    }


def test_trec_files_are_read_and_their_topics_are_not(tmp_path: Path) -> None:
    (tmp_path / "a.trec").write_text(
        "<DOC>\n<DOCNO>d1</DOCNO>\n<TEXT>\nSoup is served at noon.\n</TEXT>\n</DOC>\n"
    )
    (tmp_path / "topics.txt").write_text("When is soup served?")
    (found,) = Files([tmp_path], scope=LOCAL)
    assert (found.id, found.text.strip()) == ("a.trec#d1", "Soup is served at noon.")
