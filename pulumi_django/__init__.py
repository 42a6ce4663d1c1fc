"""Pulumi components for Django on AWS ECS.

Everything public is importable from here (`from pulumi_django import AdHocBase`). Names are loaded on first use, so
that the pure modules (`pulumi_django.naming` and the like) can be imported without paying for the Pulumi SDK.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

# A public name stands three times, in alphabetical order: for type checkers, for `import *`, and with its module for
# the loader. A test keeps the three in step.
if TYPE_CHECKING:
    pass

__all__: list[str] = []

_MODULE_OF: dict[str, str] = {}


def __getattr__(name: str) -> Any:
    try:
        module = _MODULE_OF[name]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
    value = getattr(importlib.import_module(module), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
