"""The result of a simulation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class SimulatedResource:
    """A resource: its registration by the program, and its outputs from the mocks.

    Property names are camelCase, as on the wire. Whole numbers are `int`. Secrets are plain values, and `secret_inputs` has
    their paths (`secretString`, `environment.KEY`, `items[0]`).
    """

    urn: str
    type: str
    name: str
    parent: str
    """URN of the parent, `""` for the stack itself."""

    inputs: Mapping[str, Any] = field(repr=False)
    secret_inputs: frozenset[str] = frozenset()
    outputs: Mapping[str, Any] = field(default_factory=dict[str, Any], repr=False)
    secret_outputs: frozenset[str] = frozenset()
    id: str = ""
    revision: int = 1
    """Number of the physical resource: 1 for the first, one more after each replacement."""

    custom: bool = True
    remote: bool = False
    read: bool = False
    """Whether it is only read: a `get` or a StackReference."""

    provider: str = ""
    dependencies: Sequence[str] = ()
    property_dependencies: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])
    protect: bool = False
    retain_on_delete: bool = False
    delete_before_replace: bool = False
    ignore_changes: Sequence[str] = ()
    replace_on_changes: Sequence[str] = ()
    additional_secret_outputs: Sequence[str] = ()
    aliases: Sequence[Any] = ()
    custom_timeouts: Mapping[str, str] = field(default_factory=dict[str, str])
    import_id: str = ""
    version: str = ""
    hooks: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])
    """Names of the hooks by moment: `before_create`, `after_update`, ..."""


@dataclass(frozen=True, kw_only=True)
class Invoke:
    """A call of a provider function."""

    token: str
    args: Mapping[str, Any]
    provider: str = ""


@dataclass(frozen=True, kw_only=True)
class SimulationResult:
    """The resources, outputs, calls and logs of a program."""

    resources: tuple[SimulatedResource, ...]
    """Resources in the order of registration. The first is the stack itself."""

    outputs: Mapping[str, Any]
    """Stack outputs as plain values."""

    secret_outputs: frozenset[str] = frozenset()
    """Names of the stack outputs that are secret or contain a secret."""

    invokes: tuple[Invoke, ...] = ()
    hooks: tuple[str, ...] = ()
    """Names of the registered resource hooks. The simulation does not run them."""

    logs: tuple[tuple[str, str], ...] = ()
    """Severity and text of each log message."""

    def of_type(self, type_: str) -> tuple[SimulatedResource, ...]:
        """Return all resources of a type token."""
        return tuple(resource for resource in self.resources if resource.type == type_)

    def by_name(self, name: str) -> tuple[SimulatedResource, ...]:
        """Return all resources of a name."""
        return tuple(resource for resource in self.resources if resource.name == name)

    def one(self, type_: str, name: str | None = None) -> SimulatedResource:
        """Return the only resource of a type (and name). Otherwise raises LookupError that lists the resources."""
        found = [r for r in self.of_type(type_) if name is None or r.name == name]
        if len(found) != 1:
            names = ", ".join(r.name for r in self.of_type(type_)) or "none"
            raise LookupError(f"{len(found)} resources match {type_} {name or ''}: of that type there are {names}")
        return found[0]

    def children(self, urn: str) -> tuple[SimulatedResource, ...]:
        """The direct children of a resource."""
        return tuple(resource for resource in self.resources if resource.parent == urn)

    def get(self, urn: str) -> SimulatedResource:
        """The resource of that URN; LookupError when there is none."""
        for resource in self.resources:
            if resource.urn == urn:
                return resource
        raise LookupError(f"no resource has the URN {urn}")
