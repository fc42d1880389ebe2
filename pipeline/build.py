"""From a pipeline file to a pipeline, with every error found before anything runs."""

from __future__ import annotations

import inspect
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from pathlib import Path as FilePath
from typing import Any, get_type_hints

from pydantic import BaseModel, ValidationError

from assay.pipeline import registry
from assay.pipeline.component import Component, Node, Resource
from assay.pipeline.errors import BuildError, UsageError, nearest
from assay.pipeline.file import INPUT, ComponentEntry, PipelineFile, parse
from assay.pipeline.graph import Pipeline, Step
from assay.pipeline.source import Source, read
from assay.pipeline.types import Signature, describe, members, refused, signature
from assay.pipeline.words import Abstention, Answer, Query


def build(path: FilePath | str, *, base: FilePath | None = None) -> Pipeline:
    """Read a pipeline file, prove that it can run, and make its parts (unloaded).

    Proves: known names; valid configs; every required port fed exactly once by
    something of a fitting type; resources of the right type; no cycle; no node
    whose output goes nowhere; an output that is an answer or an abstention.

    Args:
        path: the file.
        base: folder that relative paths inside it are seen from; its own by default.

    Raises:
        BuildError: with every problem, each with file, line and column.
        UsageError: if the file cannot be read.
    """
    file = FilePath(path)
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UsageError(f"no pipeline file at {file}: check the path") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read {file} as a UTF-8 text file: {error}") from error
    return build_text(text, name=str(path), base=base or file.parent)


def build_text(text: str, *, name: str, base: FilePath) -> Pipeline:
    """As ``build``, for a file's text; ``base`` is the folder that paths start from."""
    source = read(text, name)
    spec = parse(source)
    if source.problems and not spec.nodes:
        raise BuildError(source.problems)
    builder = _Builder(source, spec, base)
    pipeline = builder.build()
    if source.problems or pipeline is None:
        raise BuildError(source.problems)
    return pipeline


@dataclass(slots=True)
class _Builder:
    source: Source
    spec: PipelineFile
    base: FilePath
    classes: dict[str, type[Component]] = field(default_factory=dict)

    def build(self) -> Pipeline | None:
        resources = self._resources()
        nodes = self._nodes(resources)
        signatures = {
            name: signature(self.classes[f"nodes.{name}"].run)  # type: ignore[attr-defined]
            for name in self.spec.nodes
            if f"nodes.{name}" in self.classes
        }
        self._check_inputs(signatures, nodes)
        order = self._order()
        self._check_reach()
        if order is None:
            return None
        self._check_types(signatures, order)
        self._check_thresholds()
        if self.source.problems:
            return None
        levels = _levels(order, self.spec.nodes)
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
                )
                for name in order
                if isinstance(node := nodes[name], Node)
            },
            levels=levels,
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
        try:
            return model.model_validate(dict(entry.config), context={"base": self.base})
        except ValidationError as error:
            for one in error.errors():
                self._config_problem(entry, model, one)
            return None

    def _config_problem(self, entry: ComponentEntry, model: type[BaseModel], error: Any) -> None:
        path = (*entry.path, "config", *error["loc"])
        key = str(error["loc"][-1]) if error["loc"] else "config"
        if error["type"] == "extra_forbidden":
            message = f"unknown key '{key}' of {entry.use}; {nearest(key, model.model_fields)}"
        elif error["type"] == "missing":
            message = f"{entry.use} needs '{key}' in its config"
        else:
            message = f"'{key}' of {entry.use}: {error['msg']}; found {error['input']!r}"
        self.source.problem(path, message)

    def _resources(self) -> dict[str, Resource | None]:
        """Every resource, made after those it needs; None where it could not be made."""
        made: dict[str, Resource | None] = {}
        entries = self.spec.resources
        graph = {
            name: set(entry.resources.values()) & set(entries) for name, entry in entries.items()
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
        component = self._class(entry, kind)
        if component is None:
            return None
        config = self._config(entry, component)
        given = self._given(entry, component, resources)
        if config is None or given is None:
            return None
        return component(config, **given)

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

    # -- wiring -------------------------------------------------------------

    def _check_inputs(
        self, signatures: Mapping[str, Signature], nodes: Mapping[str, Component | None]
    ) -> None:
        known = [INPUT, *self.spec.nodes]
        for name, entry in self.spec.nodes.items():
            path = (*entry.path, "inputs")
            for port, feed in entry.inputs.items():
                for key, feeder in feeders(feed):
                    if feeder not in known:
                        place = (*path, port, key) if key else (*path, port)
                        self.source.problem(place, f"no node '{feeder}'; {nearest(feeder, known)}")
            if name not in signatures:
                continue
            ports = signatures[name].ports
            for port, feed in entry.inputs.items():
                if port not in ports:
                    self.source.problem(
                        (*path, port), f"{entry.use} has no port '{port}'; {nearest(port, ports)}"
                    )
                elif (ports[port].joined is not None) != isinstance(feed, Mapping):
                    wanted = "a mapping of names to nodes" if ports[port].joined else "one node"
                    self.source.problem(
                        (*path, port), f"port '{port}' of {entry.use} takes {wanted}"
                    )
            for port, declared in ports.items():
                if declared.required and port not in entry.inputs:
                    self.source.problem(
                        entry.path,
                        f"port '{port}' of {entry.use} is not fed;"
                        f" it takes {describe(declared.type)}",
                    )
            self._check_ports(entry, nodes[name])

    def _check_ports(self, entry: ComponentEntry, node: Component | None) -> None:
        """Ask the node itself whether the keys of its named joins are right."""
        check = getattr(node, "check_ports", None)
        if check is None:
            return
        joins = {
            port: tuple(feed) for port, feed in entry.inputs.items() if isinstance(feed, Mapping)
        }
        for sentence in check(joins):
            self.source.problem((*entry.path, "inputs"), f"{entry.use}: {sentence}")

    def _order(self) -> tuple[str, ...] | None:
        graph = {
            name: {one for one in feeding(entry) if one in self.spec.nodes}
            for name, entry in self.spec.nodes.items()
        }
        try:
            return tuple(TopologicalSorter(graph).static_order())
        except CycleError as error:
            cycle = " -> ".join(reversed(error.args[1]))
            first = error.args[1][0]
            self.source.problem(("nodes", first), f"nodes feed one another in a circle: {cycle}")
            return None

    def _check_reach(self) -> None:
        if not self.spec.output:
            return
        if self.spec.output not in self.spec.nodes:
            self.source.problem(
                ("output",),
                f"no node '{self.spec.output}'; {nearest(self.spec.output, self.spec.nodes)}",
            )
            return
        needed = {self.spec.output}
        waiting = [self.spec.output]
        while waiting:
            for feeder in feeding(self.spec.nodes[waiting.pop()]):
                if feeder in self.spec.nodes and feeder not in needed:
                    needed.add(feeder)
                    waiting.append(feeder)
        fed = {feeder for entry in self.spec.nodes.values() for feeder in feeding(entry)}
        if fed - {INPUT, *self.spec.nodes}:
            return  # a mistyped feeder makes others look like orphans; it is reported already
        for name in self.spec.nodes:
            if name not in needed:
                self.source.problem(
                    ("nodes", name),
                    f"the output of '{name}' goes nowhere; feed it to a node or remove it",
                )

    def _check_types(self, signatures: Mapping[str, Signature], order: Iterable[str]) -> None:
        """Each edge's types fit; an abstention passes by a port that does not take it."""
        outputs: dict[str, Any] = {INPUT: Query}
        for name in order:
            if name not in signatures:
                continue
            entry, own = self.spec.nodes[name], signatures[name]
            abstains = False
            for port, feed in entry.inputs.items():
                declared = own.ports.get(port)
                if declared is None:
                    continue
                expected = declared.type if declared.joined is None else declared.joined
                for key, feeder in feeders(feed):
                    if feeder not in outputs:
                        continue
                    wrong = refused(outputs[feeder], expected)
                    abstains |= Abstention in wrong
                    wrong = tuple(one for one in wrong if one is not Abstention)
                    if wrong:
                        place = (*entry.path, "inputs", port)
                        self.source.problem(
                            (*place, key) if key else place,
                            f"port '{port}' of {entry.use} takes {describe(expected)};"
                            f" '{feeder}' gives {', '.join(describe(one) for one in wrong)}",
                        )
            outputs[name] = own.output | Abstention if abstains else own.output
        if self.spec.output in outputs:
            wrong = refused(outputs[self.spec.output], Answer | Abstention)
            if wrong:
                self.source.problem(
                    ("output",),
                    f"the output must be Answer or Abstention; '{self.spec.output}' gives"
                    f" {', '.join(describe(one) for one in wrong)}",
                )

    def _check_thresholds(self) -> None:
        for name, target in self.spec.thresholds.items():
            node, _, key = target.partition(".")
            path = ("thresholds", name)
            component = self.classes.get(f"nodes.{node}")
            if component is None:
                if node not in self.spec.nodes:
                    self.source.problem(path, f"no node '{node}'; {nearest(node, self.spec.nodes)}")
                continue
            fields = component.Config.model_fields
            if key not in fields or float not in members(fields[key].annotation):
                numbers = [one for one, it in fields.items() if float in members(it.annotation)]
                self.source.problem(
                    path,
                    f"'{target}' is no threshold; write '{node}.<field>', {nearest(key, numbers)}",
                )


def feeders(feed: str | Mapping[str, str]) -> Collection[tuple[str, str]]:
    """(key, node) pairs of one port's feed; the key is '' for a plain feed."""
    return [("", feed)] if isinstance(feed, str) else list(feed.items())


def feeding(entry: ComponentEntry) -> list[str]:
    """Every node name that feeds an entry, in the order written."""
    return [node for feed in entry.inputs.values() for _, node in feeders(feed)]


def _levels(
    order: Iterable[str], nodes: Mapping[str, ComponentEntry]
) -> tuple[tuple[str, ...], ...]:
    """Nodes by the earliest step at which all that feeds them is there."""
    depth: dict[str, int] = {INPUT: -1}
    for name in order:
        depth[name] = 1 + max((depth[one] for one in feeding(nodes[name])), default=-1)
    height = max(depth.values()) + 1
    return tuple(tuple(name for name in nodes if depth[name] == level) for level in range(height))
