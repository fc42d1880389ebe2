"""Trials over shared resources are the pipelines that their files would give."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from assay.corpora.dataset import load, to_query
from assay.corpora.local import LocalCorpus
from assay.evaluation.search.best import write_best
from assay.evaluation.search.space import Space, read_space
from assay.evaluation.search.workbench import Workbench
from assay.pipeline import build
from assay.pipeline.cache import Cache, default_cache_path
from assay.pipeline.errors import BuildError

SPACE = """
fields:
  found.k: [2, 5]
  quoted.answer_sentences: [1, 2]
nodes:
  chosen: {elbow: {use: select.elbow@1, resources: {corpus: corpus}, fields: {max_k: [2, 4]}}}
"""


@pytest.fixture
def space(place: Path) -> Space:
    (place / "space.yaml").write_text(SPACE)
    return read_space(place / "space.yaml", Workbench(place / "p.yaml", place).source)


@pytest.fixture
def bench(place: Path) -> Iterator[Workbench]:
    index(place)
    with Workbench(place / "p.yaml", place) as made:
        yield made


def index(place: Path) -> None:
    pipeline = build(place / "p.yaml")
    corpus = pipeline.resources["corpus"]
    assert isinstance(corpus, LocalCorpus)
    corpus.index(load(place / "set").documents, skipped={}, progress=lambda *_: None)


SETTINGS: list[dict[str, Any]] = [
    {},
    {"found.k": 2},
    {"quoted.answer_sentences": 2, "chosen": "elbow", "chosen=elbow.max_k": 4},
]


@pytest.mark.parametrize("settings", SETTINGS)
def test_a_trial_is_the_pipeline_that_its_file_gives(
    place: Path, space: Space, bench: Workbench, settings: dict[str, Any]
) -> None:
    write_best(place / "deep" / "best.yaml", bench, space, settings, ["made in a test"])
    query = to_query(load(place / "set").queries[0])
    with (
        bench.opened(space, settings) as trial,
        build(place / "deep" / "best.yaml") as alone,
    ):
        assert trial.fingerprint() == alone.fingerprint()
        assert trial.run(query).outcome == alone.run(query).outcome


def test_resources_are_lent_and_stay_loaded(space: Space, bench: Workbench) -> None:
    corpus = bench.unchanged.resources["corpus"]
    for settings in SETTINGS:
        with bench.opened(space, settings) as trial:
            assert trial.resources["corpus"] is corpus
    with bench.opened(space, {}) as trial:  # nothing was closed in between
        assert trial.run(to_query(load(Path(bench.unchanged.base) / "set").queries[0])).outcome


def test_what_an_earlier_trial_has_computed_is_not_computed_again(
    place: Path, space: Space, bench: Workbench
) -> None:
    query = to_query(load(place / "set").queries[0])
    for settings in ({}, {"quoted.answer_sentences": 2}):
        with bench.opened(space, settings) as trial:
            trial.run(query)
    cache = Cache(default_cache_path())
    hits = {name: usage.hits for name, usage in cache.stats().components.items()}
    cache.close()
    assert hits["retrieve.bm25@1"] == 1
    assert hits["generate.extractive@1"] == 0


def test_without_the_cache_every_cost_is_paid(place: Path, space: Space) -> None:
    index(place)
    query = to_query(load(place / "set").queries[0])
    calls = []
    with Workbench(place / "p.yaml", place, cached=False) as bench:
        for _ in range(2):
            with bench.opened(space, {}) as trial:
                calls.append(trial.run(query).to_json()["cost"]["calls"])
    assert calls[0] == calls[1] > 0
    assert not default_cache_path().exists()


def test_settings_that_do_not_fit_say_so_and_leave_the_bench_usable(
    space: Space, bench: Workbench
) -> None:
    with pytest.raises(BuildError), bench.opened(space, {"found.k": -3}):
        pass
    with bench.opened(space, {"found.k": 2}) as trial:
        assert trial.fingerprint()


def test_the_winner_is_written_without_its_certificate_and_with_its_origin(
    place: Path, space: Space
) -> None:
    file = place / "p.yaml"
    file.write_text(file.read_text() + "certificate: {path: certificate.json}\n")
    bench = Workbench(file, place)
    write_best(place / "best.yaml", bench, space, {"found.k": 2}, ["trial 7 of 9"])
    text = (place / "best.yaml").read_text()
    assert text.startswith("# trial 7 of 9\n# The certificate of the original is not taken over")
    made = build(place / "best.yaml")
    assert made.certificate is None
    assert made.thresholds == {"evidence": "gate.threshold"}


def test_includes_are_written_out(place: Path, space: Space) -> None:
    parts = place / "parts.yaml"
    whole = (place / "p.yaml").read_text()
    head, nodes = whole.split("nodes:\n")
    inner, tail = nodes.split("output:")
    parts.write_text("assay: 1\nnodes:\n" + inner)
    (place / "p.yaml").write_text(head + "include: [parts.yaml]\noutput:" + tail)
    write_best(place / "x" / "best.yaml", Workbench(place / "p.yaml", place), space, {}, ["x"])
    assert "include" not in (place / "x" / "best.yaml").read_text()
    assert set(build(place / "x" / "best.yaml").steps) == {"found", "chosen", "gate", "quoted"}
