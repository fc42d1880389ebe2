"""Our rankings' figures against trec_eval's own code."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from assay.corpora.dataset import load
from assay.evaluation.evaluate import evaluate
from assay.evaluation.metrics import ranking
from assay.evaluation.observation import observe
from assay.evaluation.plan import Plan
from tests.evaluation.made import dataset, passages, question, record

PLAN = Plan(rankings=("found",), ranking="found")
SHARED = Path(__file__).parents[4] / "shared" / "data"


def trec_eval(
    qrels: dict[str, dict[str, int]], run: dict[str, list[str]]
) -> dict[str, dict[str, float]]:
    """nDCG@10, recall and reciprocal rank by pytrec_eval, and MRR@10 by its definition."""
    import pytrec_eval

    measures = {"ndcg_cut.10", "recall.10,100"}
    scored = {
        name: {one: 1.0 / (rank + 1) for rank, one in enumerate(ids)} for name, ids in run.items()
    }
    found = pytrec_eval.RelevanceEvaluator(qrels, measures).evaluate(scored)
    first = {
        name: next(
            (1 / rank for rank, one in enumerate(ids[:10], 1) if qrels[name].get(one, 0) > 0), 0.0
        )
        for name, ids in run.items()
    }
    return {
        name: {
            "ndcg@10": one["ndcg_cut_10"],
            "recall@10": one["recall_10"],
            "recall@100": one["recall_100"],
            "mrr@10": first[name],
        }
        for name, one in found.items()
    }


def test_each_questions_figures_are_trec_evals_on_random_rankings() -> None:
    generator = random.Random(5)
    names = [f"d{number}" for number in range(150)]
    qrels, run = {}, {}
    for number in range(200):
        judged = generator.sample(names, generator.randint(1, 20))
        qrels[f"q{number}"] = {one: generator.choice([0, 1, 1, 2, 3]) for one in judged}
        qrels[f"q{number}"][judged[0]] = 1
        run[f"q{number}"] = generator.sample(names, generator.randint(1, 130))
    observed = observe(
        dataset([question(name) for name in run], qrels=qrels),
        [record(name, stages={"found": passages(*ids)}) for name, ids in run.items()],
        PLAN,
    )
    expected = trec_eval(qrels, run)
    for key, column in ranking.values(observed, "found").items():
        assert column == pytest.approx([expected[name][key] for name in run], abs=1e-6), key
    # The first relevant passage of some question stands behind rank 10.
    assert 0.0 in ranking.values(observed, "found")["mrr@10"]


def test_batches_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    queries = [question(f"q{number}") for number in range(7)]
    qrels = {one.id: {"x": 1} for number, one in enumerate(queries) if number != 3}
    records = [
        record(one.id, stages={"found": passages(*"nmo"[: place % 4], "x")})
        for place, one in enumerate(queries)
    ]
    observed = observe(dataset(queries, qrels=qrels), records, PLAN)
    whole = ranking.values(observed, "found")
    monkeypatch.setattr(ranking, "BATCH", 2)
    assert ranking.values(observed, "found") == whole
    assert whole["mrr@10"] == pytest.approx([1, 1 / 2, 1 / 3, None, 1, 1 / 2, 1 / 3])


@pytest.mark.shared
@pytest.mark.parametrize("name", ["cranfield", "noveleval"])
def test_ndcg_of_bm25_is_trec_evals_on_shared_sets(name: str) -> None:
    import bm25s

    data = load(SHARED / name)
    ids = [one.id for one in data.documents]
    engine = bm25s.BM25(k1=0.9, b=0.4)
    texts = [f"{one.title} {one.text}" for one in data.documents]
    engine.index(bm25s.tokenize(texts, show_progress=False), show_progress=False)
    asked = bm25s.tokenize([one.text for one in data.queries], show_progress=False)
    places, _ = engine.retrieve(asked, k=100, show_progress=False)
    run = {
        one.id: [ids[place] for place in row]
        for one, row in zip(data.queries, places.tolist(), strict=True)
    }
    records = [record(key, stages={"found": passages(*found)}) for key, found in run.items()]
    report = evaluate(data, records, PLAN, resamples=10)
    judged = {key: dict(grades) for key, grades in data.qrels.items() if any(grades.values())}
    expected = trec_eval(judged, {key: run[key] for key in judged})
    mean = sum(one["ndcg@10"] for one in expected.values()) / len(expected)
    assert report.metrics["retrieval.ndcg@10"] == pytest.approx(mean, abs=1e-6)
    for row in report.per_query:
        if row["query_id"] in expected:
            assert row["retrieval"]["ndcg@10"] == pytest.approx(
                expected[row["query_id"]]["ndcg@10"], abs=1e-6
            )
