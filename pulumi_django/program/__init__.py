"""Whole stacks, stack configuration, the provider and the outputs of bases, for Pulumi programs."""

from pulumi_django import lazy_services

# First, because the modules of this package import `pulumi_aws`.
lazy_services.install()
