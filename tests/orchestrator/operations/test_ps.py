"""`ps` and `open`: an environment at one moment."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import jsonschema
import pytest

from orchestrator.errors import UsageError
from orchestrator.operations import open_url, ps
from orchestrator.operations.aws.reach import for_target
from orchestrator.operations.events import Note
from orchestrator.operations.open_url import OpenUrl
from orchestrator.operations.ps import ListTasks, TasksResult
from orchestrator.rendering.operation_documents import outcome
from orchestrator.rendering.operation_text import processes
from orchestrator.rendering.schema import schema
from tests.orchestrator.operations.conftest import Account
from tests.support.fake_ecs import FakeAws, arn, container, crashed, deployment, running, service
from tests.support.operations import Heard, ScriptedClients, target

NOW = datetime.fromtimestamp(1_010_000, UTC)
IMAGE = "registry.example.com/shop:1.4"


def health(*states: str) -> dict[str, Any]:
    return {"TargetHealthDescriptions": [{"TargetHealth": {"State": state}} for state in states]}


def account(*deployments: dict[str, Any], **more: Any) -> FakeAws:
    """The web service with these deployments; its load balancer calls one of two targets healthy."""
    events = [{"createdAt": NOW - timedelta(seconds=30 * n), "message": f"event {n}"} for n in range(1, 6)]
    frame = service(
        *deployments,
        taskDefinition=deployments[0]["taskDefinition"],
        runningCount=deployments[0]["runningCount"],
        events=events,
        enableExecuteCommand=True,
    )
    fields: dict[str, Any] = {
        "frames": [(0, frame)],
        "containers": [container("gunicorn", image=IMAGE)],
        "answers": {"DescribeTargetHealth": health("healthy", "unhealthy")},
        **more,
    }
    return FakeAws(**fields)


def look(aws: FakeAws, **more: Any) -> TasksResult:
    return ps.run(ListTasks(services=("web",), **more), target(), ScriptedClients(aws))


def test_a_steady_service_with_its_tasks() -> None:
    result = look(account(deployment("5"), running=[running(1, "5", capacityProviderName="FARGATE_SPOT")]))
    (web,) = result.services
    assert (web.name, web.state, web.desired, web.running, web.healthy) == ("gunicorn", "steady", 1, 1, 1)
    assert (web.version, web.image, web.exec_enabled) == ("alpha-gunicorn:5", IMAGE, True)
    assert [event.text for event in web.events] == ["event 1", "event 2", "event 3"]
    (task,) = result.tasks
    assert (task.id, task.service, task.status, task.health) == (f"{1:032x}", "gunicorn", "RUNNING", None)
    assert (task.capacity, task.version) == ("FARGATE_SPOT", "alpha-gunicorn:5")
    assert result.steady


@pytest.mark.parametrize(
    ("deployments", "state"),
    [
        ([deployment("6", rolloutState="IN_PROGRESS"), deployment("5", status="ACTIVE")], "rolling out"),
        ([deployment("6", rolloutState="IN_PROGRESS", failedTasks=2), deployment("5", status="ACTIVE")], "failing"),
        ([deployment("6", rolloutState="FAILED", runningCount=0)], "failing"),
        ([deployment("5", desiredCount=0, runningCount=0)], "stopped"),
        ([deployment("5", runningCount=0)], "missing tasks"),
    ],
)
def test_the_state_of_a_service_is_one_word(deployments: list[dict[str, Any]], state: str) -> None:
    (web,) = look(account(*deployments)).services
    assert web.state == state


def test_why_the_last_task_stopped() -> None:
    crash = crashed(1, "5", group="service:alpha-gunicorn", stoppedAt=NOW - timedelta(minutes=2))
    earlier = crashed(2, "4", group="service:alpha-gunicorn", stoppedAt=NOW - timedelta(minutes=5))
    crash["containers"] = [{"name": "gunicorn", "exitCode": 137, "reason": "OutOfMemoryError: Container killed"}]
    (web,) = look(account(deployment("5"), stopped=[(0, earlier), (0, crash)])).services
    assert web.last_stop is not None
    assert web.last_stop.task == "crash1"
    assert web.last_stop.exit_code == 137
    assert web.last_stop.reason == (
        "ended with exit code 137 (OutOfMemoryError: Container killed; Essential container in task exited)"
    )
    assert str(web.last_stop.hint).startswith("its memory was used up: give it a larger size")


def test_without_the_right_to_ask_about_health_the_rest_is_shown() -> None:
    aws = account(deployment("5"), errors={"DescribeTargetHealth": [("AccessDenied", "no")]})
    (web,) = look(aws).services
    assert (web.state, web.healthy) == ("steady", None)


def test_a_container_check_counts_where_there_is_no_load_balancer() -> None:
    tasks = [running(1, "5", healthStatus="HEALTHY"), running(2, "5", healthStatus="UNHEALTHY")]
    aws = account(deployment("5"), running=tasks)
    aws.frames = [(0, {**dict(aws.frames[0][1] or {}), "loadBalancers": []})]
    assert look(aws).services[0].healthy == 1


def test_all_services_come_with_those_that_are_not_there_and_tasks_that_run_once() -> None:
    once = running(
        7, "3", group="family:alpha-backend_update", taskDefinitionArn=arn("task-definition", "alpha-backend_update:3")
    )
    result = ps.run(ListTasks(), target(), ScriptedClients(account(deployment("5"), running=[once, running(1, "5")])))
    assert [(s.name, s.state) for s in result.services] == [
        ("gunicorn", "steady"),
        ("web-ui", "not there"),
        ("default", "not there"),
        ("beat", "not there"),
        ("redis", "not there"),
    ]
    assert [(task.service, task.family) for task in result.tasks] == [
        ("gunicorn", "alpha-gunicorn"),
        (None, "alpha-backend_update"),
    ]
    assert not result.steady
    assert f"  (alpha-backend_update)  {7:032x}  running" in processes(result, NOW)


def test_an_environment_that_is_asleep_has_a_note_how_to_wake_it() -> None:
    heard = Heard()
    aws = account(deployment("5", desiredCount=0, runningCount=0))
    ps.run(ListTasks(services=("web",)), target(asleep=True), ScriptedClients(aws), heard)
    assert [note.text for note in heard.of(Note)] == ["alpha is asleep: wake it with `orchestrator wake alpha`"]


def test_an_unknown_service_is_refused() -> None:
    with pytest.raises(UsageError, match="alpha has no service 'x'"):
        ps.run(ListTasks(services=("x",)), target(), ScriptedClients(FakeAws()))


def test_what_people_see() -> None:
    crash = crashed(1, "6", group="service:alpha-gunicorn", stoppedAt=NOW - timedelta(minutes=2))
    deployments = [
        deployment("6", rolloutState="IN_PROGRESS", runningCount=0, failedTasks=1),
        deployment("5", status="ACTIVE"),
    ]
    aws = account(*deployments, running=[running(1, "5", healthStatus="HEALTHY")], stopped=[(0, crash)])
    assert processes(look(aws), NOW) == (
        "SERVICE   STATE        TASKS  HEALTHY  VERSION  IMAGE\n"
        f"gunicorn  rolling out  0/1    1        6        {IMAGE}\n"
        "            primary    0/1             6        1 failed\n"
        "            active     1/1             5\n"
        "\n"
        "tasks\n"
        "  gunicorn  00000000000000000000000000000001  running  healthy  2h\n"
        "\n"
        "last stopped\n"
        "  gunicorn  2m ago  task crash1 ended with exit code 1 (Essential container in task exited)\n"
        "\n"
        "last events\n"
        "  30s ago  event 1\n"
        "  1m ago   event 2\n"
        "  1m ago   event 3\n"
    )


def test_the_document_keeps_its_schema() -> None:
    written = outcome("alpha", look(account(deployment("5"), running=[running(1, "5")])), None, None)
    jsonschema.validate(json.loads(json.dumps(written)), schema("ps"), format_checker=jsonschema.FormatChecker())
    found = written["result"]
    assert found["services"][0]["events"][0] == {"at": "1970-01-12T16:32:50.000+00:00", "text": "event 1"}
    assert found["tasks"][0]["started"] == "1970-01-12T13:46:41.000+00:00"


def test_moto_answers_the_same_calls(account: Account) -> None:
    account.create_services()
    result = ps.run(ListTasks(), account.target, account.clients)
    assert next((s.name, s.desired, s.image) for s in result.services) == (
        "gunicorn",
        1,
        "registry.example.com/gunicorn:1",
    )
    assert result.tasks == ()


def test_in_the_simulation_it_asks_each_question_once() -> None:
    simulated = target(notice="simulation: nothing is created in AWS")
    clients = for_target(simulated)
    assert clients.simulated
    assert ps.run(ListTasks(), simulated, clients).steady
    assert [call.operation for call in clients.calls[:5]] == [
        "DescribeServices",
        "ListTasks",
        "DescribeTasks",
        "ListTasks",
        "DescribeTasks",
    ]


# open


def test_open_gives_the_address_below_the_environments_root() -> None:
    clients = ScriptedClients(FakeAws())
    assert open_url.run(OpenUrl(), target(), clients).url == "https://alpha.example.com/"
    assert open_url.run(OpenUrl(path="/admin/"), target(), clients).url == "https://alpha.example.com/admin/"


def test_open_warns_when_the_environment_is_asleep() -> None:
    heard = Heard()
    open_url.run(OpenUrl(), target(asleep=True), ScriptedClients(FakeAws()), heard)
    assert [note.text for note in heard.of(Note)] == [
        "alpha is asleep: nothing answers at this address until `orchestrator wake alpha`"
    ]
