"""`pulumi_django.program.project` under the name that programs import."""

from pulumi_django.program.project import *  # noqa: F403
