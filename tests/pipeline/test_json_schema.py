"""The JSON Schema says of a file what ``build`` says, at the same place."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any, Literal

import pytest
from jsonschema import Draft7Validator, Draft202012Validator
from jsonschema.protocols import Validator
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from assay.apps import examples
from assay.pipeline import Config, Node, Query, build_text, registry
from assay.pipeline import file as pipeline_file
from assay.pipeline.errors import BuildError, UsageError
from assay.pipeline.json_schema import pipeline_schema
from assay.pipeline.policy import PolicyEntry
from assay.pipeline.source import read

EXAMPLES = sorted(examples.folder().rglob("*.yaml"))
NAMES = registry.names()
DEMO = examples.folder() / "python-reference" / "pipeline.yaml"
OMIT = object()
Place = tuple[str | int, ...]


def load(path: Path) -> Any:
    source = read(path.read_text(encoding="utf-8"), str(path))
    assert not source.problems
    return source.data


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    return pipeline_schema(NAMES)


@pytest.fixture(params=[Draft202012Validator, Draft7Validator], ids=["2020-12", "draft 7"])
def validator(request: pytest.FixtureRequest, schema: dict[str, Any]) -> Validator:
    made: Validator = request.param(schema)
    return made


def part(schema: dict[str, Any], name: str) -> Validator:
    """A validator of one definition, with the others at hand."""
    return Draft202012Validator({"$defs": schema["$defs"], "$ref": f"#/$defs/{name}"})


def schemas(schema: Any, place: Place = ()) -> Iterator[tuple[Place, dict[str, Any]]]:
    """Every schema inside a schema, properties and definitions included."""
    if not isinstance(schema, dict):
        return
    yield place, schema
    for key in ("properties", "$defs", "patternProperties"):
        for name, inner in schema.get(key, {}).items():
            yield from schemas(inner, (*place, key, name))
    for key in ("anyOf", "allOf", "oneOf"):
        for index, inner in enumerate(schema.get(key, ())):
            yield from schemas(inner, (*place, key, index))
    for key in ("items", "additionalProperties", "propertyNames", "not", "if", "then"):
        yield from schemas(schema.get(key), (*place, key))


def test_the_schema_is_one(schema: dict[str, Any]) -> None:
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == Draft202012Validator.META_SCHEMA["$id"]


def test_every_reference_stays_inside_the_file(schema: dict[str, Any]) -> None:
    references = [one["$ref"] for _, one in schemas(schema) if "$ref" in one]
    assert len(references) > 100
    for reference in references:
        assert reference.removeprefix("#/$defs/") in schema["$defs"]
    assert '"$id"' not in json.dumps(schema)


def test_every_key_of_every_mapping_has_a_description(schema: dict[str, Any]) -> None:
    for place, one in schemas(schema):
        if "then" in place or "if" in place:
            continue
        for key, inner in one.get("properties", {}).items():
            assert inner.get("description"), (place, key)


def test_every_mapping_with_known_keys_is_closed(schema: dict[str, Any]) -> None:
    closed = 0
    for place, one in schemas(schema):
        if "object" in one.get("type", ()) and "properties" in one:
            assert one.get("additionalProperties") is False, place
            closed += 1
    assert closed > 3 * len(NAMES) - 20


def test_only_keywords_that_old_and_new_editors_read_alike(schema: dict[str, Any]) -> None:
    annotations = {"description", "default"}
    for place, one in schemas(schema):
        assert not {"unevaluatedProperties", "dependentSchemas", "prefixItems"} & set(one), place
        if "$ref" in one:  # draft 7 reads no keyword beside it
            assert set(one) <= {"$ref", *annotations}, place


def test_the_schema_is_the_same_each_time_and_in_any_order(schema: dict[str, Any]) -> None:
    assert json.dumps(pipeline_schema(reversed(NAMES))) == json.dumps(schema)


def test_every_component_may_be_used_under_both_its_names(schema: dict[str, Any]) -> None:
    offered = {
        name
        for kind in ("node", "resource")
        for name in schema["$defs"][kind]["properties"]["use"]["enum"]
    }
    for name in NAMES:
        assert {name, name.removesuffix("@1")} <= offered
    nodes = set(schema["$defs"]["node"]["properties"]["use"]["enum"])
    assert nodes & set(schema["$defs"]["resource"]["properties"]["use"]["enum"]) == {"given"}


def test_the_keys_that_a_file_may_have_are_those_of_the_reader(schema: dict[str, Any]) -> None:
    def read_keys(name: str) -> set[str]:
        return set(getattr(pipeline_file, name, None) or getattr(pipeline_file, f"_{name}"))

    assert set(schema["properties"]) == read_keys("TOP")
    assert set(schema["$defs"]["node"]["properties"]) == read_keys("NODE")
    assert set(schema["$defs"]["resource"]["properties"]) == read_keys("RESOURCE")


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_example_is_right(path: Path, validator: Validator) -> None:
    assert [error.message for error in validator.iter_errors(load(path))] == []


def test_what_stands_empty_in_a_file_is_as_if_left_out(validator: Validator) -> None:
    data = load(DEMO)
    data |= {"include": None, "certificate": None, "thresholds": None}
    for key in ("config", "policy"):
        data["nodes"]["hidden_text"][key] = None
    data["nodes"]["hidden_text"]["resources"] = None
    assert list(validator.iter_errors(data)) == []
    del data["include"], data["nodes"]["hidden_text"]["policy"]
    assert build_text(json.dumps(data), name="x", base=DEMO.parent).output == "answered"


def test_a_file_that_includes_others_may_leave_its_nodes_to_them(validator: Validator) -> None:
    root: Any = {"assay": 1, "name": "x", "include": ["parts/a.yaml"], "output": "answered"}
    assert list(validator.iter_errors(root)) == []
    part_of_it = {"assay": 1, "resources": load(DEMO)["resources"], "nodes": load(DEMO)["nodes"]}
    assert list(validator.iter_errors(part_of_it)) == []
    assert not validator.is_valid({**part_of_it, "certificate": {"path": "c.json"}})


def test_the_program_may_give_a_resource_and_a_node(validator: Validator) -> None:
    data = load(DEMO)
    data["resources"]["writer"] = {"use": "given"}
    data["nodes"]["sparse"] = {
        "use": "given",
        "config": {},
        "inputs": {"a": "query", "b": {"c": "query"}},
    }
    assert list(validator.iter_errors(data)) == []


# -- each mistake is refused, at its place ---------------------------------------

MISTAKES: list[tuple[str, Place, Any, Place, str]] = [
    # (what is wrong, where, what is put there, place of the error, words in its message)
    ("typo at the top", ("thresold",), {}, (), "thresold"),
    ("no version", ("assay",), OMIT, (), "assay"),
    ("unknown version", ("assay",), 2, ("assay",), "1 was expected"),
    ("version as a truth value", ("assay",), True, ("assay",), "1 was expected"),
    ("no name", ("name",), OMIT, (), "name"),
    ("name is a number", ("name",), 3, ("name",), "string"),
    ("no output", ("output",), OMIT, (), "output"),
    ("no nodes", ("nodes",), {}, ("nodes",), "{}"),
    ("nodes left out", ("nodes",), OMIT, (), "nodes"),
    ("nodes left empty", ("nodes",), None, ("nodes",), "None"),
    ("an empty name", ("name",), "", ("name",), "''"),
    ("a node name with a dot", ("resources", "a.b"), {"use": "models.echo"}, ("resources",), "a.b"),
    ("an empty entry", ("resources", "judge"), None, ("resources", "judge"), "None"),
    ("a threshold name with a space", ("thresholds", "how sure"), "sufficient.threshold", ("thresholds",), "how sure"),
    ("a given object with settings", ("resources", "given"), {"use": "given", "config": {"k": 1}}, ("resources", "given", "config"), "k"),
    ("a given node fed by a number", ("nodes", "fused"), {"use": "given", "inputs": {"a": 1}}, ("nodes", "fused", "inputs", "a"), "1"),
    ("nodes in a list", ("nodes",), [], ("nodes",), "object"),
    ("a node called query", ("nodes", "query"), {"use": "verify.hidden_text", "inputs": {"query": "query", "selection": "selected"}}, ("nodes",), "query"),
    ("one file to include, not a list", ("include",), "more.yaml", ("include",), "array"),
    ("a number among the files", ("include",), ["more.yaml", 3], ("include", 1), "string"),
    ("typo in a node", ("nodes", "fused", "confg"), {}, ("nodes", "fused"), "confg"),
    ("typo in a resource", ("resources", "judge", "conf"), {}, ("resources", "judge"), "conf"),
    ("a resource with inputs", ("resources", "judge", "inputs"), {}, ("resources", "judge"), "inputs"),
    ("no component", ("nodes", "fused", "use"), OMIT, ("nodes", "fused"), "use"),
    ("unknown component", ("nodes", "fused", "use"), "fuse.rff@1", ("nodes", "fused", "use"), "fuse.rff"),
    ("unknown version of one", ("nodes", "fused", "use"), "fuse.rrf@9", ("nodes", "fused", "use"), "fuse.rrf@9"),
    ("a resource among the nodes", ("nodes", "fused", "use"), "models.llama_cpp", ("nodes", "fused", "use"), "models.llama_cpp"),
    ("a node among the resources", ("resources", "judge", "use"), "fuse.rrf", ("resources", "judge", "use"), "fuse.rrf"),
    ("typo in a config", ("nodes", "selected", "config", "maxk"), 3, ("nodes", "selected", "config"), "maxk"),
    ("text for a number", ("nodes", "selected", "config", "max_k"), "5", ("nodes", "selected", "config", "max_k"), "integer"),
    ("a fraction for a count", ("nodes", "selected", "config", "max_k"), 2.5, ("nodes", "selected", "config", "max_k"), "integer"),
    ("out of range", ("nodes", "reranked", "config", "depth"), 0, ("nodes", "reranked", "config", "depth"), "minimum"),
    ("at a bound that is outside", ("nodes", "selected", "config", "z"), 0, ("nodes", "selected", "config", "z"), "minimum"),
    ("unknown choice", ("resources", "embedder", "config", "pooling"), "max", ("resources", "embedder", "config", "pooling"), "max"),
    ("unknown kind of score", ("nodes", "sufficient", "config", "kind"), "cosin", ("nodes", "sufficient", "config", "kind"), "cosin"),
    ("a weight of nothing", ("nodes", "fused", "config", "weights", "dense"), 0, ("nodes", "fused", "config", "weights", "dense"), "minimum"),
    ("a positive log-probability", ("nodes", "grounded", "config", "min_logprob"), 0.1, ("nodes", "grounded", "config", "min_logprob"), "maximum"),
    ("a list item of a wrong type", ("nodes", "provenance", "config", "trusted", 0), 7, ("nodes", "provenance", "config", "trusted", 0), "string"),
    ("an empty list", ("nodes", "provenance", "config", "trusted"), [], ("nodes", "provenance", "config", "trusted"), "[]"),
    ("a required setting left out", ("nodes", "provenance", "config", "trusted"), OMIT, ("nodes", "provenance", "config"), "trusted"),
    ("a required config left out", ("nodes", "provenance", "config"), OMIT, ("nodes", "provenance"), "config"),
    ("a required config left empty", ("nodes", "provenance", "config"), None, ("nodes", "provenance", "config"), "object"),
    ("config of a wrong type", ("nodes", "fused", "config"), "k: 60", ("nodes", "fused", "config"), "object"),
    ("settings for one that has none", ("nodes", "rated", "config"), {"k": 1}, ("nodes", "rated", "config"), "k"),
    ("unknown slot", ("nodes", "sparse", "resources", "corpsu"), "reference", ("nodes", "sparse", "resources"), "corpsu"),
    ("required slot left out", ("nodes", "sparse", "resources", "corpus"), OMIT, ("nodes", "sparse", "resources"), "corpus"),
    ("resources left out", ("nodes", "sparse", "resources"), OMIT, ("nodes", "sparse"), "resources"),
    ("a list for a resource", ("nodes", "sparse", "resources", "corpus"), ["reference"], ("nodes", "sparse", "resources", "corpus"), "string"),
    ("unknown slot of a resource", ("resources", "reference", "resources", "embeder"), "judge", ("resources", "reference", "resources"), "embeder"),
    ("a slot for one that has none", ("resources", "judge", "resources"), {"corpus": "reference"}, ("resources", "judge", "resources"), "corpus"),
    ("required port left out", ("nodes", "reranked", "inputs", "ranking"), OMIT, ("nodes", "reranked", "inputs"), "ranking"),
    ("inputs left out", ("nodes", "reranked", "inputs"), OMIT, ("nodes", "reranked"), "inputs"),
    ("unknown port", ("nodes", "reranked", "inputs", "rankings"), "fused", ("nodes", "reranked", "inputs"), "rankings"),
    ("a mapping for a plain port", ("nodes", "reranked", "inputs", "ranking"), {"a": "fused"}, ("nodes", "reranked", "inputs", "ranking"), "string"),
    ("one node for a named join", ("nodes", "fused", "inputs", "rankings"), "sparse", ("nodes", "fused", "inputs", "rankings"), "object"),
    ("a number in a named join", ("nodes", "fused", "inputs", "rankings", "sparse"), 1, ("nodes", "fused", "inputs", "rankings", "sparse"), "string"),
    ("a threshold without its field", ("thresholds", "evidence"), "sufficient", ("thresholds", "evidence"), "sufficient"),
    ("a threshold of two fields", ("thresholds", "evidence"), "a.b.c", ("thresholds", "evidence"), "a.b.c"),
    ("typo in the certificate", ("certificate", "file"), "c.json", ("certificate",), "file"),
    ("certificate without a path", ("certificate", "path"), OMIT, ("certificate",), "path"),
    ("unknown reaction", ("certificate", "on_invalid"), "ignore", ("certificate", "on_invalid"), "ignore"),
    ("a policy on a resource", ("resources", "judge", "policy"), {}, ("resources", "judge"), "policy"),
    ("an empty condition", ("nodes", "dense", "when"), "", ("nodes", "dense", "when"), "''"),
    ("a condition as a truth value", ("nodes", "dense", "when"), True, ("nodes", "dense", "when"), "string"),
    ("a condition that is too long", ("nodes", "dense", "when"), "x" * 1001, ("nodes", "dense", "when"), "long"),
    ("a resource with a condition", ("resources", "judge", "when"), "query.text", ("resources", "judge"), "when"),
    ("unknown way with what was skipped", ("nodes", "fused", "on_skipped"), "leave", ("nodes", "fused", "on_skipped"), "leave"),
    ("inputs left out of no join", ("nodes", "dense", "on_skipped"), "leave_out", ("nodes", "dense", "on_skipped"), "skip"),
    ("extra key in a policy", ("nodes", "drafted", "policy", "retries"), 3, ("nodes", "drafted", "policy"), "retries"),
    ("no time at all", ("nodes", "drafted", "policy", "timeout"), 0, ("nodes", "drafted", "policy", "timeout"), "minimum"),
    ("too many tries", ("nodes", "drafted", "policy", "retry"), {"times": 11}, ("nodes", "drafted", "policy", "retry", "times"), "maximum"),
    ("retry without times", ("nodes", "drafted", "policy", "retry"), {"wait": 1}, ("nodes", "drafted", "policy", "retry"), "times"),
    ("too long a wait", ("nodes", "drafted", "policy", "retry"), {"times": 1, "wait": 61}, ("nodes", "drafted", "policy", "retry", "wait"), "maximum"),
    ("unknown class of error", ("nodes", "drafted", "policy", "fallback"), {"wrold": "quoted"}, ("nodes", "drafted", "policy", "fallback"), "wrold"),
    ("a fallback that is no name", ("nodes", "drafted", "policy", "fallback"), {"world": 1}, ("nodes", "drafted", "policy", "fallback", "world"), "string"),
    ("a budget of no calls", ("nodes", "drafted", "policy", "budget"), {"calls": 0}, ("nodes", "drafted", "policy", "budget", "calls"), "minimum"),
    ("unknown unit of a budget", ("nodes", "drafted", "policy", "budget"), {"dollars": 1}, ("nodes", "drafted", "policy", "budget"), "dollars"),
    ("cache as text", ("nodes", "drafted", "policy", "cache"), "yes", ("nodes", "drafted", "policy", "cache"), "boolean"),
]  # fmt: skip


def put(data: Any, place: Place, value: Any) -> Any:
    """A copy of the data with a value put in or left out; parents are made where missing."""
    changed = copy.deepcopy(data)
    inner = changed
    for key in place[:-1]:
        inner = inner.setdefault(key, {}) if isinstance(inner, dict) else inner[key]
    if value is OMIT:
        del inner[place[-1]]
    else:
        inner[place[-1]] = value
    return changed


@pytest.mark.parametrize(
    ("where", "value", "place", "words"),
    [pytest.param(*mistake[1:], id=mistake[0]) for mistake in MISTAKES],
)
def test_a_mistake_is_refused_at_its_place(
    where: Place, value: Any, place: Place, words: str, validator: Validator
) -> None:
    errors = list(validator.iter_errors(put(load(DEMO), where, value)))
    assert {tuple(error.absolute_path) for error in errors} == {place}
    assert any(words in error.message for error in errors)


@pytest.mark.parametrize(
    ("where", "value"),
    [
        pytest.param(where, value, id=label)
        for label, where, value, *_ in MISTAKES
        if "include" not in where
    ],
)
def test_what_the_schema_refuses_is_refused_by_build_too(where: Place, value: Any) -> None:
    with pytest.raises(BuildError):
        build_text(json.dumps(put(load(DEMO), where, value)), name="x", base=DEMO.parent)


POLICIES: list[Any] = [
    {},
    {"timeout": 0.5, "cache": True},
    {"timeout": None, "retry": None, "budget": None},
    {"timeout": "1"},
    {"timeout": -1},
    {"retry": {}},
    {"retry": {"times": 1}},
    {"retry": {"times": 10, "wait": 60, "seed": -3}},
    {"retry": {"times": 0}},
    {"retry": {"times": 1, "wait": -0.1}},
    {"retry": {"times": 1, "seed": 0.5}},
    {"retry": {"times": 1, "waits": 1}},
    {"retry": 3},
    {"budget": {}},
    {"budget": {"calls": 1, "tokens": 1, "seconds": 0.1}},
    {"budget": {"calls": None, "tokens": None, "seconds": None}},
    {"budget": {"tokens": 0}},
    {"budget": {"seconds": 0}},
    {"budget": {"calls": 1.5}},
    {"fallback": {}},
    {"fallback": {"world": "a", "model": "a", "data": "a", "usage": "a", "any": "a"}},
    {"fallback": {"never": "a"}},
    {"fallback": {"world": None}},
    {"fallback": None},
    {"cache": None},
    {"cache": 1},
    {"caches": True},
]


@pytest.mark.parametrize("policy", POLICIES, ids=json.dumps)
def test_a_policy_is_right_for_the_schema_where_it_is_for_the_reader(
    policy: Any, schema: dict[str, Any]
) -> None:
    try:
        PolicyEntry.model_validate(policy)
        right = True
    except ValidationError:
        right = False
    assert part(schema, "policy").is_valid(policy) == right


# -- configs -----------------------------------------------------------------------


def sample(schema: dict[str, Any], definitions: dict[str, Any]) -> Any:
    """The plainest value that a schema allows."""
    if "$ref" in schema:
        return sample(definitions[schema["$ref"].removeprefix("#/$defs/")], definitions)
    if "enum" in schema:
        return schema["enum"][0]
    if "examples" in schema:
        return schema["examples"][0]
    if "anyOf" in schema:
        return sample(schema["anyOf"][0], definitions)
    kinds = schema["type"]
    match kinds if isinstance(kinds, str) else kinds[0]:
        case "string":
            return "x" * max(1, schema.get("minLength", 1))
        case "integer" | "number":
            return schema.get("minimum", schema.get("exclusiveMinimum", 0) + 1)
        case "boolean":
            return True
        case "array":
            return [sample(schema["items"], definitions)] * schema.get("minItems", 0)
        case "object":
            required = schema.get("required", ())
            return {key: sample(schema["properties"][key], definitions) for key in required}
    raise AssertionError(schema)


@pytest.mark.parametrize("name", NAMES)
def test_the_default_config_of_a_component_is_right(name: str, schema: dict[str, Any]) -> None:
    given = sample(schema["$defs"][f"{name}.config"], schema["$defs"])
    check = part(schema, f"{name}.config")
    check.validate(given)
    model = registry.find(name).Config
    secret = {key for key, field in model.model_fields.items() if "Secret" in str(field.annotation)}
    known = {key: "x" if key in secret else value for key, value in given.items()}
    config = model.model_validate(known, strict=False)
    dumped = config.model_dump(mode="json", exclude=secret, by_alias=True)
    check.validate({**dumped, **given})
    for key in dumped:
        assert not check.is_valid({**dumped, **given, f"{key}_": 1})


class Lamp(BaseModel):
    """How bright.

    More than editors need to know.
    """

    model_config = ConfigDict(extra="forbid")

    watts: int = Field(ge=1)
    beside: Lamp | None = None


class RoomConfig(Config):
    key: SecretStr = Field(description="opens the door")
    spare: SecretStr | None = None
    folder: Path = Path("here")
    since: date = date(2020, 1, 2)
    lamp: Lamp | None = Field(None, description="what ``shines``")
    title: Literal["hall", "attic"] = "hall"
    format: int = Field(3, ge=1)


class Room(Node):
    """Lets a question pass.

    And more.
    """

    name = "plug.room@1"
    Config = RoomConfig

    def run(self, query: Query, also: Query | None = None) -> Query:
        return query


class Newer(Room):
    name = "plug.room@2"


class Unclear(Node):
    name = "plug.unclear@1"

    def run(self, query):  # type: ignore[no-untyped-def]
        return query


@pytest.fixture
def plugged(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    found = {one.name: one for one in (Room, Newer, Unclear)}
    monkeypatch.setattr(registry, "_plugins", lambda: found)
    return pipeline_schema(["plug.room@1", "plug.room@2"])


@pytest.mark.parametrize(
    ("config", "right"),
    [
        ({"key": {"env": "ROOM_KEY"}}, True),
        ({"key": "hunter2"}, False),
        ({"key": {"env": "not a name"}}, False),
        ({"key": {"env": "K", "file": "f"}}, False),
        ({}, False),
        (None, False),
        ({"key": {"env": "K"}, "spare": {"env": "S"}}, True),
        ({"key": {"env": "K"}, "spare": None}, True),
        ({"key": {"env": "K"}, "spare": "hunter2"}, False),
        ({"key": {"env": "K"}, "folder": "a/b", "since": "2024-05-06"}, True),
        ({"key": {"env": "K"}, "folder": 3}, False),
        ({"key": {"env": "K"}, "since": 2024}, False),
        ({"key": {"env": "K"}, "lamp": {"watts": 5, "beside": {"watts": 6}}}, True),
        ({"key": {"env": "K"}, "lamp": {"watts": 5, "beside": {"watts": 0}}}, False),
        ({"key": {"env": "K"}, "lamp": {"wats": 5}}, False),
        ({"key": {"env": "K"}, "title": "attic", "format": 1}, True),
        ({"key": {"env": "K"}, "title": "cellar"}, False),
        ({"key": {"env": "K"}, "format": 0}, False),
    ],
    ids=lambda value: json.dumps(value) if isinstance(value, dict) else "",
)
def test_a_config_of_a_plug_in_is_read_as_files_write_it(
    config: Any, right: bool, plugged: dict[str, Any]
) -> None:
    Draft202012Validator.check_schema(plugged)
    assert part(plugged, "plug.room@1.config").is_valid(config) == right


def test_a_plug_in_is_described_in_its_own_words(plugged: dict[str, Any]) -> None:
    definitions = plugged["$defs"]
    assert definitions["plug.room@1"]["properties"]["use"]["description"] == "Lets a question pass."
    config = definitions["plug.room@1.config"]["properties"]
    assert config["key"]["description"] == "opens the door"
    assert "default" not in config["spare"] or config["spare"]["default"] is None
    assert config["lamp"]["description"] == "what `shines`"
    assert config["title"]["description"] == "Setting 'title'."
    assert definitions["plug.room@1.Lamp"]["description"].startswith("How bright.")


def test_a_later_version_has_only_its_full_name_and_an_optional_port_may_be_left(
    plugged: dict[str, Any],
) -> None:
    use = plugged["$defs"]["node"]["properties"]["use"]["enum"]
    assert use == ["given", "plug.room", "plug.room@1", "plug.room@2"]
    node: Any = {
        "use": "plug.room@2",
        "config": {"key": {"env": "K"}},
        "inputs": {"query": "query"},
    }
    check = part(plugged, "node")
    check.validate(node)
    check.validate({**node, "inputs": {"query": "query", "also": "query"}})
    assert not check.is_valid({**node, "inputs": {"also": "query"}})


def test_a_component_that_cannot_be_described_is_named(plugged: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=r"plug.unclear@1 cannot be described: .* no annotation"):
        pipeline_schema(["plug.unclear@1"])
