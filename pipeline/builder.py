"""From a pipeline file to a pipeline, with every error found before anything runs."""

from __future__ import annotations

import inspect
import os
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from pathlib import Path as FilePath
from typing import Any, get_type_hints

from pydantic import BaseModel, ValidationError

from assay.pipeline import registry
from assay.pipeline.component import Component, Node, Resource
from assay.pipeline.compose import compose, read_limited
from assay.pipeline.condition import Condition, check_types, read_condition
from assay.pipeline.environment import fill
from assay.pipeline.errors import BuildError, UsageError, nearest
from assay.pipeline.file import INPUT, ComponentEntry, PipelineFile, parse
from assay.pipeline.given import GIVEN, Given
from assay.pipeline.graph import Pipeline
from assay.pipeline.plan import Step
from assay.pipeline.policy import BudgetEntry, Policy, PolicyEntry, RetryEntry
from assay.pipeline.source import Source, decode
from assay.pipeline.types import Signature, describe, members, refused, signature
from assay.pipeline.words import Abstention, Answer, Query, Ranking, Selection, Skipped


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
    conditions: dict[str, Condition] = field(default_factory=dict)
    policies: dict[str, Policy] = field(default_factory=dict)

    def build(self) -> Pipeline | None:
        self.given.check(self.source, self.spec)
        resources = self._resources()
        nodes = self._nodes(resources)
        signatures = {
            name: signature(self.classes[f"nodes.{name}"].run)  # type: ignore[attr-defined]
            for name in self.spec.nodes
            if f"nodes.{name}" in self.classes
        }
        self._check_inputs(signatures, nodes)
        self._read_conditions()
        self._read_policies()
        order = self._order()
        self._check_reach()
        if order is None:
            return None
        self._check_types(signatures, order)
        self._check_fallbacks(signatures)
        self._check_kinds(signatures, nodes, order)
        self._check_thresholds()
        if self.source.problems:
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
                    condition=self.conditions.get(name),
                    policy=self.policies[name],
                    leaves_out=self.spec.nodes[name].leaves_out,
                    waits=self._waits(name),
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
        for sentence in made.prepare(self.base):
            self.source.problem((*entry.path, "config"), f"{entry.use}: {sentence}")
        return made

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

    def _read_conditions(self) -> None:
        known = [INPUT, *self.spec.nodes]
        for name, entry in self.spec.nodes.items():
            path = (*entry.path, "when")
            if entry.when:
                try:
                    condition = read_condition(entry.when)
                except UsageError as error:
                    self.source.problem(path, str(error))
                    continue
                strange = [one for one in condition.names if one not in known]
                for one in strange:
                    self.source.problem(path, f"no node '{one}'; {nearest(one, known)}")
                if not strange:
                    self.conditions[name] = condition
            joins = any(isinstance(feed, Mapping) for feed in entry.inputs.values())
            if entry.leaves_out and not joins:
                self.source.problem(
                    (*entry.path, "on_skipped"),
                    "'leave_out' is for nodes with a named join; this one has none",
                )

    def _read_policies(self) -> None:
        for name, entry in self.spec.nodes.items():
            path = (*entry.path, "policy")
            self.policies[name] = Policy()
            try:
                self.policies[name] = Policy.of(PolicyEntry.model_validate(dict(entry.policy)))
            except ValidationError as error:
                for one in error.errors():
                    self._policy_problem(path, one)
            for target in self.policies[name].fallback.values():
                if target not in self.spec.nodes or target == name:
                    others = [one for one in self.spec.nodes if one != name]
                    self.source.problem(
                        (*path, "fallback"), f"no other node '{target}'; {nearest(target, others)}"
                    )

    def _policy_problem(self, path: tuple[str | int, ...], error: Any) -> None:
        place = (*path, *(one for one in error["loc"] if one != "[key]"))
        key = str(place[-1])
        if error["type"] == "extra_forbidden":
            known: dict[str, type[BaseModel]] = {"retry": RetryEntry, "budget": BudgetEntry}
            model = known.get(str(place[-2]), PolicyEntry)
            message = f"unknown key '{key}'; {nearest(key, model.model_fields)}"
        elif error["type"] == "missing":
            message = f"'{place[-2]}' needs '{key}'"
        else:
            message = f"'{key}': {error['msg']}; found {error['input']!r}"
        self.source.problem(place, message)

    def _waits(self, name: str) -> tuple[str, ...]:
        """What the fallbacks of a node are fed by, which must be there when it fails."""
        targets = self.policies[name].fallback.values()
        return tuple(
            dict.fromkeys(
                one
                for target in targets
                if target in self.spec.nodes
                for one in self._needs(target)
            )
        )

    def _needs(self, name: str) -> tuple[str, ...]:
        """Every name that must have run before a node can."""
        condition = self.conditions.get(name)
        looked_at = () if condition is None else condition.names
        return (*feeding(self.spec.nodes[name]), *looked_at)

    def _order(self) -> tuple[str, ...] | None:
        graph: dict[str, list[str]] = {}
        for name in self.spec.nodes:
            fallbacks = self.policies[name].fallback.values()
            before = (*self._needs(name), *self._waits(name), *fallbacks)
            graph[name] = [one for one in dict.fromkeys(before) if one in self.spec.nodes]
        try:
            return tuple(TopologicalSorter(graph).static_order())
        except CycleError as error:
            cycle = " -> ".join(error.args[1])
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
            name = waiting.pop()
            for feeder in (*self._needs(name), *self.policies[name].fallback.values()):
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
            self._check_condition(name, outputs)
            passing = self._check_edges(name, signatures[name], outputs)
            if name in self.conditions:
                passing.add(Skipped)
            outputs[name] = signatures[name].output
            for one in (Abstention, Skipped):
                if one in passing:
                    outputs[name] |= one
        if self.spec.output in outputs:
            wrong = refused(outputs[self.spec.output], Answer | Abstention | Skipped)
            if wrong:
                self.source.problem(
                    ("output",),
                    f"the output must be Answer or Abstention; '{self.spec.output}' gives"
                    f" {', '.join(describe(one) for one in wrong)}",
                )

    def _check_edges(
        self, name: str, own: Signature, outputs: Mapping[str, Any]
    ) -> set[type[Abstention] | type[Skipped]]:
        """Check what enters a node's ports; gives what passes the node by instead."""
        entry = self.spec.nodes[name]
        passing: set[type[Abstention] | type[Skipped]] = set()
        for port, feed in entry.inputs.items():
            declared = own.ports.get(port)
            if declared is None:
                continue
            expected = declared.type if declared.joined is None else declared.joined
            for key, feeder in feeders(feed):
                wrong = refused(outputs[feeder], expected) if feeder in outputs else ()
                passing |= {Abstention, Skipped}.intersection(wrong)
                wrong = tuple(one for one in wrong if one not in (Abstention, Skipped))
                if wrong:
                    place = (*entry.path, "inputs", port)
                    self.source.problem(
                        (*place, key) if key else place,
                        f"port '{port}' of {entry.use} takes {describe(expected)};"
                        f" '{feeder}' gives {', '.join(describe(one) for one in wrong)}",
                    )
        return passing

    def _check_condition(self, name: str, outputs: Mapping[str, Any]) -> None:
        condition = self.conditions.get(name)
        if condition is not None and all(one in outputs for one in condition.names):
            for sentence in check_types(condition, outputs):
                self.source.problem((*self.spec.nodes[name].path, "when"), sentence)

    def _check_fallbacks(self, signatures: Mapping[str, Signature]) -> None:
        """A fallback gives what its node promised; what is cached can be written down."""
        for name, policy in self.policies.items():
            if policy.cache and name in signatures:
                from assay.pipeline import value_codec

                try:
                    value_codec.check(signatures[name].output)
                    for port in signatures[name].ports.values():
                        value_codec.check(port.type)
                except UsageError as error:
                    self.source.problem(("nodes", name, "policy", "cache"), str(error))
        for name, policy in self.policies.items():
            for kind, target in policy.fallback.items():
                if name in signatures and target in signatures:
                    wrong = refused(signatures[target].output, signatures[name].output)
                    wrong = tuple(one for one in wrong if one is not Abstention)
                    if wrong:
                        self.source.problem(
                            ("nodes", name, "policy", "fallback", kind),
                            f"'{name}' gives {describe(signatures[name].output)}; '{target}' gives"
                            f" {', '.join(describe(one) for one in wrong)}",
                        )

    def _check_kinds(
        self,
        signatures: Mapping[str, Signature],
        nodes: Mapping[str, Component | None],
        order: Iterable[str],
    ) -> None:
        """A threshold meets scores of its own kind only; unknown kinds are checked when it runs."""
        kinds: dict[str, frozenset[str]] = {}
        for name in order:
            node, entry = nodes[name], self.spec.nodes[name]
            if not isinstance(node, Node) or name not in signatures:
                continue
            if node.compares in entry.inputs:
                wanted = str(node.config.kind)
                for key, feeder in feeders(entry.inputs[node.compares]):
                    found = kinds.get(feeder, frozenset())
                    if found and wanted not in found:
                        place = (*entry.path, "inputs", node.compares)
                        self.source.problem(
                            (*place, key) if key else place,
                            f"{entry.use} compares scores of kind '{wanted}'; those of '{feeder}'"
                            f" are {' or '.join(sorted(found))}: set 'kind' or feed another node",
                        )
            kinds[name] = frozenset(node.gives)
            outputs = set(members(signatures[name].output)) - {Abstention}
            if not node.gives and outputs <= {Ranking, Selection}:
                fed = [kinds[one] for one in feeding(entry) if one in kinds]
                known = [one for one in fed if one]
                kinds[name] = frozenset().union(*known)

    def _check_thresholds(self) -> None:
        owners: dict[str, str] = {}
        for name, target in self.spec.thresholds.items():
            node, _, key = target.partition(".")
            path = ("thresholds", name)
            owner = owners.setdefault(target, name)
            if owner != name:
                self.source.problem(path, f"'{target}' is threshold '{owner}' already; keep one")
                continue
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


def _config_problem(entry: ComponentEntry, model: type[BaseModel], error: Any) -> str:
    key = str(error["loc"][-1]) if error["loc"] else "config"
    if error["type"] == "extra_forbidden":
        return f"unknown key '{key}' of {entry.use}; {nearest(key, model.model_fields)}"
    if error["type"] == "missing":
        return f"{entry.use} needs '{key}' in its config"
    found = repr(error["input"])
    found = found if len(found) <= 80 else f"{found[:77]}..."
    return f"'{key}' of {entry.use}: {error['msg']}; found {found}"


def feeders(feed: str | Mapping[str, str]) -> Collection[tuple[str, str]]:
    """(key, node) pairs of one port's feed; the key is '' for a plain feed."""
    return [("", feed)] if isinstance(feed, str) else list(feed.items())


def feeding(entry: ComponentEntry) -> list[str]:
    """Every node name that feeds an entry, in the order written."""
    return [node for feed in entry.inputs.values() for _, node in feeders(feed)]
