"""The programs of whole stacks. The `__main__.py` of a Pulumi project calls one of them.

    from pulumi_django.programs import base

    base()

Each function loads its components when it is called, so the program of a base does not pay for those of an environment.
"""

from __future__ import annotations

from collections.abc import Sequence

import pulumi

from pulumi_django.program.project import BASE_PROJECT


def base() -> None:
    """Run the program of a base. Keys of the stack: `AdHocBaseArgs` or `ProdBaseArgs`, and `BaseSettings`."""
    from pulumi_django.program.base_stack import base_stack

    pulumi.run(base_stack)


def app(*, base_project: str = BASE_PROJECT, also: Sequence[str] = ()) -> None:
    """Run the program of an environment. Keys of the stack: `AdHocAppArgs` or `ProdAppArgs`, and `AppSettings`.

    `base_project` is the name in the `Pulumi.yaml` of the base, unless the stack has the key `base_project`. `also` are
    further projects, whose stacks with the name of the base contribute outputs.
    """
    from pulumi_django.program.app_stack import app_stack

    pulumi.run(lambda: app_stack(base_project, also))


def standalone() -> None:
    """Run the program of a base and an environment in one stack. Keys of the stack: `StandaloneSettings`."""
    from pulumi_django.program.standalone_stack import standalone_stack

    pulumi.run(standalone_stack)


def bootstrap() -> None:
    """Run the program of the resources that an account needs once. Keys of the stack: `AccountBootstrapArgs` and
    `BootstrapSettings`."""
    from pulumi_django.program.bootstrap_stack import bootstrap_stack

    pulumi.run(bootstrap_stack)
