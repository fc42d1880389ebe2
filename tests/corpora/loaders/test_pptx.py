"""PowerPoint presentations."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import pytest

from assay.corpora.loaders.loaded import Loaded, Source, Unreadable
from assay.corpora.loaders.pptx import _MAIN as MAIN
from assay.corpora.loaders.pptx import load

pptx = pytest.importorskip("pptx")


def saved(presentation: Any, tmp_path: Path) -> Loaded:
    path = tmp_path / "a.pptx"
    presentation.save(path)
    (made,) = load(Source(path, path.name))
    return made


def box(shapes: Any, text: str, left: float, top: float) -> None:
    from pptx.util import Inches

    shape = shapes.add_textbox(Inches(left), Inches(top), Inches(1), Inches(0.5))
    shape.text_frame.text = text


def blank(presentation: Any) -> Any:
    return presentation.slides.add_slide(presentation.slide_layouts[6])


def test_a_slide_is_its_title_its_points_and_its_notes(tmp_path: Path) -> None:
    presentation = pptx.Presentation()
    slide = presentation.slides.add_slide(presentation.slide_layouts[1])
    slide.shapes.title.text = "Loans"
    slide.placeholders[1].text = "Three weeks\nOne\vrenewal"
    slide.notes_slide.notes_text_frame.text = "Say hello."
    made = saved(presentation, tmp_path)
    assert made.text == "## Loans\n\n- Three weeks\n- One renewal\n\nSay hello."
    assert [dict(block.place) for block in made.blocks] == [{"slide": 1}] * 3 + [
        {"slide": 1, "notes": True}
    ]
    assert made.problems == ()


def test_shapes_are_read_from_the_top_left_also_inside_groups(tmp_path: Path) -> None:
    presentation = pptx.Presentation()
    slide = blank(presentation)
    box(slide.shapes, "last", 1, 5)
    box(slide.shapes, "second", 5, 1.0)
    box(slide.shapes, "first", 1, 1.05)
    group = slide.shapes.add_group_shape()
    box(group.shapes, "fourth", 3, 3)
    box(group.shapes, "third", 1, 3)
    assert saved(presentation, tmp_path).text.split("\n\n") == [
        "## Slide 1", "first", "second", "third", "fourth", "last",
    ]  # fmt: skip


def test_a_table_is_read_row_by_row_with_merged_cells_carried(tmp_path: Path) -> None:
    from pptx.util import Inches

    presentation = pptx.Presentation()
    size = (Inches(1), Inches(1), Inches(4), Inches(2))
    table = blank(presentation).shapes.add_table(3, 2, *size).table
    for row, texts in zip(table.rows, [["Item", "Fee"], ["Book", "2"], ["", "3"]], strict=True):
        for cell, text in zip(row.cells, texts, strict=True):
            cell.text = text
    table.cell(1, 0).merge(table.cell(2, 0))
    made = saved(presentation, tmp_path)
    assert made.text == ("## Slide 1\n\nColumns: Item; Fee\nItem: Book; Fee: 2\nItem: Book; Fee: 3")
    assert made.blocks[-1].place == {"slide": 1, "table": 1, "row": 3}


def test_a_chart_is_read_as_rows(tmp_path: Path) -> None:
    from pptx.enum.chart import XL_CHART_TYPE
    from pptx.util import Inches

    charts: Any = pytest.importorskip("pptx.chart.data")
    presentation = pptx.Presentation()
    shapes = blank(presentation).shapes
    data = charts.CategoryChartData()
    data.categories = ["East", "West"]
    data.add_series("Sales", (19.25, None))
    data.add_series("Costs", (7, 8))
    size = (Inches(1), Inches(1), Inches(4), Inches(2))
    shapes.add_chart(XL_CHART_TYPE.COLUMN_CLUSTERED, *size, data)
    points = charts.XyChartData()
    points.add_series("P").add_data_point(1, 2)
    shapes.add_chart(XL_CHART_TYPE.XY_SCATTER, *size, points)
    made = saved(presentation, tmp_path)
    assert "Category: East; Sales: 19.25; Costs: 7\nCategory: West; Costs: 8" in made.text
    assert [problem for problem in made.problems if "slide 1" in problem and "chart" in problem]


def test_a_hidden_slide_is_read_and_named(tmp_path: Path) -> None:
    presentation = pptx.Presentation()
    blank(presentation)
    slide = blank(presentation)
    box(slide.shapes, "Backup.", 1, 1)
    slide._element.set("show", "0")
    made = saved(presentation, tmp_path)
    assert "Backup." in made.text
    assert made.problems == ("slide 2: hidden in the show; it was read",)


def test_an_embedded_file_is_not_read_and_said(tmp_path: Path) -> None:
    from pptx.enum.shapes import PROG_ID

    (tmp_path / "x.xlsx").write_bytes(b"PK anything")
    presentation = pptx.Presentation()
    blank(presentation).shapes.add_ole_object(str(tmp_path / "x.xlsx"), PROG_ID.XLSX, 0, 0)
    (problem,) = saved(presentation, tmp_path).problems
    assert problem.startswith("slide 1: the embedded object")


def test_the_file_says_its_title_and_author(tmp_path: Path) -> None:
    presentation = pptx.Presentation()
    presentation.core_properties.title = "Talk"
    presentation.core_properties.author = "Ann"
    made = saved(presentation, tmp_path)
    assert (made.title, made.metadata["author"], made.text) == ("Talk", "Ann", "")


def test_a_broken_presentation_is_refused_with_its_name(tmp_path: Path) -> None:
    presentation = pptx.Presentation()
    blank(presentation)
    saved(presentation, tmp_path)
    raw = (tmp_path / "a.pptx").read_bytes()
    (tmp_path / "b.pptx").write_bytes(raw[: len(raw) // 2])
    with pytest.raises(Unreadable, match=r"b\.pptx: the file is damaged"):
        list(load(Source(tmp_path / "b.pptx", "b.pptx")))


def test_a_broken_shape_costs_no_other_its_text(tmp_path: Path) -> None:
    charts: Any = pytest.importorskip("pptx.chart.data")
    from pptx.enum.chart import XL_CHART_TYPE

    presentation = pptx.Presentation()
    shapes = blank(presentation).shapes
    data = charts.CategoryChartData()
    data.categories = ["East"]
    data.add_series("Sales", (1,))
    frame = shapes.add_chart(XL_CHART_TYPE.PIE, 0, 0, 99, 99, data)
    (reference,) = frame._element.xpath(".//c:chart")
    reference.set(reference.keys()[0], "rId99")
    box(shapes, "Still here.", 1, 1)
    made = saved(presentation, tmp_path)
    assert made.text == "## Slide 1\n\nStill here."
    assert made.problems[0].startswith("slide 1: the shape 'Chart 1' cannot be read")


def test_a_slide_show_is_read_like_any_other(tmp_path: Path) -> None:
    presentation = pptx.Presentation()
    box(blank(presentation).shapes, "Body.", 1, 1)
    presentation.save(tmp_path / "a.pptx")
    path = tmp_path / "b.pptx"
    with zipfile.ZipFile(tmp_path / "a.pptx") as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name == "[Content_Types].xml":
                known = MAIN.encode()
                assert known in data
                data = data.replace(
                    known,
                    b"application/vnd.openxmlformats-officedocument.presentationml.slideshow.main+xml",
                )
            new.writestr(name, data)
    assert next(iter(load(Source(path, path.name)))).text == "## Slide 1\n\nBody."
