"""Who was right, the writer or the quotation: read the finished evaluation folder of the demo.

    python benchmarks/drafts.py demo

Over the answerable questions that reached the generators, the share of right answers (an accepted
answer is contained) among the drafts, the quotations, and what was chosen before the last gate.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from assay.corpora.dataset import load_queries
from assay.corpora.matching import is_correct

NODES = ("drafted", "quoted", "grounded")


def main(folder: Path) -> int:
    queries = {query.id: query for query in load_queries(folder / "data" / "queries.jsonl")}
    right = dict.fromkeys(NODES, 0)
    asked = drafts_given = 0
    for line in (folder / "records.jsonl").read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        query = queries[record["query_id"]]
        answers = {node: record["stages"][node].get("answer") for node in NODES}
        if not query.answerable or answers["quoted"] is None:
            continue
        asked += 1
        drafts_given += answers["grounded"]["source"].startswith("generate.llm")
        for node, answer in answers.items():
            right[node] += answer is not None and is_correct(answer["text"], query.answers)
    print("| answers of | right | of |")
    print("|---|---:|---:|")
    for node, count in right.items():
        print(f"| `{node}` | {count} | {asked} |")
    print(f"\nThe draft was chosen for {drafts_given} of {asked} questions.")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
