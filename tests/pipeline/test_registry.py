"""Names to components: built-ins, a program's own, and those of installed packages."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from assay.pipeline import Answer, Query, Scope, build_text, node, registry
from assay.pipeline.component import LOCAL
from assay.pipeline.errors import UsageError

PLUGIN = '''
"""A package of somebody else."""

from assay.pipeline import Answer, Node, Query, register


@register("plugged.echo@2")
class Echo(Node):
    """Says what it hears."""

    def run(self, query: Query) -> Answer:
        return Answer(query.text, (), ())
'''


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A package with an entry point, as an installer leaves it."""
    (tmp_path / "plugged_package.py").write_text(PLUGIN, encoding="utf-8")
    info = tmp_path / "plugged_package-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: plugged-package\nVersion: 1.0\n", encoding="utf-8"
    )
    (info / "entry_points.txt").write_text(
        "[assay.nodes]\nplugged.echo@2 = plugged_package:Echo\n", encoding="utf-8"
    )
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    found = {point.name: point.load() for point in entry_points(group=registry.ENTRY_POINT_GROUP)}
    LOCAL.pop("plugged.echo@2", None)  # so that only the entry point knows it
    monkeypatch.setattr(registry, "_plugins", lambda: found)
    yield
    LOCAL.pop("plugged.echo@2", None)


def answer(use: str) -> str:
    text = (
        f"assay: 1\nname: one\nnodes: {{only: {{use: {use}, inputs: {{query: query}}}}}}\n"
        "output: only"
    )
    with build_text(text, name="one.yaml", base=Path()) as pipeline:
        outcome = pipeline.run(Query("hello", Scope("local"))).outcome
    assert isinstance(outcome, Answer)
    return outcome.text


@pytest.mark.usefixtures("installed")
def test_a_package_makes_its_nodes_known_by_an_entry_point() -> None:
    assert "plugged.echo@2" in registry.names()
    assert answer("plugged.echo@2") == "hello"
    with pytest.raises(UsageError, match=r"plugged\.echo@1"):
        registry.find("plugged.echo")


def test_a_programs_own_nodes_are_known_at_once_and_not_listed_for_others() -> None:
    @node("mine.shout")  # without a version it is the first
    def shout(query: Query, *, mark: str = "!") -> Answer:
        return Answer(query.text.upper() + mark, (), ())

    assert answer("mine.shout") == "HELLO!"
    assert answer("mine.shout@1, config: {mark: '?'}") == "HELLO?"
    assert "mine.shout@1" not in registry.names()
    with pytest.raises(UsageError, match=r"did you mean 'mine\.shout@1'"):
        registry.find("mine.shuot")
    assert shout(Query("as it was", Scope("local"))).text == "AS IT WAS!"


@pytest.mark.parametrize(
    "name", ["shout", "mine.shout@", "mine.shout@0", "Mine.shout", "a.b.c", ""]
)
def test_what_is_no_name_is_told(name: str) -> None:
    with pytest.raises(UsageError, match="is no component name"):
        registry.find(name)
