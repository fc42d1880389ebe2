"""Every mistake in a pipeline file is found before anything runs, with its place."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assay.pipeline import Pipeline, build_text
from assay.pipeline.errors import BuildError

GOOD = """assay: 1
name: toy
resources:
  shelf: {use: toys.shelf@1}
nodes:
  left: {use: toys.find@1, config: {letter: a}, resources: {shelf: shelf}, inputs: {query: query}}
  right: {use: toys.find, config: {letter: b}, resources: {shelf: shelf}, inputs: {query: query}}
  both:
    use: toys.join@1
    inputs:
      rankings: {left: left, right: right}
  said: {use: toys.say@1, inputs: {ranking: both}}
  done: {use: toys.polish@1, inputs: {answer: said}}
output: done
thresholds: {low: said.threshold}
"""


def problems(text: str) -> list[str]:
    with pytest.raises(BuildError) as caught:
        build_text(text, name="p.yaml", base=Path("."))
    return [str(problem) for problem in caught.value.problems]


def test_a_right_file_builds_and_plans_independent_nodes_side_by_side(
    make: Callable[[str], Pipeline],
) -> None:
    assert make(GOOD).levels == (("left", "right"), ("both",), ("said",), ("done",))


BROKEN = {
    "typo in a top-level key": ("output: done", "outptu: done", "outptu", "did you mean 'output'?"),
    "typo in a node key": ("inputs: {ranking", "input: {ranking", "input: {ranking", "'inputs'"),
    "typo in a config key": ("letter: a", "leter: a", "leter", "did you mean 'letter'?"),
    "wrong type in a config": ("letter: a", "letter: 3", "letter: 3", "valid string"),
    "bound of a config": ("letter: a", "letter: abc", "letter: abc", "at most 1 character"),
    "typo in a component": ("toys.polish@1", "toys.polsh@1", "use: toys.polsh", "did you mean 'toys.polish@1'?"),
    "unknown version": ("toys.say@1", "toys.say@7", "use: toys.say@7", "unknown component 'toys.say@7'"),
    "malformed name": ("toys.say@1", "os.system('x')", "use: os.system", "no component name"),
    "typo in a node name": ("ranking: both", "ranking: bth", "ranking: bth", "did you mean 'both'?"),
    "typo in a port": ("ranking: both", "rankin: both", "rankin: both", "did you mean 'ranking'?"),
    "missing port": ("inputs: {answer: said}", "inputs: {}", "done: {", "port 'answer' of toys.polish@1 is not fed"),
    "double feed": ("{ranking: both}", "{ranking: both, ranking: left}", "ranking: left", "stands twice"),
    "wrong port type": ("answer: said", "answer: both", "answer: both", "'both' gives Ranking"),
    "join fed by one node": ("rankings: {left: left, right: right}", "rankings: left", "rankings: left", "a mapping of names"),
    "plain port fed by a mapping": ("{ranking: both}", "{ranking: {x: both}}", "ranking: {x", "takes one node"),
    "unknown resource": ("resources: {shelf: shelf}, inputs", "resources: {shelf: shel}, inputs", "shelf: shel}", "did you mean 'shelf'?"),
    "unknown resource slot": ("resources: {shelf: shelf}, inputs", "resources: {shlf: shelf}, inputs", "shlf", "takes no resource 'shlf'"),
    "missing resource": ("resources: {shelf: shelf}, ", "", "left: {", "needs 'resources: {shelf: ...}'"),
    "node under resources": ("{use: toys.shelf@1}", "{use: toys.say@1}", "use: toys.say@1}", "belongs under 'nodes'"),
    "output unknown": ("output: done", "output: dome", "output: dome", "did you mean 'done'?"),
    "output of a wrong type": ("output: done", "output: both", "output: both", "'both' gives Ranking"),
    "orphan": ("output: done", "output: said", "done: {", "goes nowhere"),
    "threshold of no node": ("said.threshold", "sad.threshold", "low: sad", "did you mean 'said'?"),
    "threshold of no number": ("said.threshold", "left.letter", "low: left", "is no threshold"),
    "unknown format": ("assay: 1", "assay: 2", "assay: 2", "format 2 is unknown"),
    "a truth value as format": ("assay: 1", "assay: true", "assay: true", "unknown"),
    "an object tag": ("name: toy", "name: !!python/object:os.system x", "!!python", "plain data"),
    "an anchor": ("name: toy", "name: &x toy", "&x", "anchors"),
    "a tab": ("name: toy", "name:\n\t- toy", "\t- toy", "not YAML"),
    "a node called query": ("  left: {", "  query: {", "query: {use", "rename the node"),
    "certificate reaction": ("output: done", "output: done\ncertificate: {path: x, on_invalid: ignore}", "on_invalid: ignore", "expected refuse"),
    "nodes as a list": ("output: done", "output: done\nname: twice", "name: twice", "stands twice"),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_a_mistake_is_reported_at_its_place_with_the_next_step(name: str) -> None:
    old, new, needle, words = BROKEN[name]
    assert old in GOOD
    text = GOOD.replace(old, new, 1)
    before = text[: text.index(needle)]
    place = f"{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}"
    found = problems(text)
    assert any(one.startswith(f"p.yaml:{place}:") and words in one for one in found), found


def test_several_mistakes_are_all_reported_at_once() -> None:
    text = GOOD.replace("letter: a", "leter: a").replace("ranking: both", "rankin: both")
    found = problems(text)
    assert len(found) >= 3  # unknown key, unknown port, port not fed
    assert found == sorted(found, key=lambda one: [int(x) for x in one.split(":")[1:3]])


def test_a_cycle_of_three_is_named() -> None:
    text = GOOD.replace("{left: left, right: right}", "{left: left, right: done}")
    assert any("circle" in one and "done" in one and "both" in one for one in problems(text))


def test_a_node_that_feeds_itself_is_a_circle() -> None:
    assert any("circle" in one for one in problems(GOOD.replace("answer: said", "answer: done")))


@given(st.text(max_size=300))
def test_no_text_makes_the_loader_raise_anything_but_a_build_error(text: str) -> None:
    with pytest.raises(BuildError):
        build_text(text, name="p.yaml", base=Path("."))


@given(st.data())
def test_no_edit_of_a_right_file_makes_the_loader_raise_anything_else(data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(GOOD)))
    end = data.draw(st.integers(start, min(len(GOOD), start + 12)))
    text = GOOD[:start] + data.draw(st.text(max_size=8)) + GOOD[end:]
    with contextlib.suppress(BuildError):
        build_text(text, name="p.yaml", base=Path("."))
