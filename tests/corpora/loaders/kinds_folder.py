"""A folder of every kind of file, made by the kinds' own writers, with what was put in."""

from __future__ import annotations

import csv
import json
import os
from dataclasses import dataclass, field
from pathlib import Path

import docx
import fpdf
import openpyxl
import pptx


@dataclass(frozen=True)
class Put:
    """A sentence in a file, and what the passage that holds it must say of its place."""

    sentence: str
    file: str
    place: dict[str, str | int] = field(default_factory=dict)
    title: str = ""


def sentence(subject: str, number: int) -> str:
    """A sentence with words that no other one has."""
    return f"The {subject} office number {number} keeps {subject}{number} lamps for {number} days."


def write_all(folder: Path) -> list[Put]:
    """Fill the folder; returns every sentence that was put in."""
    folder.mkdir()
    return [
        *_texts(folder),
        *_html(folder),
        *_pdf(folder),
        *_word(folder),
        *_slides(folder),
        *_sheets(folder),
        *_tables(folder),
        *_records(folder),
        *_labelled(folder),
    ]


def write_broken(folder: Path) -> list[str]:
    """Files that cannot be read; returns their ids."""
    (folder / "bad").mkdir()
    broken: dict[str, bytes] = {
        "cut.pdf": (folder / "manual.pdf").read_bytes()[:300],
        "cut.docx": (folder / "letter.docx").read_bytes()[:2000],
        "cut.pptx": (folder / "talk.pptx").read_bytes()[:2000],
        "cut.xlsx": (folder / "book.xlsx").read_bytes()[:2000],
        "none.html": b"",
        "cut.json": b'{"text": "half a rec',
        "cut.jsonl": b'{"text": \nnothing\n',
        "blank.txt": b" \n\t\n",
        "binary.md": bytes(range(256)) * 8,
        "old.doc": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600,
        "empty.csv": b"\n\n",
    }
    for name, content in broken.items():
        (folder / "bad" / name).write_bytes(content)
    locked = fpdf.FPDF()
    locked.set_encryption(owner_password="o", user_password="u")
    locked.add_page()
    locked.set_font("helvetica", size=12)
    locked.cell(text="Secret.")
    locked.output(str(folder / "bad" / "locked.pdf"))
    os.mkfifo(folder / "bad" / "pipe.txt")
    (folder / "bad" / "lost.md").symlink_to(folder / "nowhere.md")
    return [f"bad/{name}" for name in (*broken, "locked.pdf", "pipe.txt", "lost.md")]


def _texts(folder: Path) -> list[Put]:
    plain, mark, rest = sentence("copper", 1), sentence("velvet", 2), sentence("marble", 3)
    (folder / "plain.txt").write_text(f"{plain}\n", encoding="utf-16")
    (folder / "NOTES").write_text(sentence("walnut", 4), encoding="utf-8")
    (folder / "mark.md").write_text(f"# Velvet rules\n\n{mark}\n", encoding="utf-8")
    (folder / "rest.rst").write_text(f"Marble\n======\n\n{rest}\n", encoding="utf-8")
    return [
        Put(plain, "plain.txt"),
        Put(sentence("walnut", 4), "NOTES"),
        Put(mark, "mark.md", title="Velvet rules"),
        Put(rest, "rest.rst", title="Marble"),
    ]


def _html(folder: Path) -> list[Put]:
    body, cell = sentence("linen", 5), sentence("cedar", 6)
    more = " ".join(f"Further remark {n} on linen follows here for the reader." for n in range(9))
    (folder / "page.html").write_text(
        "<!doctype html><html><head><title>Linen</title></head><body>"
        "<nav><a href='/'>Home</a></nav><article><h1>Linen rules</h1>"
        f"<p>{body} {more}</p><table><tr><th>Where</th><th>What</th></tr>"
        f"<tr><td>Hall</td><td>{cell}</td></tr></table></article></body></html>",
        encoding="utf-8",
    )
    return [Put(body, "page.html", title="Linen"), Put(cell, "page.html", title="Linen")]


def _pdf(folder: Path) -> list[Put]:
    made = fpdf.FPDF()
    made.set_title("Manual of lamps")
    made.set_font("helvetica", size=12)
    put = []
    for page in range(1, 4):
        made.add_page()
        if page == 2:
            continue  # a page without text
        for number in (page * 10, page * 10 + 1):
            made.multi_cell(0, 8, sentence("granite", number), new_x="LMARGIN", new_y="NEXT")
            made.ln(8)
            put.append(Put(sentence("granite", number), "manual.pdf", {"page": page}))
    made.output(str(folder / "manual.pdf"))
    (folder / "really-a-pdf.docx").write_bytes(_one_page(sentence("pewter", 7)))
    return [*put, Put(sentence("pewter", 7), "really-a-pdf.docx", {"page": 1})]


def _one_page(text: str) -> bytes:
    made = fpdf.FPDF()
    made.add_page()
    made.set_font("helvetica", size=12)
    made.multi_cell(0, 8, text)
    return bytes(made.output())


def _word(folder: Path) -> list[Put]:
    made = docx.Document()
    made.add_heading("Letters", level=1)
    made.add_paragraph(sentence("amber", 8))
    table = made.add_table(rows=2, cols=2)
    for cell, text in zip(
        [*table.rows[0].cells, *table.rows[1].cells],
        ["Room", "Rule", "Attic", sentence("ivory", 9)],
        strict=True,
    ):
        cell.text = text
    made.save(str(folder / "letter.docx"))
    return [
        Put(sentence("amber", 8), "letter.docx", title="Letters"),
        Put(sentence("ivory", 9), "letter.docx", title="Letters"),
    ]


def _slides(folder: Path) -> list[Put]:
    made = pptx.Presentation()
    put = []
    for number in (1, 2):
        slide = made.slides.add_slide(made.slide_layouts[1])
        slide.shapes.title.text = f"Slide about cobalt{number}"
        slide.placeholders[1].text = sentence("cobalt", number + 50)
        slide.notes_slide.notes_text_frame.text = sentence("indigo", number + 60)
        title = f"Slide about cobalt{number}"
        put.append(Put(sentence("cobalt", number + 50), "talk.pptx", {"slide": number}, title))
        put.append(Put(sentence("indigo", number + 60), "talk.pptx", {"slide": number}, title))
    made.save(str(folder / "talk.pptx"))
    return put


def _sheets(folder: Path) -> list[Put]:
    book = openpyxl.Workbook()
    put = []
    for sheet in (book.active, book.create_sheet("Second & last")):
        sheet.append(["Town", "Rule", "Lamps"])
        for row in range(2, 32):
            said = sentence("saffron" if sheet is book.active else "sienna", row + 100)
            sheet.append([f"Town {row}", said, row])
            put.append(Put(said, "book.xlsx", {"sheet": sheet.title, "cells": f"A{row}:C{row}"}))
    book.save(str(folder / "book.xlsx"))
    return put


def _tables(folder: Path) -> list[Put]:
    put = []
    for name, sign, word in (("rows.csv", ",", "teal"), ("rows.tsv", "\t", "umber")):
        with open(folder / name, "w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, delimiter=sign)
            writer.writerow(["town", "rule"])
            for row in range(2, 30):
                writer.writerow([f"Town {row}", sentence(word, row + 200)])
                put.append(Put(sentence(word, row + 200), name, {"row": row}))
    return put


def _records(folder: Path) -> list[Put]:
    listed = [{"id": f"r{n}", "title": f"Record {n}", "text": sentence("ochre", n)} for n in (1, 2)]
    (folder / "list.json").write_text(json.dumps(listed), encoding="utf-8")
    lines = [{"id": f"l{n}", "text": sentence("mauve", n)} for n in (1, 2)]
    (folder / "lines.jsonl").write_text("".join(json.dumps(one) + "\n" for one in lines))
    (folder / "config.json").write_text(json.dumps({"rules": {"hall": [sentence("beryl", 1)]}}))
    return [
        *(Put(sentence("ochre", n), "list.json", {"record": n}, f"Record {n}") for n in (1, 2)),
        *(Put(sentence("mauve", n), "lines.jsonl", {"line": n}) for n in (1, 2)),
        Put(sentence("beryl", 1), "config.json"),
    ]


def _labelled(folder: Path) -> list[Put]:
    into = folder / "beir"
    (into / "qrels").mkdir(parents=True)
    said = [sentence("topaz", n) for n in (1, 2)]
    (into / "corpus.jsonl").write_text(
        "".join(
            json.dumps({"_id": f"d{n}", "title": f"Topaz {n}", "text": text}) + "\n"
            for n, text in enumerate(said, 1)
        )
    )
    (into / "queries.jsonl").write_text('{"_id": "q1", "text": "unevidence?"}\n')
    (into / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq1\td1\t1\n")
    return [
        Put(text, "beir/corpus.jsonl", {"line": n}, f"Topaz {n}") for n, text in enumerate(said, 1)
    ]
