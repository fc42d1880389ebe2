"""A folder of every kind of file, through the command line, to passages that name their place."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from assay.apps.main import cli
from assay.corpora.local import LocalCorpus
from assay.pipeline import Passage, Pipeline, Query, build
from tests.corpora.doubles import LOCAL

for library in ("docx", "fpdf", "lxml", "openpyxl", "pptx", "pypdfium2", "charset_normalizer"):
    pytest.importorskip(library)

from tests.corpora.loaders.kinds_folder import Put, write_all, write_broken  # noqa: E402

PIPELINE = """assay: 1
name: toy
resources:
  judge: {use: models.overlap_cross_encoder@1}
  notes: {use: corpora.local@1, config: {path: index}}
nodes:
  found: {use: retrieve.bm25@1, config: {k: 5}, resources: {corpus: notes}, inputs: {query: query}}
  ranked:
    use: rerank.cross_encoder@1
    resources: {model: judge}
    inputs: {query: query, ranking: found}
  chosen: {use: select.top_k@1, config: {k: 2}, inputs: {query: query, ranking: ranked}}
  gate: {use: abstain.evidence@1, config: {threshold: 0.0}, inputs: {selection: chosen}}
  quoted:
    use: generate.extractive@1
    resources: {model: judge}
    inputs: {query: query, selection: gate}
output: quoted
"""


class Indexed:
    """The folder after one run of the command."""

    def __init__(self, folder: Path, put: list[Put], broken: list[str], said: Result) -> None:
        self.folder, self.put, self.broken, self.said = folder, put, broken, said
        self.pipeline: Pipeline = build(folder / "p.yaml")
        self.pipeline.start()
        corpus = self.pipeline.resources["notes"]
        assert isinstance(corpus, LocalCorpus)
        self.corpus = corpus

    def find(self, words: str) -> list[Passage]:
        """What ``retrieve.bm25`` brings, best first."""
        query = Query(text=words, scope=LOCAL)
        record = self.pipeline.run(query)
        ids = [one["id"] for one in record.stages["found"]["passages"]]
        return list(self.corpus.get(ids, query))


@pytest.fixture(scope="module")
def indexed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Indexed]:
    folder = tmp_path_factory.mktemp("kinds")
    put = write_all(folder / "docs")
    broken = write_broken(folder / "docs")
    (folder / "docs" / "picture.png").write_bytes(b"\x89PNG\r\n")
    (folder / "p.yaml").write_text(PIPELINE, encoding="utf-8")
    said = CliRunner().invoke(
        cli, ["index", str(folder / "p.yaml"), "--docs", str(folder / "docs")]
    )
    assert said.exit_code == 0, said.output
    one = Indexed(folder, put, broken, said)
    yield one
    one.pipeline.close()


def plain(text: str) -> str:
    return " ".join(text.split())


def test_every_sentence_is_found_and_its_passage_names_its_place(indexed: Indexed) -> None:
    assert len({Path(one.file).suffix for one in indexed.put}) >= 12
    wrong = []
    for one in indexed.put:
        hits = [hit for hit in indexed.find(one.sentence) if plain(one.sentence) in plain(hit.text)]
        if not hits:
            wrong.append(f"{one.file}: not found: {one.sentence}")
            continue
        labels = hits[0].metadata
        if labels.get("file") != one.file or one.title not in hits[0].title:
            wrong.append(f"{one.file}: {hits[0].id} {hits[0].title!r} {labels}")
        for key, value in one.place.items():
            if not within(key, value, dict(labels)):
                wrong.append(f"{one.file}: expected {key}={value}, found {labels}")
    assert not wrong, "\n".join(wrong)


def within(key: str, value: str | int, labels: dict[str, str | int | float | bool]) -> bool:
    """Whether a place lies in the place that a passage names."""
    if key == "cells":
        rows = [int(row) for row in re.findall(r"\d+", str(labels.get("cells", "0")))]
        return rows[0] <= int(re.findall(r"\d+", str(value))[0]) <= rows[-1]
    if f"last_{key}" in labels:
        return int(labels[key]) <= int(value) <= int(labels[f"last_{key}"])
    return labels.get(key) == value


def test_a_passage_of_rows_names_few_cells(indexed: Indexed) -> None:
    for passage in indexed.corpus.every_passage():
        if "cells" in passage.metadata and "Columns" not in passage.text:
            first, last = [int(one) for one in re.findall(r"\d+", str(passage.metadata["cells"]))]
            assert last - first < 15


def test_each_broken_file_is_in_the_report_with_a_reason(indexed: Indexed) -> None:
    said = indexed.said.output
    for name in indexed.broken:
        assert re.search(rf"{re.escape(name)}: \S|\(.*{re.escape(name)}.*\)", said), name
    assert f"{len(indexed.broken)} skipped" in said
    assert "Traceback" not in said


def test_what_is_missing_of_a_file_that_was_read_is_in_the_report(indexed: Indexed) -> None:
    said = indexed.said.output
    assert re.search(r"problem in manual\.pdf: .*page 2", said)
    assert "left out, not a kind that is read: 1 .png" in said


def test_questions_of_a_labelled_set_are_no_evidence(indexed: Indexed) -> None:
    assert all("unevidence" not in one.text for one in indexed.corpus.every_passage())


def test_the_second_run_costs_nothing(indexed: Indexed) -> None:
    folder = indexed.folder
    said = CliRunner().invoke(
        cli, ["index", str(folder / "p.yaml"), "--docs", str(folder / "docs")]
    )
    assert re.search(r"documents: 0 added, 0 changed, 0 removed, \d\d+ unchanged", said.output)


def test_a_missing_library_is_one_line_for_each_kind_and_the_rest_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_all(tmp_path / "docs")
    for number in range(2):
        (tmp_path / "docs" / f"{number}.pdf").write_bytes(
            (tmp_path / "docs" / "manual.pdf").read_bytes()
        )
    (tmp_path / "p.yaml").write_text(PIPELINE, encoding="utf-8")
    monkeypatch.setitem(sys.modules, "pypdfium2", None)
    said = CliRunner().invoke(
        cli, ["index", str(tmp_path / "p.yaml"), "--docs", str(tmp_path / "docs")]
    )
    assert said.exit_code == 0, said.output
    lines = [one for one in said.output.splitlines() if "pip install 'assay[documents]'" in one]
    assert any("3 .pdf files" in one for one in lines), said.output
    assert all(".pdf" in one or "really-a-pdf.docx" in one for one in lines)
    assert len(lines) == 2
    assert " 0 added" not in said.output


def test_a_field_map_and_a_bound_can_be_given(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "t.jsonl").write_text('{"subject": "Lamp", "note": "It flickers."}\n')
    (tmp_path / "docs" / "t.csv").write_text("subject,note\nDoor,It creaks.\nLift,It stops.\n")
    (tmp_path / "docs" / "large.txt").write_text("x" * (1024 * 1024 + 1))
    (tmp_path / "p.yaml").write_text(PIPELINE, encoding="utf-8")
    arguments = ["index", str(tmp_path / "p.yaml"), "--docs", str(tmp_path / "docs")]
    said = CliRunner().invoke(
        cli, [*arguments, "--fields", "text=note,title=subject", "--max-megabytes", "1"]
    )
    assert said.exit_code == 0, said.output
    assert "1 skipped" in said.output and "--max-megabytes" in said.output
    pipeline = build(tmp_path / "p.yaml")
    pipeline.start()
    corpus = pipeline.resources["notes"]
    assert isinstance(corpus, LocalCorpus)
    assert {(one.title, one.text) for one in corpus.every_passage()} == {
        ("Lamp", "It flickers."),
        ("Door", "It creaks."),
        ("Lift", "It stops."),
    }
    pipeline.close()
