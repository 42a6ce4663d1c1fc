"""Decides whether a failed simulation means that the update on AWS would fail too."""

from __future__ import annotations

import traceback
from pathlib import Path

import pulumi

import pulumi_django

WRAPPED = " has risen: "
"""Part of the messages with which Pulumi's SDK wraps an error."""

_PACKAGE = Path(pulumi_django.__file__).parent
_SIMULATING = _PACKAGE / "testing"


def is_refusal(error: BaseException) -> bool:
    """Whether a program or a component refused its arguments.

    Everything else can come from the simulation itself: an unknown provider, an invented value, a missing package.
    """
    error = unwrapped(error)
    if isinstance(error, pulumi.RunError | SyntaxError):
        return True
    frames = traceback.extract_tb(error.__traceback__)
    if not frames or isinstance(error, OSError | ImportError | NotImplementedError):
        return False
    last = Path(frames[-1].filename)
    if last.is_relative_to(_SIMULATING):
        return False
    says_so = (frames[-1].line or "").lstrip().startswith(("raise ", "assert "))
    return last.is_relative_to(_PACKAGE) or (says_so and not _is_library(last))


def unwrapped(error: BaseException) -> BaseException:
    """The error inside those with which Pulumi's SDK wraps it for each input and resource."""
    while error.__cause__ is not None and WRAPPED in str(error):
        error = error.__cause__
    return error


def _is_library(file: Path) -> bool:
    return bool({"site-packages", "dist-packages"} & set(file.parts)) or "lib" in file.parts
