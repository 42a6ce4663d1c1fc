"""What a simulation returns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class SimulatedResource:
    """One resource as the program registered it, and as the mocks answered.

    Property names are the wire's (camelCase). Whole numbers are `int`. A secret stands as its plain value; the paths of
    the secret ones are in `secret_inputs` (`secretString`, `environment.KEY`, `items[0]`).
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
    """1 for the first physical resource, one more after each replacement."""

    custom: bool = True
    remote: bool = False
    read: bool = False
    """A `get` or a StackReference: looked up, not managed."""

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
    """Names of the hooks by moment: `beforeCreate`, `afterUpdate`, ..."""


@dataclass(frozen=True, kw_only=True)
class Invoke:
    """One call of a provider function."""

    token: str
    args: Mapping[str, Any]
    provider: str = ""


@dataclass(frozen=True, kw_only=True)
class SimulationResult:
    """Everything a program did."""

    resources: tuple[SimulatedResource, ...]
    """In the order of registration; the stack itself is the first."""

    outputs: Mapping[str, Any]
    """Stack outputs as plain values."""

    secret_outputs: frozenset[str] = frozenset()
    """Names of the stack outputs that are secret or hold a secret."""

    invokes: tuple[Invoke, ...] = ()
    hooks: tuple[str, ...] = ()
    """Names of the registered resource hooks; they are not run."""

    logs: tuple[tuple[str, str], ...] = ()
    """Severity and text of what the program logged."""

    def of_type(self, type_: str) -> tuple[SimulatedResource, ...]:
        """All resources of a type token."""
        return tuple(resource for resource in self.resources if resource.type == type_)

    def by_name(self, name: str) -> tuple[SimulatedResource, ...]:
        """All resources of that name."""
        return tuple(resource for resource in self.resources if resource.name == name)

    def one(self, type_: str, name: str | None = None) -> SimulatedResource:
        """The only resource of a type (and name); LookupError that lists what there is otherwise."""
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
