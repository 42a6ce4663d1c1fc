"""Pulumi components for Django on AWS ECS.

Every public name can be imported from here (`from pulumi_django import AdHocBase`). `__init__.pyi` lists the names. A name
loads its module on first use, so that pure modules (`pulumi_django.rules.naming`) can be imported without the Pulumi SDK.
"""

import lazy_loader  # pyright: ignore[reportMissingTypeStubs]

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
