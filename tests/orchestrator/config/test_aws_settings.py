"""Operations, recovery and prices read `aws:*` like the programs."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.config.aws_settings import access_of, access_of_stacks
from orchestrator.config.projects import Project
from orchestrator.engines.automation import admission
from orchestrator.errors import SettingsError
from orchestrator.model import Scope
from pulumi_django.deploying.aws_access import AwsAccess
from pulumi_django.deploying.aws_settings import AssumedRole

ROLE = "arn:aws:iam::123456789012:role/deploy"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "Pulumi.yaml").write_text("name: django-base\nconfig:\n  aws:region: eu-west-1\n")
    return Project(key="base", path=tmp_path, name="django-base", scope=Scope.BASE)


def write(project: Project, *lines: str, stack: str = "dev") -> None:
    text = "\n".join(["config:", *(f"  {line}" for line in lines), ""])
    (project.path / f"Pulumi.{stack}.yaml").write_text(text)


def test_the_projects_values_and_the_stacks_make_one_access(project: Project) -> None:
    write(project, "aws:profile: 123456789012", f"aws:assumeRole: {{roleArn: {ROLE}, sessionName: ci}}")
    assert access_of(project, "dev", "us-east-1") == AwsAccess(
        region="eu-west-1", profile="123456789012", assume_roles=[AssumedRole(role_arn=ROLE, session_name="ci")]
    )


def test_a_given_region_applies_when_the_configuration_has_none(project: Project) -> None:
    (project.path / "Pulumi.yaml").write_text("name: django-base\n")
    assert access_of(project, "dev", "us-west-2") == AwsAccess(region="us-west-2")


def test_a_value_that_only_the_program_needs_does_not_block_operations(project: Project) -> None:
    (project.path / "Pulumi.yaml").write_text("name: django-base\nconfig:\n  asked: {type: string}\n")
    assert access_of(project, "absent") == AwsAccess()


def test_of_several_stacks_the_last_one_wins(project: Project) -> None:
    write(project, "aws:profile: one", "aws:maxRetries: 3")
    write(project, "aws:profile: two", stack="other")
    found = access_of_stacks([(project, "dev"), (project, "other")])
    assert (found.profile, found.max_retries) == ("two", 3)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("aws:profil: shop", "aws:profil is not a key of the AWS provider: did you mean profile?"),
        ("aws:sharedConfigFiles: [a, b]", "aws:sharedConfigFiles names 2 files"),
        ("aws:secretKey: {secure: v1:abc}", "aws:secretKey is encrypted, so only the program can read it"),
        (f"aws:assumeRoles: [{{roleArn: {ROLE}, externalId: {{secure: v1:abc}}}}]", "aws:assumeRoles is encrypted"),
    ],
)
def test_an_unusable_value_is_refused_with_file_and_key(project: Project, line: str, message: str) -> None:
    write(project, line)
    with pytest.raises(SettingsError) as refused:
        access_of(project, "dev")
    assert message in refused.value.message
    assert str(project.path / "Pulumi.dev.yaml") in refused.value.message


def test_an_encrypted_value_that_leads_nowhere_else_is_passed_over(project: Project) -> None:
    write(project, "aws:defaultTags: {tags: {owner: {secure: v1:abc}}}")
    assert access_of(project, "dev") == AwsAccess(region="eu-west-1")


def test_the_account_check_ignores_values_that_only_the_program_can_read(project: Project) -> None:
    write(project, "aws:secretKey: {secure: v1:abc}")
    assert admission.aws_config(project, "dev") is None
