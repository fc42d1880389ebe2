"""Which settings to try next: Optuna's TPE over the space, trial by trial, from what was found.

Source: tree-structured Parzen estimator (Bergstra et al. 2011), with constraints as in
c-TPE (Watanabe and Hutter 2023) in Optuna's form. Each proposal has a seed of its own, made of
the search's and the trial's number, and looks at the trials before it only: a search that was
stopped goes on as if it had not been.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from assay.evaluation.search.domain import Choice, Domain, Range, same
from assay.evaluation.search.space import UNCHANGED, Settings, Space
from assay.pipeline.canonical import digest
from assay.pipeline.errors import UsageError

if TYPE_CHECKING:
    import optuna

WORST = 1e9
"""Violation of a trial that is of no use at all; Optuna takes finite numbers only."""

_TRIES = 20  # proposals of the model before one is drawn
_DRAWS = 10_000  # of a space that fits into this, nearly every corner is found


@dataclass(frozen=True, slots=True)
class Told:
    """What came of a trial on the first rung.

    Args:
        settings: what was tried.
        value: the objective as one to be made small; None where it is unknown.
        violations: of the constraints, 0 where one is kept; cut at ``WORST``.
    """

    settings: Settings
    value: float | None
    violations: tuple[float, ...]


class Optimiser:
    """Proposes settings that were not tried yet.

    Args:
        space: what may change.
        current: each field of the space to its value in the unchanged pipeline.
        seed: of every proposal.

    Raises:
        UsageError: if Optuna is not installed.
    """

    def __init__(self, space: Space, current: Mapping[str, Any], *, seed: int) -> None:
        self._space, self._current, self._seed = space, dict(current), seed
        self._optuna = _optuna()
        self._study = self._optuna.create_study(direction="minimize")
        self._seen: set[str] = {_key({})}
        inside = all(space.fields[key].holds(value) for key, value in self._current.items())
        self._size = space.size + (not inside)

    def tell(self, told: Told) -> None:
        """Learn from a trial."""
        self._seen.add(_key(told.settings))
        raw = self._raw(told.settings)
        if raw is None:
            return  # the unchanged pipeline may lie outside of the space
        self._study.enqueue_trial(raw)
        self._sample(0)
        trial = self._study.ask()
        self._suggest(trial)
        for number, violation in enumerate(told.violations):
            trial.set_constraint(f"constraint {number}", min(violation, WORST))
        if told.value is None:
            self._study.tell(trial, state=self._optuna.trial.TrialState.FAIL)
        else:
            self._study.tell(trial, told.value)

    def propose(self, number: int) -> Settings | None:
        """Settings for a trial, as differences from the unchanged pipeline.

        Args:
            number: of the trial, from 1.

        Returns:
            None if every pipeline of the space was tried.
        """
        if len(self._seen) >= self._size:
            return None
        for attempt in range(_TRIES):
            self._sample(number * _TRIES + attempt + 1)
            trial = self._study.ask()
            settings = self._differing(self._suggest(trial))
            # Asked only: what came of it is told by 'tell', in the order of the trials.
            self._study.tell(trial, state=self._optuna.trial.TrialState.FAIL)
            if _key(settings) not in self._seen:
                return settings
        generator = random.Random(f"propose|{self._seed}|{number}")
        for _ in range(_DRAWS):
            settings = self._differing(
                _settings(
                    self._space,
                    lambda _, domain: _drawn(domain, generator),
                    lambda _, names: generator.choice(names),
                )
            )
            if _key(settings) not in self._seen:
                return settings
        return None

    def _differing(self, settings: Settings) -> Settings:
        """Without what is as in the unchanged pipeline."""
        return {
            key: value
            for key, value in settings.items()
            if key not in self._current or not same(value, self._current[key])
        }

    def _sample(self, number: int) -> None:
        seed = random.Random(f"tpe|{self._seed}|{number}").getrandbits(32)
        self._study.sampler = self._optuna.samplers.TPESampler(seed=seed)

    def _suggest(self, trial: optuna.trial.Trial) -> Settings:
        def pick(key: str, domain: Domain) -> Any:
            match domain:
                case Choice() if domain.ordered:
                    return domain.values[trial.suggest_int(key, 0, len(domain.values) - 1)]
                case Choice():
                    places = list(range(len(domain.values)))
                    return domain.values[trial.suggest_categorical(key, places)]
                case Range(whole=True):
                    step = int(domain.step or 1)
                    return trial.suggest_int(
                        key, int(domain.low), int(domain.high), step=step, log=domain.log
                    )
                case Range():
                    value = trial.suggest_float(
                        key, domain.low, domain.high, step=domain.step, log=domain.log
                    )
                    return domain.rounded(value)

        def choose(node: str, names: Sequence[str]) -> str:
            return str(trial.suggest_categorical(node, list(names)))

        return _settings(self._space, pick, choose)

    def _raw(self, settings: Settings) -> dict[str, Any] | None:
        """Settings as the study knows them, places for values; None outside of the space."""
        taken = {node: settings.get(node, UNCHANGED) for node in self._space.nodes}
        raw: dict[str, Any] = dict(taken)
        domains = self._space.domains
        left = {
            key: value
            for key, value in self._current.items()
            if taken.get(key.partition(".")[0], UNCHANGED) == UNCHANGED
        }
        for key, value in {**left, **settings}.items():
            if key in taken:
                continue
            domain = domains[key]
            if not domain.holds(value):
                return None
            raw[key] = domain.place(value) if isinstance(domain, Choice) else value
        return raw


def _settings(
    space: Space, pick: Callable[[str, Domain], Any], choose: Callable[[str, Sequence[str]], str]
) -> dict[str, Any]:
    """Go through a space: alternatives first, then the fields that they leave or bring."""
    settings: dict[str, Any] = {}
    for node, alternatives in space.nodes.items():
        name = choose(node, (UNCHANGED, *alternatives))
        if name != UNCHANGED:
            settings[node] = name
            for key, domain in alternatives[name].fields.items():
                inner = f"{node}={name}.{key}"
                settings[inner] = pick(inner, domain)
    for key, domain in space.fields.items():
        if key.partition(".")[0] not in settings:
            settings[key] = pick(key, domain)
    return settings


def _drawn(domain: Domain, generator: random.Random) -> Any:
    match domain:
        case Choice():
            return generator.choice(domain.values)
        case Range(whole=True):
            step = int(domain.step or 1)
            return generator.randrange(int(domain.low), int(domain.high) + 1, step)
        case Range(step=None):
            return domain.rounded(generator.uniform(domain.low, domain.high))
        case Range(step=float() | int() as step):
            return domain.rounded(domain.low + step * generator.randrange(int(domain.size)))


def _key(settings: Mapping[str, Any]) -> str:
    return digest(dict(settings))


def _optuna() -> Any:
    try:
        import optuna
    except ImportError as error:
        raise UsageError(
            "a search needs Optuna: install it with pip install 'assay[tune]'"
        ) from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna
