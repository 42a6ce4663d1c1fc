"""The base of the shop's environments: VPC, load balancer, database server."""

from pulumi_django.programs import base

base()
