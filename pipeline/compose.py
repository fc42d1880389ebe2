"""One pipeline from several files and the command line.

``include`` lists files whose ``resources``, ``nodes`` and ``thresholds`` are
taken into this one, as if they stood in it. ``--set NAME.FIELD=VALUE`` puts a
value into the config of a node or resource. Both happen before anything is
checked, and every value keeps the place where it was written.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from pathlib import PureWindowsPath
from typing import Any

from assay.pipeline.errors import nearest
from assay.pipeline.file import FORMAT_VERSION
from assay.pipeline.source import MAX_BYTES, Path, Place, Source, decode, read, read_value

SET = "--set"
MAX_FILES = 100
"""Most files that one pipeline may be made of."""

_COMPONENTS = ("resources", "nodes")
_SECTIONS = (*_COMPONENTS, "thresholds")
_PART = ("assay", "include", *_SECTIONS)
_ROOT_ONLY = ("name", "description", "output", "certificate")


def compose(text: str, *, name: str, folder: FilePath, overrides: Iterable[str] = ()) -> Source:
    """Read a pipeline file's text, take in what it includes, and set what was asked for.

    Args:
        text: the root file's text.
        name: the root file's path as the user gave it, for messages.
        folder: the root file's folder; no included file may lie outside.
        overrides: ``NAME.FIELD=VALUE``, each field at most once.

    Returns:
        One source; it notes every problem and never raises for what was written.
    """
    source = read(text, name)
    if isinstance(source.data, dict):
        _Includes(source, folder).take()
        _override(source, overrides)
    return source


def read_limited(path: FilePath) -> bytes:
    """A file's content, cut just above the largest size that is taken.

    Raises:
        OSError: if it cannot be read.
    """
    with path.open("rb") as file:
        return file.read(MAX_BYTES + 1)


# -- include ----------------------------------------------------------------


@dataclass(slots=True)
class _Includes:
    """Takes files into a root; ``taken`` maps each to the name that messages call it by."""

    root: Source
    folder: FilePath
    taken: dict[FilePath, str] = field(default_factory=dict)

    def take(self) -> None:
        own = (self.folder / FilePath(self.root.file).name).resolve()
        self.taken[own] = self.root.file
        self._follow(self.root, FilePath(), (own,))

    def _follow(self, source: Source, within: FilePath, chain: tuple[FilePath, ...]) -> None:
        """Take in what a file lists; ``within`` is its folder, seen from the root's."""
        listed = source.data.get("include")
        if listed is None:
            return
        if not isinstance(listed, list):
            message = "'include' must be a list of files: [parts/one.yaml, ...]"
            self._fail(source.place(("include",)), message)
            return
        for index, written in enumerate(listed):
            place = source.place(("include", index))
            if not isinstance(written, str) or not written.strip() or "\0" in written:
                self._fail(place, "expected the path of a file, such as parts/one.yaml")
                continue
            try:
                target = self._target(written, within, chain)
                content = read_limited(target)
            except _NotTaken as error:
                self._fail(place, str(error))
            except OSError as error:
                self._fail(place, f"cannot read '{written}': {error.strerror or error}")
            except RuntimeError:  # what resolve raises for a loop of links before Python 3.13
                self._fail(place, f"cannot read '{written}': links in a circle")
            else:
                self._take(content, target, (within / written), chain)

    def _fail(self, place: Place, message: str) -> None:
        self.root.problems.append(place.problem(message))
        self.root.whole = False

    def _target(self, written: str, within: FilePath, chain: tuple[FilePath, ...]) -> FilePath:
        """The file that a path means; refused unless it may be taken."""
        root = self.root.file
        if FilePath(written).is_absolute() or PureWindowsPath(written).anchor:
            raise _NotTaken(
                f"'{written}' is absolute; write it relative to the file that includes it"
            )
        relative = FilePath(os.path.normpath(within / written))
        if ".." in relative.parts:
            raise _NotTaken(f"'{written}' leaves the folder of {root}; move the file into it")
        target = (self.folder / relative).resolve()
        if not target.is_relative_to(self.folder.resolve()):
            raise _NotTaken(f"'{written}' is behind a link that leaves the folder of {root}")
        if target in chain:
            names = [self.taken[one] for one in chain[chain.index(target) :]]
            raise _NotTaken(f"files in a circle: {' -> '.join([*names, names[0]])}")
        if target in self.taken:
            raise _NotTaken(f"{self.taken[target]} is included twice; remove one of the two")
        if len(self.taken) == MAX_FILES:
            raise _NotTaken(f"more than {MAX_FILES} files in one pipeline")
        if not target.is_file():
            raise _NotTaken(f"no file '{written}'; the path starts at the file that includes it")
        return target

    def _take(
        self, content: bytes, target: FilePath, relative: FilePath, chain: tuple[FilePath, ...]
    ) -> None:
        """Merge a file into the root, then what it includes itself."""
        relative = FilePath(os.path.normpath(relative))
        shown = str(FilePath(self.root.file).parent / relative)
        self.taken[target] = shown
        text = decode(content, shown)
        part = text if isinstance(text, Source) else read(text, shown)
        if isinstance(part.data, dict):
            _check_part(part, self.root.file)
            self._merge(part)
        elif not part.problems:
            part.problem((), "expected a mapping with 'assay: 1' and resources or nodes")
        self.root.problems += part.problems
        if isinstance(part.data, dict):
            self._follow(part, relative.parent, (*chain, target))
        else:
            self.root.whole = False

    def _merge(self, part: Source) -> None:
        merged: set[Path] = set()
        for section in _SECTIONS:
            found = part.data.get(section)
            if found is None:
                continue
            if not isinstance(found, dict):
                part.problem((section,), f"'{section}' must be a mapping of keys to values")
                continue
            if self.root.data.get(section) is None:
                self.root.data[section] = {}
                self.root.places[(section,)] = part.place((section,))
            own = self.root.data[section]
            if not isinstance(own, dict):
                continue  # reported when the shape is checked
            for name, value in found.items():
                path = (section, name)
                if name in own:
                    first = self.root.place(path).origin
                    part.problem(path, f"'{name}' is given twice; it stands in {first} too")
                else:
                    own[name] = value
                    merged.add(path)
        self.root.places |= {
            path: place for path, place in part.places.items() if path[:2] in merged
        }


class _NotTaken(Exception):
    """An included path that is refused; never leaves this file."""


def _check_part(part: Source, root: str) -> None:
    """An included file is a closed world too, and a smaller one."""
    version = part.data.get("assay")
    if version is None:
        part.problem((), f"missing key 'assay'; begin the file with 'assay: {FORMAT_VERSION}'")
    elif version != FORMAT_VERSION or isinstance(version, bool):
        part.problem(("assay",), f"format {version!r} is unknown; this is {FORMAT_VERSION}")
    for key in part.data:
        if key in _ROOT_ONLY:
            part.problem((key,), f"'{key}' belongs into {root}, not into a file that it includes")
        elif key not in _PART:
            part.problem((key,), f"unknown key '{key}'; {nearest(key, _PART)}")


# -- --set ------------------------------------------------------------------


def target_of(override: str) -> str:
    """``NAME.FIELD`` of an override, without the section that may stand before it.

    >>> target_of("nodes.selected.z=1.5")
    'selected.z'
    """
    target = override.partition("=")[0].strip()
    section, _, rest = target.partition(".")
    return rest if section in _COMPONENTS and "." in rest else target


def _override(source: Source, overrides: Iterable[str]) -> None:
    done: set[Path] = set()
    for override in overrides:
        target, equals, text = override.partition("=")
        target = target.strip()
        place = Place(f"{SET} {target}" if equals else SET, 0, 0)
        path, message = _field(source, target) if equals else ((), _HOW)
        if path in done:
            message = "set twice; say it once"
        value = read_value(text)
        if not message and value.problems:
            message = value.problems[0].message
        if message:
            source.problems.append(place.problem(message))
            continue
        done.add(path)
        config = source.data
        for key in path[:-1]:
            if config.get(key) is None:  # only 'config' itself may be missing
                config[key] = {}
                source.places[path[:-1]] = place
            config = config[key]
        config[path[-1]] = value.data
        for one in [one for one in source.places if one[: len(path)] == path]:
            del source.places[one]
        source.places |= {(*path, *one): place for one in value.places}


_HOW = "expected NAME.FIELD=VALUE, such as --set selected.z=1.5"


def _field(source: Source, target: str) -> tuple[Path, str]:
    """The path of a config field, or what is wrong with the target."""
    name, _, key = target.rpartition(".")
    if not name or not key:
        return (), _HOW
    entries: dict[str, Mapping[str, Any]] = {
        section: found if isinstance(found := source.data.get(section), dict) else {}
        for section in _COMPONENTS
    }
    held = [(section, name) for section in _COMPONENTS if name in entries[section]]
    section, _, rest = name.partition(".")
    if not held and section in _COMPONENTS:
        name = rest
        held = [(section, rest)] if rest in entries[section] else []
    if len(held) > 1:
        return (), f"'{name}' is a resource and a node; write nodes.{target} or resources.{target}"
    if not held and not source.whole:
        return (), f"no node or resource '{name}' in the files that could be read"
    first, _, rest = name.partition(".")
    if not held and rest and any(first in found for found in entries.values()):
        return (), f"only a whole field can be set: write {first}.{rest.split('.')[0]}={{...}}"
    if not held:
        known = [one for found in entries.values() for one in found]
        return (), f"no node or resource '{name}'; {nearest(name, known)}"
    entry = entries[held[0][0]][name]
    if not isinstance(entry, dict) or not isinstance(entry.get("config", {}), dict | None):
        return (), f"'{name}' has no config that could be set; see the other problems"
    return (*held[0], "config", key), ""
