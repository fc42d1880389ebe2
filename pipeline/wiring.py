"""The wiring of a pipeline file, proved before anything runs.

Every node's ports are fed once, by what fits them; nothing runs in a circle or for
nothing; conditions, policies and thresholds name what is there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from typing import Any

from pydantic import BaseModel, ValidationError

from assay.pipeline import value_codec
from assay.pipeline.component import Component, Node
from assay.pipeline.condition import Condition, check_types, read_condition
from assay.pipeline.errors import UsageError, nearest
from assay.pipeline.file import INPUT, ComponentEntry, PipelineFile
from assay.pipeline.policy import BudgetEntry, Policy, PolicyEntry, RetryEntry
from assay.pipeline.source import Source
from assay.pipeline.types import Signature, describe, members, refused
from assay.pipeline.words import Abstention, Answer, Query, Ranking, Selection, Skipped


@dataclass(slots=True)
class Wiring:
    """Checks how nodes are put together; what is wrong is noted in the source.

    Args:
        source: the file.
        spec: its shape.
        classes: dotted place to component class, for every one that was found.
        nodes: name to node; None where it could not be made.
        signatures: name to ports and output, for every node whose class was found.
        conditions: name to condition; filled by ``check``.
        policies: name to policy; filled by ``check``.
    """

    source: Source
    spec: PipelineFile
    classes: Mapping[str, type[Component]]
    nodes: Mapping[str, Component | None]
    signatures: Mapping[str, Signature]
    conditions: dict[str, Condition] = field(default_factory=dict)
    policies: dict[str, Policy] = field(default_factory=dict)

    def check(self) -> tuple[str, ...] | None:
        """Prove the wiring; gives the nodes in an order in which each follows what feeds it.

        None if they feed one another in a circle.
        """
        self._check_inputs()
        self._read_conditions()
        self._read_policies()
        order = self._order()
        self._check_reach()
        if order is not None:
            self._check_types(order)
            self._check_policies()
            self._check_kinds(order)
            self._check_thresholds()
        return order

    def _check_inputs(self) -> None:
        known = [INPUT, *self.spec.nodes]
        for name, entry in self.spec.nodes.items():
            path = (*entry.path, "inputs")
            for port, feed in entry.inputs.items():
                for key, feeder in feeders(feed):
                    if feeder not in known:
                        place = (*path, port, key) if key else (*path, port)
                        self.source.problem(place, f"no node '{feeder}'; {nearest(feeder, known)}")
            if name not in self.signatures:
                continue
            ports = self.signatures[name].ports
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
            self._check_ports(entry, self.nodes[name])

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

    def waits(self, name: str) -> tuple[str, ...]:
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
            before = (*self._needs(name), *self.waits(name), *fallbacks)
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

    def _check_types(self, order: Iterable[str]) -> None:
        """Each edge's types fit; an abstention passes by a port that does not take it."""
        outputs: dict[str, Any] = {INPUT: Query}
        for name in order:
            if name not in self.signatures:
                continue
            self._check_condition(name, outputs)
            passing = self._check_edges(name, self.signatures[name], outputs)
            if name in self.conditions:
                passing.add(Skipped)
            outputs[name] = self.signatures[name].output
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

    def _check_policies(self) -> None:
        """Policies can be kept: accounts for budgets, outputs that can be written down, types."""
        for name, policy in self.policies.items():
            if name in self.signatures and policy.budget and not self.signatures[name].context:
                self.source.problem(
                    ("nodes", name, "policy", "budget"),
                    f"{self.spec.nodes[name].use} keeps no account (its run takes no RunContext),"
                    " so a budget would never be used up: give it a 'timeout'",
                )
            if policy.cache and name in self.signatures:
                try:
                    value_codec.check(self.signatures[name].output)
                    for port in self.signatures[name].ports.values():
                        value_codec.check(port.type)
                except UsageError as error:
                    self.source.problem(("nodes", name, "policy", "cache"), str(error))
        for name, policy in self.policies.items():
            for kind, target in policy.fallback.items():
                if name in self.signatures and target in self.signatures:
                    wrong = refused(self.signatures[target].output, self.signatures[name].output)
                    wrong = tuple(one for one in wrong if one is not Abstention)
                    if wrong:
                        self.source.problem(
                            ("nodes", name, "policy", "fallback", kind),
                            f"'{name}' gives {describe(self.signatures[name].output)};"
                            f" '{target}' gives {', '.join(describe(one) for one in wrong)}",
                        )

    def _check_kinds(self, order: Iterable[str]) -> None:
        """A threshold meets scores of its own kind only; unknown kinds are checked when it runs."""
        kinds: dict[str, frozenset[str]] = {}
        for name in order:
            node, entry = self.nodes[name], self.spec.nodes[name]
            if not isinstance(node, Node) or name not in self.signatures:
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
            outputs = set(members(self.signatures[name].output)) - {Abstention}
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


def feeders(feed: str | Mapping[str, str]) -> Collection[tuple[str, str]]:
    """(key, node) pairs of one port's feed; the key is '' for a plain feed."""
    return [("", feed)] if isinstance(feed, str) else list(feed.items())


def feeding(entry: ComponentEntry) -> list[str]:
    """Every node name that feeds an entry, in the order written."""
    return [node for feed in entry.inputs.values() for _, node in feeders(feed)]
