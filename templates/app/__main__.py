"""${DESCRIPTION}."""

from pulumi_django.programs import app

app()
