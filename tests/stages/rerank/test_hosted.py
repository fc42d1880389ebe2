from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from assay.pipeline.builder import build
from assay.pipeline.context import DeadlineExceeded, RunContext
from assay.pipeline.errors import ModelError
from assay.pipeline.words import Query, Ranking, Scope, ScoreKind
from assay.stages.rerank.hosted import HostedConfig, HostedRerank
from assay.stages.windows.window import Sizes
from tests.conformance.samples import A, B, Sample, asked, ranked, small_corpus
from tests.stages.rerank.oracles import QUESTION, ranking_of

pytest.importorskip("openai", reason="needs the extra openai")

KEY = "sk-hosted-7f3a9"


class Server(ThreadingHTTPServer):
    """A server that speaks Cohere's rerank API; longer documents are more relevant.

    A test sets ``answers`` to what the next requests get: (status, headers, body).
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.seen: list[tuple[str, dict[str, Any], dict[str, str]]] = []
        self.answers: list[tuple[int, dict[str, str], bytes]] = []
        self.delay = 0.0
        self.base_url = f"http://127.0.0.1:{self.server_address[1]}/v2"
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.seen.append((self.path, body, {k.title(): v for k, v in self.headers.items()}))
        rows = [
            {"index": place, "relevance_score": len(text) / 1000}
            for place, text in enumerate(body["documents"])
        ]
        rows.sort(key=lambda row: -row["relevance_score"])
        told = json.dumps({"id": "x", "results": rows[: body["top_n"]], "meta": {}}).encode()
        status, headers, data = (
            self.server.answers.pop(0) if self.server.answers else (200, {}, told)
        )
        time.sleep(self.server.delay)
        self.send_response(status)
        for name, value in ({"content-length": str(len(data))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


SERVER: list[Server] = []


def running() -> Server:
    """The one server of this process."""
    if not SERVER:
        SERVER.append(Server())
    return SERVER[0]


@pytest.fixture
def server() -> Iterator[Server]:
    one = running()
    one.seen.clear()
    one.answers.clear()
    one.delay = 0.0
    yield one
    one.delay = 0.0


def sample() -> Sample:
    return Sample(asked(), config={"model": "m", "base_url": running().base_url, "depth": 2})


def started(server: Server, **settings: Any) -> HostedRerank:
    config = {"model": "rerank-v3.5", "base_url": server.base_url, "api_key": KEY} | settings
    node = HostedRerank(HostedConfig.model_validate(config, strict=False))
    node.start()
    return node


def answer(*rows: tuple[object, object]) -> tuple[int, dict[str, str], bytes]:
    told = [{"index": index, "relevance_score": score} for index, score in rows]
    return 200, {}, json.dumps({"results": told}).encode()


def test_the_request_has_cohere_s_form_and_nothing_but_question_and_texts(server: Server) -> None:
    node = started(server)
    node.run(A, ranked(A), RunContext())
    node.close()
    ((path, body, headers),) = server.seen
    assert path == "/v2/rerank"
    assert headers["Authorization"] == f"Bearer {KEY}"
    assert body == {
        "model": "rerank-v3.5",
        "query": A.text,
        "documents": [hit.passage.text for hit in ranked(A).hits],
        "top_n": 3,
    }


def test_the_order_is_the_server_s_and_the_tail_follows(server: Server) -> None:
    context = RunContext()
    node = started(server, depth=3)
    server.answers.append(answer((2, 0.9), (0, 0.4), (1, 0.1)))
    found = node.run(QUESTION, ranking_of([0.0] * 5), context)
    node.close()
    assert found.ids == ("2", "0", "1", "3", "4")
    assert [hit.score.value for hit in found.hits[:3]] == [0.9, 0.4, 0.1]
    assert found.hits[0].score.kind is ScoreKind.RATING
    assert (context.cost.calls, context.cost.rounds) == (1, 1)
    assert context.notes["tokens_estimated"] is True


def test_missing_repeated_and_strange_rows_are_counted(server: Server) -> None:
    context = RunContext()
    node = started(server)
    server.answers.append(answer((1, 0.9), (1, 0.8), (9, 0.7)))
    found = node.run(QUESTION, ranking_of([0.0] * 3), context)
    node.close()
    assert found.ids == ("1", "0", "2")
    assert context.notes | {"tokens_estimated": True} == {
        "rows_missing": 2,
        "rows_repeated": 1,
        "rows_unknown": 1,
        "tokens_estimated": True,
    }


def test_a_busy_server_is_asked_again_when_it_says(server: Server) -> None:
    node = started(server)
    server.answers += [(429, {"retry-after": "0"}, b"{}"), (503, {"retry-after": "0"}, b"{}")]
    found = node.run(A, ranked(A), RunContext())
    node.close()
    assert len(server.seen) == 3
    assert sorted(found.ids) == sorted(ranked(A).ids)


@pytest.mark.parametrize(
    ("told", "found"),
    [
        (
            (401, {}, b'{"message": "invalid ' + KEY.encode() + b'"}'),
            r"status 401.*\*\*\*.*api_key",
        ),
        ((200, {}, b"[]"), "no JSON object"),
        ((200, {}, b"{}"), "no list 'results'"),
        ((200, {}, b'{"results": [{"index": "0", "relevance_score": 1}]}'), "no number 'index'"),
        ((200, {}, b'{"results": [{"index": true, "relevance_score": 1}]}'), "no number 'index'"),
        ((200, {}, b'{"results": [{"index": 0}]}'), "no number 'index'"),
        ((200, {}, b"\xff\xfe"), "rerank.hosted@1 at"),
    ],
)
def test_an_answer_that_cannot_be_read_is_one_error_without_the_key(
    server: Server, told: tuple[int, dict[str, str], bytes], found: str
) -> None:
    node = started(server)
    server.answers.append(told)
    with pytest.raises(ModelError, match=found) as caught:
        node.run(A, ranked(A), RunContext())
    node.close()
    assert KEY not in str(caught.value)
    assert len(server.seen) == 1  # it would not pass by itself


def test_a_score_that_is_not_finite_is_refused(server: Server) -> None:
    node = started(server)
    server.answers.append((200, {}, b'{"results": [{"index": 0, "relevance_score": 1e999}]}'))
    with pytest.raises(ModelError, match="finite"):
        node.run(A, ranked(A), RunContext())
    node.close()


def test_a_slow_server_is_given_up_at_the_timeout_and_at_the_deadline(server: Server) -> None:
    server.delay = 0.4
    node = started(server, timeout=0.05, retries=0)
    with pytest.raises(ModelError, match=r"no answer for 0\.05 s"):
        node.run(A, ranked(A), RunContext())
    node.close()
    node = started(server)
    with pytest.raises(DeadlineExceeded):
        node.run(A, ranked(A), RunContext(deadline=time.monotonic() + 0.05))
    node.close()


def test_queries_of_a_batch_are_asked_each_for_itself_and_empty_ones_not_at_all(
    server: Server,
) -> None:
    node = started(server)
    nothing = Query("q", Scope("a"))
    items: list[dict[str, Any]] = [
        {"query": A, "ranking": ranked(A)},
        {"query": nothing, "ranking": Ranking(nothing, (), "first")},
        {"query": B, "ranking": ranked(B)},
    ]
    found = node.run_batch(items, [RunContext() for _ in items])
    assert len(server.seen) == 2
    assert [one.query for one in found] == [A, nothing, B]
    assert found == [node.run(**one, context=RunContext()) for one in items]
    node.close()


def test_the_estimate_is_what_the_ledger_says(server: Server) -> None:
    context = RunContext()
    node = started(server)
    node.run(QUESTION, ranking_of([0.25] * 40), context)
    node.close()
    estimated = node.estimate(40, Sizes(query=5, passage=5))
    assert (estimated.calls, estimated.rounds) == (context.cost.calls, context.cost.rounds)
    assert estimated.tokens_in == pytest.approx(context.cost.tokens_in, rel=0.1)


def test_the_key_is_read_from_the_environment_and_stands_in_no_record(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = f"""
assay: 1
name: hosted
resources:
  corpus: {{use: given}}
nodes:
  found: {{use: retrieve.bm25@1, resources: {{corpus: corpus}}, inputs: {{query: query}}}}
  reranked:
    use: rerank.hosted@1
    config: {{model: m, base_url: "{server.base_url}", api_key: {{env: MY_RERANK_KEY}}}}
    inputs: {{query: query, ranking: found}}
  kept: {{use: select.top_k@1, inputs: {{query: query, ranking: reranked}}}}
  said: {{use: abstain.evidence@1, config: {{kind: rating, threshold: 9.0}}, inputs: {{selection: kept}}}}
  answered: {{use: generate.extractive@1, resources: {{model: judge}}, inputs: {{query: query, selection: said}}}}
output: answered
""".replace(
        "  corpus: {use: given}\n",
        "  corpus: {use: given}\n  judge: {use: models.overlap_cross_encoder@1}\n",
    )
    (tmp_path / "hosted.yaml").write_text(text, encoding="utf-8")
    monkeypatch.setenv("MY_RERANK_KEY", KEY)
    with build(
        tmp_path / "hosted.yaml", resources={"corpus": small_corpus(tmp_path / "index")}
    ) as pipeline:
        record = pipeline.run(B)
        parts = json.dumps(pipeline.parts(), default=str)
    assert server.seen[-1][2]["Authorization"] == f"Bearer {KEY}"
    told = json.dumps(record.to_json())
    assert KEY not in told
    assert KEY not in parts
    assert record.to_json()["outcome"] == "abstained"
