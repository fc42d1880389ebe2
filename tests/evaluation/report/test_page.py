"""The page shows the figures, and treats everything that it shows as data."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from assay.evaluation.evaluate import evaluate
from assay.evaluation.report.page import Heading, render
from tests.evaluation.made import PLAN, answer, dataset, document, kept, passages, question, record

EVIL = "<script>alert('$x')</script><img src=http://evil.example/x onerror=alert(1)>"
HEADING = Heading("Demo", "2030-01-01 10:00 UTC", "f" * 64, None, ("A sample of 3 of 9.",))


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def evil_page() -> str:
    asked = question("a", [EVIL])
    asked = type(asked)(EVIL, EVIL, (EVIL,), True, {"incorrect_answer": EVIL})
    said = record(EVIL, text=EVIL, stages={"sufficient": kept(EVIL)})
    said["answer"]["citations"] = [{"start": 0, "end": 1, "passage_ids": [EVIL]}]
    said["stages"]["checks"] = {
        "verdicts": [{"id": EVIL, "flags": [
            {"name": EVIL, "score": 1.0, "p_value": None, "reason": EVIL}]}]
    }  # fmt: skip
    held = record("b", "abstained", stages={"rated": {"answer": answer(EVIL)}})
    held["abstention"] |= {"detail": EVIL, "evidence": [EVIL]}
    broken = record("c", "failed")
    broken["error"]["message"] = EVIL
    queries = [asked, question("b"), question("c")]
    report = evaluate(dataset(queries, [document("p", EVIL)]), [said, held, broken], PLAN)
    heading = Heading(EVIL, EVIL, EVIL, EVIL, (EVIL,))
    return render(report, heading, {EVIL: (EVIL, EVIL)})


def test_markup_in_questions_answers_and_passages_stays_text() -> None:
    page = evil_page()
    tags = Tags()
    tags.feed(page)
    names = {tag for tag, _ in tags.found}
    assert names.isdisjoint({"script", "img", "iframe", "object", "a", "form"})
    assert not any(key.startswith("on") for _, found in tags.found for key in found)
    assert page.count("&lt;script&gt;") >= 10
    assert "alert(&#x27;$x&#x27;)" in page


def test_the_page_needs_nothing_from_elsewhere() -> None:
    report = evaluate(dataset([question("a")]), [record("a")], PLAN)
    page = render(report, HEADING, {})
    assert not re.search(r"(?:src|href)=[\"'](?!data:)", page)
    assert "url(" not in page
    assert "@import" not in page
    assert "default-src 'none'" in page


def test_failures_samples_and_missing_certificates_are_said() -> None:
    queries = [question("a"), question("b")]
    report = evaluate(dataset(queries), [record("a"), record("b", "failed")], PLAN)
    page = render(report, HEADING, {})
    assert "1 of 2 questions failed with an error" in page
    assert "A sample of 3 of 9." in page
    assert "uncertified" in page


def test_every_figure_of_the_report_is_in_the_table() -> None:
    found = dataset([question("a")], qrels={"a": {"x": 1}})
    report = evaluate(found, [record("a", stages={"reranked": passages("x")})], PLAN)
    page = render(report, HEADING, {})
    for key in report.metrics:
        assert key.endswith(".ci95") or f">{key}</td>" in page, key
