"""Diagrams of projects, before any stack exists, and of the resources of a stack."""

from __future__ import annotations

from orchestrator.lifecycle import diagrams
from orchestrator.model import Scope, StackResource, Unit
from tests.orchestrator.lifecycle.test_graph import project


def test_projects_are_drawn_with_their_scope_below_the_project_that_they_need() -> None:
    projects = [
        project("app", Scope.ENVIRONMENT, "base", "database"),
        project("base", Scope.BASE),
        project("database", Scope.BASE, "base"),
    ]
    found = diagrams.of_projects(projects)
    assert [(node.id, node.label, node.detail, node.parent) for node in found.nodes] == [
        ("base", "base", "project of every base", None),
        ("database", "database", "project of every base", "base"),
        ("app", "app", "project of every environment", "database"),
    ]
    assert found.edges == (("base", "database"), ("base", "app"), ("database", "app"))


def resource(name: str, parent: str | None = None, *dependencies: str) -> StackResource:
    return StackResource(
        urn=name, type="aws:ecs/service:Service", name=f"the {name}", parent=parent, dependencies=dependencies
    )


def test_resources_are_drawn_below_their_parents_with_edges_to_those_that_are_drawn() -> None:
    resources = [
        resource("web", "app", "cluster", "cluster", "web", "of another stack"),
        resource("app", "a stack that is not drawn"),
        resource("cluster", "app"),
    ]
    found = diagrams.of_resources("alpha", {Unit("app", "alpha"): resources})
    assert found.title == "resources of alpha"
    assert [(node.id, node.label, node.detail, node.parent) for node in found.nodes] == [
        ("app", "the app", "aws:ecs:Service", None),
        ("web", "the web", "aws:ecs:Service", "app"),
        ("cluster", "the cluster", "aws:ecs:Service", "app"),
    ]
    assert found.edges == (("cluster", "web"),)
