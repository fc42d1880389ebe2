from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.pipeline.errors import DataError, UsageError
from assay.stages.schedules.early_exit import Exit, early_exit
from assay.stages.schedules.early_exit_fit import conformal_quantile, fit_levels


def run(scores: np.ndarray, widths: list[float], **options: int) -> tuple[Exit, int, int]:
    """Where it came to, scores made and rounds."""
    going = early_exit(len(scores), half_widths=widths, **options)
    made = rounds = 0
    answer: list[float] | None = None
    while True:
        try:
            asked = next(going) if answer is None else going.send(answer)
        except StopIteration as end:
            return end.value, made, rounds
        made += len(asked)
        rounds += 1
        answer = [float(scores[place, level]) for place, level in asked]


NOTES = np.array([[0.50, 0.55, 0.60, 0.62], [0.52, 0.50, 0.48, 0.47], [0.30, 0.35, 0.33, 0.34]])


def test_the_example_of_the_notes_costs_seven_scores_of_twelve() -> None:
    found, made, _ = run(NOTES, [0.20, 0.12, 0.05, 0.0], top=1)
    assert found.order[0] == 0
    assert (made, found.levels, found.certain) == (7, (3, 1, 0), True)


def test_a_budget_ends_it_without_a_promise() -> None:
    found, made, _ = run(NOTES, [0.20, 0.12, 0.05, 0.0], top=1, most=2)
    assert (made, found.certain) == (5, False)
    nothing, made, _ = run(NOTES, [0.20, 0.12, 0.05, 0.0], top=1, most=0)
    assert (nothing.order, made) == ((1, 0, 2), 3)


def test_all_are_asked_at_once_with_a_wide_beam() -> None:
    _, made, rounds = run(NOTES, [9.0, 9.0, 9.0, 0.0], top=1, beam=3)
    assert (made, rounds) == (12, 4)


@given(
    n=st.integers(0, 12),
    levels=st.integers(2, 4),
    top=st.integers(1, 14),
    beam=st.integers(1, 5),
    seed=st.integers(0, 9999),
)
def test_within_the_half_widths_the_best_are_those_of_full_compute(
    n: int, levels: int, top: int, beam: int, seed: int
) -> None:
    generator = np.random.default_rng(seed)
    widths = [*np.sort(generator.random(levels - 1))[::-1].tolist(), 0.0]
    final = np.round(generator.random(n), 1)  # with ties
    off = generator.uniform(-1, 1, (n, levels)) * widths
    found, made, _ = run(final[:, None] + off, widths, top=top, beam=beam)
    assert sorted(found.order) == list(range(n))
    assert found.certain
    assert made == sum(level + 1 for level in found.levels) <= n * levels
    best = np.sort(final)[::-1][:top]
    chosen = np.sort([final[one] for one in found.order[:top]])[::-1]
    assert chosen == pytest.approx(best, abs=1e-9)


def test_the_conformal_quantile_of_the_notes_is_two() -> None:
    ratios = [0.5, 0.7, 0.9, 1, 1.2, 1.3, 1.6, 2, 2.4]
    assert conformal_quantile(ratios, alpha=0.2) == 2.0
    assert conformal_quantile(ratios[::-1], alpha=0.1) == 2.4
    with pytest.raises(UsageError, match="needs at least 19 calibration questions, got 9"):
        conformal_quantile(ratios, alpha=0.05)


def questions(count: int, generator: np.random.Generator) -> list[np.ndarray]:
    """Three levels that predict the last one ever better, the first one on another scale."""
    made = []
    for _ in range(count):
        final = generator.normal(size=20)
        noise = generator.normal(size=(20, 2)) * [0.4, 0.1]
        hard = 1 + generator.random()
        made.append(np.column_stack([(final + noise[:, 0] * hard) / 4 + 3, final + noise[:, 1], final]))  # fmt: skip
    return made


def test_fitted_half_widths_keep_their_promise_on_new_questions() -> None:
    generator = np.random.default_rng(0)
    alpha, wrong, outside, shares = 0.2, 0, 0, []
    fitted = fit_levels(
        questions(30, generator), questions(60, generator), top=3, alpha=alpha, beam=2
    )
    assert fitted[-1].half_width == 0.0
    assert fitted[0].half_width > fitted[1].half_width > 0.0
    assert fitted[0].slope == pytest.approx(4, rel=0.3)
    widths = [level.half_width for level in fitted]
    lines = np.array([(level.slope, level.intercept) for level in fitted]).T
    new = questions(300, generator)
    for one in new:
        scores = one * lines[0] + lines[1]
        found, _, _ = run(scores, widths, top=3, beam=2)
        wrong += set(found.order[:3]) != set(np.argsort(-scores[:, -1])[:3].tolist())
        outside += bool((np.abs(scores - scores[:, -1:]) > np.array(widths)).any())
        shares.append([np.mean(np.array(found.levels) >= level) for level in range(3)])
    assert wrong / len(new) <= alpha
    assert outside / len(new) == pytest.approx(alpha, abs=0.12)
    reached = [level.reached for level in fitted]
    assert np.mean(shares, axis=0) == pytest.approx(reached, abs=0.05)
    assert reached[2] < reached[1] < reached[0] == 1.0


def test_scores_that_are_no_numbers_or_of_another_shape_are_refused() -> None:
    good = [np.array([[0.1, 0.2], [0.3, 0.4]])]
    with pytest.raises(DataError, match="one of them is empty"):
        fit_levels(good, [], top=1)
    with pytest.raises(DataError, match="calibration question 0: a score is not"):
        fit_levels(good, [np.array([[0.1, np.nan]])], top=1)
    for bad in (np.zeros((2, 3)), np.zeros((0, 2)), np.zeros(2)):
        with pytest.raises(DataError, match="expected scores of shape"):
            fit_levels(good, [bad], top=1)
    with pytest.raises(DataError, match="expected scores of shape"):
        fit_levels([np.zeros((3, 1))], [np.zeros((3, 1))], top=1)


def test_a_level_that_never_changes_predicts_the_mean() -> None:
    generator = np.random.default_rng(1)
    made = [np.column_stack([np.ones(5), generator.normal(size=5)]) for _ in range(40)]
    first, last = fit_levels(made[:20], made[20:], top=1)
    assert first.slope == 0.0
    assert first.half_width > 1.0
    assert (last.slope, last.intercept) == (1.0, 0.0)
