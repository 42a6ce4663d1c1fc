"""Pulumi components for Django on AWS ECS."""
