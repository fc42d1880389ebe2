"""Each line of the page about selection is a node that builds."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from assay.pipeline.builder import build_text
from assay.pipeline.errors import BuildError
from assay.pipeline.registry import names

PAGE = (Path(__file__).resolve().parent.parent / "docs" / "selection.md").read_text("utf-8")
LINES = [line for line in PAGE.splitlines() if re.match(r"  \w+: \{use: select\.", line)]
FRAME = """
assay: 1
name: page
resources:
  corpus:
    use: corpora.local@1
    config: {{path: index}}
    resources: {{embedder: embedder}}
  embedder: {{use: models.hash_embedder@1, config: {{dimension: 64}}}}
  judge: {{use: models.overlap_cross_encoder@1}}
  model: {{use: models.echo@1}}
nodes:
  found: {{use: retrieve.bm25@1, resources: {{corpus: corpus}}, inputs: {{query: query}}}}
  ranked:
    use: rerank.cross_encoder@1
    resources: {{model: judge}}
    inputs: {{query: query, ranking: found}}
  {before}
{line}
  said:
    use: generate.extractive@1
    resources: {{model: judge}}
    inputs: {{query: query, selection: {last}}}
output: said
"""


@pytest.mark.parametrize("line", LINES, ids=lambda line: str(line).split("@")[0].split(".")[-1])
def test_each_line_builds(line: str, tmp_path: Path) -> None:
    before = ""
    if "selection: kept" in line:
        before = "kept: {use: select.top_k@1, inputs: {query: query, ranking: ranked}}"
    last = line.split(":", maxsplit=1)[0].strip()
    text = FRAME.format(before=before, line=line, last=last)
    if "ranking: probable" in line:
        with pytest.raises(BuildError, match="compares scores of kind 'probability'"):
            build_text(text.replace("probable", "ranked"), name="page.yaml", base=tmp_path)
        return
    assert build_text(text, name="page.yaml", base=tmp_path)


def test_every_selector_stands_in_the_page() -> None:
    registered = {name.split("@")[0] for name in names() if name.startswith("select.")}
    assert registered - set(re.findall(r"\bselect\.\w+", PAGE)) == set()
