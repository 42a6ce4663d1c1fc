"""Hosts and account names that another environment already has."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from orchestrator import Orchestrator
from orchestrator.errors import RefusedError
from orchestrator.lifecycle import CreateEnv, PreviewEnv, UpdateBase, UpdateEnv
from orchestrator.model import OutputValue, StackResource, Unit
from tests.support.engines import Workshop
from tests.support.workspace import APP_CONFIG, BASE_CONFIG, Workspace

ROOT = Path(__file__).parents[3]


def configured(workspace: Workspace, name: str, *lines: str) -> None:
    config = APP_CONFIG.replace("listener_slot: 0", f"listener_slot: {5 if name == 'alpha' else 6}")
    workspace.write("app", name, config + "".join(f"  django-app:{line}\n" for line in lines))


def refusal(workspace: Workspace, request: Any) -> RefusedError:
    """The refusal of a request; no unit ran and no file changed."""
    before, calls = workspace.files(), len(workspace.engine.calls)
    with pytest.raises(RefusedError) as caught:
        workspace.orchestrator().prepare(request)
    assert (workspace.files(), len(workspace.engine.calls)) == (before, calls)
    return caught.value


# hosts


@pytest.mark.parametrize(
    ("alpha", "beta", "host"),
    [
        (["host: shop.example.com"], ["host: shop.example.com"], "shop.example.com"),
        ([], ["host: alpha.example.com"], "alpha.example.com"),
        (["host: beta.example.com"], [], "beta.example.com"),
        (["extra_hosts: [x.example.com]"], ["extra_hosts: [y.example.com, x.example.com]"], "x.example.com"),
        (["web: {hosts: [x.example.com]}"], ["host: x.example.com"], "x.example.com"),
        (
            ["frontend_image: 'f:1'", "frontend: {hosts: [x.example.com]}"],
            ["web: {hosts: [x.example.com]}"],
            "x.example.com",
        ),
        (["extra_hosts: ['*.t.example.com']"], ["host: a.t.example.com"], "a.t.example.com"),
        (["host: example.com", "static_site: {}"], ["host: www.example.com"], "www.example.com"),
        (["cdn: {}"], ["extra_hosts: [static.alpha.example.com]"], "static.alpha.example.com"),
        (["static_site: {host: s.example.com}"], ["static_site: {host: s.example.com}"], "s.example.com"),
    ],
)
def test_a_host_of_another_environment_is_refused(
    workspace: Workspace, alpha: list[str], beta: list[str], host: str
) -> None:
    certificate = "arn:aws:acm:eu-west-1:123456789012:certificate/0"  # covers what the base's own one does not
    workspace.write("base", "dev", f"{BASE_CONFIG}  django-base:extra_certificate_arns: [{certificate}]\n")
    configured(workspace, "alpha", *alpha)
    configured(workspace, "beta", *beta)
    both = refusal(workspace, CreateEnv(names=("alpha", "beta"), base="dev"))
    assert "example.com" in both.message
    workspace.orchestrator().create_env("alpha", base="dev")
    for request in (CreateEnv(names=("beta",), base="dev"), PreviewEnv(name="beta", base="dev")):
        error = refusal(workspace, request)
        assert error.message == f"beta cannot have the host {host}: alpha on the base dev serves it"
        assert error.hint == "give beta another host, or remove it from alpha and update alpha first"


@pytest.mark.parametrize(
    ("alpha", "beta"),
    [
        (["host: shop.example.com"], ["host: other.example.com"]),
        (["services: {admin: {hosts: [a.example.com]}}"], ["services: {admin: {hosts: [b.example.com]}}"]),
        # alpha does not serve alpha.example.com.
        (["web: {hosts: [api.example.com]}"], ["host: alpha.example.com"]),
        # Without a frontend, its hosts are free.
        (["frontend: {hosts: [x.example.com]}"], ["host: x.example.com"]),
    ],
)
def test_environments_with_different_hosts_are_created(workspace: Workspace, alpha: list[str], beta: list[str]) -> None:
    configured(workspace, "alpha", *alpha)
    configured(workspace, "beta", *beta)
    assert workspace.orchestrator().create_env(["alpha", "beta"], base="dev").exit_code == 0
    assert workspace.orchestrator().update_env(["alpha", "beta"]).exit_code == 0


def test_an_update_that_takes_a_host_of_another_environment_is_refused(workspace: Workspace) -> None:
    configured(workspace, "beta")
    workspace.orchestrator().create_env(["alpha", "beta"], base="dev")
    configured(workspace, "beta", "extra_hosts: [alpha.example.com]")
    assert "beta cannot have the host alpha.example.com" in refusal(workspace, UpdateEnv(names=("beta",))).message


def test_hosts_in_the_state_count_too(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace.orchestrator().create_env("alpha", base="dev")
    rule = StackResource(
        urn="urn:rule",
        type="aws:lb/listenerRule:ListenerRule",
        name="rule",
        inputs={"conditions": [{"pathPattern": {"values": ["/*"]}}, {"hostHeader": {"values": ["x.example.com"]}}]},
    )
    record = StackResource(
        urn="urn:record", type="aws:route53/record:Record", name="r", inputs={"name": "y.example.com.", "type": "A"}
    )
    alpha = Unit("app", "alpha")
    monkeypatch.setattr(workspace.engine, "resources", lambda unit: (rule, record) if unit == alpha else ())
    for host in ("x.example.com", "y.example.com"):
        configured(workspace, "beta", f"host: {host}")
        assert f"the host {host}: alpha on" in refusal(workspace, CreateEnv(names=("beta",), base="dev")).message


def test_environments_that_already_share_a_host_can_be_updated(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    configured(workspace, "beta")
    workspace.orchestrator().create_env(["alpha", "beta"], base="dev")
    rule = StackResource(
        urn="urn:rule",
        type="aws:lb/listenerRule:ListenerRule",
        name="rule",
        inputs={"conditions": [{"hostHeader": {"values": ["beta.example.com", "alpha.example.com"]}}]},
    )
    monkeypatch.setattr(workspace.engine, "resources", lambda _unit: (rule,))
    assert workspace.orchestrator().update_env("beta").exit_code == 0


def test_a_new_environment_of_the_example_projects_does_not_copy_the_host_of_the_template(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "projects", tmp_path / "projects")
    shutil.copy(ROOT / "orchestrator.toml", tmp_path)
    template = tmp_path / "projects/app/Pulumi.alpha.yaml"
    template.write_text(template.read_text().rstrip("\n") + "\n  django-app:host: shop.example.com\n")
    orchestrator = Orchestrator(tmp_path, engine="simulation")
    assert orchestrator.create_env("alpha", base="dev").exit_code == 0
    assert orchestrator.create_env("beta", base="dev").exit_code == 0
    found = {name: it.url for name, it in orchestrator.registry().environments.items()}
    assert found == {"alpha": "https://shop.example.com", "beta": "https://beta.example.com"}
    with pytest.raises(RefusedError, match=r"gamma cannot have the host shop.example.com: alpha on the base dev"):
        orchestrator.create_env("gamma", base="dev", values={"host": "shop.example.com"})
    # The state still has the record after the file changes.
    template.write_text(template.read_text().replace("shop.example.com", "moved.example.com"))
    with pytest.raises(RefusedError, match=r"gamma cannot have the host shop.example.com"):
        orchestrator.create_env("gamma", base="dev", values={"host": "shop.example.com"})


@pytest.mark.parametrize("engine", ["simulation", pytest.param("pulumi", marks=pytest.mark.engine)])
def test_both_engines_read_the_hosts_of_a_state(engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = Workshop(tmp_path / "shop", engine, monkeypatch.setenv)
    program = shop.folder / "app" / "__main__.py"
    record = 'aws.route53.Record("host", zone_id="Z1", name=config.require("host"), type="A", ttl=5, records=["192.0.2.1"])\n'
    program.write_text(program.read_text() + record)
    orchestrator = Orchestrator(shop.folder, engine=engine)
    assert orchestrator.create_env("alpha", base="dev", values={"host": "shop.example.com"}).exit_code == 0
    shop.configure(Unit("app", "alpha"), base="dev", host="moved.example.com", listener_slot=0)
    for host in ("shop.example.com", "moved.example.com"):
        with pytest.raises(RefusedError, match=f"beta cannot have the host {host}: alpha on the base dev serves it"):
            orchestrator.create_env("beta", base="dev", values={"host": host})
    assert set(orchestrator.registry().environments) == {"alpha"}


# names in an account


def exists(workspace: Workspace, name: str, *families: str) -> None:
    """An environment whose outputs name these task families."""
    workspace.orchestrator().create_env(name, base="dev")
    workspace.engine.kept[Unit("app", name)].outputs["task_families"] = OutputValue(value=list(families))


def configured_without_slot(workspace: Workspace, name: str, text: str) -> None:
    workspace.write("app", name, APP_CONFIG.replace("  django-app:listener_slot: 0\n", "") + text)


@pytest.mark.parametrize(
    ("existing", "families", "new", "text", "met"),
    [
        ("alpha", ["alpha-beta-gunicorn"], "alpha-beta", "", "alpha-beta-gunicorn"),
        ("alpha", ["alpha-beta-default"], "alpha-beta", "", "alpha-beta-default"),
        ("alpha-beta", ["alpha-beta-mail"], "alpha", "  django-app:workers: {beta-mail: {}}\n", "alpha-beta-mail"),
        ("alpha-beta", ["alpha-beta-web"], "alpha", "  django-app:web: {service: beta-web}\n", "alpha-beta-web"),
        ("alpha", ["alpha-b-mail-dead"], "alpha-b", "  django-app:workers: {mail: {}}\n", "alpha-b-mail-dead"),
        ("alpha", ["alpha-b-mail"], "alpha-b", "  django-app:workers: {mail-dead: {}, mail: {}}\n", "alpha-b-mail"),
        ("alpha-b", ["alpha-b-ws"], "alpha", "  django-app:services: {b-ws: {paths: [/ws/*]}}\n", "alpha-b-ws"),
        ("alpha-b", ["alpha-b-tidy"], "alpha", "  django-app:scheduled_commands: {b-tidy: {}}\n", "alpha-b-tidy"),
    ],
)
def test_a_name_that_another_environment_has_in_the_account_is_refused(
    workspace: Workspace, existing: str, families: list[str], new: str, text: str, met: str
) -> None:
    configured_without_slot(workspace, existing, "")
    exists(workspace, existing, *families)
    configured_without_slot(workspace, new, text)
    error = refusal(workspace, CreateEnv(names=(new,), base="dev"))
    assert error.message.startswith(
        f"the environment {new} would have the name {met}, which the environment {existing} already has"
    )


def test_two_new_environments_of_one_request_are_compared(workspace: Workspace) -> None:
    configured_without_slot(workspace, "alpha-beta", "")
    workspace.write("app", "alpha", APP_CONFIG + "  django-app:workers: {beta-default: {}}\n")
    error = refusal(workspace, CreateEnv(names=("alpha", "alpha-beta"), base="dev"))
    assert "alpha-beta would have the name alpha-beta-default, which the environment alpha already has" in error.message


def test_environments_with_different_names_are_created(workspace: Workspace) -> None:
    exists(workspace, "alpha", "alpha-gunicorn", "alpha-default")
    for name in ("alpha-beta", "alphabet"):
        assert workspace.orchestrator().create_env(name, base="dev").exit_code == 0
    assert set(workspace.orchestrator().registry().environments) == {"alpha", "alpha-beta", "alphabet"}


def test_an_environment_that_already_has_the_name_can_be_updated(workspace: Workspace) -> None:
    exists(workspace, "alpha", "alpha-gunicorn")
    exists(workspace, "alpha-beta", "alpha-beta-gunicorn")
    workspace.engine.kept[Unit("app", "alpha")].outputs["task_families"] = OutputValue(value=["alpha-beta-gunicorn"])
    assert workspace.orchestrator().update_env("alpha-beta").exit_code == 0


# parameters


def published_base(workspace: Workspace, *, publishes: bool) -> None:
    line = f"  django-base:publish_parameters: {str(publishes).lower()}\n"
    workspace.write("base", "dev", BASE_CONFIG + line)


def test_a_base_and_an_environment_of_one_name_publish_no_parameters_below_one_path(workspace: Workspace) -> None:
    published_base(workspace, publishes=True)
    configured_without_slot(workspace, "dev", "  django-app:publish_parameters: true\n")
    for existing in (False, True):
        error = refusal(workspace, CreateEnv(names=("dev",), base="dev"))
        assert "dev would publish its outputs as SSM parameters below /dev/, as the " in error.message
        if not existing:
            workspace.orchestrator().create_base("dev")
    published_base(workspace, publishes=False)
    workspace.orchestrator().create_env("dev", base="dev")
    published_base(workspace, publishes=True)
    error = refusal(workspace, UpdateBase(names=("dev",)))
    assert error.message.startswith("the base dev would publish its outputs as SSM parameters below /dev/")
