"""Two environments on one base never answer one host."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from orchestrator import Orchestrator
from orchestrator.errors import RefusedError
from orchestrator.lifecycle import CreateEnv, PreviewEnv, UpdateEnv
from orchestrator.model import StackResource, Unit
from tests.support.engines import Workshop
from tests.support.workspace import APP_CONFIG, Workspace

ROOT = Path(__file__).parents[3]


def configured(workspace: Workspace, name: str, *lines: str) -> None:
    config = APP_CONFIG.replace("listener_slot: 0", f"listener_slot: {5 if name == 'alpha' else 6}")
    workspace.write("app", name, config + "".join(f"  django-app:{line}\n" for line in lines))


def refusal(workspace: Workspace, request: Any) -> RefusedError:
    calls = len(workspace.engine.calls)
    with pytest.raises(RefusedError) as caught:
        workspace.orchestrator().prepare(request)
    assert len(workspace.engine.calls) == calls
    return caught.value


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
def test_a_host_that_another_environment_has_is_refused(
    workspace: Workspace, alpha: list[str], beta: list[str], host: str
) -> None:
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
        # Nothing of alpha answers alpha.example.com.
        (["web: {hosts: [api.example.com]}"], ["host: alpha.example.com"]),
        # Without a frontend its hosts are nobody's.
        (["frontend: {hosts: [x.example.com]}"], ["host: x.example.com"]),
    ],
)
def test_different_hosts_stand_beside_each_other(workspace: Workspace, alpha: list[str], beta: list[str]) -> None:
    configured(workspace, "alpha", *alpha)
    configured(workspace, "beta", *beta)
    assert workspace.orchestrator().create_env(["alpha", "beta"], base="dev").exit_code == 0
    assert workspace.orchestrator().update_env(["alpha", "beta"]).exit_code == 0


def test_an_update_that_takes_a_host_of_another_is_refused(workspace: Workspace) -> None:
    configured(workspace, "beta")
    workspace.orchestrator().create_env(["alpha", "beta"], base="dev")
    configured(workspace, "beta", "extra_hosts: [alpha.example.com]")
    assert "beta cannot have the host alpha.example.com" in refusal(workspace, UpdateEnv(names=("beta",))).message


def test_the_state_counts_where_the_file_is_silent(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_environments_that_met_before_can_still_be_updated(
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


def test_in_the_example_projects_a_new_environment_has_a_host_of_its_own(tmp_path: Path) -> None:
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
    # The domain's own record is in the state, whatever the file says later.
    template.write_text(template.read_text().replace("shop.example.com", "moved.example.com"))
    with pytest.raises(RefusedError, match=r"gamma cannot have the host shop.example.com"):
        orchestrator.create_env("gamma", base="dev", values={"host": "shop.example.com"})


@pytest.mark.parametrize("engine", ["simulation", pytest.param("pulumi", marks=pytest.mark.engine)])
def test_both_engines_know_the_hosts_of_a_state(engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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
