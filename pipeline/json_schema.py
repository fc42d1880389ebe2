"""The JSON Schema of pipeline files, made from the registered components.

An editor completes and marks a pipeline file with it. It says of each node alone
what ``build`` says: known names, closed configs, ports and resource slots. What
needs the whole file (names that exist, types that fit, cycles) is left to ``build``.

The schema is JSON Schema draft 2020-12, in keywords that draft 7 reads in the same
way, since many editors know no later one. A component's part applies by
``if``/``then`` on ``use`` and not by ``oneOf``: an error then stands at its own key.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import get_args

from pydantic.errors import PydanticUserError

from assay.pipeline import registry
from assay.pipeline.component import LOCAL, Resource
from assay.pipeline.condition import LONGEST
from assay.pipeline.errors import UsageError
from assay.pipeline.file import FORMAT_VERSION, INPUT, NAME, OnInvalid
from assay.pipeline.given import GIVEN
from assay.pipeline.json_schema_component import component_definitions
from assay.pipeline.json_schema_parts import Schema, closed, mapping, ref, spelled, text

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def pipeline_schema(names: Iterable[str] | None = None) -> Schema:
    """The schema of a pipeline file.

    Args:
        names: full names of the components that a file may use; every registered
            one by default, those of this process included.

    Returns:
        A self-contained schema without ``$id``, the same for the same components.
        ``$defs`` has a part for each component under its full name, and one for
        its config under ``<name>.config``.

    Raises:
        UsageError: if a component breaks the contract of ``component``, named.
    """
    wanted = sorted({*registry.names(), *LOCAL} if names is None else set(names))
    parts: dict[str, list[str]] = {"resource": [], "node": []}
    definitions: Schema = {}
    for name in wanted:
        component = registry.find(name)
        kind = "resource" if issubclass(component, Resource) else "node"
        parts[kind].append(name)
        try:
            definitions.update(component_definitions(name, component))
        except (TypeError, NameError, AttributeError, PydanticUserError) as error:
            raise UsageError(
                f"{name} cannot be described: {error}; mend its annotations or uninstall it"
            ) from error
    definitions["node_name"] = text(f"Name of a node, or '{INPUT}' for the question.")
    definitions["resource_name"] = text("Name of an entry under 'resources'.")
    definitions["policy"] = _policy()
    for kind, known in parts.items():
        definitions[kind] = _entry(kind, known)
        definitions[f"{kind}.{GIVEN}"] = _given(kind)
    return {
        "$schema": DIALECT,
        "title": "assay pipeline",
        "description": "A pipeline file of assay: nodes, what they use, and how they are wired.",
        "$defs": dict(sorted(definitions.items())),
        **_file(),
    }


# -- the frame, as in file.py --------------------------------------------------


def _file() -> Schema:
    """The top of a file; one that has neither name nor output is a part to be included."""
    certificate = {
        "path": text("The certificate's file, relative to the pipeline file.", minLength=1),
        "on_invalid": text(
            "What happens when the certificate does not hold: no start, only abstentions,"
            " or answers that are marked uncertified.",
            enum=list(get_args(OnInvalid)),
            default="refuse",
        ),
        "canaries": {
            "type": "boolean",
            "description": "Whether the certificate's canaries are asked at each start.",
            "default": False,
        },
    }
    named = f"^{NAME.pattern}$"
    field = text(
        "NODE.FIELD: a node and a number in its config.",
        pattern=f"^{NAME.pattern}\\.[A-Za-z_][A-Za-z0-9_]*$",
    )
    whole = ["certificate", "description", "name", "output"]
    properties = {
        "assay": {"const": FORMAT_VERSION, "description": "Version of this file format."},
        "name": text("Name of the pipeline.", minLength=1),
        "description": text("What the pipeline is for, in one line.", default=""),
        "include": {
            "type": ["array", "null"],
            "description": "Files whose resources, nodes and thresholds are taken into this one.",
            "items": text("Path of a file, relative to this one, in its folder.", minLength=1),
        },
        "resources": mapping(
            "Models and corpora, loaded once and shared by nodes.",
            ref("resource", "A model or a corpus."),
            pattern=named,
        ),
        "nodes": {
            **mapping(
                f"The steps; '{INPUT}' is the question that comes in.",
                ref("node", "A step."),
                pattern=named,
            ),
            "propertyNames": {"pattern": named, "not": {"const": INPUT}},
        },
        "output": text("Name of the node whose output is the pipeline's.", minLength=1),
        "thresholds": mapping(
            "What calibration may set, by a name of your choice.", field, pattern=named
        ),
        "certificate": {
            **closed("The certificate that holds the thresholds.", certificate, ["path"]),
            "type": ["object", "null"],
        },
    }
    return {
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        "required": ["assay"],
        "allOf": [
            {
                "if": {"anyOf": [{"required": [key]} for key in whole]},
                "then": {"required": ["name", "output"]},
            },
            {
                "if": {"not": {"required": ["include"]}, "required": ["output"]},
                "then": {
                    "required": ["nodes"],
                    "properties": {"nodes": {"type": "object", "minProperties": 1}},
                },
            },
        ],
    }


def _entry(kind: str, names: list[str]) -> Schema:
    """A node or a resource: its own keys, and by ``use`` the component's part.

    What is inside them is said by that part alone: editors show the first description
    that they meet, and a general one would come first.
    """
    some = {"type": ["object", "null"]}
    properties: Schema = {
        "use": text("The component: <folder>.<method>@<version>.", enum=spelled(GIVEN, *names)),
        "config": {**some, "description": "The component's settings."},
        "resources": {
            **some,
            "description": "Models and corpora that the component needs, by its names for them.",
        },
    }
    if kind == "node":
        properties["inputs"] = {**some, "description": "What feeds each port."}
        properties["when"] = text(
            'The node runs only where this holds, such as "fused.size >= 3".',
            minLength=1,
            maxLength=LONGEST,
        )
        properties["on_skipped"] = text(
            "Where a node that feeds it did not run: skip this one too, or, in a named join,"
            " leave that input out.",
            enum=["skip", "leave_out"],
            default="skip",
        )
        properties["policy"] = ref("policy", "What holds while the node runs.")
    about = {"node": "A step of the pipeline.", "resource": "Something loaded once: model, corpus."}
    entry = closed(about[kind], properties, ["use"])
    component_parts = {GIVEN: f"{kind}.{GIVEN}"} | {name: name for name in names}
    entry["allOf"] = [
        {
            "if": {"properties": {"use": {"enum": spelled(name)}}, "required": ["use"]},
            "then": {"$ref": f"#/$defs/{part}"},
        }
        for name, part in component_parts.items()
    ]
    return entry


def _given(kind: str) -> Schema:
    """The part of an entry whose object the program passes to ``build``."""
    nothing = {"type": ["object", "null"], "maxProperties": 0}
    properties: Schema = {
        "use": {"const": GIVEN, "description": "An object that the program passes to build."},
        "config": {**nothing, "description": "None: the object is configured already."},
        "resources": {**nothing, "description": "None: the object has what it needs."},
    }
    if kind == "node":
        feed = {
            "type": ["string", "object"],
            "description": "A node, or for a named join a node for each name of your choice.",
            "additionalProperties": ref("node_name", "Node that feeds the join by this name."),
        }
        properties["inputs"] = mapping("What feeds each port of the object's 'run'.", feed)
    return {"properties": properties}


def _policy() -> Schema:
    """By hand, like ``policy.PolicyEntry``; a test holds the two together."""
    seconds: Schema = {"type": ["number", "null"], "exclusiveMinimum": 0}
    count: Schema = {"type": ["integer", "null"], "minimum": 1}
    retry = {
        "times": {
            "type": "integer",
            "minimum": 1,
            "maximum": 10,
            "description": "Tries after the first.",
        },
        "wait": {
            "type": "number",
            "minimum": 0,
            "maximum": 60,
            "default": 0.1,
            "description": "Seconds before the first of them; doubled from try to try.",
        },
        "seed": {"type": "integer", "default": 0, "description": "Spreads the waits."},
    }
    errors = {
        "world": "the world failed: a model, an index, a service",
        "model": "a model is missing or cannot be loaded",
        "data": "data broke its format",
        "usage": "the call was wrong",
        "any": "there was any other error",
    }
    fallback = {
        error: text(f"Name of the node whose output is taken where {when}.")
        for error, when in errors.items()
    }
    budget = {
        "calls": {**count, "description": "Most model calls for one question."},
        "tokens": {**count, "description": "Most tokens read and generated for one question."},
        "seconds": {**seconds, "description": "Most wall time for one question."},
    }
    properties: Schema = {
        "timeout": {**seconds, "description": "Seconds for one question, retries included."},
        "retry": {
            **closed("New tries after the world failed.", retry, ["times"]),
            "type": ["object", "null"],
        },
        "fallback": {
            **closed("Class of error to the node whose output is taken.", fallback),
            "type": "object",
        },
        "budget": closed("The most that the node may spend.", budget),
        "cache": {
            "type": "boolean",
            "default": False,
            "description": "Whether outputs are kept: the same input is not computed twice.",
        },
    }
    return closed("What the node may cost and what happens when it fails.", properties)
