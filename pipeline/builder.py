"""From a pipeline file to a pipeline, with every error found before anything runs."""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from pathlib import Path as FilePath
from typing import Any, get_type_hints

from pydantic import BaseModel, ValidationError

from assay.pipeline import registry
from assay.pipeline.component import Component, Node, Resource
from assay.pipeline.compose import compose, read_limited
from assay.pipeline.environment import fill
from assay.pipeline.errors import BuildError, UsageError, nearest
from assay.pipeline.file import ComponentEntry, PipelineFile, parse
from assay.pipeline.given import GIVEN, Given
from assay.pipeline.graph import Pipeline
from assay.pipeline.plan import Step
from assay.pipeline.source import Source, decode
from assay.pipeline.types import describe, refused, signature
from assay.pipeline.wiring import Wiring


def build(
    path: FilePath | str,
    *,
    base: FilePath | None = None,
    resources: Mapping[str, Resource] | None = None,
    nodes: Mapping[str, Node] | None = None,
    overrides: Iterable[str] = (),
    environment: Mapping[str, str] | None = None,
) -> Pipeline:
    """Read a pipeline file, prove that it can run, and make its parts (unloaded).

    Proves: known names; valid configs; every required port fed exactly once by
    something of a fitting type; resources of the right type; no cycle; no node
    whose output goes nowhere; an output that is an answer or an abstention.

    Args:
        path: the file; those that it includes lie in its folder or below.
        base: folder that relative paths inside it are seen from; its own by default.
        resources: objects for the resources whose ``use`` is ``given``, by name; the
            pipeline starts and closes them.
        nodes: objects for the nodes whose ``use`` is ``given``, by name.
        overrides: ``NAME.FIELD=VALUE``: config fields to set, whatever the file says.
        environment: where ``{env: NAME}`` is looked up; that of the process by default.

    Raises:
        BuildError: with every problem, each with file, line and column.
        UsageError: if the file cannot be read.
    """
    source = read_files(path, overrides=overrides)
    return build_source(
        source,
        base=base or FilePath(path).parent,
        resources=resources,
        nodes=nodes,
        environment=environment,
    )


def read_files(path: FilePath | str, *, overrides: Iterable[str] = ()) -> Source:
    """A pipeline file with what it includes and what is set; see ``build``.

    The source says where each value was written, and what is wrong as data.

    Raises:
        UsageError: if the file cannot be read.
    """
    file = FilePath(path)
    try:
        content = read_limited(file)
    except FileNotFoundError:
        raise UsageError(f"no pipeline file at {file}: check the path") from None
    except OSError as error:
        raise UsageError(f"cannot read {file}: {error.strerror or error}") from error
    except ValueError as error:  # a NUL
        raise UsageError(f"cannot read {str(file)!a}: {error}") from error
    text = decode(content, str(path))
    if isinstance(text, Source):
        return text
    return compose(text, name=str(path), folder=file.parent, overrides=overrides)


def build_text(
    text: str,
    *,
    name: str,
    base: FilePath,
    resources: Mapping[str, Resource] | None = None,
    nodes: Mapping[str, Node] | None = None,
    overrides: Iterable[str] = (),
    environment: Mapping[str, str] | None = None,
) -> Pipeline:
    """As ``build``, for a file's text; ``base`` is the folder that all paths start from."""
    source = compose(text, name=name, folder=base, overrides=overrides)
    return build_source(
        source, base=base, resources=resources, nodes=nodes, environment=environment
    )


def build_source(
    source: Source,
    *,
    base: FilePath,
    resources: Mapping[str, Resource] | None = None,
    nodes: Mapping[str, Node] | None = None,
    environment: Mapping[str, str] | None = None,
) -> Pipeline:
    """As ``build``, for files that were read; problems are added to the source's own."""
    spec = parse(source)
    if source.problems and not (spec.nodes and source.whole):
        raise BuildError(source.problems)
    looked_up = os.environ if environment is None else environment
    builder = _Builder(source, spec, base, looked_up, Given(resources or {}, nodes or {}))
    pipeline = builder.build()
    if source.problems or pipeline is None:
        raise BuildError(source.problems)
    return pipeline


@dataclass(slots=True)
class _Builder:
    source: Source
    spec: PipelineFile
    base: FilePath
    environment: Mapping[str, str]
    given: Given = field(default_factory=Given)
    classes: dict[str, type[Component]] = field(default_factory=dict)

    def build(self) -> Pipeline | None:
        self.given.check(self.source, self.spec)
        resources = self._resources()
        nodes = self._nodes(resources)
        signatures = {
            name: signature(self.classes[f"nodes.{name}"].run)  # type: ignore[attr-defined]
            for name in self.spec.nodes
            if f"nodes.{name}" in self.classes
        }
        wiring = Wiring(self.source, self.spec, self.classes, nodes, signatures)
        order = wiring.check()
        if order is None or self.source.problems:
            return None
        return Pipeline(
            name=self.spec.name,
            description=self.spec.description,
            base=self.base,
            resources={name: one for name, one in resources.items() if one is not None},
            steps={
                name: Step(
                    name=name,
                    node=node,
                    signature=signatures[name],
                    inputs=self.spec.nodes[name].inputs,
                    resources=self.spec.nodes[name].resources,
                    condition=wiring.conditions.get(name),
                    policy=wiring.policies[name],
                    leaves_out=self.spec.nodes[name].leaves_out,
                    waits=wiring.waits(name),
                )
                for name in order
                if isinstance(node := nodes[name], Node)
            },
            output=self.spec.output,
            thresholds=self.spec.thresholds,
            certificate=self.spec.certificate,
            resource_uses={name: entry.resources for name, entry in self.spec.resources.items()},
        )

    # -- components ---------------------------------------------------------

    def _class(self, entry: ComponentEntry, kind: type[Component]) -> type[Component] | None:
        if not entry.use:
            return None
        try:
            found = registry.find(entry.use)
        except UsageError as error:
            self.source.problem((*entry.path, "use"), str(error))
            return None
        if not issubclass(found, kind):
            section = "resources" if issubclass(found, Resource) else "nodes"
            self.source.problem((*entry.path, "use"), f"'{entry.use}' belongs under '{section}'")
            return None
        self.classes[".".join(str(part) for part in entry.path)] = found
        return found

    def _config(self, entry: ComponentEntry, component: type[Component]) -> BaseModel | None:
        model = component.Config
        path = (*entry.path, "config")
        filled = fill(entry.config, model, self.environment)
        for inner, message in filled.problems.items():
            self.source.problem((*path, *inner), f"{entry.use}: {message}")
        try:
            config = model.model_validate(filled.values, context={"base": self.base})
        except ValidationError as error:
            for one in error.errors():
                if not filled.refused(one["loc"]):
                    message = _config_problem(entry, model, one)
                    if filled.tells(message):
                        message = f"{entry.use}: refused with a message that holds a secret"
                    self.source.problem((*path, *one["loc"]), message)
            return None
        except OSError as error:
            self.source.problem(path, f"{entry.use}: {error.strerror or 'a path cannot be used'}")
            return None
        return None if filled.problems else config

    def _resources(self) -> dict[str, Resource | None]:
        """Every resource, made after those it needs; None where it could not be made."""
        made: dict[str, Resource | None] = {}
        entries = self.spec.resources
        graph = {
            name: [one for one in dict.fromkeys(entry.resources.values()) if one in entries]
            for name, entry in entries.items()
        }
        try:
            order = tuple(TopologicalSorter(graph).static_order())
        except CycleError as error:
            cycle = " -> ".join(error.args[1])
            self.source.problem(("resources", error.args[1][0]), f"resources in a circle: {cycle}")
            return dict.fromkeys(entries)
        for name in order:
            made[name] = self._make(entries[name], Resource, made)  # type: ignore[assignment]
        return made

    def _nodes(self, resources: Mapping[str, Resource | None]) -> dict[str, Component | None]:
        return {name: self._make(entry, Node, resources) for name, entry in self.spec.nodes.items()}

    def _make(
        self,
        entry: ComponentEntry,
        kind: type[Component],
        resources: Mapping[str, Resource | None],
    ) -> Component | None:
        if entry.use == GIVEN:
            found = self.given.take(entry, self.source)
            if found is not None:
                self.classes[".".join(str(part) for part in entry.path)] = type(found)
            return found
        component = self._class(entry, kind)
        if component is None:
            return None
        config = self._config(entry, component)
        given = self._given(entry, component, resources)
        if config is None or given is None:
            return None
        made = component(config, **given)
        self._check_abilities(entry, made, given)
        for sentence in made.prepare(self.base):
            self.source.problem((*entry.path, "config"), f"{entry.use}: {sentence}")
        return made

    def _check_abilities(
        self, entry: ComponentEntry, made: Component, given: Mapping[str, Resource]
    ) -> None:
        """Refuse a resource that is of the right type but cannot do what is needed of it."""
        for slot, needed in made.needs.items():
            if slot not in given:
                continue
            able = given[slot].abilities
            for ability in needed:
                if ability not in able:
                    self.source.problem(
                        (*entry.path, "resources", slot),
                        f"{entry.use} needs '{ability}' of its '{slot}', which"
                        f" '{entry.resources[slot]}' ({given[slot].name}) is not able to give; it"
                        f" gives {', '.join(sorted(able)) or 'no such thing'}",
                    )

    def _given(
        self,
        entry: ComponentEntry,
        component: type[Component],
        resources: Mapping[str, Resource | None],
    ) -> dict[str, Resource] | None:
        """The constructor's resources; None if one is missing, unknown or of a wrong type."""
        slots = {
            name: parameter
            for name, parameter in inspect.signature(component.__init__).parameters.items()
            if parameter.kind is inspect.Parameter.KEYWORD_ONLY
        }
        hints = get_type_hints(component.__init__)
        path = (*entry.path, "resources")
        given: dict[str, Resource] = {}
        complete = True
        for slot, parameter in slots.items():
            if slot not in entry.resources and parameter.default is inspect.Parameter.empty:
                wanted = describe(hints[slot])
                self.source.problem(
                    entry.path, f"{entry.use} needs 'resources: {{{slot}: ...}}', a {wanted}"
                )
                complete = False
        for slot, name in entry.resources.items():
            if slot not in slots:
                self.source.problem(
                    (*path, slot), f"{entry.use} takes no resource '{slot}'; {nearest(slot, slots)}"
                )
                complete = False
            elif name not in self.spec.resources:
                self.source.problem(
                    (*path, slot), f"no resource '{name}'; {nearest(name, self.spec.resources)}"
                )
                complete = False
            else:
                resource = resources.get(name)
                if resource is None:
                    complete = False
                elif refused(type(resource), hints[slot]):
                    self.source.problem(
                        (*path, slot),
                        f"'{slot}' of {entry.use} takes a {describe(hints[slot])};"
                        f" '{name}' is {resource.name}",
                    )
                    complete = False
                else:
                    given[slot] = resource
        return given if complete else None


def _config_problem(entry: ComponentEntry, model: type[BaseModel], error: Any) -> str:
    key = str(error["loc"][-1]) if error["loc"] else "config"
    if error["type"] == "extra_forbidden":
        return f"unknown key '{key}' of {entry.use}; {nearest(key, model.model_fields)}"
    if error["type"] == "missing":
        return f"{entry.use} needs '{key}' in its config"
    found = repr(error["input"])
    found = found if len(found) <= 80 else f"{found[:77]}..."
    return f"'{key}' of {entry.use}: {error['msg']}; found {found}"
