"""A program's permissions boundary is on every role of a stack. Without one nothing changes."""

from __future__ import annotations

from collections.abc import Callable

import pulumi
import pulumi_aws as aws
import pytest

from pulumi_django import AdHocBase, AdHocBaseArgs, ProdApp, ProdAppArgs, ProdBase, ProdBaseArgs, ProdWebOptions
from pulumi_django.policies.role_boundary import permissions_boundary
from pulumi_django.program.config import ConfigError
from pulumi_django.testing import SimulationResult, simulate
from tests.support.projects import simulate_alpha, simulate_dev, simulate_project

BOUNDARY = "arn:aws:iam::123456789012:policy/pulumi-django/pulumi-django-deploy-boundary"
ROLE, PROFILE = "aws:iam/role:Role", "aws:iam/instanceProfile:InstanceProfile"


def run(program: Callable[[], object]) -> SimulationResult:
    return simulate(lambda: program() and None, project="django-prod", stack="shop")


def bounded() -> pulumi.ResourceOptions:
    return pulumi.ResourceOptions(transformations=[permissions_boundary(BOUNDARY)])


def production() -> None:
    base = ProdBase("prod", ProdBaseArgs(region="us-east-1", domain_name="example.com"), bounded())
    args = ProdAppArgs(
        base=base.contract,
        settings_module="shop.settings",
        web=ProdWebOptions(paths=("/api/*",)),
        backend_image="shop-backend:v1",
        frontend_image="shop-frontend:v1",
    )
    ProdApp("shop", args, bounded())


def assert_all_bounded(result: SimulationResult, roles: int) -> None:
    assert len(result.of_type(ROLE)) == roles
    for role in result.of_type(ROLE):
        assert (role.inputs["permissionsBoundary"], role.inputs["path"]) == (BOUNDARY, "/pulumi-django/"), role.name
    for profile in result.of_type(PROFILE):
        assert profile.inputs["path"] == "/pulumi-django/", profile.name


def test_every_role_of_production_has_the_boundary_and_its_path() -> None:
    assert_all_bounded(run(production), roles=7)


def test_the_boundary_adds_no_resource_and_renames_none() -> None:
    plain = run(lambda: AdHocBase("dev", AdHocBaseArgs(region="us-east-1")))
    with_boundary = run(lambda: AdHocBase("dev", AdHocBaseArgs(region="us-east-1"), bounded()))
    before, after = ({r.urn: {*r.inputs} for r in result.resources} for result in (plain, with_boundary))
    assert set(before) == set(after)
    changed = {urn.rpartition("$")[2].partition("::")[0] for urn in before if before[urn] != after[urn]}
    assert changed == {ROLE, PROFILE}


def test_a_role_keeps_its_own_boundary() -> None:
    def program() -> None:
        aws.iam.Role("mine", assume_role_policy="{}", permissions_boundary="arn:own", path="/own/", opts=bounded())

    role = run(program).one(ROLE)
    assert (role.inputs["permissionsBoundary"], role.inputs["path"]) == ("arn:own", "/own/")


def test_the_projects_set_the_boundary_of_their_configuration() -> None:
    base = simulate_dev(changes={"django-base:permissions_boundary": BOUNDARY})
    assert_all_bounded(base, roles=1)
    assert_all_bounded(simulate_alpha(base, changes={"django-app:permissions_boundary": BOUNDARY}), roles=4)


def test_the_projects_set_no_boundary_without_configuration() -> None:
    base = simulate_dev()
    for result in (base, simulate_alpha(base)):
        assert [r.name for r in result.of_type(ROLE) if {"permissionsBoundary", "path"} & {*r.inputs}] == []


@pytest.mark.parametrize(
    "arn", ["", "pulumi-django-boundary", "arn:aws:iam::1:policy/x", "arn:aws:iam::123456789012:role/x"]
)
def test_text_that_is_no_policy_arn_is_refused(arn: str) -> None:
    with pytest.raises(ValueError, match=r"permissions_boundary is '.*': it must be the ARN of an IAM policy"):
        permissions_boundary(arn)


def test_the_error_for_an_invalid_boundary_names_its_key() -> None:
    with pytest.raises(ConfigError, match=r"(?s)Pulumi\.dev\.yaml.*permissions_boundary is 'x': it must be the ARN"):
        simulate_project("base", "dev", changes={"django-base:permissions_boundary": "x"})
