"""${DESCRIPTION}."""

from pulumi_django.programs import standalone

standalone()
