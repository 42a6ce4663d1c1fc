"""A little of AWS over HTTP, for the hooks of programs on the real engine and for the orchestrator's own questions.

ECS and CloudWatch Logs: services are steady on what the stand-in's cloud says of them, every task that is run succeeds at
once. SNS and STS: the cloud's topics with their tags, and its account.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from pulumi_django.deploying.polling import SystemClock
from pulumi_django.testing.resource import ACCOUNT_ID
from tests.support.fake_ecs import FakeAws, FakeTask, Life, deployment, service
from tests.support.standin.cloud import Cloud
from tests.support.standin.wire import revealed

MANY = 1000
TASK_DEFINITION, SERVICE, TOPIC = (
    "aws:ecs/taskDefinition:TaskDefinition",
    "aws:ecs/service:Service",
    "aws:sns/topic:Topic",
)


class AwsOfTheCloud(FakeAws):
    """The account of `FakeAws`, with what is in the stand-in's cloud."""

    def __init__(self, cloud: Cloud) -> None:
        super().__init__(clock=SystemClock(), lives=[Life(starts=0, ends=0) for _ in range(MANY)])  # pyright: ignore[reportArgumentType]
        self._cloud = cloud
        self._names: dict[str, str] = {}
        self._guard = threading.Lock()

    def answer(self, operation: str, parameters: Mapping[str, Any]) -> dict[str, Any] | tuple[str, str]:
        """What a service that speaks JSON answers, or the code and message of its error."""
        with self._guard:
            self.calls.append((operation, dict(parameters)))
            return getattr(self, f"_{operation}")(parameters)

    def answer_query(self, operation: str, parameters: Mapping[str, str]) -> str:
        """What a service that speaks XML answers."""
        with self._guard:
            self.calls.append((operation, dict(parameters)))
            result = getattr(self, f"_query_{operation}")(parameters)
        return f"<{operation}Response><{operation}Result>{result}</{operation}Result></{operation}Response>"

    def _states(self, type_: str) -> list[Mapping[str, Any]]:
        found = self._cloud.resources().values()
        return [revealed(item["state"]) for item in found if item["urn"].split("::")[2].endswith(type_)]

    def _state(self, type_: str, key: str, wanted: str) -> Mapping[str, Any]:
        return next(state for state in self._states(type_) if state[key] == wanted)

    def _containers(self, task_definition: str) -> list[dict[str, Any]]:
        return json.loads(self._state(TASK_DEFINITION, "arn", task_definition)["containerDefinitions"])

    def _DescribeTaskDefinition(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        return {"taskDefinition": {"containerDefinitions": self._containers(parameters["taskDefinition"])}}

    def _described(self, task: FakeTask) -> dict[str, Any]:
        described = super()._described(task)
        definition = task.request["taskDefinition"]
        # A task outlives its task definition.
        if definition not in self._names:
            self._names[definition] = self._containers(definition)[0]["name"]
        described["containers"][0]["name"] = self._names[definition]
        return described

    def _DescribeServices(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        found = self._state(SERVICE, "id", parameters["services"][0])
        count = int(found.get("desiredCount") or 0)
        now = deployment("1", taskDefinition=found["taskDefinition"], desiredCount=count, runningCount=count)
        return {"services": [service(now, serviceName=found["name"], desiredCount=count)], "failures": []}

    def _query_ListTopics(self, _: Mapping[str, str]) -> str:
        members = (f"<member><TopicArn>{escape(state['arn'])}</TopicArn></member>" for state in self._states(TOPIC))
        return f"<Topics>{''.join(members)}</Topics>"

    def _query_ListTagsForResource(self, parameters: Mapping[str, str]) -> str:
        tags = self._state(TOPIC, "arn", parameters["ResourceArn"])["tagsAll"]
        members = (f"<member><Key>{escape(k)}</Key><Value>{escape(str(v))}</Value></member>" for k, v in tags.items())
        return f"<Tags>{''.join(members)}</Tags>"

    def _query_GetCallerIdentity(self, _: Mapping[str, str]) -> str:
        return f"<Account>{ACCOUNT_ID}</Account><Arn>arn:aws:iam::{ACCOUNT_ID}:user/test</Arn><UserId>AIDATEST</UserId>"


class _Handler(BaseHTTPRequestHandler):
    account: AwsOfTheCloud

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        target = self.headers["X-Amz-Target"]
        if target is None:
            asked = {key: values[0] for key, values in parse_qs(body.decode()).items()}
            self._send(200, "text/xml", self.account.answer_query(asked.pop("Action"), asked))
            return
        answer = self.account.answer(target.rpartition(".")[2], json.loads(body))
        shown = {"__type": answer[0], "message": answer[1]} if isinstance(answer, tuple) else answer
        self._send(400 if isinstance(answer, tuple) else 200, "application/x-amz-json-1.1", json.dumps(shown))

    def _send(self, status: int, kind: str, text: str) -> None:
        content = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: whoever wants to know reads `calls`."""


@contextmanager
def serving(cloud: Cloud, account: AwsOfTheCloud | None = None) -> Generator[str]:
    """The server's address, while it runs."""
    handler = type("Handler", (_Handler,), {"account": account or AwsOfTheCloud(cloud)})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def credentials(address: str) -> dict[str, str]:
    """The environment variables by which the SDKs find that server."""
    return {
        "AWS_ENDPOINT_URL": address,
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_REGION": "us-east-1",
    }
