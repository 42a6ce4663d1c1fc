"""AWS and time as an operation sees them: real ones, or ones that only take note of what would be called."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from orchestrator.model import SECRET_MASK
from pulumi_django.deploying.aws_access import AwsAccess
from pulumi_django.deploying.polling import Cancelled, Clock

DEFAULT_REGION = "us-east-1"

RECORDED_SLEEPS = 20
"""Waits after which nothing new is asked for: who follows a log would go on for ever."""


class Clients(Protocol):
    """Makes boto3 clients, and tells the time that goes with them."""

    @property
    def access(self) -> AwsAccess:
        """How AWS is asked."""
        ...

    @property
    def clock(self) -> Clock:
        """Time to wait by."""
        ...

    def client(self, service: str) -> Any:
        """The boto3 client of a service (`ecs`, `logs`), one for all who ask. From any thread."""
        ...


class WakefulClock:
    """Real time; `wake`, from a signal handler or any thread, ends the present or the next sleep with `Cancelled`."""

    def __init__(self) -> None:
        self._woken = threading.Event()

    def now(self) -> float:
        """Seconds since an arbitrary moment."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait. Raises `Cancelled` once for each `wake`."""
        if self._woken.wait(seconds):
            self._woken.clear()
            raise Cancelled("woken while waiting for AWS")

    def wake(self) -> None:
        """End the sleep."""
        self._woken.set()


class AwsClients:
    """Clients that speak to AWS."""

    def __init__(self, access: AwsAccess, clock: Clock | None = None) -> None:
        self.access = access
        self.clock: Clock = clock or WakefulClock()
        self._made: dict[str, Any] = {}
        self._guard = threading.Lock()

    def client(self, service: str) -> Any:
        """The client of a service. Raises what boto3 raises (`aws_errors.explained` says it to users)."""
        # boto3 makes clients safely in one thread at a time only:
        # https://docs.aws.amazon.com/boto3/latest/guide/clients.html
        with self._guard:
            if service not in self._made:
                self._made[service] = self.access.client(service)
            return self._made[service]


@dataclass(frozen=True, kw_only=True)
class ApiCall:
    """One call of an AWS API."""

    service: str
    """As boto3 names it: `ecs`."""

    operation: str
    """As the API names it: `RunTask`."""

    parameters: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Those that AWS calls sensitive, such as a secret's value, are masked."""


Answer = Callable[[Mapping[str, Any]], Mapping[str, Any]]
"""What a call would be answered, from its parameters."""


class RecordingClients:
    """Clients that call nobody: they check and take note of each call, and answer as a healthy environment would.

    They are real boto3 clients, so a call that AWS would not understand is refused here too. `answers` are by
    `service.Operation`; an operation without one is answered by empty lists and values.
    """

    def __init__(self, access: AwsAccess, answers: Mapping[str, Answer]) -> None:
        self.access = access
        self._time = _NoTime()
        self.clock: Clock = self._time
        self.calls: list[ApiCall] = []
        """In the order in which they would have been made."""

        self._answers = answers
        self._made: dict[str, Any] = {}
        self._guard = threading.RLock()

    def client(self, service: str) -> Any:
        """The recording client of a service."""
        with self._guard:
            if service not in self._made:
                self._made[service] = self._recording(service)
            return self._made[service]

    def _recording(self, service: str) -> Any:
        import boto3
        from botocore import UNSIGNED
        from botocore.config import Config

        session: Any = boto3.Session(region_name=self.access.region or DEFAULT_REGION)
        client = session.client(service, config=Config(signature_version=UNSIGNED))

        def take_note(params: Mapping[str, Any], model: Any, context: Any, **_: Any) -> None:
            call = ApiCall(service=service, operation=model.name, parameters=_masked(model, params))
            context["call"] = call
            with self._guard:
                if call not in self.calls:  # who waits asks the same again and again
                    self.calls.append(call)
                    self._time.sleeps = 0

        def answer(model: Any, context: Any, **_: Any) -> tuple[Any, dict[str, Any]]:
            known = self._answers.get(f"{service}.{model.name}")
            given = known(context["call"].parameters) if known else {}
            return _Http(), {**_empty(model), **given, "ResponseMetadata": {"HTTPStatusCode": _Http.status_code}}

        client.meta.events.register("before-parameter-build.*.*", take_note)
        client.meta.events.register("before-call.*.*", answer)
        return client


@dataclass
class _Http:
    status_code: int = 200


class _NoTime:
    """Time that passes only when somebody waits; who waits without end is woken."""

    def __init__(self) -> None:
        self._time = 0.0
        self.sleeps = 0
        """Since something new was asked."""

    def now(self) -> float:
        return self._time

    def sleep(self, seconds: float) -> None:
        self._time += seconds
        self.sleeps += 1
        if self.sleeps > RECORDED_SLEEPS:
            raise Cancelled("nothing more will happen")


def _masked(model: Any, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters without what AWS's own description of the call marks as sensitive."""
    members: Mapping[str, Any] = model.input_shape.members if model.input_shape else {}
    sensitive = {name for name, shape in members.items() if shape.metadata.get("sensitive")}
    return {name: SECRET_MASK if name in sensitive else value for name, value in parameters.items()}


def _empty(model: Any) -> dict[str, Any]:
    """An answer with nothing in it; texts are absent, since some of them ask to go on (`nextToken`)."""
    nothing: dict[str, Any] = {"list": [], "map": {}, "structure": {}, "boolean": False, "integer": 0, "long": 0}
    members: Mapping[str, Any] = model.output_shape.members if model.output_shape else {}
    return {name: nothing[shape.type_name] for name, shape in members.items() if shape.type_name in nothing}
