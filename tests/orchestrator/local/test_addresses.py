"""The addresses at which an environment answers on this machine."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from orchestrator.local import layout, routes
from orchestrator.local.declaration import Declaration
from orchestrator.local.prepare import Prepared


def test_the_own_host_comes_before_the_host_of_a_service_whose_rule_comes_first(alpha: Declaration) -> None:
    found = layout.local_routes(alpha, routes.read(alpha))
    admin = replace(found.rules[0], priority=1, hosts=["admin.localhost"])
    prepared: Any = SimpleNamespace(
        declaration=alpha,
        routes=replace(found, rules=[admin, *found.rules]),
        wanted=SimpleNamespace(port=8080),
    )
    urls = Prepared.urls.fget(prepared)  # type: ignore[misc]
    assert urls == {"alpha.localhost": "http://alpha.localhost:8080", "admin.localhost": "http://admin.localhost:8080"}
    assert next(iter(urls)) == "alpha.localhost"
