"""The keys of a stack configuration whose type in the programs of `pulumi_django` is text: there `1.10` is not a number."""

from __future__ import annotations

import functools
from collections.abc import Sequence

from orchestrator.model import Scope


def holds_text(path: Sequence[str], scope: Scope | None = None) -> bool | None:
    """Whether the value at `path` (`("extra_env", "DEBUG")`, without a namespace) is text; None when its type is unknown.

    `scope` is the scope of the stack. Without it, all scopes with that key must agree.
    """
    from pulumi_django.program import config

    scopes = (Scope.BASE, Scope.ENVIRONMENT) if scope is None else (scope,)
    verdicts = {config.holds_text(_classes(each), path) for each in scopes}
    if Scope.ENVIRONMENT in scopes and path[0] in ("base", "app"):
        # The standalone project has the arguments of both below these keys.
        inner = Scope.BASE if path[0] == "base" else Scope.ENVIRONMENT
        verdicts.add(config.holds_text(_classes(inner), path[1:]) if path[1:] else False)
    verdicts.discard(None)
    return verdicts == {True} if verdicts else None


def is_image(path: Sequence[str]) -> bool:
    """Whether the name of a key says that its value is an image."""
    return path[-1] == "image" or path[-1].endswith("_image")


@functools.cache
def _classes(scope: Scope) -> tuple[type, ...]:
    from pulumi_django import AccountBootstrapArgs, AdHocAppArgs, AdHocBaseArgs, ProdAppArgs, ProdBaseArgs
    from pulumi_django.program import project

    if scope is Scope.ENVIRONMENT:
        return project.AppSettings, AdHocAppArgs, ProdAppArgs
    return (
        project.BaseSettings,
        AdHocBaseArgs,
        ProdBaseArgs,
        project.BootstrapSettings,
        AccountBootstrapArgs,
    )
