"""Diagrams as data and as text."""

from __future__ import annotations

import re

import pytest

from orchestrator.lifecycle.diagrams import Diagram, Node, of_resources
from orchestrator.model import Kind as StackKind
from orchestrator.model import Record, StackResource, Unit
from orchestrator.rendering.graph import FORMATS, render
from tests.support.workspace import TOML, Workspace

DIAGRAM = Diagram(
    title='a "test"',
    nodes=(
        Node(id="base/dev", label="dev", detail="base, ad-hoc"),
        Node(id="app/alpha", label="alpha", detail='<the "first">', parent="base/dev"),
        Node(id="inner", label="inner", detail="part", parent="app/alpha"),
        Node(id="app/beta", label="beta", detail="environment", parent="base/dev"),
    ),
    edges=(("base/dev", "app/alpha"), ("base/dev", "app/beta")),
)


def test_text_is_a_tree() -> None:
    assert render(DIAGRAM, "text") == (
        'dev  base, ad-hoc\n├── alpha  <the "first">\n│   └── inner  part\n└── beta  environment\n'
    )


def test_mermaid_is_a_flowchart_with_escaped_labels() -> None:
    assert render(DIAGRAM, "mermaid") == (
        "flowchart LR\n"
        '    n0["dev<br/>base, ad-hoc"]\n'
        '    n1["alpha<br/>&lt;the &quot;first&quot;&gt;"]\n'
        '    n2["inner<br/>part"]\n'
        '    n3["beta<br/>environment"]\n'
        "    n0 --> n1\n"
        "    n0 --> n3\n"
        "    n1 -.- n2\n"
    )


def test_dot_is_a_digraph_with_escaped_labels() -> None:
    assert render(DIAGRAM, "dot") == (
        'digraph "a \\"test\\"" {\n'
        "    rankdir=LR;\n"
        "    node [shape=box];\n"
        '    n0 [label="dev\\nbase, ad-hoc"];\n'
        '    n1 [label="alpha\\n<the \\"first\\">"];\n'
        '    n2 [label="inner\\npart"];\n'
        '    n3 [label="beta\\nenvironment"];\n'
        "    n0 -> n1;\n"
        "    n0 -> n3;\n"
        "    n1 -> n2 [style=dotted, arrowhead=none];\n"
        "}\n"
    )


def test_an_empty_diagram_is_a_sentence() -> None:
    assert render(Diagram(title="x", nodes=(), edges=())) == "nothing exists yet\n"


def test_a_fresh_checkout_shows_its_projects(workspace: Workspace) -> None:
    assert render(workspace.orchestrator().graph()) == (
        "base  project of every base\n└── app  project of every environment\n"
    )


def test_stacks_are_below_their_base(workspace: Workspace) -> None:
    workspace.orchestrator().create_env(["alpha", "beta"], base="dev")
    workspace.engine.has(Unit("base", "qa"))
    workspace.engine.has(Unit("app", "lost"), outputs={})
    assert render(workspace.orchestrator().graph()) == (
        "lost  environment, ad-hoc, 3 resources, base unknown\n"
        "dev  base, ad-hoc, 3 resources\n"
        "├── alpha  environment, ad-hoc, 3 resources\n"
        "└── beta  environment, ad-hoc, 3 resources\n"
        "qa  base, ad-hoc, 3 resources\n"
    )


def test_with_several_projects_each_stack_names_its_project(workspace: Workspace) -> None:
    toml = TOML + '[projects.database]\npath = "projects/database"\nscope = "base"\ndepends_on = ["base"]\n'
    toml = toml.replace('depends_on = ["base"]\ntemplate = "alpha"', 'depends_on = ["base", "database"]')
    several = Workspace(workspace.root, toml, {"base": "django-base", "database": "db", "app": "django-app"})
    several.orchestrator().create_env("alpha", base="dev")
    assert render(several.orchestrator().graph()) == (
        "base/dev  base, ad-hoc, 3 resources\n"
        "└── database/dev  base, ad-hoc, 3 resources\n"
        "    └── alpha  environment, ad-hoc, 3 resources  (also on base/dev)\n"
    )


def urn(name: str) -> str:
    return f"urn:pulumi:alpha::app::t::{name}"


def resource(
    name: str, parent: str | None = None, *dependencies: str, type: str = "aws:ecs/service:Service"
) -> StackResource:
    return StackResource(
        urn=urn(name),
        type=type,
        name=name,
        parent=urn(parent) if parent else None,
        dependencies=tuple(urn(dependency) for dependency in dependencies),
    )


def test_resources_are_below_their_parents() -> None:
    diagram = of_resources(
        "alpha",
        {
            Unit("app", "alpha"): [
                resource("app-alpha", type="pulumi:pulumi:Stack"),
                resource("alpha", "app-alpha", type="pulumi-django:app:AdHocApp"),
                resource("other", "app-alpha"),
                resource("web", "alpha", "definition", "definition", "web", "elsewhere"),
                resource("definition", "alpha", type="aws:ecs/taskDefinition:TaskDefinition"),
                resource("orphan", "gone"),
            ]
        },
    )
    assert render(diagram) == (
        "app-alpha  pulumi:pulumi:Stack\n"
        "├── alpha  pulumi-django:app:AdHocApp\n"
        "│   ├── web  aws:ecs:Service\n"
        "│   └── definition  aws:ecs:TaskDefinition\n"
        "└── other  aws:ecs:Service\n"
        "orphan  aws:ecs:Service\n"
    )
    assert diagram.edges == ((urn("definition"), urn("web")),)


def test_a_very_deep_tree_can_be_drawn() -> None:
    chain = [resource("r0"), *(resource(f"r{depth}", f"r{depth - 1}") for depth in range(1, 3000))]
    assert render(of_resources("alpha", {Unit("app", "alpha"): chain})).count("\n") == 3000


@pytest.mark.parametrize("name", ["alpha", "environment/alpha", "base/dev"])
def test_the_resources_of_one_name_can_be_drawn_in_every_format(workspace: Workspace, name: str) -> None:
    workspace.orchestrator().create_env("alpha", base="dev")
    diagram = workspace.orchestrator().graph(name)
    assert len(diagram.nodes) == 3
    for format in FORMATS:
        assert re.search(rf"{name.rpartition('/')[2]}-second", render(diagram, format))


def test_the_kind_of_a_record_is_shown(workspace: Workspace) -> None:
    workspace.engine.has(Unit("base", "live"), record=Record(kind=StackKind.PROD))
    assert render(workspace.orchestrator().graph()) == "live  base, prod, 3 resources\n"
