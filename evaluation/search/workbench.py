"""Pipelines of a space, built one after the other over resources that are loaded once."""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from assay.evaluation.search.space import Settings, Space, applied
from assay.pipeline import Pipeline
from assay.pipeline.builder import build_source, read_files
from assay.pipeline.component import Component, Resource
from assay.pipeline.errors import BuildError
from assay.pipeline.source import Source

Part = TypeVar("Part", bound=Component)


class Workbench:
    """Builds the pipelines of a search; use it as a context manager.

    Models and corpora that the settings do not touch are those of the unchanged
    pipeline: loaded once, and lent to every trial. Certificates are not in force,
    since a changed pipeline has none: thresholds are those of the file.

    Args:
        path: the pipeline file.
        base: folder that its relative paths are seen from.
        overrides: as ``--set`` takes them; part of the unchanged pipeline.
        cached: whether the outputs of nodes are kept by content, so that what a trial
            shares with an earlier one is not computed again. A node whose policy says
            ``cache: false`` always runs. Kept outputs cost nothing in their records, so
            a search that looks at costs must not keep them.

    Raises:
        BuildError: if the file cannot be built.
    """

    def __init__(
        self, path: Path, base: Path, *, overrides: Collection[str] = (), cached: bool = True
    ) -> None:
        self._path, self._base = path, base
        self._overrides = tuple(overrides)
        self._cached = cached
        self.source = read_files(path, overrides=overrides)
        self.unchanged = build_source(self._copy({}), base=base)
        self._loaded: list[Resource] = []

    def __enter__(self) -> Self:
        try:
            for resource in self.unchanged.resources.values():
                resource.start()
                self._loaded.append(resource)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let models and corpora go."""
        while self._loaded:
            self._loaded.pop().close()

    @property
    def data(self) -> Mapping[str, Any]:
        """What the pipeline file says, with what it includes and what is set."""
        found: Mapping[str, Any] = self.source.data
        return found

    def current(self, space: Space) -> dict[str, Any]:
        """Each field of a space to its value in force in the unchanged pipeline."""
        found: dict[str, Any] = {}
        for key in space.fields:
            name, _, inner = key.partition(".")
            step = self.unchanged.steps.get(name)
            part: Component = self.unchanged.resources[name] if step is None else step.node
            found[key] = part.config.model_dump(mode="json").get(inner)
        return found

    def build(self, space: Space, settings: Settings) -> Pipeline:
        """A pipeline of the space; nothing is loaded.

        Raises:
            BuildError: if these settings do not fit together.
        """
        return build_source(self._copy(applied(self.data, space, settings)), base=self._base)

    @contextmanager
    def opened(self, space: Space, settings: Settings) -> Iterator[Pipeline]:
        """A pipeline of the space, ready to run.

        Raises:
            BuildError: if these settings do not fit together.
        """
        built = self.build(space, settings)
        lent = {
            name: self.unchanged.resources[name]
            for name in built.resources
            if self._same(built, name)
        }
        resources = self._resources(built, lent)
        own = [one for name, one in resources.items() if name not in lent]
        steps = {
            name: replace(step, node=self._over(step.node, step.resources, resources))
            for name, step in built.steps.items()
        }
        pipeline = replace(built, resources=resources, steps=steps)
        started: list[Any] = []
        try:
            for part in (*own, *(step.node for step in steps.values())):
                part.start()
                started.append(part)
            yield pipeline
        finally:
            pipeline.close()  # its threads and its cache; it has started no part itself
            while started:
                started.pop().close()

    def problems(self, space: Space) -> None:
        """Refuse a space with a field or an alternative that no pipeline can have.

        Each is tried by itself, at its values or its two ends: the unchanged pipeline with
        nothing else changed. One that builds for none of them is an error.

        Raises:
            BuildError: with the place in the space file and what the build said.
        """
        for path, tries in self._single(space):
            found: BuildError | None = None
            for settings in tries:
                try:
                    self.build(space, settings)
                except BuildError as error:
                    found = found or error
                else:
                    break
            else:
                if found is not None:
                    said = found.problems[0].message
                    space.source.problem(path, f"no value of '{path[-1]}' can be built: {said}")
        if space.source.problems:
            raise BuildError(space.source.problems)

    def _single(self, space: Space) -> Iterator[tuple[tuple[str, ...], list[Settings]]]:
        for key, domain in space.fields.items():
            yield ("fields", key), [{key: value} for value in domain.ends]
        for node, alternatives in space.nodes.items():
            for name, one in alternatives.items():
                fields = {
                    f"{node}={name}.{key}": domain.ends[0] for key, domain in one.fields.items()
                }
                yield ("nodes", node, name), [{node: name}, {node: name, **fields}]
                for key, domain in one.fields.items():
                    inner = f"{node}={name}.{key}"
                    yield (
                        ("nodes", node, name, "fields", key),
                        [{node: name, **fields, inner: value} for value in domain.ends],
                    )

    def _copy(self, data: Mapping[str, Any]) -> Source:
        """The file as a source of its own, with other data and its own list of problems."""
        made = copy.deepcopy(dict(data or self.source.data or {}))
        nodes = made.get("nodes")
        if self._cached and isinstance(nodes, dict):
            for entry in nodes.values():
                if isinstance(entry, dict) and isinstance(entry.get("policy", {}), dict | None):
                    entry["policy"] = {"cache": True} | (entry.get("policy") or {})
        return replace(
            self.source,
            data=made if isinstance(self.source.data, dict) else self.source.data,
            problems=list(self.source.problems),
        )

    def _same(self, built: Pipeline, name: str) -> bool:
        """Whether a resource, with all that it needs, is as in the unchanged pipeline."""
        before = self.unchanged.resources
        return all(
            one in before
            and type(built.resources[one]) is type(before[one])
            and built.resources[one].config == before[one].config
            and built.resource_uses[one] == self.unchanged.resource_uses[one]
            for one in (name, *built.needs(name))
        )

    def _resources(self, built: Pipeline, lent: Mapping[str, Resource]) -> dict[str, Resource]:
        """A trial's resources: those that are lent, and its own over them."""
        made: dict[str, Resource] = {}
        for name, resource in built.resources.items():  # each comes after what it needs
            made[name] = lent.get(name) or self._over(resource, built.resource_uses[name], made)
        return made

    def _over(self, part: Part, uses: Mapping[str, str], resources: Mapping[str, Resource]) -> Part:
        """A part as the build made it, over other resources of the same names."""
        if not uses:
            return part
        component: Any = type(part)
        made: Part = component(
            part.config, **{slot: resources[name] for slot, name in uses.items()}
        )
        tuple(made.prepare(self._base))  # the build has told its problems already
        return made
