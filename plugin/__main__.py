"""The plugin as Pulumi starts it."""

from pulumi_django.provider.plugin import main

main()
