"""An environment of the shop on a base."""

from pulumi_django.programs import app

app(base_project="shop-base")
