"""What can stand in a pipeline file: nodes and resources.

The contract, in one place:

* A **component** is a class registered under ``<folder>.<method>@<version>``,
  with a frozen, closed ``Config``. ``__init__`` is light: it keeps the config
  and, as keyword-only parameters, the resources that it needs. The annotation
  of such a parameter is the type that the resource must have.
* A **resource** (a model, a corpus) is loaded by ``start`` and released by
  ``close``, once each. ``fingerprint`` names everything in it that outputs
  depend on.
* A **node** has one ``run``. Its parameters are the input ports and its return
  annotation is the output. A parameter ``context: RunContext`` is not a port:
  it carries seed, deadline and the account of costs.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from pathlib import Path


class Config(BaseModel):
    """Base of every component's config: frozen, closed, strict about types."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Component(ABC):  # noqa: B024 - nodes and resources add the abstract parts
    """What nodes and resources share.

    Args:
        config: the component's own frozen config.
    """

    name: ClassVar[str] = ""
    """Registered name with version, set by ``register``."""

    Config: ClassVar[type[BaseModel]] = Config

    def __init__(self, config: BaseModel) -> None:
        self.config: Any = config


class Resource(Component):
    """Something loaded once and shared by nodes: a model, a corpus."""

    def start(self) -> None:
        """Load what ``run`` needs. Called once, before the first query."""

    def close(self) -> None:
        """Give memory and files back. Called once, after the last query."""

    @abstractmethod
    def fingerprint(self) -> str:
        """sha256 in hex over everything that outputs depend on (weights, index, config)."""


class Node(Component):
    """One step. A subclass defines ``run``; see the module's contract."""

    run: Callable[..., Any]

    def with_config(self, config: BaseModel) -> Self:
        """The same node with another config, sharing its resources."""
        twin = copy.copy(self)
        twin.config = config
        return twin


ComponentType = TypeVar("ComponentType", bound=type[Component])


def register(name: str) -> Callable[[ComponentType], ComponentType]:
    """Give a component class its registered name, ``<folder>.<method>@<version>``.

    The class's module must be ``<folder>/<method>.py``: that is how the registry
    finds it without importing everything.
    """

    def decorate(component: ComponentType) -> ComponentType:
        component.name = name
        return component

    return decorate


def relative_to(base: Path, path: str) -> Path:
    """A path from a pipeline file, seen from the file's folder; '~' is expanded."""
    from pathlib import Path as ConcretePath

    return base / ConcretePath(path).expanduser()
