"""The process that reads PDF files: it may hang, crash or be killed, and the run goes on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.corpora.block import Block
from assay.corpora.loaders.folder import Files
from assay.corpora.loaders.loaded import Limits, Loaded, Source, Unreadable
from assay.corpora.loaders.pdf_messages import (
    answer_of,
    loaded_of,
    refusal_of,
    request_of,
    source_of,
)
from assay.corpora.loaders.pdf_process import PdfProcess
from assay.pipeline.words import Scope

pytest.importorskip("pypdfium2")
canvas = pytest.importorskip("reportlab.pdfgen.canvas")

from assay.corpora.loaders import pdf  # noqa: E402  # after the check for its library
from assay.corpora.loaders.pdf import Workers  # noqa: E402

SLEEPS = [sys.executable, "-c", "import time; time.sleep(600)"]

ODD = """
import os, signal, sys, time
from assay.corpora.loaders import pdf_worker as worker
usual = worker.answered
def answered(line):
    if b"crash" in line:
        os.kill(os.getpid(), signal.SIGKILL)
    while b"hang" in line:
        time.sleep(1)
    return usual(line)
worker.answered = answered
worker.IDLE_SECONDS = float(sys.argv[1])
worker.main()
"""
"""A worker that hangs or dies at files of these names, and reads all others."""


def odd(idle: float = 60.0) -> list[str]:
    return [sys.executable, "-c", ODD, str(idle)]


def page(path: Path, text: str = "Three weeks.") -> Source:
    paper = canvas.Canvas(str(path))
    paper.drawString(72, 700, text)
    paper.showPage()
    paper.save()
    return Source(path, path.name)


def is_there(process: int) -> bool:
    """Whether a process runs; one that ended and was not waited for does not."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def soon_gone(process: int) -> bool:
    until = time.monotonic() + 20
    while is_there(process) and time.monotonic() < until:
        time.sleep(0.02)
    return not is_there(process)


@pytest.fixture
def workers() -> Iterator[Workers]:
    made = Workers(odd())
    yield made
    made.end()


def number_of(workers: Workers) -> int:
    (one,) = workers._free
    return one.number


def test_a_worker_reads_one_file_after_another(tmp_path: Path, workers: Workers) -> None:
    assert workers.read(page(tmp_path / "a.pdf", "First.")).text == "First."
    first = number_of(workers)
    assert workers.read(page(tmp_path / "b.pdf", "Second.")).text == "Second."
    assert number_of(workers) == first


def test_a_worker_that_hangs_is_ended_and_the_file_says_why(tmp_path: Path) -> None:
    source = page(tmp_path / "a.pdf")
    hanging = Workers(SLEEPS)
    started: list[PdfProcess] = []
    taken = hanging._taken
    hanging._taken = lambda: started.append(taken()) or started[-1]  # type: ignore[method-assign,func-returns-value]
    slow = Source(source.path, source.id, Limits(pdf_seconds=0.3))
    with pytest.raises(Unreadable, match=r"^a\.pdf: it took longer than 0\.3 seconds"):
        hanging.read(slow)
    assert not is_there(started[0].number)
    assert hanging._free == []


def test_a_run_goes_on_past_files_that_hang_or_crash_the_library(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: Workers
) -> None:
    monkeypatch.setattr(pdf, "_WORKERS", workers)
    workers.read(page(tmp_path / "a.pdf"))  # has started, so that the limit is the file's alone
    for name in ("crash.pdf", "good.pdf", "hang.pdf", "last.pdf"):
        page(tmp_path / name)
    files = Files([tmp_path], scope=Scope("local"), limits=Limits(pdf_seconds=5.0))
    assert [one.id.partition("#")[0] for one in files] == ["a.pdf", "good.pdf", "last.pdf"]
    assert sorted(files.skipped) == ["crash.pdf", "hang.pdf"]
    assert "crashed over it (signal 9)" in files.skipped["crash.pdf"]
    assert files.skipped["hang.pdf"].startswith("it took longer than 5 seconds")


def test_a_worker_that_was_killed_between_two_files_is_replaced(
    tmp_path: Path, workers: Workers
) -> None:
    source = page(tmp_path / "a.pdf")
    workers.read(source)
    first = number_of(workers)
    os.kill(first, signal.SIGKILL)
    assert soon_gone(first)
    assert workers.read(source).text == "Three weeks."
    assert number_of(workers) != first


def test_a_worker_without_work_ends_and_the_next_file_starts_another(tmp_path: Path) -> None:
    source = page(tmp_path / "a.pdf")
    workers = Workers(odd(idle=0.05))
    workers.read(source)
    first = number_of(workers)
    assert soon_gone(first)
    assert workers.read(source).text == "Three weeks."
    workers.end()


def test_a_worker_that_cannot_start_is_told_and_not_tried_for_ever(tmp_path: Path) -> None:
    for code in (0, 3):
        broken = Workers([sys.executable, "-c", f"raise SystemExit({code})"])
        with pytest.raises(Unreadable, match=f"exit code {code}"):
            broken.read(page(tmp_path / "a.pdf"))
    with pytest.raises(FileNotFoundError):
        Workers([str(tmp_path / "nothing")]).read(page(tmp_path / "a.pdf"))


def test_errors_come_over_as_what_they_are(tmp_path: Path, workers: Workers) -> None:
    with pytest.raises(FileNotFoundError):
        workers.read(Source(tmp_path / "nowhere.pdf", "nowhere.pdf"))
    (tmp_path / "b.pdf").write_bytes(b"no such thing")
    with pytest.raises(Unreadable, match="it does not begin as one"):
        workers.read(Source(tmp_path / "b.pdf", "b.pdf"))
    source = page(tmp_path / "c.pdf")
    with pytest.raises(Unreadable, match="the limit is 10;"):
        workers.read(Source(source.path, source.id, Limits(file_bytes=10)))
    told = refusal_of(ZeroDivisionError("division"), source)
    with pytest.raises(Unreadable, match=r"the parser failed: ZeroDivisionError: division"):
        loaded_of(told, source)


def test_names_with_odd_characters_reach_the_worker(tmp_path: Path, workers: Workers) -> None:
    for name in (b"a\xff.pdf", "名前.pdf".encode(), b"two\nlines.pdf"):
        path = tmp_path / os.fsdecode(name)
        page(tmp_path / "plain.pdf", "Odd.").path.rename(path)
        assert workers.read(Source(path, "odd")).text == "Odd."


PARENT = """
import sys
from pathlib import Path
from assay.corpora.loaders import pdf
from assay.corpora.loaders.loaded import Source
workers = pdf.Workers(eval(sys.argv[2]))
taken = workers._taken
def told():
    worker = taken()
    print(worker.number, flush=True)
    return worker
workers._taken = told
workers.read(Source(Path(sys.argv[1]), "a.pdf"))
workers.read(Source(Path(sys.argv[1]), "hang.pdf"))
"""


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGKILL])
def test_no_worker_outlives_its_parent(tmp_path: Path, sent: signal.Signals) -> None:
    source = page(tmp_path / "a.pdf")
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(source.path), repr(odd())],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(one or "." for one in sys.path)},
        start_new_session=True,
    )
    assert parent.stdout is not None
    worker = int(parent.stdout.readline())
    assert int(parent.stdout.readline()) == worker  # the second file: it hangs now
    time.sleep(0.2)
    assert is_there(worker)
    if sent is signal.SIGINT:
        os.killpg(parent.pid, sent)  # as a terminal does
    else:
        parent.kill()
    parent.wait(timeout=20)
    parent.stdout.close()
    assert parent.returncode != 0
    assert soon_gone(worker)


TEXTS = st.text(max_size=20)
PLACES = st.dictionaries(TEXTS, st.one_of(TEXTS, st.integers(), st.booleans()), max_size=2)


@given(
    st.builds(
        Loaded,
        text=TEXTS,
        blocks=st.lists(
            st.builds(Block, st.integers(0, 9), st.integers(0, 9), place=PLACES), max_size=3
        ).map(tuple),
        title=TEXTS,
        date=st.one_of(st.none(), st.just(date(2024, 2, 29))),
        metadata=PLACES,
        problems=st.lists(TEXTS, max_size=2).map(tuple),
    )
)
def test_a_document_survives_the_way(loaded: Loaded) -> None:
    sent = json.loads(json.dumps(answer_of(loaded)))
    assert loaded_of(sent, Source(Path("a"), "a")) == loaded


def test_a_request_survives_the_way() -> None:
    source = Source(Path("/a\udcff"), "a\udcff", Limits(characters=7, pdf_seconds=1.5))
    assert source_of(json.loads(json.dumps(request_of(source)))) == source
