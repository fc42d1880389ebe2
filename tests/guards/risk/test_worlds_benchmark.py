"""The benchmark of the worlds: its rows, its tables, and the peer on the very same counts."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from assay.guards.risk.losses import Count
from benchmarks import risk
from benchmarks.risk_worlds import mapie_controller, procedures, tables
from benchmarks.risk_worlds.draws import Fold, Tried, band
from benchmarks.risk_worlds.worlds import EmptyEnd, Independent, TwoGates, at_least

FEW = risk.Effort(trials=4, slow=2, slowest=1)


def test_every_procedure_has_a_row_in_every_world_and_a_cell_in_the_table() -> None:
    rows = risk.boundary(FEW, 1, (0.1,), peers=False)
    assert len(rows) == len(risk.NULLS) * (len(risk.OURS) + len(risk.PLAIN))
    assert all(row["violations"] == row["issued"] <= row["trials"] == 4 for row in rows)
    lines = tables.boundary(rows)
    assert len(lines) == 3 + len(risk.OURS) + len(risk.PLAIN)
    assert not any("cannot run" in line for line in lines)


def test_the_page_is_written_beside_its_figures(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(risk, "QUICK", FEW)
    risk.main(["--quick", "--no-peers", "--out", str(tmp_path / "out"), "--seed", "7"])
    found = json.loads((tmp_path / "out" / "risk.json").read_text(encoding="utf-8"))
    assert (found["seed"], found["trials"], found["mapie"]) == (7, 4, None)
    printed = capsys.readouterr().out
    assert "Seed 7, 4 draws" in printed
    assert "MAPIE left out" in printed
    for row in found["power"]:
        assert f"| {row['world']}: {row['procedure']} | 4 |" in printed
    for row in found["others"]:
        assert f"| {row['world']} | {row['procedure']} |" in printed


def test_a_procedure_beyond_the_band_is_marked() -> None:
    most = band(1000, 0.1)
    for violations, mark in ((most, ""), (most + 1, "+")):
        found = Tried(1000, violations, violations, ())
        row = {
            "world": "w",
            "procedure": "p",
            "delta": 0.1,
            "trials": 1000,
            "violations": violations,
            "issued": violations,
            "band": most,
            "keeps": found.keeps(0.1),
        }
        assert tables.boundary([row])[-1] == f"| p | .{violations}{mark} |"


def test_counts_at_thresholds_are_those_of_a_loop() -> None:
    rng = np.random.default_rng(3)
    scores, wrong = np.round(rng.random(60), 1), rng.random(60) < 0.4
    grid = np.array([0.0, 0.3, 0.55, 1.0, 2.0])
    fold = at_least(scores, wrong, grid)
    for place, at in enumerate(grid):
        assert fold.counts(place) == (
            Count(int((wrong & (scores >= at)).sum()), int((scores >= at).sum())),
        )


@pytest.mark.parametrize("world", [Independent(20), TwoGates(size=900, grid=(5, 6))])
def test_the_peer_sees_the_same_counts_as_ours(world: Independent | TwoGates) -> None:
    """On both, Bonferroni is the same test, so it issues on the same draws."""
    pytest.importorskip("mapie", reason="needs mapie")
    theirs = mapie_controller.controller("bonferroni")
    issued = []
    for draw in world.draws(25, 5):
        ours = procedures.with_bonferroni(draw, world.risks, 0.3) is not None
        assert (theirs(draw, world.risks, 0.3) is not None) == ours
        issued.append(ours)
    assert sum(issued) > 0


def test_the_split_peer_learns_its_order_on_the_tune_fold_only() -> None:
    pytest.importorskip("mapie", reason="needs mapie")
    theirs = mapie_controller.controller("split_fixed_sequence")
    good = Fold(np.array([[1, 1, 60]]), np.array([[200, 200, 200]]))
    bad = Fold(np.array([[60, 60, 60]]), np.array([[200, 200, 200]]))
    draw = next(Independent(3).draws(1, 0))
    risks = Independent(3).risks
    for tune, certify, expected in ((good, good, True), (good, bad, False)):
        made = type(draw)(tune, certify, draw.growth, draw.utility, draw.safe, draw.worth)
        assert (theirs(made, risks, 0.1) is not None) == expected


def test_the_peer_is_left_without_a_threshold_by_an_end_that_nobody_reaches() -> None:
    """MAPIE 1.6 takes the smallest p-value by ``argmin``, which NaN wins; ours has p = 1 there."""
    pytest.importorskip("mapie", reason="needs mapie")
    if mapie_controller.version() != "1.6.0":
        pytest.skip("measured with MAPIE 1.6.0")
    world = EmptyEnd()
    theirs = mapie_controller.controller("bonferroni_holm")
    draws = [draw for draw in world.draws(20, 2) if draw.certify.asked[0, -1] == 0]
    assert sum(theirs(draw, world.risks, 0.1) is not None for draw in draws) == 0
    ours = [procedures.with_holm(draw, world.risks, 0.1) is not None for draw in draws]
    assert sum(ours) >= 0.8 * len(draws)
