"""Every example has the lines, resources and cost that its README states."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from pulumi_django.testing import SimulationResult
from pulumi_django.testing.mocks import taggable
from tests.support.examples import EXAMPLES, RUNS, figures, project_name, readme_figures, run

MOST_LINES = 70
"""The largest number of lines of a program."""

OTHER_LANGUAGES = "languages"
"""Programs that the simulation cannot run; `test_languages.py` has their tests."""


def test_every_folder_is_tested() -> None:
    folders = {folder.name for folder in EXAMPLES.iterdir() if any(folder.rglob("Pulumi.yaml"))}
    assert set(RUNS) | {OTHER_LANGUAGES} == folders


def test_no_two_projects_have_the_same_name() -> None:
    names = [project_name(file.parent) for file in EXAMPLES.rglob("Pulumi.yaml")]
    assert len(names) == len(set(names)) >= len(RUNS)


@pytest.mark.parametrize("example", RUNS)
def test_a_program_has_at_most_70_lines(example: str) -> None:
    assert max(int(number) for number in figures(example)["program"]) <= MOST_LINES


@pytest.mark.parametrize("example", RUNS)
def test_the_readme_states_the_lines_the_resources_and_the_cost(example: str) -> None:
    assert readme_figures(example) == figures(example), "run python -m tests.support.examples"


@pytest.mark.parametrize("example", RUNS)
def test_preview_shows_the_same_resources_as_an_update(example: str) -> None:
    def urns(results: Sequence[SimulationResult]) -> list[set[str]]:
        return [{resource.urn for resource in result.resources} for result in results]

    assert urns(RUNS[example](True)) == urns(run(example))


@pytest.mark.parametrize("example", RUNS)
def test_every_resource_has_the_tag_that_the_deploy_role_requires(example: str) -> None:
    for result in run(example):
        tagged = [r for r in result.resources if taggable(r.type) and not r.read]
        assert tagged
        for resource in tagged:
            assert resource.outputs["tagsAll"]["managed-by"] == "pulumi-django", resource.urn


@pytest.mark.parametrize("example", RUNS)
def test_only_web_ports_are_open_to_the_world(example: str) -> None:
    rule_type = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
    rules = [rule.inputs for result in run(example) for rule in result.of_type(rule_type)]
    open_ports = {(rule["fromPort"], rule["toPort"]) for rule in rules if rule.get("cidrIpv4") == "0.0.0.0/0"}
    assert open_ports <= {(80, 80), (443, 443)}
