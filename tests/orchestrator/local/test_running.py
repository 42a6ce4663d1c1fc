"""The targets of the front door."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from orchestrator.local import routes, tasks
from orchestrator.local.addresses import Place
from orchestrator.local.declaration import Declaration
from orchestrator.local.processes import Program
from orchestrator.local.programs import LocalContainer, LocalService
from orchestrator.local.routes import HealthCheck
from orchestrator.local.running import targets
from orchestrator.local.tasks import Container, Service, Target


def local(service: Service, *names: str) -> LocalService:
    containers = [
        LocalContainer(
            service=service.short,
            program=Program(name=name, words=[name], environment={}, folder=Path("/")),
            from_code=True,
        )
        for name in names
    ]
    return LocalService(service=service, place=Place(address="127.64.0.5", ports={8000: 8001}), containers=containers)


def test_the_front_door_sends_requests_to_the_container_of_the_target_group(alpha: Declaration) -> None:
    web = tasks.read(alpha).services[2]
    (found,) = targets([local(web, "gunicorn")], routes.read(alpha)).values()
    assert (found.service, found.address, found.port) == ("gunicorn", "127.64.0.5", 8001)
    assert (found.check.path, found.grace_seconds) == ("/health/", 60)


def test_without_the_proxy_of_the_task_requests_go_to_the_application_itself(alpha: Declaration) -> None:
    web = tasks.read(alpha).services[2]
    nginx = Container(name="nginx", image="nginx:1", ports=[80])
    task = replace(web.task, containers=[*web.task.containers, nginx])
    behind = replace(web, task=task, targets=[Target(group=web.targets[0].group, container="nginx", port=80)])
    (found,) = targets([local(behind, "gunicorn")], routes.read(alpha)).values()
    assert found.port == 8001


def test_only_a_proxy_that_runs_here_speaks_the_tls_of_its_target_group(alpha: Declaration) -> None:
    web, rules = tasks.read(alpha).services[2], routes.read(alpha)
    group = web.targets[0].group
    secure = replace(rules, tls=frozenset([group]), checks={group: HealthCheck(path="/health/", tls=True)})
    task = replace(web.task, containers=[*web.task.containers, Container(name="nginx", image="nginx:1", ports=[443])])
    behind = replace(web, task=task, targets=[Target(group=group, container="nginx", port=443)])
    (proxied,) = targets([local(behind, "gunicorn", "nginx")], secure).values()
    assert (proxied.port, proxied.tls, proxied.check.tls) == (443, True, True)
    (direct,) = targets([local(behind, "gunicorn")], secure).values()
    assert (direct.port, direct.tls, direct.check.tls) == (8001, False, False)
