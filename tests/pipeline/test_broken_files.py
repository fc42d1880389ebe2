"""A pipeline file with a mistake is refused with its place before anything is made or run.

Each case is the right file below with lines replaced, or a text of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from assay.pipeline import build, build_text, registry
from assay.pipeline.component import Resource
from assay.pipeline.errors import BuildError, Problem, UsageError

GOOD = """\
assay: 1
name: small
description: A pipeline that needs no model files.
resources:
  embedder:
    use: models.hash_embedder@1
    config: {dimension: 64}
  judge:
    use: models.overlap_cross_encoder@1
  shelf:
    use: corpora.local@1
    config: {path: index, max_words: 100, stop_words: none}
    resources: {embedder: embedder}
nodes:
  sparse:
    use: retrieve.bm25@1
    config: {k: 20}
    resources: {corpus: shelf}
    inputs: {query: query}
  dense:
    use: retrieve.dense@1
    config: {k: 20}
    resources: {corpus: shelf}
    inputs: {query: query}
  fused:
    use: fuse.rrf@1
    config: {k: 60, weights: {sparse: 1.0, dense: 0.5}}
    inputs:
      rankings: {sparse: sparse, dense: dense}
  chosen:
    use: select.top_k@1
    config: {k: 5}
    inputs: {query: query, ranking: fused}
  sufficient:
    use: abstain.evidence@1
    config: {kind: rrf, threshold: 0.01}
    inputs: {selection: chosen}
  quoted:
    use: generate.extractive@1
    config: {answer_sentences: 2}
    resources: {model: judge}
    inputs: {query: query, selection: sufficient}
output: quoted
thresholds:
  evidence: sufficient.threshold
certificate:
  path: certificate.json
  on_invalid: refuse
"""


def at(*changes: tuple[int, str]) -> str:
    """The right file with lines (counted from 1) replaced."""
    lines = GOOD.splitlines()
    for number, line in changes:
        lines[number - 1] = line
    return "\n".join(lines) + "\n"


class Case(NamedTuple):
    """One broken file and what must be said of it."""

    name: str
    text: str
    line: int
    column: int | None
    words: str
    open: str = ""  # why the build does not say so yet


ANCHORS = "anchors and aliases are not allowed; write the value out"
TAGS = "tags are not allowed: pipeline files are plain data; quote a text that begins with '!'"
KEYS = "keys must be plain words"
DEPTH = "nested deeper than 40 levels"
LONG = "a number of more than 400 characters; quote it if it is text"
NOTHING = "a pipeline file must be a mapping, found nothing"
COLON = "not YAML: could not find expected ':'"
MAPPING = "not YAML: mapping values are not allowed here"
SEVERAL_WAYS = {ANCHORS, TAGS, KEYS, DEPTH, LONG, NOTHING, COLON, MAPPING}
"""Messages for one mistake that can be made in several ways; every other has one case."""

ROW = "  {}: {{use: abstain.evidence@1, inputs: {{selection: {}}}}}"
BOMB = "a: &a [x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n"
    for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)

# fmt: off
CASES = (
    # A typo in every kind of key.
    Case("typo in assay", at((1, "asay: 1")), 1, 1, "unknown key 'asay'; did you mean 'assay'?"),
    Case("typo in name", at((2, "nmae: small")), 2, 1, "unknown key 'nmae'; did you mean 'name'?"),
    Case("typo in description", at((3, "descripton: x")), 3, 1, "did you mean 'description'?"),
    Case("typo in resources", at((4, "resorces:")), 4, 1, "did you mean 'resources'?"),
    Case("typo in nodes", at((14, "node:")), 14, 1, "did you mean 'nodes'?"),
    Case("typo in output", at((43, "outptu: quoted")), 43, 1, "did you mean 'output'?"),
    Case("typo in thresholds", at((44, "treshold:")), 44, 1, "did you mean 'thresholds'?"),
    Case("typo in certificate", at((46, "certficate:")), 46, 1, "did you mean 'certificate'?"),
    Case("typo in a resource's use", at((6, "    usee: models.hash_embedder@1")), 6, 5, "unknown key 'usee'; did you mean 'use'?"),
    Case("typo in a resource's config", at((7, "    confg: {}")), 7, 5, "unknown key 'confg'; did you mean 'config'?"),
    Case("typo in a resource's resources", at((13, "    resource: {embedder: embedder}")), 13, 5, "unknown key 'resource'; did you mean 'resources'?"),
    Case("typo in a node's use", at((16, "    uze: retrieve.bm25@1")), 16, 5, "unknown key 'uze'; did you mean 'use'?"),
    Case("typo in a node's config", at((17, "    conifg: {k: 20}")), 17, 5, "unknown key 'conifg'; did you mean 'config'?"),
    Case("typo in a node's resources", at((18, "    resurces: {corpus: shelf}")), 18, 5, "unknown key 'resurces'; did you mean 'resources'?"),
    Case("typo in a node's inputs", at((19, "    input: {query: query}")), 19, 5, "unknown key 'input'; did you mean 'inputs'?"),
    Case("inputs of a resource", at((9, "    use: models.overlap_cross_encoder@1\n    inputs: {query: query}")), 10, 5, "unknown key 'inputs'"),
    Case("typo in a resource's setting", at((7, "    config: {dimensions: 64}")), 7, 14, "'dimensions' of models.hash_embedder@1; did you mean 'dimension'?"),
    Case("typo in a node's setting", at((22, "    config: {kk: 20}")), 22, 14, "'kk' of retrieve.dense@1; did you mean 'k'?"),
    Case("setting of a component that has none", at((9, "    use: models.overlap_cross_encoder@1\n    config: {size: 3}")), 10, 14, "'size' of models.overlap_cross_encoder@1; known: none"),
    Case("typo in a weight's name", at((27, "    config: {weights: {sparce: 1.0, dense: 0.5}}")), 28, None, "sparce"),
    Case("typo in certificate.path", at((47, "  pth: certificate.json")), 47, 3, "unknown key 'pth'; did you mean 'path'?"),
    Case("typo in certificate.on_invalid", at((48, "  on_invald: refuse")), 48, 3, "did you mean 'on_invalid'?"),

    # A wrong type in every kind of value.
    Case("assay as text", at((1, "assay: '1'")), 1, 1, "format '1' is unknown"),
    Case("assay as a truth value", at((1, "assay: yes")), 1, 1, "format True is unknown"),
    Case("assay as a broken number", at((1, "assay: 1.0")), 1, 1, "format 1.0 is unknown"),
    Case("assay of a later format", at((1, "assay: 2")), 1, 1, "format 2 is unknown"),
    Case("assay as a list", at((1, "assay: [1]")), 1, 1, "format [1] is unknown"),
    Case("assay missing", GOOD.split("\n", 1)[1], 1, 1, "begin the file with 'assay: 1'"),
    Case("name as a list", at((2, "name: [small]")), 2, 1, "'name' must be text, found a list"),
    Case("name as a number", at((2, "name: 7")), 2, 1, "'name' must be text, found the number 7"),
    Case("name missing", at((2, "# nothing")), 1, 1, "missing key 'name'"),
    Case("description as a mapping", at((3, "description: {a: b}")), 3, 1, "'description' must be text, found a mapping"),
    Case("resources as a list", at((4, "resources: [a]"), *((n, "#") for n in range(5, 14))), 4, 1, "'resources' must be a mapping of keys to values, found a list"),
    Case("nodes as text", at((14, "nodes: some"), *((n, "#") for n in range(15, 43))), 14, 1, "'nodes' must be a mapping of keys to values, found text"),
    Case("output as a list", at((43, "output: [quoted]")), 43, 1, "'output' must be text, found a list"),
    Case("output missing", at((43, "#")), 1, 1, "missing key 'output'"),
    Case("thresholds as text", at((44, "thresholds: low"), (45, "#")), 44, 1, "'thresholds' must be a mapping of keys to values, found text"),
    Case("a threshold as a number", at((45, "  evidence: 0.5")), 45, 3, "'evidence' must be a name, found the number 0.5"),
    Case("certificate as text", at((46, "certificate: certificate.json"), (47, "#"), (48, "#")), 46, 1, "'certificate' must be a mapping of keys to values, found text"),
    Case("certificate.path as a number", at((47, "  path: 7")), 47, 3, "'path' must be text, found the number 7"),
    Case("certificate.on_invalid as a list", at((48, "  on_invalid: [refuse]")), 48, 3, "['refuse'] is unknown; expected refuse, abstain, uncertified"),
    Case("certificate.on_invalid unknown", at((48, "  on_invalid: ignore")), 48, 3, "'ignore' is unknown; expected refuse, abstain, uncertified"),
    Case("an empty certificate", at((46, "certificate: {}"), (47, "#"), (48, "#")), 46, 1, "missing key 'path'"),
    Case("a resource as text", at((5, "  embedder: models.hash_embedder@1"), (6, "#"), (7, "#")), 5, 3, "'embedder' must be a mapping with 'use', found text"),
    Case("a node as a list", at((34, "  sufficient: [abstain.evidence@1]"), (35, "#"), (36, "#"), (37, "#")), 34, 3, "'sufficient' must be a mapping with 'use', found a list"),
    Case("use as a number", at((16, "    use: 25")), 16, 5, "'use' must be text, found the number 25"),
    Case("use as a list", at((6, "    use: [models.hash_embedder@1]")), 6, 5, "'use' must be text, found a list"),
    Case("an empty node", at((34, "  sufficient: {}"), (35, "#"), (36, "#"), (37, "#")), 34, 3, "missing key 'use'"),
    Case("config as a list", at((17, "    config: [20]")), 17, 5, "'config' must be a mapping of keys to values, found a list"),
    Case("config as text", at((7, "    config: big")), 7, 5, "'config' must be a mapping of keys to values, found text"),
    Case("a node's resources as text", at((18, "    resources: shelf")), 18, 5, "'resources' must be a mapping of keys to values, found text"),
    Case("a resource slot as a list", at((18, "    resources: {corpus: [shelf]}")), 18, 17, "'corpus' must be a name, found a list"),
    Case("inputs as a list", at((19, "    inputs: [query]")), 19, 5, "'inputs' must be a mapping of keys to values, found a list"),
    Case("a port as a number", at((19, "    inputs: {query: 3}")), 19, 14, "'query' must be a node's name, found the number 3"),
    Case("a port as a list", at((29, "      rankings: [sparse, dense]")), 29, 7, "'rankings' must be a node's name, found a list"),
    Case("a join's entry as a truth value", at((29, "      rankings: {sparse: sparse, dense: yes}")), 29, 34, "'dense' must be a name, found a truth value"),
    Case("a whole number as text", at((17, "    config: {k: many}")), 17, 14, "'k' of retrieve.bm25@1: Input should be a valid integer; found 'many'"),
    Case("a whole number as a broken one", at((32, "    config: {k: 5.5}")), 32, 14, "valid integer; found 5.5"),
    Case("a whole number as a truth value", at((32, "    config: {k: on}")), 32, 14, "valid integer; found True"),
    Case("a number as text", at((36, "    config: {kind: rrf, threshold: high}")), 36, 25, "valid number; found 'high'"),
    Case("text as a number", at((12, "    config: {path: 12}")), 12, 14, "valid string; found 12"),
    Case("a mapping as a list", at((27, "    config: {weights: [1.0]}")), 27, 14, "valid dictionary; found [1.0]"),
    Case("a setting that is missing", at((12, "    config: {max_words: 100}")), 12, 5, "corpora.local@1 needs 'path' in its config"),

    # Ports and edges.
    Case("missing port", at((33, "    inputs: {query: query}")), 30, 3, "port 'ranking' of select.top_k@1 is not fed; it takes Ranking"),
    Case("no inputs at all", at((19, "#")), 15, 3, "port 'query' of retrieve.bm25@1 is not fed"),
    Case("a port fed twice", at((33, "    inputs: {query: query, ranking: fused, ranking: sparse}")), 33, 44, "key 'ranking' stands twice"),
    Case("unknown port", at((33, "    inputs: {query: query, rankng: fused}")), 33, 28, "select.top_k@1 has no port 'rankng'; did you mean 'ranking'?"),
    Case("a join given one node", at((29, "      rankings: sparse")), 29, 7, "port 'rankings' of fuse.rrf@1 takes a mapping of names to nodes"),
    Case("a port given a mapping", at((33, "    inputs: {query: query, ranking: {a: fused}}")), 33, 28, "port 'ranking' of select.top_k@1 takes one node"),
    Case("a port of another type", at((37, "    inputs: {selection: fused}")), 37, 14, "takes Selection; 'fused' gives Ranking"),
    Case("a join's entry of another type", at((29, "      rankings: {sparse: sparse, dense: query}")), 29, 34, "takes Ranking; 'query' gives Query"),
    Case("cycle of one", at((33, "    inputs: {query: query, ranking: chosen}")), 30, 3, "in a circle: chosen -> chosen"),
    Case("cycle of two", at((33, "    inputs: {query: query, ranking: sufficient}")), 30, 3, "in a circle: chosen -> sufficient"),
    Case("cycle of three", at((29, "      rankings: {sparse: sparse, dense: sufficient}")), 25, 3, "in a circle: fused -> chosen -> sufficient -> fused"),
    Case("orphan node", at((43, ROW.format("alone", "chosen") + "\noutput: quoted")), 43, 3, "the output of 'alone' goes nowhere"),
    Case("orphan group", at((43, ROW.format("first", "chosen") + "\n" + ROW.format("second", "first") + "\noutput: quoted")), 43, 3, "the output of 'first' goes nowhere"),
    Case("orphan group that feeds itself", at((43, ROW.format("ping", "pong") + "\n" + ROW.format("pong", "ping") + "\noutput: quoted")), 43, 3, "in a circle: ping -> pong -> ping"),
    Case("unknown feeder", at((37, "    inputs: {selection: chosn}")), 37, 14, "no node 'chosn'; did you mean 'chosen'?"),
    Case("unknown feeder in a join", at((29, "      rankings: {sparse: sparse, dense: dence}")), 29, 34, "no node 'dence'; did you mean 'dense'?"),
    Case("a resource as feeder", at((19, "    inputs: {query: shelf}")), 19, 14, "no node 'shelf'"),
    Case("unknown output", at((43, "output: qouted")), 43, 1, "no node 'qouted'; did you mean 'quoted'?"),
    Case("the question as output", at((43, "output: query")), 43, 1, "no node 'query'"),
    Case("output that is no answer", at((43, "output: sufficient")), 43, 1, "the output must be Answer or Abstention; 'sufficient' gives Selection"),
    Case("a node called query", at((20, "  query:")), 20, 3, "'query' is the question that comes in; rename the node"),

    # Names of components and resources.
    Case("unknown component", at((31, "    use: select.topk@1")), 31, 5, "unknown component 'select.topk@1'; did you mean 'select.top_k@1'?"),
    Case("malformed component name", at((31, "    use: os.system('true')")), 31, 5, "is no component name"),
    Case("component by a path", at((31, "    use: ../../select/top_k.py")), 31, 5, "'../../select/top_k.py' is no component name"),
    Case("a component of version 0", at((31, "    use: select.top_k@0")), 31, 5, "'select.top_k@0' is no component name"),
    Case("unknown version", at((31, "    use: select.top_k@9")), 31, 5, "unknown version 'select.top_k@9'; did you mean 'select.top_k@1'?"),
    Case("a resource under nodes", at((31, "    use: models.hash_embedder@1")), 31, 5, "'models.hash_embedder@1' belongs under 'resources'"),
    Case("a node under resources", at((6, "    use: select.top_k@1")), 6, 5, "'select.top_k@1' belongs under 'nodes'"),
    Case("a resource of another type", at((41, "    resources: {model: embedder}")), 41, 17, "'model' of generate.extractive@1 takes a CrossEncoder; 'embedder' is models.hash_embedder@1"),
    Case("unknown resource", at((18, "    resources: {corpus: shelv}")), 18, 17, "no resource 'shelv'; did you mean 'shelf'?"),
    Case("a node as resource", at((18, "    resources: {corpus: chosen}")), 18, 17, "no resource 'chosen'"),
    Case("missing resource", at((41, "#")), 38, 3, "generate.extractive@1 needs 'resources: {model: ...}', a CrossEncoder"),
    Case("unknown resource slot", at((18, "    resources: {corpse: shelf}")), 18, 17, "retrieve.bm25@1 takes no resource 'corpse'; did you mean 'corpus'?"),
    Case("slot of a component that has none", at((9, "    use: models.overlap_cross_encoder@1\n    resources: {judge: embedder}")), 10, 17, "takes no resource 'judge'; known: none"),
    Case("a resource that needs itself", at((13, "    resources: {embedder: shelf}")), 10, 3, "resources in a circle: shelf -> shelf"),
    Case("resources in a circle", at((6, "    use: corpora.local@1"), (7, "    config: {path: other}\n    resources: {embedder: shelf}")), 5, 3, "resources in a circle"),

    # Values out of bounds.
    Case("below a bound", at((17, "    config: {k: 0}")), 17, 14, "greater than or equal to 1; found 0"),
    Case("above a bound", at((17, "    config: {k: 10001}")), 17, 14, "less than or equal to 10000; found 10001"),
    Case("at an open bound", at((27, "    config: {weights: {sparse: 0.0, dense: 0.5}}")), 27, 24, "greater than 0; found 0.0"),
    Case("a number with too many digits", at((17, f"    config: {{k: 1{'0' * 5000}}}")), 17, 17, LONG),
    Case("a long number in hexadecimal", at((17, f"    config: {{k: 0x1{'0' * 5000}}}")), 17, 17, LONG),
    Case("a long number as name", at((2, f"name: 0x1{'0' * 5000}")), 2, 7, LONG),
    Case("a long number as format", at((1, f"assay: 0x1{'0' * 5000}")), 1, 8, LONG),
    Case("a list too short", at((34, "  sufficient:"), (35, "    use: verify.provenance@1"), (36, "    config: {trusted: []}")), 36, 14, "at least 1 item"),
    Case("wrong value of a choice", at((12, "    config: {path: index, stop_words: klingon}")), 12, 27, "'swedish' or 'turkish'; found 'klingon'"),
    Case("wrong kind of score", at((36, "    config: {kind: bm52, threshold: 0.01}")), 36, 14, "'bm25'"),
    Case("NaN", at((36, "    config: {kind: rrf, threshold: .nan}")), 36, 25, "finite number; found nan"),
    Case("infinity", at((36, "    config: {kind: rrf, threshold: .inf}")), 36, 25, "finite number; found inf"),
    Case("minus infinity", at((36, "    config: {kind: rrf, threshold: -.inf}")), 36, 25, "finite number; found -inf"),
    Case("NaN in a mapping", at((27, "    config: {weights: {sparse: .NaN, dense: 0.5}}")), 27, 24, "'sparse' of fuse.rrf@1"),
    Case("NaN spelled as in Python", at((36, "    config: {kind: rrf, threshold: nan}")), 36, 25, "valid number; found 'nan'"),

    # Duplicate keys.
    Case("a key twice at the top", at((3, "name: other")), 3, 1, "key 'name' stands twice"),
    Case("a node twice", at((20, "  sparse:")), 20, 3, "key 'sparse' stands twice"),
    Case("a resource twice", at((8, "  embedder:")), 8, 3, "key 'embedder' stands twice"),
    Case("a node's key twice", at((32, "    use: select.top_k@1")), 32, 5, "key 'use' stands twice"),
    Case("a setting twice", at((17, "    config: {k: 20, k: 30}")), 17, 21, "key 'k' stands twice"),
    Case("a threshold twice", at((45, "  evidence: sufficient.threshold\n  evidence: sufficient.threshold")), 46, 3, "key 'evidence' stands twice"),

    # Not YAML.
    Case("a bracket left open", at((48, "  on_invalid: [refuse")), 49, 1, "not YAML: expected ',' or ']'"),
    Case("a brace left open", at((33, "    inputs: {query: query, ranking: fused")), 34, 13, "not YAML: expected ',' or '}'"),
    Case("a brace too much", at((33, "    inputs: {query: query, ranking: fused}}")), 33, 43, "not YAML: expected <block end>, but found '}'"),
    Case("a quote left open", at((48, "  on_invalid: 'refuse")), 49, 1, "not YAML: found unexpected end of stream"),
    Case("a wrong escape", at((2, 'name: "a\\qb"')), 2, 10, "not YAML: found unknown escape character"),
    Case("an escape that is no character", at((2, 'name: "\\UFFFFFFFF"')), 2, 10, "out of range"),
    Case("a wrong indent", at((17, "     config: {k: 20}")), 17, 12, MAPPING),
    Case("a colon too much", at((2, "name: a: b")), 2, 8, MAPPING),
    Case("a colon left out", at((2, "name small")), 3, None, COLON),
    Case("a tab as indent", at((16, "\tuse: retrieve.bm25@1")), 16, 1, "not YAML: a tab stands here; indent and separate with spaces"),
    Case("a reserved character", at((2, "name: `small`")), 2, 7, "not YAML: found character '`'"),
    Case("an at sign", at((2, "name: @small")), 2, 7, "not YAML: found character '@'"),
    Case("a list among keys", at((3, "- item")), 3, 1, "not YAML: expected <block end>, but found '-'"),
    Case("an unknown directive version", "%YAML 7.0\n---\n" + GOOD, 1, 1, "not YAML: found incompatible YAML document"),
    Case("an undeclared tag handle", at((2, "name: !u!x small")), 2, 7, TAGS),

    # Not one mapping.
    Case("an empty file", "", 1, 1, NOTHING),
    Case("only comments", "# one\n# two\n", 1, 1, NOTHING),
    Case("a list", "- assay: 1\n- name: x\n", 1, 1, "a pipeline file must be a mapping, found a list"),
    Case("a word", "pipeline\n", 1, 1, "a pipeline file must be a mapping, found text"),
    Case("a number", "42\n", 1, 1, "a pipeline file must be a mapping, found the number 42"),
    Case("an empty mapping", "{}\n", 1, 1, "missing key 'nodes'; a pipeline needs at least one"),
    Case("two documents", GOOD + "---\nassay: 1\n", 49, 1, "but found another document"),

    # Anchors, aliases, merge keys.
    Case("an anchor", at((17, "    config: &limits {k: 20}")), 17, 13, ANCHORS),
    Case("an alias", at((22, "    config: *limits")), 22, 13, ANCHORS),
    Case("an alias bomb", BOMB + GOOD, 1, 4, ANCHORS),
    Case("an anchor that holds itself", "a: &a [*a]\n" + GOOD, 1, 4, ANCHORS),
    Case("a merge key", at((17, "    config: {<<: {k: 20}}")), 17, 14, KEYS),
    Case("a merge key with an alias", at((17, "    <<: *defaults")), 17, 9, ANCHORS),

    # Tags that other loaders would make objects of.
    Case("a tag that calls", at((2, "name: !!python/object/apply:os.mkdir [made]")), 2, 7, TAGS),
    Case("a tag that makes an object", at((2, "name: !!python/object/new:pathlib.Path [made]")), 2, 7, TAGS),
    Case("a tag of an object", at((7, "    config: !!python/object:builtins.dict {}")), 7, 13, TAGS),
    Case("a tag that names", at((16, "    use: !!python/name:os.system ''")), 16, 10, TAGS),
    Case("a tag that imports", at((16, "    use: !!python/module:antigravity ''")), 16, 10, TAGS),
    Case("a tag of a tuple", at((17, "    config: {k: !!python/tuple [1, 2]}")), 17, 17, TAGS),
    Case("a tag of our own", at((17, "    config: {k: !env HOME}")), 17, 17, TAGS),
    Case("a tag of bytes", at((2, "name: !!binary c21hbGw=")), 2, 7, TAGS),
    Case("a tag of a set", at((2, "name: !!set {a, b}")), 2, 7, TAGS),
    Case("a date", at((2, "name: 2024-01-31")), 2, 7, "reads as a timestamp, which is no plain data; quote it"),
    Case("a tag on the whole file", "--- !!python/object:os.x\n" + GOOD, 1, 5, TAGS),
    Case("a tag on a key", at((2, "!!python/name:os.system name: small")), 2, 1, TAGS),
    Case("an empty number by tag", at((17, "    config: {k: !!int ''}")), 17, 17, TAGS),
    Case("a truth value by tag that is none", at((17, "    config: {k: !!bool perhaps}")), 17, 17, TAGS),
    Case("a mapping by tag that is none", at((17, "    config: !!map 20")), 17, 13, TAGS),
    Case("a list by tag that is none", at((17, "    config: {k: !!seq 20}")), 17, 17, TAGS),

    # Keys that are no words.
    Case("a list as key", at((2, "[name]: small")), 2, 1, KEYS),
    Case("a mapping as key", at((17, "    ? {k: 20}\n    : 3")), 17, 7, KEYS),
    Case("a number as key", at((2, "12: small")), 2, 1, "unknown key '12'"),
    Case("a truth value as key", at((2, "true: small")), 2, 1, "unknown key 'true'"),
    Case("nothing as key", at((2, "~: small")), 2, 1, "unknown key '~'"),
    Case("an empty key", at((2, "'': small")), 2, 1, "unknown key ''"),

    # Nothing where something is needed.
    Case("no format", at((1, "assay:")), 1, 1, "format None is unknown"),
    Case("no name", at((2, "name:")), 2, 1, "'name' must be text, found nothing"),
    Case("no description", at((3, "description: ~")), 3, 1, "'description' must be text, found nothing"),
    Case("nodes without entries", at((14, "nodes:"), *((n, "#") for n in range(15, 43))), 14, 1, "at least one node"),
    Case("a node without entries", at((34, "  sufficient:"), (35, "#"), (36, "#"), (37, "#")), 34, 3, "'sufficient' must be a mapping with 'use', found nothing"),
    Case("a resource without entries", at((8, "  judge:"), (9, "#")), 8, 3, "'judge' must be a mapping with 'use', found nothing"),
    Case("no use", at((16, "    use:")), 16, 5, "'use' must be text, found nothing"),
    Case("no feeder", at((19, "    inputs: {query: }")), 19, 14, "'query' must be a node's name, found nothing"),
    Case("no feeder in a join", at((29, "      rankings: {sparse: sparse, dense: }")), 29, 34, "'dense' must be a name, found nothing"),
    Case("no resource in a slot", at((18, "    resources: {corpus: ~}")), 18, 17, "'corpus' must be a name, found nothing"),
    Case("no output", at((43, "output:")), 43, 1, "'output' must be text, found nothing"),
    Case("no target of a threshold", at((45, "  evidence:")), 45, 3, "'evidence' must be a name, found nothing"),
    Case("no path of the certificate", at((47, "  path:")), 47, 3, "'path' must be text, found nothing"),
    Case("no reaction of the certificate", at((48, "  on_invalid:")), 48, 3, "None is unknown"),
    Case("an empty name of the pipeline", at((2, "name: ''")), 2, 1, "'name' must not be empty"),
    Case("an empty use", at((16, "    use: ''")), 16, 5, "'use' must not be empty"),
    Case("an empty output", at((43, "output: ''")), 43, 1, "'output' must not be empty"),
    Case("an empty path of the certificate", at((47, "  path: ''")), 47, 3, "'path' must not be empty"),
    Case("an empty feeder", at((37, "    inputs: {selection: ''}")), 37, 14, "no node ''"),
    Case("no value of a setting", at((17, "    config: {k: }")), 17, 14, "valid integer; found None"),

    # Characters.
    Case("NUL", at((2, "name: sm\0all")), 2, 9, "not YAML: character U+0000"),
    Case("a control character", at((3, "description: a\x1b[31mb")), 3, 15, "not YAML: character U+001B"),
    Case("a byte order mark inside", at((3, "\ufeffdescription: x")), 3, 1, "unknown key '\\ufeffdescription'"),
    Case("a lone surrogate", at((2, "name: \ud800")), 2, 7, "not YAML: character U+D800"),
    Case("a lone surrogate by escape", at((2, 'name: "\\ud800"')), 2, 7, "half a character (a surrogate)"),
    Case("a no-break space as indent", at((16, "\u00a0\u00a0\u00a0\u00a0use: retrieve.bm25@1")), 17, 11, MAPPING),
    Case("letters of another script", at((31, "    use: select.t\u043ep_k@1")), 31, 5, "is no component name"),
    Case("quotes from a text processor", at((12, "    config: {path: index, stop_words: \u201cnone\u201d}")), 12, 27, "found '\u201cnone\u201d'"),

    # Sizes and names.
    Case("ten megabytes", "# " + "x" * 10_000_000 + "\n" + GOOD, 1, 1, "the file is larger than 1000000 bytes"),
    Case("10,000 brackets", at((2, "name: " + "[" * 10_000 + "]" * 10_000)), 2, None, DEPTH),
    Case("10,000 brackets left open", "[" * 10_000, 1, None, DEPTH),
    Case("50 levels", at((2, "name: " + "[" * 50 + "]" * 50)), 2, None, DEPTH),
    Case("500 levels of blocks", "".join(" " * n + "a:\n" for n in range(500)), 41, None, DEPTH),
    Case("a very long name of a node", GOOD.replace("fused", "f" * 100_000), 25, None, COLON),
    Case("a long name of a node", GOOD.replace("fused", "f" * 1000), 25, 3, f"'{'f' * 76}... is no name"),
    Case("a very long key", at((2, f"? {'n' * 100_000}\n: small")), 2, 3, "unknown key"),
    Case("a name with a dot", GOOD.replace("fused", "fu.sed"), 25, 3, "'fu.sed' is no name"),
    Case("a name with a space", GOOD.replace("fused", "fu sed"), 25, 3, "'fu sed' is no name"),
    Case("a name with a line break", GOOD.replace("fused", '"fu\\nsed"'), 25, 3, "is no name"),
    Case("a key with a line break twice", at((2, '? "a\\nb"\n: 1\n? "a\\nb"\n: 2')), 4, 3, "stands twice"),
    Case("a feeder with a line break", at((37, '    inputs: {selection: "cho\\nsen"}')), 37, 14, "no node"),
    Case("a port with a line break", at((37, '    inputs: {selection: chosen, "a\\nb": chosen}')), 37, 33, "has no port"),
    Case("a component with a line break", at((31, '    use: "select.top_k@1\\n"')), 31, 5, "is no component name"),
    Case("a component with a colour", at((31, '    use: "\\e[31mselect"')), 31, 5, "is no component name"),
    Case("a resource with a line break", at((18, '    resources: {corpus: "a\\nb"}')), 18, 17, "no resource"),
    Case("an output with a line break", at((43, 'output: "a\\nb"')), 43, 1, "no node"),
    Case("a setting with a line break", at((32, '    config: {k: 5, "a\\nb": 1}')), 32, 20, "unknown key"),
    Case("a setting of a megabyte", at((32, f"    config: {{k: '{'x' * 900_000}'}}")), 32, 14, "valid integer"),
    Case("an empty name", GOOD.replace("fused", "''"), 25, 3, "'' is no name"),
    Case("a resource's name with a space", GOOD.replace("judge", "a judge"), 8, 3, "'a judge' is no name"),
    Case("a threshold's name with a dot", at((45, "  evi.dence: sufficient.threshold")), 45, 3, "'evi.dence' is no name"),

    # Conditions, policies and files that are taken in.
    Case("typo in when", at((35, "    use: abstain.evidence@1\n    wen: query.text")), 36, 5, "did you mean 'when'?"),
    Case("typo in on_skipped", at((26, "    use: fuse.rrf@1\n    on_skiped: skip")), 27, 5, "did you mean 'on_skipped'?"),
    Case("typo in policy", at((35, "    use: abstain.evidence@1\n    polcy: {}")), 36, 5, "did you mean 'policy'?"),
    Case("when as a number", at((35, "    use: abstain.evidence@1\n    when: 1")), 36, 5, "'when' must be text, found the number 1"),
    Case("an empty when", at((35, "    use: abstain.evidence@1\n    when: ''")), 36, 5, "'when' must not be empty"),
    Case("a condition that is none", at((35, "    use: abstain.evidence@1\n    when: 'fused.size >'")), 36, 5, "character 13: expected a number, a quoted text, true, false or none, found the end"),
    Case("a condition that calls", at((35, "    use: abstain.evidence@1\n    when: \"__import__('os')\"")), 36, 5, "expected 'and', 'or' or the end"),
    Case("a condition with a private field", at((35, "    use: abstain.evidence@1\n    when: 'query.__class__ == 1'")), 36, 5, "(Query) has no field '__class__'"),
    Case("a condition on an unknown node", at((35, "    use: abstain.evidence@1\n    when: 'fusd.size > 1'")), 36, 5, "did you mean 'fused'?"),
    Case("a condition on an unknown field", at((35, "    use: abstain.evidence@1\n    when: 'fused.sise > 1'")), 36, 5, "did you mean 'size'?"),
    Case("a condition on text and number", at((35, "    use: abstain.evidence@1\n    when: \"fused.size > 'many'\"")), 36, 5, "'fused.size' is number, 'many' is text"),
    Case("a condition on what comes later", at((35, "    use: abstain.evidence@1\n    when: 'quoted.confidence.value > 0'")), 34, 3, "in a circle: sufficient -> quoted -> sufficient"),
    Case("a condition of many brackets", at((35, "    use: abstain.evidence@1\n    when: '" + "(" * 500 + "fused.size" + ")" * 400 + "'")), 36, 5, "at most 20 brackets and negations deep"),
    Case("a condition of many characters", at((35, "    use: abstain.evidence@1\n    when: '" + "not " * 5000 + "fused.size'")), 36, 5, "at most 1000 characters, found 20010"),
    Case("on_skipped unknown", at((26, "    use: fuse.rrf@1\n    on_skipped: drop")), 27, 5, "'drop' is unknown; expected skip, leave_out"),
    Case("on_skipped as a list", at((26, "    use: fuse.rrf@1\n    on_skipped: [skip]")), 27, 5, "['skip'] is unknown; expected skip, leave_out"),
    Case("policy as text", at((35, "    use: abstain.evidence@1\n    policy: fast")), 36, 5, "'policy' must be a mapping of keys to values, found text"),
    Case("typo in a policy's key", at((35, "    use: abstain.evidence@1\n    policy: {timout: 1.0}")), 36, None, "timeout"),
    Case("typo in a retry's key", at((35, "    use: abstain.evidence@1\n    policy: {retry: {tims: 1}}")), 36, None, "times"),
    Case("a timeout of nothing", at((35, "    use: abstain.evidence@1\n    policy: {timeout: 0.0}")), 36, None, "greater than 0"),
    Case("a timeout without end", at((35, "    use: abstain.evidence@1\n    policy: {timeout: .inf}")), 36, None, "finite"),
    Case("too many tries", at((35, "    use: abstain.evidence@1\n    policy: {retry: {times: 11}}")), 36, None, "less than or equal to 10"),
    Case("a budget as text", at((35, "    use: abstain.evidence@1\n    policy: {budget: {calls: few}}")), 36, None, "few"),
    Case("a cache as a number", at((35, "    use: abstain.evidence@1\n    policy: {cache: 1}")), 36, None, "cache"),
    Case("a fallback for an unknown error", at((39, "    use: generate.extractive@1\n    policy: {fallback: {weather: fused}}")), 40, None, "weather"),
    Case("a fallback to an unknown node", at((39, "    use: generate.extractive@1\n    policy: {fallback: {world: quotd}}")), 40, None, "quotd"),
    Case("a fallback to itself", at((39, "    use: generate.extractive@1\n    policy: {fallback: {world: quoted}}")), 40, None, "quoted"),
    Case("a fallback of another type", at((39, "    use: generate.extractive@1\n    policy: {fallback: {world: fused}}")), 40, None, "Ranking"),
    Case("include as text", at((3, "include: part.yaml")), 3, 1, "'include' must be a list of files"),
    Case("include of a number", at((3, "include: [3]")), 3, 11, "expected the path of a file"),
    Case("include of a missing file", at((3, "include: [part.yaml]")), 3, 11, "no file 'part.yaml'"),
    Case("include of a folder above", at((3, "include: [../part.yaml]")), 3, 11, "leaves the folder"),
    Case("include of an absolute path", at((3, "include: [/etc/passwd]")), 3, 11, "is absolute"),
    Case("a given node that nobody gives", at((35, "    use: given"), (36, "#")), 34, 3, "is given by the program: pass build(..., nodes="),
    Case("a given resource that nobody gives", at((9, "    use: given")), 8, 3, "is given by the program: pass build(..., resources="),
    Case("a path of an unknown user", at((12, "    config: {path: ~nosuchuser/x}")), 12, 14, "nosuchuser"),
    Case("a model at a path too long", at((9, f"    use: models.onnx_cross_encoder@1\n    config: {{model: {'x' * 5000}}}")), 10, None, "File name too long"),
    Case("a pipeline at a path with NUL", at((31, '    use: flow.pipeline@1'), (32, '    config: {path: "a\\0b"}')), 32, 5, "is no path"),
    Case("a secret where none is taken", at((12, "    config: {path: {env: HOME}}")), 12, None, "path"),

    # Thresholds.
    Case("a threshold for scores of another kind", at((36, "    config: {kind: cosine, threshold: 0.01}")), 37, 14, "compares scores of kind 'cosine'; those of 'chosen' are rrf"),
    Case("a threshold of an unknown node", at((45, "  evidence: sufficent.threshold")), 45, 3, "no node 'sufficent'; did you mean 'sufficient'?"),
    Case("a threshold of an unknown field", at((45, "  evidence: sufficient.treshold")), 45, 3, "'sufficient.treshold' is no threshold; write 'sufficient.<field>', did you mean 'threshold'?"),
    Case("a threshold of a field that is no number", at((45, "  evidence: sufficient.kind")), 45, 3, "'sufficient.kind' is no threshold"),
    Case("a threshold of a whole number", at((45, "  evidence: chosen.k")), 45, 3, "'chosen.k' is no threshold"),
    Case("a threshold without a field", at((45, "  evidence: sufficient")), 45, 3, "'sufficient' is no threshold"),
    Case("a threshold of a resource", at((45, "  evidence: shelf.k1")), 45, 3, "no node 'shelf'"),
    Case("two names for one threshold", at((45, "  evidence: sufficient.threshold\n  again: sufficient.threshold")), 46, 3, "'sufficient.threshold'"),
)
# fmt: on


def problems(text: str, base: Path) -> tuple[Problem, ...]:
    with pytest.raises(BuildError) as caught:
        build_text(text, name="p.yaml", base=base)
    assert str(caught.value).splitlines()[:-1] == [str(one) for one in caught.value.problems]
    return caught.value.problems


def told(case: Case, base: Path) -> list[Problem]:
    """The problems that say what the case expects, at its place."""
    return [
        one
        for one in problems(case.text, base)
        if case.words in one.message and one.line == case.line and case.column in (None, one.column)
    ]


@pytest.fixture(autouse=True)
def untouched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fails a test in which a resource is started or anything is written."""
    started: list[str] = []
    for component in (registry.find(name) for name in registry.names()):
        if issubclass(component, Resource):
            monkeypatch.setattr(component, "start", lambda self: started.append(self.name))
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    yield
    assert started == []
    assert list(work.iterdir()) == []


def test_the_right_file_is_right() -> None:
    assert build_text(GOOD, name="p.yaml", base=Path.cwd()).output == "quoted"
    assert build_text("\ufeff" + GOOD, name="p.yaml", base=Path.cwd()).output == "quoted"
    assert build_text(GOOD.replace("\n", "\r\n"), name="p.yaml", base=Path.cwd()).output == "quoted"


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(
            one,
            id=one.name,
            marks=[pytest.mark.xfail(strict=True, reason=one.open)] if one.open else [],
        )
        for one in CASES
    ],
)
def test_a_mistake_is_told_at_its_line_with_what_is_wrong(case: Case) -> None:
    assert told(case, Path.cwd()), [str(one) for one in problems(case.text, Path.cwd())]
    lines = case.text.count("\n") + 1
    for one in problems(case.text, Path.cwd()):
        assert str(one).startswith(f"p.yaml:{one.line}:{one.column}: ")
        assert 1 <= one.line <= lines
        assert one.column >= 1
        assert one.message.isprintable(), one
        assert len(one.message) < 400


def test_the_table_is_large_and_each_mistake_has_a_message_of_its_own() -> None:
    assert len(CASES) > 200
    assert len({case.name for case in CASES}) == len(CASES)
    messages = [
        one.message
        for case in CASES
        if not case.open and case.words not in SEVERAL_WAYS
        for one in told(case, Path.cwd())[:1]
    ]
    assert sorted(one for one in messages if messages.count(one) > 1) == []


def test_five_mistakes_are_told_at_once_in_the_order_of_lines() -> None:
    text = at(
        (45, "  evidence: sufficient.treshold"),
        (32, "    config: {k: -1}"),
        (7, "    config: {dimensions: 64}"),
        (41, "    resources: {model: juge}"),
        (12, "    config: {path: index, stop_words: klingon}"),
    )
    found = problems(text, Path.cwd())
    assert [one.line for one in found] == [7, 12, 32, 41, 45]
    for one, words in zip(found, ("dimension", "klingon", "-1", "judge", "threshold"), strict=True):
        assert words in one.message


def test_the_text_of_an_error_is_one_line_a_problem_and_a_count() -> None:
    with pytest.raises(BuildError) as caught:
        build_text(at((2, "nmae: a"), (16, "    use: 3")), name="dir/p.yaml", base=Path.cwd())
    lines = str(caught.value).splitlines()
    assert len(lines) == len(caught.value.problems) + 1
    for line, one in zip(lines, caught.value.problems, strict=False):
        assert line == f"dir/p.yaml:{one.line}:{one.column}: {one.message}"
    assert lines[-1] == f"{len(lines) - 1} problems found"


def test_a_file_that_cannot_be_read_is_a_mistake_of_the_caller(tmp_path: Path) -> None:
    (tmp_path / "loop.yaml").symlink_to("loop.yaml")
    for path, words in {
        tmp_path / "none.yaml": "none.yaml",
        tmp_path: "cannot read",
        tmp_path / "loop.yaml": "cannot read",
        tmp_path / ("n" * 300): "cannot read",
    }.items():
        with pytest.raises(UsageError, match=words):
            build(path)


def test_a_path_that_no_file_can_have_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(UsageError):
        build("a\0b")


@pytest.mark.parametrize("content", [b"name: \xff\xfe", GOOD.encode("utf-16"), b"\x7fELF\x80"])
def test_a_file_that_is_no_text_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "p.yaml").write_bytes(content)
    with pytest.raises((BuildError, UsageError), match="UTF-8"):
        build(tmp_path / "p.yaml")


def test_a_large_file_is_refused_by_its_size(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text("# " + "x" * 10_000_000 + "\n" + GOOD)
    with pytest.raises(BuildError, match="larger than"):
        build(tmp_path / "p.yaml")
