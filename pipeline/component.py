"""What can stand in a pipeline file: nodes and resources.

The contract, in one place:

* A **component** is a class registered under ``<folder>.<method>@<version>``,
  with a frozen, closed ``Config``. ``__init__`` is light: it keeps the config
  and, as keyword-only parameters, the resources that it needs. The annotation
  of such a parameter is the type that the resource must have.
* A **resource** (a model, a corpus) is loaded by ``start`` and released by
  ``close``, once each. ``fingerprint`` names everything in it that outputs
  depend on.
* A **node** has one ``run``, plain or ``async``. Its parameters are the input ports
  and its return annotation is the output. A parameter ``context: RunContext`` is
  not a port: it carries seed, deadline and the account of costs. The same input
  and seed give the same output, and ``run`` changes nothing in the node.
* A node may have ``run_batch(items, contexts)``: keyword arguments of ``run`` for
  each query, and a context for each; it returns the outputs in that order, equal
  to those of ``run``. And ``stream``, with the ports of ``run``: it yields pieces
  of text (str) and, last, the output that ``run`` would give.
* A **function** with annotations is a node with the decorator ``node``; its
  keyword-only parameters are its config.
"""

from __future__ import annotations

import copy
import functools
import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar

from pydantic import BaseModel, ConfigDict, create_model

if TYPE_CHECKING:
    from pathlib import Path


class Config(BaseModel):
    """Base of every component's config: frozen, closed, strict about types."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Component(ABC):  # noqa: B024 - resources add the abstract part
    """What nodes and resources share.

    Args:
        config: the component's own frozen config.
    """

    name: ClassVar[str] = ""
    """Registered name with version, set by ``register``."""

    Config: ClassVar[type[BaseModel]] = Config

    needs: Mapping[str, tuple[str, ...]] = MappingProxyType({})
    """Abilities that its resources must have, by the constructor's parameter; where they depend
    on the config, a property."""

    def __init__(self, config: BaseModel) -> None:
        self.config: Any = config

    def prepare(self, base: Path) -> Iterable[str]:
        """Called once by ``build``: what is still wrong, a sentence each; loads nothing.

        Args:
            base: folder that relative paths are seen from.
        """
        return ()

    def start(self) -> None:  # noqa: B027 - a hook that light components do not need
        """Load what ``run`` needs. Called once, before the first query."""

    def close(self) -> None:  # noqa: B027
        """Give memory and files back. Called once, after the last query."""


class Resource(Component):
    """Something loaded once and shared by nodes: a model, a corpus."""

    @property
    def abilities(self) -> frozenset[str]:
        """What it can do as configured, where things of its type differ in that."""
        return frozenset()

    @abstractmethod
    def fingerprint(self) -> str:
        """sha256 in hex over everything that outputs depend on (weights, index, config)."""


class Node(Component):
    """One step. A subclass defines ``run``; see the module's contract."""

    gives: ClassVar[tuple[str, ...]] = ()
    """Kinds that the scores in its output may have. A node that declares none and makes rankings
    or selections hands on the kinds of those that it takes."""

    compares: ClassVar[str] = ""
    """The port whose scores its threshold is compared with, all of the kind that ``config.kind``
    names; the build refuses others."""

    run: Callable[..., Any]

    def parts(self) -> Mapping[str, Any]:
        """What outputs depend on beside code and config, for the fingerprint; once started."""
        return {}

    def with_config(self, config: BaseModel) -> Self:
        """The same node with another config, sharing its resources."""
        twin = copy.copy(self)
        twin.config = config
        return twin


ComponentType = TypeVar("ComponentType", bound=type[Component])
Function = TypeVar("Function", bound=Callable[..., Any])

LOCAL: dict[str, type[Component]] = {}
"""Components that this process registered outside the package, by full name."""


def register(name: str) -> Callable[[ComponentType], ComponentType]:
    """Give a component class its registered name, ``<folder>.<method>@<version>``.

    A built-in's module must be ``<folder>/<method>.py``: that is how the registry
    finds it without importing everything. A class of yours is known to pipeline
    files from the moment its module is imported.
    """

    def decorate(component: ComponentType) -> ComponentType:
        component.name = name if "@" in name else f"{name}@1"
        if not component.__module__.startswith("assay."):
            LOCAL[component.name] = component
        return component

    return decorate


class FunctionNode(Node):
    """A function as a node; made by ``node``."""

    function: ClassVar[Callable[..., Any]]

    def __init__(self, config: BaseModel) -> None:
        super().__init__(config)
        settings = {key: getattr(config, key) for key in type(config).model_fields}
        if settings:
            self.run = functools.partial(type(self).function, **settings)

    def with_config(self, config: BaseModel) -> Self:
        """The same node with another config."""
        return type(self)(config)


def node(name: str) -> Callable[[Function], Function]:
    """Register a function as a node; the function itself stays as it is.

    Positional parameters are ports, keyword-only ones are the config; a config
    parameter may have a pydantic ``Field`` as its default.

    Args:
        name: ``<folder>.<method>@<version>``.

    Raises:
        TypeError: if a parameter or the result has no annotation.
    """

    def decorate(function: Function) -> Function:
        hints = inspect.get_annotations(function, eval_str=True)
        fields: dict[str, Any] = {}
        for key, parameter in inspect.signature(function).parameters.items():
            if key not in hints:
                raise TypeError(f"{function.__qualname__}: parameter '{key}' has no annotation")
            if parameter.kind is inspect.Parameter.KEYWORD_ONLY:
                default = parameter.default
                fields[key] = (hints[key], ... if default is parameter.empty else default)
        if "return" not in hints:
            raise TypeError(f"{function.__qualname__} has no return annotation")
        body = {
            "__doc__": function.__doc__,
            "__module__": function.__module__,
            "Config": create_model(f"{function.__name__}_config", __base__=Config, **fields),
            "function": staticmethod(function),
            "run": staticmethod(function),
        }
        register(name)(type(function.__name__, (FunctionNode,), body))
        return function

    return decorate


def relative_to(base: Path, path: str) -> Path:
    """A path from a pipeline file, seen from the file's folder; '~' is expanded.

    Raises:
        ValueError: if '~' stands before somebody who is not known here.
    """
    from pathlib import Path as ConcretePath

    try:
        return base / ConcretePath(path).expanduser()
    except RuntimeError as error:
        raise ValueError(f"'{path[:80]}' names no home folder: {error}") from error
