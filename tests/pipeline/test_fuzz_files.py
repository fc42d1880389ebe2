"""Whatever a file holds, the build says what is wrong with it, soon, and raises nothing else."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from assay.apps import examples
from assay.pipeline import build_text, registry
from assay.pipeline.errors import BuildError, UsageError

VALID = (examples.folder() / "python-reference" / "pipeline.yaml").read_text(encoding="utf-8")
LIMIT = 1.0
"""Seconds; a file takes some milliseconds, so that a busy machine does not matter."""

KEYS = (
    "assay", "name", "description", "resources", "nodes", "output", "thresholds", "certificate",
    "use", "config", "inputs", "path", "on_invalid", "query", "ranking", "selection", "rankings",
    "corpus", "embedder", "model", "k", "threshold", "kind", "weights", "a", "b",
)  # fmt: skip
USES = (
    "models.hash_embedder@1", "models.overlap_cross_encoder@1", "corpora.local@1",
    "retrieve.bm25@1", "retrieve.dense", "fuse.rrf@1", "select.top_k@1", "abstain.evidence@1",
    "generate.extractive@1", "no.such@1", "given",
)  # fmt: skip
SIGNS = (
    "{", "}", "[", "]", ":", ": ", "- ", "? ", ",", "#", "&a ", "*a", "!!int ", "!x ", "|\n", ">-\n",
    "'", '"', "%", "@", "`", "\t", "\n", "\r", "\0", "\x1b", "\x85", "\u2028", "\ufeff", "\ud800",
    "---\n", "...\n", "<<: ", "~", "null", ".nan", "-.inf", "0x_", "0b", "1:30", "1e400", "2024-01-31",
    "9" * 500, "\\x", '"\\ud800"', "yes", "[" * 60, "a.b", "  ", "\u00a0", "é", "\U0001f600",
)  # fmt: skip


def outcome(text: str) -> str:
    """What the build says of a text; empty where it is right."""
    begin = time.perf_counter()
    said = ""
    try:
        build_text(text, name="p.yaml", base=Path("nowhere"))
    except (BuildError, UsageError) as error:
        said = str(error)
        assert said
    assert time.perf_counter() - begin < LIMIT
    return said


def setup_module() -> None:
    """Component modules are imported once, before any time is taken."""
    registry.names()
    assert outcome(VALID) == ""


plenty = settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)

texts = st.lists(
    st.one_of(st.sampled_from(SIGNS + KEYS + USES), st.text(st.characters(codec=None), max_size=8)),
    max_size=60,
).map("".join)


@plenty
@given(texts)
@example("")
@example("? ? ? a")
@example("!!int")
@example("!!bool perhaps")
@example("a: 0b_")
@example("a: " + "59:" * 300_000 + "59")
@example("{" * 100_000)
@example("- " * 100_000)
@example("? " * 100_000)
@example("'" * 900_001)
def test_random_text_is_refused_in_a_moment(text: str) -> None:
    assert outcome(text)


scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.sampled_from(KEYS + USES),
    st.text(max_size=8),
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=4), inner, max_size=4)
    ),
    max_leaves=8,
)
words = st.sampled_from("abc")
entries = st.fixed_dictionaries(
    {},
    optional={
        "use": st.sampled_from(USES) | scalars,
        "config": st.dictionaries(st.sampled_from(KEYS), values, max_size=2) | values,
        "resources": st.dictionaries(st.sampled_from(KEYS), words | scalars, max_size=2) | values,
        "inputs": st.dictionaries(
            st.sampled_from(KEYS),
            words | st.just("query") | st.dictionaries(words, words, max_size=2) | values,
            max_size=3,
        ),
    },
)
pipelines = st.fixed_dictionaries(
    {"assay": st.just(1) | scalars, "name": st.just("x") | scalars},
    optional={
        "description": scalars,
        "resources": st.dictionaries(words, entries, max_size=3) | values,
        "nodes": st.dictionaries(words, entries, max_size=3) | values,
        "output": words | scalars,
        "thresholds": st.dictionaries(words, st.just("a.threshold") | scalars, max_size=2) | values,
        "certificate": st.fixed_dictionaries({}, optional={"path": scalars, "on_invalid": scalars})
        | values,
    },
)


@plenty
@given(pipelines | values, st.booleans())
def test_random_structures_are_refused_in_a_moment(value: Any, flow: bool) -> None:
    outcome(json.dumps(value) if flow else yaml.safe_dump(value, sort_keys=False))


@st.composite
def mutations(draw: st.DrawFn) -> str:
    """The example with a few lines or pieces dropped, doubled, swapped or replaced."""
    text = VALID
    for _ in range(draw(st.integers(1, 4))):
        kind = draw(st.sampled_from(("drop", "double", "swap", "indent", "write", "cut", "word")))
        lines = text.splitlines(keepends=True) or [""]
        at, other = (draw(st.integers(0, len(lines) - 1)) for _ in range(2))
        spot = draw(st.integers(0, len(text)))
        if kind == "drop":
            del lines[at]
        elif kind == "double":
            lines.insert(other, lines[at])
        elif kind == "swap":
            lines[at], lines[other] = lines[other], lines[at]
        elif kind == "indent":
            lines[at] = draw(st.sampled_from((" ", "  ", "\t", "- "))) + lines[at]
        elif kind == "write":
            lines = [text[:spot], draw(st.sampled_from(SIGNS) | st.text(max_size=5)), text[spot:]]
        elif kind == "cut":
            lines = [text[:spot], text[spot + draw(st.integers(1, 30)) :]]
        else:
            pieces = lines[at].split(" ")
            place = draw(st.integers(0, len(pieces) - 1))
            pieces[place] = draw(st.sampled_from(SIGNS + KEYS + USES))
            lines[at] = " ".join(pieces)
        text = "".join(lines)
    return text


@plenty
@given(mutations())
def test_a_changed_example_is_built_or_refused_in_a_moment(text: str) -> None:
    outcome(text)
