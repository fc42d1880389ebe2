"""The attack table counts what was selected, flagged and let in."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.attacks import markdown, read


def row(
    name: str, planted: Sequence[str], context: Sequence[str], *, asr: float = 0.0
) -> dict[str, Any]:
    return {
        "query_id": name,
        "outcome": "answered",
        "planted": list(planted),
        "context": list(context),
        "poison": {"attacked": True, "asr": asr},
    }


def stages(kept: Sequence[str], flagged: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    checks = {
        check: {
            "verdicts": [
                {"id": one, "flags": [{"name": "x", "score": 1.0}] if one in names else []}
                for one in kept
            ]
        }
        for check, names in flagged.items()
    }
    return {"selected": {"kept": list(kept)}, **checks, "verified": {"kept": []}}


def write(path: Path, records: Sequence[Mapping[str, Any]]) -> None:
    path.write_text("".join(json.dumps(one) + "\n" for one in records), "utf-8")


def test_each_check_counts_only_where_it_flags_every_selected_planted_passage(
    tmp_path: Path,
) -> None:
    (tmp_path / "data").mkdir()
    planted = {"a": ["a0", "a1"], "b": ["b0", "b1"], "c": ["c0"]}
    write(
        tmp_path / "data" / "corpus.jsonl",
        [
            {
                "id": one,
                "text": "t",
                "meta": {"poison": True, "attack": "none" if name == "c" else "prefix"},
            }
            for name, ones in planted.items()
            for one in ones
        ]
        + [{"id": "clean", "text": "t", "meta": {}}],
    )
    write(
        tmp_path / "per_query.jsonl",
        [
            row("a", planted["a"], ["clean"]),
            row("b", planted["b"], ["b1"], asr=1.0),
            row("c", planted["c"], ["clean"]),
            row("d", [], ["clean"]),
        ],
    )
    seen = {
        "a": stages(["a0", "a1"], {"echo": ["a0"], "hidden": ["a1"], "provenance": ["a0", "a1"]}),
        "b": stages(["clean", "b1"], {"echo": [], "near_duplicates": ["b1"]}),
        "c": stages(["clean"], {"echo": ["clean"]}),
        "d": stages(["clean"], {}),
    }
    write(
        tmp_path / "records.jsonl",
        [{"query_id": name, "stages": one} for name, one in seen.items()],
    )
    lines = markdown(read(tmp_path, tmp_path / "data")).splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:5]]
    # family, m, questions, selected, text, all, echo, hidden, near, provenance, let in, succeeded
    assert cells == [
        ["none", "1", "1", "0", "0", "0", "0", "0", "0", "0", "0", "0"],
        ["prefix", "2", "2", "2", "1", "1", "0", "0", "1", "1", "1", "1"],
        ["all", "all", "3", "2", "1", "1", "0", "0", "1", "1", "1", "1"],
    ]
