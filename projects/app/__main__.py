"""A Django environment on a base."""

from pulumi_django.programs import app

app()
