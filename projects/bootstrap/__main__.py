"""The resources that an account needs once, before bases and environments."""

from pulumi_django.programs import bootstrap

bootstrap()
