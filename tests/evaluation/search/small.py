"""A small pipeline with a labelled set whose best settings are known."""

from __future__ import annotations

import json
from pathlib import Path

PIPELINE = """assay: 1
name: small
resources:
  corpus: {use: corpora.local@1, config: {path: index}}
  judge: {use: models.overlap_cross_encoder@1}
nodes:
  found: {use: retrieve.bm25@1, config: {k: 5}, resources: {corpus: corpus}, inputs: {query: query}}
  chosen: {use: select.top_k@1, config: {k: 1}, inputs: {query: query, ranking: found}}
  gate: {use: abstain.evidence@1, config: {kind: bm25, threshold: null}, inputs: {selection: chosen}}
  quoted:
    use: generate.extractive@1
    config: {answer_sentences: 1}
    resources: {model: judge}
    inputs: {query: query, selection: gate}
output: quoted
thresholds: {evidence: gate.threshold}
"""

THINGS = ("lamp", "kettle", "ladder", "bucket", "shovel", "basket", "candle", "hammer", "saddle",
          "mirror", "carpet", "pillow", "anchor", "barrel", "bottle", "button", "needle", "ribbon",
          "rocket", "puppet", "helmet", "violin", "jacket", "pencil", "shield", "wallet", "trumpet",
          "compass", "blanket", "curtain")  # fmt: skip
FOLDS = ("tune", "report")


def lay(folder: Path) -> Path:
    """Lay ``p.yaml`` and ``set/`` into a folder.

    Of every thing's two sentences the second has the answer, and the first is the question
    again, so that one quoted sentence is always wrong and two are always right.
    """
    (folder / "p.yaml").write_text(PIPELINE)
    data = folder / "set"
    data.mkdir()
    passages, queries, qrels = [], [], []
    for number, thing in enumerate(THINGS):
        name = f"d{number}"
        text = f"Where is the {thing} now? The {thing} is stored in room {number}."
        passages.append({"id": name, "title": "", "text": text, "meta": {}})
        queries.append(
            {
                "id": f"q{number:02}",
                "text": f"Where is the {thing} now?",
                "answers": [f"room {number}"],
                "answerable": True,
                "meta": {"fold": FOLDS[number % 2], "cluster": f"c{number // 4 * 2 + number % 2}"},
            }
        )
        qrels.append(f"q{number:02}\t{name}\t1\n")
    (data / "corpus.jsonl").write_text("".join(json.dumps(one) + "\n" for one in passages))
    (data / "queries.jsonl").write_text("".join(json.dumps(one) + "\n" for one in queries))
    (data / "qrels.tsv").write_text("".join(qrels))
    return folder
