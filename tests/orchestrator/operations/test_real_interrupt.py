"""Ctrl-C against a real process with real signals, threads and sockets, and an emulated AWS."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from tests.support.fake_ecs import CLUSTER, REGION

ROOT = Path(__file__).parents[3]
PROGRAM = """
import sys
from orchestrator.errors import OrchestratorError
from orchestrator.lifecycle.interrupts import heard_by
from orchestrator.operations import run
from orchestrator.operations.aws.clients import AwsClients
from orchestrator.operations.run import OnInterrupt, RunCommand
from pulumi_django.deploying.aws_access import AwsAccess
from tests.support.operations import target

alpha = target(aws=AwsAccess(region="us-east-1", endpoints={{"ecs": {url!r}, "logs": {url!r}}}))
clients = AwsClients(alpha.aws)
try:
    with heard_by(clients.clock.wake):
        run.run(
            RunCommand(command=("sleep", "inf")), alpha, clients, lambda event: print(event, flush=True),
            decide=lambda task: OnInterrupt({choice!r}),
        )
except OrchestratorError as error:
    print(error.message, flush=True)
    sys.exit(error.exit_code)
"""


@pytest.fixture
def emulated(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """URL of an emulated AWS in which alpha's web service is, and tasks run for ever."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    try:
        _alpha(url)
        yield url
    finally:
        # Servers of one process share what they emulate.
        _moto(url, "state-manager/unset-transition", {"model_name": "ecs::task"})
        _moto(url, "reset")
        server.stop()


def _alpha(url: str) -> None:
    # Otherwise each look at a task brings it nearer to its end.
    slowly = {"model_name": "ecs::task", "transition": {"progression": "manual", "times": 10_000}}
    _moto(url, "state-manager/set-transition", slowly)
    clients = {name: _client(name, url) for name in ("ec2", "ecs")}
    subnet = clients["ec2"].describe_subnets()["Subnets"][0]["SubnetId"]
    ecs = clients["ecs"]
    ecs.create_cluster(clusterName=CLUSTER)
    ecs.register_task_definition(
        family="alpha-gunicorn",
        requiresCompatibilities=["FARGATE"],
        networkMode="awsvpc",
        cpu="256",
        memory="512",
        containerDefinitions=[{"name": "gunicorn", "image": "shop:1", "essential": True, "cpu": 256, "memory": 512}],
    )
    ecs.create_service(
        cluster=CLUSTER,
        serviceName="alpha-gunicorn",
        taskDefinition="alpha-gunicorn",
        desiredCount=1,
        launchType="FARGATE",
        networkConfiguration={"awsvpcConfiguration": {"subnets": [subnet], "securityGroups": []}},
    )


def _moto(url: str, what: str, body: object = None) -> None:
    urllib.request.urlopen(f"{url}/moto-api/{what}", json.dumps(body).encode(), timeout=300).close()


def _client(name: str, url: str) -> Any:
    make: Any = boto3.client
    return make(name, region_name=REGION, endpoint_url=url)


@pytest.mark.parametrize(
    ("choice", "stopped", "last"),
    [
        ("stop", True, "was stopped and ended with exit code 0 (interrupted by the user)"),
        ("leave", False, "still runs"),
    ],
)
def test_one_ctrl_c_does_what_the_user_chose_and_ends_with_130(
    emulated: str, choice: str, stopped: bool, last: str
) -> None:
    program = PROGRAM.format(url=emulated, choice=choice)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, env=environment, cwd=ROOT
    ) as process:
        assert process.stdout is not None
        assert "TaskMoved" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        rest = process.stdout.read()
    assert process.returncode == 130
    assert rest.splitlines()[-1].endswith(last)
    ecs = _client("ecs", emulated)
    listed = [
        task
        for wanted in ("RUNNING", "STOPPED")
        for task in ecs.list_tasks(cluster=CLUSTER, desiredStatus=wanted)["taskArns"]
    ]
    tasks = ecs.describe_tasks(cluster=CLUSTER, tasks=sorted(set(listed)))["tasks"]
    (found,) = [task for task in tasks if task.get("startedBy") == "orchestrator/run"]
    assert (found["lastStatus"] == "STOPPED") is stopped
