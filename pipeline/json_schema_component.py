"""One component's part of the JSON Schema: its settings, resources and ports."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, get_type_hints

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from assay.pipeline.component import Component, Resource
from assay.pipeline.json_schema_parts import Schema, closed, ref, spelled, text
from assay.pipeline.types import Port, describe, signature

_MAPS = ("properties", "patternProperties", "$defs", "dependentSchemas")
_LISTS = ("anyOf", "allOf", "oneOf", "prefixItems")
_SINGLE = ("items", "additionalProperties", "contains", "propertyNames", "not", "if", "then")
_DROPPED = ("title", "discriminator", "$id", "$schema", "$anchor")
_FORMATS = ("date", "date-time", "time", "duration", "email", "ipv4", "ipv6", "uri", "uuid")


def component_definitions(name: str, component: type[Component]) -> Schema:
    """The definitions of one component: its part of an entry, its config, nested models."""
    config, nested = _config(name, component)
    slots, needed_slots = _slots(component)
    use = {"enum": spelled(name), "description": _summary(component) or f"The component {name}."}
    properties: Schema = {
        "use": use,
        "config": ref(f"{name}.config", f"Settings of {name}."),
        "resources": closed(f"What {name} needs.", slots, needed_slots),
    }
    required = {"use"} | ({"config"} if "required" in config else set())
    required |= {"resources"} if needed_slots else set()
    if not issubclass(component, Resource):
        ports = signature(component.run).ports  # type: ignore[attr-defined]
        needed = [port for port, declared in ports.items() if declared.required]
        feeds = {port: _port(declared) for port, declared in ports.items()}
        properties["inputs"] = closed(f"The ports of {name}.", feeds, needed)
        required |= {"inputs"} if needed else set()
        if not any(declared.joined for declared in ports.values()):
            properties["on_skipped"] = {
                "const": "skip",
                "description": "'leave_out' is for named joins; this component has none.",
            }
    part = {"properties": properties, "required": sorted(required)}
    return {name: part, f"{name}.config": config, **nested}


def _summary(component: type[Component]) -> str:
    """The first paragraph of a class's own docstring."""
    paragraph = inspect.cleandoc(vars(component).get("__doc__") or "").split("\n\n")[0]
    return " ".join(paragraph.split()).replace("``", "`")


def _slots(component: type[Component]) -> tuple[Schema, list[str]]:
    """The constructor's resources and the names of the required ones."""
    hints = get_type_hints(component.__init__)
    parameters = [
        one
        for one in inspect.signature(component.__init__).parameters.values()
        if one.kind is inspect.Parameter.KEYWORD_ONLY
    ]
    slots = {
        one.name: ref("resource_name", f"Name of a resource: {describe(hints[one.name])}.")
        for one in parameters
    }
    return slots, [one.name for one in parameters if one.default is inspect.Parameter.empty]


def _port(port: Port) -> Schema:
    if port.joined is None:
        return ref("node_name", f"Node that feeds it: {describe(port.type)}.")
    return {
        "type": "object",
        "description": f"A name of your choice for each node that feeds it: {describe(port.type)}.",
        "additionalProperties": ref("node_name", f"Node that gives {describe(port.joined)}."),
    }


class _Generator(GenerateJsonSchema):
    """Pydantic's generator; a type that JSON cannot express is left open."""

    ignored_warning_kinds = {"skipped-choice", "non-serializable-default"}

    def handle_invalid_for_json_schema(
        self, schema: core_schema.CoreSchema, error_info: str
    ) -> JsonSchemaValue:
        return {}


def _config(name: str, component: type[Component]) -> tuple[Schema, Schema]:
    """The config's schema, and those of the models in it under ``<name>.<model>``."""
    raw = component.Config.model_json_schema(
        ref_template=f"#/$defs/{name}.{{model}}", schema_generator=_Generator
    )
    nested = {
        f"{name}.{model}": _plain(part, f"A part of the settings of {name}.")
        for model, part in raw.pop("$defs", {}).items()
    }
    if "$ref" in raw:  # a config that holds itself
        raw = nested[raw["$ref"].removeprefix("#/$defs/")]
    config = _plain(raw, "")
    none = "" if config.get("properties") else " It has none."
    config["description"] = f"Settings of {name}.{none}"
    if "required" in config:
        config["required"] = sorted(config["required"])
    elif config.get("type") == "object":
        config["type"] = ["object", "null"]
    return config, nested


def _plain(schema: Any, about: str) -> Any:
    """A schema of pydantic's without what editors do not need, secrets as files write them.

    Args:
        schema: a schema; True and False are schemas too.
        about: description where the schema has none; '' for leaving it out.
    """
    if not isinstance(schema, Mapping):
        return schema
    plain: Schema = {}
    for key, value in schema.items():
        if key in _DROPPED or (key == "format" and value not in _FORMATS):
            continue
        if key in _MAPS:
            words = "" if key == "$defs" else "Setting '{}'."
            plain[key] = {one: _plain(part, words.format(one)) for one, part in value.items()}
        elif key in _LISTS:
            plain[key] = [_plain(part, "") for part in value]
        elif key in _SINGLE:
            plain[key] = _plain(value, "")
        else:
            plain[key] = value
    if schema.get("writeOnly") and schema.get("format") == "password":
        plain = {**_SECRET, **{key: plain[key] for key in ("description",) if key in plain}}
    plain = _one_type(plain)
    if "description" in plain:
        plain["description"] = " ".join(plain["description"].split()).replace("``", "`")
    elif about:
        plain["description"] = about
    return plain


_SECRET: Schema = closed(
    "A secret, read from the environment.",
    {"env": text("Name of the environment variable.", pattern="^[A-Za-z_][A-Za-z0-9_]*$")},
    ["env"],
)


def _one_type(schema: Schema) -> Schema:
    """``anyOf`` of a plain type and null as one type: errors then name the place inside."""
    choices = schema.get("anyOf", [])
    others = [one for one in choices if one != {"type": "null"}]
    if len(choices) != 2 or len(others) != 1 or not isinstance(others[0].get("type"), str):
        return schema
    if "enum" in others[0] or "const" in others[0]:
        return schema
    kept = {key: value for key, value in schema.items() if key != "anyOf"}
    return {**others[0], "type": [others[0]["type"], "null"], **kept}
