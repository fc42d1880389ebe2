"""Findings on disk: findings.json, per_query.jsonl and report.html, each whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from assay.evaluation.folder import write_file
from assay.evaluation.report.suite_page import Heading, render
from assay.evaluation.statistics.resampling import Estimate
from assay.evaluation.suites.suite import Findings

FINDINGS, PER_QUERY, PAGE = "findings.json", "per_query.jsonl", "report.html"


def write_findings(findings: Findings, heading: Heading, folder: Path) -> None:
    """Write what a suite found.

    Args:
        findings: what it found.
        heading: what was asked of what.
        folder: made where missing; other files in it are left alone.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps(dict(one), ensure_ascii=False) for one in findings.per_query]
    whole = json.dumps(to_json(findings, heading), ensure_ascii=False, indent=1, allow_nan=False)
    write_file(folder / PER_QUERY, "".join(f"{line}\n" for line in lines))
    write_file(folder / PAGE, render(findings, heading))
    write_file(folder / FINDINGS, f"{whole}\n")


def to_json(findings: Findings, heading: Heading) -> dict[str, Any]:
    """The content of findings.json; what is not measurable is null."""
    return {
        "suite": findings.suite,
        "title": findings.title,
        "run": asdict(heading),
        "rows": [
            {
                "name": row.name,
                "n": row.n,
                "values": _estimates(row.values),
                "differences": _estimates(row.differences),
            }
            for row in findings.rows
        ],
        "notes": list(findings.notes),
    }


def _estimates(found: Mapping[str, Estimate]) -> dict[str, Any]:
    return {
        key: {"value": one.value, "ci95": None if one.interval is None else list(one.interval)}
        for key, one in found.items()
    }
