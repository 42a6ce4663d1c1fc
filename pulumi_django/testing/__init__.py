"""Tests of Pulumi programs without an engine: `Mocks` for `pulumi.runtime.set_mocks`, `simulate` for whole programs."""

from pulumi_django.testing.mocks import Mocks
from pulumi_django.testing.model import Invoke, SimulatedResource, SimulationResult
from pulumi_django.testing.monitor import DuplicateUrnError
from pulumi_django.testing.replacement import Change, diff_resource
from pulumi_django.testing.simulate import simulate

__all__ = [
    "Change",
    "DuplicateUrnError",
    "Invoke",
    "Mocks",
    "SimulatedResource",
    "SimulationResult",
    "diff_resource",
    "simulate",
]
