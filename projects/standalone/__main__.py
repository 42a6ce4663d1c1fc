"""A base and an environment in one stack."""

from pulumi_django.programs import standalone

standalone()
