from __future__ import annotations

import json
from pathlib import Path

import pytest

from assay.corpora.dataset import load, to_query
from assay.pipeline.errors import DataError, UsageError
from assay.pipeline.words import Scope

CORPUS = [
    {"id": "p1", "title": "T", "text": "Paris is in France.", "meta": {"n": 1, "list": [1]}},
    {"id": "p2", "title": "", "text": "Paris is in Texas.", "meta": {"visible_to": "q1-reader"}},
    {"id": "p3", "title": "", "text": " ", "meta": {}},
]
QUERIES = [
    {
        "id": "q1",
        "text": "Where is Paris?",
        "answers": ["France"],
        "answerable": True,
        "meta": {"roles": ["q1-reader"], "scope": {"field": "n", "value": 1}},
    },
    {"id": "q2", "text": "Why?", "answers": [], "answerable": False, "meta": {}},
]
SPANS = [{"qid": "q1", "docid": "p1", "start": 12, "end": 18, "text": "France"}]


def write(folder: Path, **files: object) -> Path:
    content = {"corpus": CORPUS, "queries": QUERIES, "spans": SPANS, **files}
    for name, records in content.items():
        if name != "qrels":
            lines = [json.dumps(record) for record in records]  # type: ignore[attr-defined]
            (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "qrels.tsv").write_text(str(content.get("qrels", "q1\tp1\t2\n")), encoding="utf-8")
    return folder


def test_a_set_is_read_with_its_scopes_labels_and_spans(tmp_path: Path) -> None:
    found = load(write(tmp_path), tenant="acme")
    first, second = found.documents
    assert first.scope == Scope("acme")
    assert first.metadata == {"n": 1}
    assert first.whole
    assert second.scope == Scope("acme", ("q1-reader",))
    assert found.skipped == {"p3": "empty"}
    assert found.qrels == {"q1": {"p1": 2}}
    assert found.spans["q1"][0].text == "France"


def test_a_planted_passage_is_seen_only_by_the_question_that_it_attacks(tmp_path: Path) -> None:
    found = load(write(tmp_path))
    planted = found.documents[1]
    attacked, other = (to_query(query) for query in found.queries)
    assert planted.scope.admits(attacked.scope)
    assert not planted.scope.admits(other.scope)
    assert attacked.filters == {"n": 1}
    assert other.filters == {}


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"corpus": [*CORPUS, CORPUS[0]]}, r"corpus\.jsonl:4: .*twice"),
        ({"corpus": [{"id": "p1"}]}, r"corpus\.jsonl:1: missing key 'text'"),
        ({"corpus": [{"id": 1, "text": "x"}]}, r"corpus\.jsonl:1: 'id' must be str"),
        ({"queries": [{**QUERIES[0], "answers": [1]}]}, r"queries\.jsonl:1: 'answers'"),
        ({"queries": [{**QUERIES[0], "meta": {"scope": "x"}}]}, r"queries\.jsonl:1: 'meta.scope'"),
        ({"queries": [{**QUERIES[0], "meta": {"roles": "x"}}]}, r"queries\.jsonl:1: 'meta.roles'"),
        ({"qrels": "q1\tp1\n"}, r"qrels\.tsv:1: expected 3 fields"),
        ({"qrels": "q1\tp1\t1\nq9\tp1\t1\n"}, r"qrels\.tsv:2: unknown query id 'q9'"),
        ({"qrels": "q1\tp9\t1\n"}, r"qrels\.tsv:1: unknown passage id 'p9'"),
        ({"qrels": "q1\tp1\tx\n"}, r"qrels\.tsv:1: the grade"),
        ({"spans": [{**SPANS[0], "start": 11}]}, r"spans\.jsonl:1: 'text' is not"),
        ({"spans": [{**SPANS[0], "end": 3}]}, r"spans\.jsonl:1: expected 0 <="),
    ],
)
def test_a_broken_line_is_named_by_file_and_number(
    tmp_path: Path, files: dict[str, object], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        load(write(tmp_path, **files))


def test_a_missing_file_is_the_callers_mistake(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"corpus\.jsonl"):
        load(tmp_path)
