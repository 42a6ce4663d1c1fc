"""The programs of whole stacks. The `__main__.py` of a Pulumi project calls one of them.

from pulumi_django.programs import base

base()
"""

from __future__ import annotations

from collections.abc import Sequence

import pulumi

from pulumi_django.program import project
from pulumi_django.program.project import BASE_PROJECT


def base() -> None:
    """Run the program of a base. Keys of the stack: `AdHocBaseArgs` or `ProdBaseArgs`, and `BaseSettings`."""
    pulumi.run(project.base_stack)


def app(*, base_project: str = BASE_PROJECT, also: Sequence[str] = ()) -> None:
    """Run the program of an environment. Keys of the stack: `AdHocAppArgs` or `ProdAppArgs`, and `AppSettings`.

    `base_project` is the name in the `Pulumi.yaml` of the base, unless the stack has the key `base_project`. `also` are
    further projects, whose stacks with the name of the base contribute outputs.
    """
    pulumi.run(lambda: project.app_stack(base_project, also))


def standalone() -> None:
    """Run the program of a base and an environment in one stack. Keys of the stack: `StandaloneSettings`."""
    pulumi.run(project.standalone_stack)


def bootstrap() -> None:
    """Run the program of the resources that an account needs once. Keys of the stack: `AccountBootstrapArgs` and
    `BootstrapSettings`."""
    pulumi.run(project.bootstrap_stack)
