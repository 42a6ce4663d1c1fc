"""What cannot change while something exists is refused before any work."""

from __future__ import annotations

import pytest

from orchestrator.errors import RefusedError
from orchestrator.lifecycle import CreateEnv, UpdateBase
from orchestrator.model import Kind, OutputValue, Record, Unit
from tests.support.workspace import APP_CONFIG, BASE_CONFIG, Workspace

DEV = Unit("base", "dev")


def base(workspace: Workspace, **outputs: object) -> None:
    """The base `dev` exists with these outputs."""
    workspace.engine.has(
        DEV,
        outputs={name: OutputValue(value=value) for name, value in {"contract_version": 1, **outputs}.items()},
        record=Record(kind=Kind.AD_HOC),
    )


def refused(workspace: Workspace, *, update: bool = False) -> RefusedError:
    request = UpdateBase(names=("dev",)) if update else CreateEnv(names=("alpha",), base="dev")
    with pytest.raises(RefusedError) as caught:
        workspace.orchestrator().prepare(request)
    return caught.value


def test_an_environment_in_another_region_than_its_base_is_refused(workspace: Workspace) -> None:
    base(workspace, region="us-east-1", domain_name="example.com")
    error = refused(workspace)
    assert error.message == "the environment alpha cannot be in eu-west-1: its base dev is in us-east-1"
    assert error.hint == (
        "set aws:region to us-east-1, or create another base in eu-west-1: nothing moves between regions"
    )


def test_an_environment_in_another_region_than_a_base_that_is_created_with_it_is_refused(workspace: Workspace) -> None:
    workspace.write("base", "dev", BASE_CONFIG.replace("eu-west-1", "us-east-1"))
    assert refused(workspace).message == "the environment alpha cannot be in eu-west-1: its base dev is in us-east-1"
    assert workspace.engine.kept == {}


def test_a_base_does_not_move_to_another_region(workspace: Workspace) -> None:
    base(workspace, region="us-east-1", domain_name="example.com")
    assert refused(workspace, update=True).message == "the base dev cannot be in eu-west-1: it exists in us-east-1"


def test_the_domain_of_a_base_with_environments_stays(workspace: Workspace) -> None:
    base(workspace, region="eu-west-1", domain_name="example.com")
    workspace.engine.has(Unit("app", "alpha"), record=Record(kind=Kind.AD_HOC, base="dev"))
    workspace.write("base", "dev", BASE_CONFIG.replace("example.com", "example.org"))
    error = refused(workspace, update=True)
    assert error.message == "the domain of the base dev is example.com and cannot become example.org: alpha is on it"
    assert error.hint == "create another base with the new domain, or destroy the environments first"


def test_a_base_without_environments_gets_another_domain(workspace: Workspace) -> None:
    base(workspace, region="eu-west-1", domain_name="example.com")
    workspace.write("base", "dev", BASE_CONFIG.replace("example.com", "example.org"))
    assert workspace.orchestrator().update_base("dev").exit_code == 0


def test_a_base_keeps_its_key_because_its_data_needs_it(workspace: Workspace) -> None:
    arn = "arn:aws:kms:eu-west-1:123456789012:key/1"
    base(workspace, region="eu-west-1", domain_name="example.com", kms_key_arn=arn)
    workspace.write("base", "dev", f"{BASE_CONFIG}  django-base:encryption_key: false\n")
    error = refused(workspace, update=True)
    assert error.message == (
        f"the base dev cannot lose its key {arn}: its logs, secrets and cache, and those of its environments, could no longer "
        "be read"
    )
    assert error.hint == "remove `encryption_key: false`, or create another base with it"


def test_a_base_without_a_key_stays_without_one(workspace: Workspace) -> None:
    base(workspace, region="eu-west-1", domain_name="example.com", kms_key_arn=None)
    workspace.write("base", "dev", f"{BASE_CONFIG}  django-base:encryption_key: false\n")
    assert workspace.orchestrator().update_base("dev").exit_code == 0


@pytest.mark.parametrize("existing", [True, False])
@pytest.mark.parametrize("host", ["shop.example.org", "a.b.example.com"])
def test_a_host_that_the_certificate_of_the_base_does_not_cover_is_refused(
    workspace: Workspace, host: str, existing: bool
) -> None:
    if existing:
        base(workspace, region="eu-west-1", domain_name="example.com", own_certificate=True)
    workspace.write("app", "alpha", f"{APP_CONFIG}  django-app:host: {host}\n")
    assert refused(workspace).message == (
        f"alpha cannot have the host {host}: the certificate of the base dev covers example.com and the names one label below it"
    )


def test_a_further_certificate_of_the_base_can_cover_the_host(workspace: Workspace) -> None:
    certificate = "arn:aws:acm:eu-west-1:123456789012:certificate/0"
    workspace.write("base", "dev", f"{BASE_CONFIG}  django-base:extra_certificate_arns: [{certificate}]\n")
    workspace.write("app", "alpha", f"{APP_CONFIG}  django-app:host: shop.example.org\n")
    assert workspace.orchestrator().create_env("alpha", base="dev").exit_code == 0


def test_hosts_of_distributions_have_certificates_of_their_own(workspace: Workspace) -> None:
    workspace.write("app", "alpha", f"{APP_CONFIG}  django-app:cdn: {{}}\n")
    assert workspace.orchestrator().create_env("alpha", base="dev").exit_code == 0
