"""`pulumi_django.program.config` under the name that programs import."""

from pulumi_django.program.config import *  # noqa: F403
