"""Our arithmetic beside that of libraries that others wrote; each is left out if not installed."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from assay.guards.risk.binomial import (
    beta_binomial_cdf,
    binomial_cdf,
    clopper_pearson_lower,
    clopper_pearson_upper,
)
from assay.guards.risk.families import bonferroni, holm
from assay.guards.risk.mean_bounds import hoeffding_bentkus_p_value, relative_entropy
from assay.guards.risk.quantile_bands import one_quantile_upper
from assay.models.calibrators.isotonic import Isotonic
from assay.models.calibrators.venn_abers import VennAbers

RISKS = (0.001, 0.05, 0.1, 0.37, 0.5, 0.9)
SIZES = (1, 7, 49, 300, 3000)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20261124)


def test_binomial_tails_are_those_of_scipy() -> None:
    stats = pytest.importorskip("scipy.stats", reason="needs scipy")
    for n in SIZES:
        counts = np.unique(np.linspace(0, n, 60).astype(int))
        for risk in RISKS:
            ours = [binomial_cdf(int(k), n, risk) for k in counts]
            assert ours == pytest.approx(stats.binom.cdf(counts, n, risk).tolist(), abs=1e-10)


def test_exact_bounds_are_quantiles_of_the_beta_distribution_of_scipy() -> None:
    stats = pytest.importorskip("scipy.stats", reason="needs scipy")
    for n in SIZES:
        for k in np.unique(np.linspace(0, n, 12).astype(int)).tolist():
            for delta in (0.1, 0.05, 0.001):
                upper = 1.0 if k == n else float(stats.beta.ppf(1 - delta, k + 1, n - k))
                lower = 0.0 if k == 0 else float(stats.beta.ppf(delta, k, n - k + 1))
                assert clopper_pearson_upper(k, n, delta) == pytest.approx(upper, abs=1e-10)
                assert clopper_pearson_lower(k, n, delta) == pytest.approx(lower, abs=1e-10)


def test_predictive_counts_are_those_of_scipy() -> None:
    stats = pytest.importorskip("scipy.stats", reason="needs scipy")
    for n in (1, 30, 400):
        for a, b in ((0.5, 0.5), (0.5, 60.5), (12.5, 88.5), (1.0, 1.0), (40.0, 0.5)):
            counts = np.unique(np.linspace(0, n, 25).astype(int))
            ours = [beta_binomial_cdf(int(k), n, a, b) for k in counts]
            theirs = stats.betabinom.cdf(counts, n, a, b).tolist()
            assert ours == pytest.approx(theirs, abs=1e-9)


def test_entropy_is_that_of_scipy() -> None:
    special = pytest.importorskip("scipy.special", reason="needs scipy")
    for p in (0.0, 0.02, 0.5, 1.0):
        for q in RISKS:
            theirs = float(special.rel_entr(p, q) + special.rel_entr(1 - p, 1 - q))
            assert relative_entropy(p, q) == pytest.approx(theirs, abs=1e-12)


def test_the_place_of_a_quantile_bound_is_that_of_the_binomial_quantile_of_scipy() -> None:
    stats = pytest.importorskip("scipy.stats", reason="needs scipy")
    for n in (60, 100, 500):
        losses = (np.arange(1, n + 1) / n).tolist()
        for beta in (0.5, 0.8, 0.9):
            place = int(stats.binom.ppf(0.95, n, beta)) + 1
            expected = losses[place - 1] if place <= n else 1.0
            assert one_quantile_upper(losses, beta=beta, delta=0.05) == pytest.approx(expected)


def test_bentkus_and_chernoff_are_those_of_mapie(rng: np.random.Generator) -> None:
    """On whole sums: MAPIE takes e times the tail of any loss unless told that it is 0 or 1."""
    methods = pytest.importorskip("mapie.risk_control.methods", reason="needs mapie")
    for n in (50, 100, 600):
        losses = [(rng.random(n) < risk).astype(float) for risk in (0.0, 0.02, 0.05, 0.09, 0.3)]
        means = np.array([one.mean() for one in losses])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs = methods.compute_hoeffding_bentkus_p_value(means, n, 0.1)[:, 0]
        # It rounds the mean times n upwards, which may count one loss more than there were.
        whole = np.ceil(n * means) == np.round(n * means)
        ours = np.array([hoeffding_bentkus_p_value(float(one.sum()), n, 0.1) for one in losses])
        assert whole.sum() >= 3
        assert np.minimum(theirs, 1.0)[whole] == pytest.approx(ours[whole], abs=1e-9)
        assert (theirs[~whole] >= ours[~whole] - 1e-12).all()


def test_corrections_reject_what_those_of_statsmodels_reject(rng: np.random.Generator) -> None:
    multitest = pytest.importorskip("statsmodels.stats.multitest", reason="needs statsmodels")
    for _ in range(12):  # a call takes their library 50 ms
        values = rng.beta(0.3, 3.0, int(rng.integers(5, 40)))
        for name, ours in (("holm", holm), ("bonferroni", bonferroni)):
            theirs = multitest.multipletests(values, alpha=0.1, method=name)[0]
            assert ours(values.tolist(), 0.1) == frozenset(np.flatnonzero(theirs).tolist())


def test_venn_abers_is_that_of_venn_abers(rng: np.random.Generator) -> None:
    venn_abers = pytest.importorskip("venn_abers", reason="needs venn-abers")
    for n in (10, 60, 200):
        scores = np.round(rng.random(n), 2)
        right = rng.random(n) < scores
        asked = np.round(rng.random(40), 3)
        theirs = venn_abers.VennAbers()
        theirs.fit(np.column_stack([1 - scores, scores]), right.astype(int))
        _, both = theirs.predict_proba(np.column_stack([1 - asked, asked]))
        ours = VennAbers.fit(scores.tolist(), right.tolist())
        assert np.array([ours.interval(one) for one in asked.tolist()]) == pytest.approx(
            np.asarray(both), abs=1e-9
        )


def test_isotonic_regression_is_that_of_sklearn(rng: np.random.Generator) -> None:
    isotonic = pytest.importorskip("sklearn.isotonic", reason="needs scikit-learn")
    for n in (10, 200):
        scores = np.round(rng.random(n), 2)
        right = rng.random(n) < scores
        theirs = isotonic.IsotonicRegression(out_of_bounds="clip").fit(scores, right.astype(float))
        ours = Isotonic.fit(scores.tolist(), right.tolist())
        assert ours.probabilities(scores) == pytest.approx(theirs.predict(scores), abs=1e-9)
