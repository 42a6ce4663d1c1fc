"""What checks look at, and the list of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pulumi_django.testing import SimulatedResource, SimulationResult

Statement = Mapping[str, Any]

_POLICY_PROPERTIES = ("policy", "assumeRolePolicy", "accessPolicy", "repositoryPolicy")


@dataclass(frozen=True)
class World:
    """The resources of some stacks that belong together."""

    resources: tuple[SimulatedResource, ...]

    @staticmethod
    def of(*results: SimulationResult) -> World:
        return World(tuple(resource for result in results for resource in result.resources if not resource.read))

    def all(self, type_: str) -> list[SimulatedResource]:
        """Resources whose type is `type_` without its middle part, such as `aws:ecs:Service`."""
        return [resource for resource in self.resources if short(resource.type) == type_]

    def attached(self, type_: str, resource: SimulatedResource, key: str) -> list[SimulatedResource]:
        """Resources of a type whose input `key` is the id, ARN or name of `resource`."""
        names = {resource.id, *(str(resource.outputs.get(name)) for name in ("arn", "name", "bucket", "url"))}
        return [other for other in self.all(type_) if str(other.inputs.get(key)) in names]

    def statements(self, *, trust: bool = False) -> Iterator[tuple[SimulatedResource, Statement]]:
        """Every statement of every policy, of trust policies only when asked for."""
        for resource in self.resources:
            for name in _POLICY_PROPERTIES:
                text = resource.inputs.get(name)
                if isinstance(text, str) and (name == "assumeRolePolicy") is trust:
                    for statement in json.loads(text).get("Statement", ()):  # the policy of images has rules
                        yield resource, statement


Check = Callable[[World], Iterable[SimulatedResource]]
CHECKS: dict[str, Check] = {}
"""Finding -> what finds it; each yields the resources that a scanner would complain about."""


def check(finding: str) -> Callable[[Check], Check]:
    """Adds a check to the list."""

    def added(function: Check) -> Check:
        assert finding not in CHECKS, finding
        CHECKS[finding] = function
        return function

    return added


def wrong(finding: str, type_: str, is_wrong: Callable[[Mapping[str, Any]], object]) -> None:
    """Adds a check that looks at the inputs of one type alone."""
    check(finding)(lambda world: [resource for resource in world.all(type_) if is_wrong(resource.inputs)])


def short(type_: str) -> str:
    """`aws:ecs/service:Service` as `aws:ecs:Service`."""
    package, _, rest = type_.partition(":")
    module, _, name = rest.rpartition(":")
    return f"{package}:{module.partition('/')[0]}:{name}"


def listed(value: Any) -> list[Any]:
    """A policy's value, which may stand alone or in a list."""
    return value if isinstance(value, list) else [value]
