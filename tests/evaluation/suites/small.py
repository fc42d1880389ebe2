"""A small set and a pipeline without models, for suites."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

from assay.corpora.dataset import Dataset, LabelledQuery
from assay.evaluation.suites.running import PipelineRunner
from assay.pipeline import Pipeline, build
from tests.evaluation.made import dataset, document

PIPELINE = """
assay: 1
name: small
resources:
  judge: {use: models.overlap_cross_encoder@1}
  corpus: {use: corpora.local@1, config: {path: index}}
nodes:
  found: {use: retrieve.bm25@1, config: {k: 20}, resources: {corpus: corpus}, inputs: {query: query}}
  chosen: {use: select.top_k@1, config: {k: 1}, inputs: {query: query, ranking: found}}
  gate: {use: abstain.evidence@1, config: {kind: bm25, threshold: 0.5}, inputs: {selection: chosen}}
  quoted:
    use: generate.extractive@1
    config: {answer_sentences: 1}
    resources: {model: judge}
    inputs: {query: query, selection: gate}
thresholds: {enough: gate.threshold}
output: quoted
"""

WRITER = PIPELINE.replace(
    "judge: {use: models.overlap_cross_encoder@1}",
    "judge: {use: models.echo@1, config: {rules: [{when: 'Paraphrase:$', say: 'A founder?'}],"
    " otherwise: 'It was 1851.'}}",
).replace("use: generate.extractive@1\n    config: {answer_sentences: 1}", "use: generate.llm@1")
"""The same with a language model, which says one thing whatever it reads."""

TOWNS = {
    "Aldermoor": ("Harriet Blythe", "1851", "wool"),
    "Brackenfell": ("Simon Oakes", "1902", "slate"),
    "Coldharbour": ("Martha Quill", "1777", "barley"),
    "Dunwater": ("Edwin Tarrant", "1834", "eels"),
    "Eastlyn": ("Rosa Whitlock", "1690", "copper"),
    "Fernleigh": ("Giles Penrose", "1923", "cider"),
}


def towns() -> Dataset:
    """Six passages, two questions each; the answers stand in one sentence of each passage."""
    documents, queries, qrels = [], [], {}
    for town, (founder, year, goods) in TOWNS.items():
        name = town.lower()
        documents.append(
            document(
                name,
                f"The village of {town} was established by {founder}. Its market began trading"
                f" in {year}. Farmers around it often sold {goods}. In summer, many visitors"
                " walk along the river.",
            )
        )
        for kind, text, answer in (
            ("who", f"Who established the village of {town}?", founder),
            ("when", f"When did the market of {town} begin trading?", year),
        ):
            made = LabelledQuery(f"{name}-{kind}", text, (answer,), True, {"cluster": name})
            queries.append(made)
            qrels[made.id] = {name: 1}
    queries.append(LabelledQuery("none", "Xylophone zeppelin quartz?", (), False))
    return dataset(queries, documents, qrels)


def write_pipeline(folder: Path, text: str = PIPELINE) -> Path:
    """The pipeline's file."""
    path = folder / "p.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def loader(path: Path) -> Any:
    """Builds the pipeline with overrides."""

    def load(overrides: Collection[str]) -> Pipeline:
        return build(path, overrides=overrides)

    return load


def index(path: Path, data: Dataset) -> None:
    """Index a set into the pipeline's own corpus."""
    built = build(path)
    corpus: Any = built.resources["corpus"]
    corpus.index(data.documents, skipped={}, progress=lambda stage, done, total: None)


def runner(
    folder: Path, data: Dataset | None = None, *, text: str = PIPELINE, **more: Any
) -> PipelineRunner:
    """A runner over the indexed set."""
    path = folder / "p.yaml"
    if not path.exists():
        write_pipeline(folder, text)
        index(path, data or towns())
    return PipelineRunner(loader(path), folder / "out", **more)
