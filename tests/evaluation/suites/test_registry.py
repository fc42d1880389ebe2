"""Suites are found by their files, and their options are checked before anything runs."""

from __future__ import annotations

import pytest

from assay.evaluation.suites.registry import every_suite, find, make, options_of
from assay.evaluation.suites.stability import StabilitySuite
from assay.evaluation.suites.suite import Suite
from assay.evaluation.suites.typos import TyposSuite
from assay.pipeline.errors import UsageError


def test_every_file_with_a_suite_is_listed_and_says_what_it_shows() -> None:
    found = every_suite()
    assert {"adversarial", "robustness", "stability", "typos"} <= found.keys()
    assert not {"suite", "running", "registry", "comparing"} & found.keys()
    for name, suite in found.items():
        assert issubclass(suite, Suite)
        assert suite.title
        assert find(name) is suite
        make(name)  # every option has a default
        for option in options_of(suite):
            assert option.description, f"{name}.{option.name}"


def test_options_are_read_as_their_fields_say() -> None:
    typos = make("typos", ["severities=2", "operators=swap,insert"])
    assert isinstance(typos, TyposSuite)
    assert typos.severities == (2,)
    assert typos.operators == ("swap", "insert")
    stability = make("stability", ["added=[0.5, 2]"])
    assert isinstance(stability, StabilitySuite)
    assert stability.added == (0.5, 2.0)


@pytest.mark.parametrize(
    ("name", "given", "words"),
    [
        ("typoz", [], "did you mean 'typos'"),
        ("suite", [], "no suite 'suite'"),
        ("../typos", [], "no suite"),
        ("typos", ["severitis=1"], "did you mean 'severities'"),
        ("typos", ["severities"], "expected FIELD=VALUE"),
        ("typos", ["severities=1", "severities=2"], "given twice"),
        ("typos", ["severities=0"], "severities"),
        ("typos", ["severities=many"], "severities"),
        ("typos", ["operators=swop"], "'swop'"),
        ("stability", ["added=nan"], "added"),
        ("stability", ["added=99"], "added"),
        ("robustness", ["depth={"], "option 'depth'"),
        ("robustness", ["title=x"], "no option 'title'"),
        ("adversarial", ["variants=prefx"], "did you mean 'prefix'"),
    ],
)
def test_a_wrong_name_or_value_is_one_clear_error(name: str, given: list[str], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        make(name, given)
