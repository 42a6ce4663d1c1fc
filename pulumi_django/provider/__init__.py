"""The components for programs in every language of Pulumi: a component provider plugin."""

from pulumi_django import lazy_services

# First, because the modules of this package import `pulumi_aws`.
lazy_services.install()
