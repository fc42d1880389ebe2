"""Objects that the program gives to a pipeline, for entries whose ``use`` is ``given``.

::

    resources:
      writer: {use: given}          # build(..., resources={"writer": ...})
    nodes:
      sparse: {use: given, inputs: {query: query}}    # build(..., nodes={"sparse": ...})

A file stays data: it says where an object belongs and what feeds it, never what it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from assay.pipeline.component import Component, Node, Resource
from assay.pipeline.errors import nearest
from assay.pipeline.file import ComponentEntry, PipelineFile
from assay.pipeline.source import Source

GIVEN = "given"


@dataclass(frozen=True, slots=True)
class Given:
    """What was passed to ``build``.

    Args:
        resources: entry name under ``resources`` to object.
        nodes: entry name under ``nodes`` to object.
    """

    resources: Mapping[str, Resource] = field(default_factory=dict)
    nodes: Mapping[str, Node] = field(default_factory=dict)

    def check(self, source: Source, spec: PipelineFile) -> None:
        """Note every object that no entry of the file asks for."""
        for section, objects, entries in (
            ("resources", self.resources, spec.resources),
            ("nodes", self.nodes, spec.nodes),
        ):
            for name in objects:
                entry = entries.get(name)
                if entry is None:
                    source.problem(
                        (section,),
                        f"build(..., {section}={{...}}) gives '{name}', which is not in the file;"
                        f" {nearest(name, entries)}",
                    )
                elif entry.use and entry.use != GIVEN:
                    source.problem(
                        (*entry.path, "use"),
                        f"the program gives '{name}', but the file makes it of {entry.use}:"
                        f" write 'use: {GIVEN}' or give none",
                    )

    def take(self, entry: ComponentEntry, source: Source) -> Component | None:
        """The object for an entry; None, with the problem noted, where there is none."""
        section, name = str(entry.path[0]), str(entry.path[1])
        kind: type[Component] = Resource if section == "resources" else Node
        given: Mapping[str, object] = self.resources if kind is Resource else self.nodes
        for key, written in (("config", entry.config), ("resources", entry.resources)):
            if written:
                source.problem(
                    (*entry.path, key),
                    f"'{name}' is given by the program and takes no '{key}': set it on the object",
                )
        if name not in given:
            source.problem(
                entry.path,
                f'{section[:-1]} "{name}" is given by the program: pass'
                f' build(..., {section}={{"{name}": ...}})',
            )
            return None
        found = given[name]
        if not isinstance(found, kind):
            source.problem(
                entry.path,
                f'{section[:-1]} "{name}" must be a {kind.__name__}; build was given a'
                f" {type(found).__name__}: wrap it in one",
            )
            return None
        return found
