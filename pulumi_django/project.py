"""`pulumi_django.program.project`, under the name that programs of users import."""

from pulumi_django.program.project import *  # noqa: F403
