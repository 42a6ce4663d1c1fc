"""ECS and CloudWatch Logs over HTTP for the hooks of programs that the real engine runs.

Services are steady on what the stand-in's cloud says of them; every task that is run succeeds at once.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from pulumi_django.ecs.polling import SystemClock
from tests.support.fake_ecs import FakeAws, FakeTask, Life, deployment, service
from tests.support.standin.cloud import Cloud
from tests.support.standin.wire import revealed

MANY = 1000


class EcsOfTheCloud(FakeAws):
    """The account of `FakeAws`, with the task definitions and services of the stand-in's cloud."""

    def __init__(self, cloud: Cloud) -> None:
        super().__init__(clock=SystemClock(), lives=[Life(starts=0, ends=0) for _ in range(MANY)])  # pyright: ignore[reportArgumentType]
        self._cloud = cloud
        self._guard = threading.Lock()

    def answer(self, operation: str, parameters: Mapping[str, Any]) -> dict[str, Any] | tuple[str, str]:
        """What the service answers, or the code and message of its error."""
        with self._guard:
            self.calls.append((operation, dict(parameters)))
            return getattr(self, f"_{operation}")(parameters)

    def _state(self, type_: str, key: str, wanted: str) -> Mapping[str, Any]:
        found = [item for item in self._cloud.resources().values() if f"{type_}::" in item["urn"]]
        return next(state for item in found if (state := revealed(item["state"]))[key] == wanted)

    def _DescribeTaskDefinition(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        found = self._state("aws:ecs/taskDefinition:TaskDefinition", "arn", parameters["taskDefinition"])
        return {"taskDefinition": {"containerDefinitions": json.loads(found["containerDefinitions"])}}

    def _described(self, task: FakeTask) -> dict[str, Any]:
        found = self._state("aws:ecs/taskDefinition:TaskDefinition", "arn", task.request["taskDefinition"])
        described = super()._described(task)
        described["containers"][0]["name"] = json.loads(found["containerDefinitions"])[0]["name"]
        return described

    def _DescribeServices(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        found = self._state("aws:ecs/service:Service", "id", parameters["services"][0])
        count = int(found.get("desiredCount") or 0)
        now = deployment("1", taskDefinition=found["taskDefinition"], desiredCount=count, runningCount=count)
        return {"services": [service(now, serviceName=found["name"], desiredCount=count)], "failures": []}


@contextmanager
def serving(cloud: Cloud) -> Generator[str]:
    """The server's address, while it runs."""
    account = EcsOfTheCloud(cloud)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            operation = self.headers["X-Amz-Target"].rpartition(".")[2]
            answer = account.answer(operation, json.loads(body))
            failed = isinstance(answer, tuple)
            shown = {"__type": answer[0], "message": answer[1]} if isinstance(answer, tuple) else answer
            content = json.dumps(shown).encode()
            self.send_response(400 if failed else 200)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing: the tests read `calls`."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
