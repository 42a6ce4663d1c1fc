"""The service whose variables a command gets."""

from __future__ import annotations

import pytest

from orchestrator.config import settings
from orchestrator.errors import UsageError
from orchestrator.local.facade import Local
from orchestrator.local.state import LocalServiceState, LocalState
from tests.orchestrator.local.conftest import SHOP


def state(service: str, container: str, status: str) -> LocalServiceState:
    return LocalServiceState(
        service=service, container=container, status=status, pid=1, address=None, restarts=0, reason=None
    )


@pytest.mark.parametrize(
    ("service", "container"),
    [
        (None, "gunicorn"),
        ("web", "gunicorn"),
        ("gunicorn", "gunicorn"),
        ("nginx", "nginx"),
        ("channels", "channels"),
        ("default", "default"),
    ],
)
def test_a_command_gets_the_variables_of_the_services_own_container(
    service: str | None, container: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = [
        state("channels", "channels", "healthy"),
        state("gunicorn", "nginx", "healthy"),
        state("gunicorn", "gunicorn", "stopped"),
        state("default", "default", "running"),
    ]
    names = [each.container for each in services]
    found = LocalState(
        environment="alpha",
        url="http://alpha.localhost:8080",
        code="/",
        started="",
        pid=1,
        services=services,
        web="gunicorn",
        variables={name: {"PATH": "/bin:/usr/bin", "CONTAINER": name} for name in names},
    )
    local = Local(settings.load(SHOP / "infrastructure"))
    monkeypatch.setattr(local, "ps", lambda _name: found)
    wanted = f'test "$CONTAINER" = {container}'
    assert local.run("alpha", ["sh", "-c", wanted], service=service) == 0
    with pytest.raises(UsageError, match="alpha has no service 'beat' here: it has channels, gunicorn, default"):
        local.run("alpha", ["true"], service="beat")
