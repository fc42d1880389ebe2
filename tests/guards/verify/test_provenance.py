"""An answer rests on trusted sources only; an unnamed source is not trusted."""

from __future__ import annotations

from dataclasses import replace

import pytest

from assay.guards.verify.provenance import Provenance, ProvenanceConfig
from tests.words import hit, selection


@pytest.mark.parametrize(
    ("metadata", "flagged"),
    [({"source": "manual"}, False), ({"source": "wiki"}, True), ({}, True)],
)
def test_a_passage_is_flagged_unless_its_source_is_trusted(
    metadata: dict[str, str], flagged: bool
) -> None:
    node = Provenance(ProvenanceConfig(trusted=("manual",)))
    one = hit("a")
    one = replace(one, passage=replace(one.passage, metadata=metadata))
    verdict = node.run(selection(one)).verdicts[0]
    assert bool(verdict.flags) is flagged
    assert verdict.passage_id == "a"
