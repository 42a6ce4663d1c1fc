"""${DESCRIPTION}."""

from pulumi_django.programs import base

base()
