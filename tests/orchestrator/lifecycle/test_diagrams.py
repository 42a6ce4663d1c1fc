"""Diagrams of projects, before any stack exists."""

from __future__ import annotations

from orchestrator.lifecycle import diagrams
from orchestrator.model import Scope
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
