"""AWS clients and a clock for operations: real ones, or simulated ones that record the calls."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from orchestrator.model import SECRET_MASK
from pulumi_django.deploying.aws_access import AwsAccess
from pulumi_django.deploying.polling import Cancelled, Clock

DEFAULT_REGION = "us-east-1"

RECORDED_SLEEPS = 20
"""Waits without a new call after which a simulated wait ends. Following a log would never end otherwise."""


@dataclass(frozen=True, kw_only=True)
class ApiCall:
    """A call of an AWS API."""

    service: str
    """As boto3 names it: `ecs`."""

    operation: str
    """As the API names it: `RunTask`."""

    parameters: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Parameters; those that AWS marks as sensitive, such as a secret's value, are masked."""


class Clients(Protocol):
    """boto3 clients and the clock for their waits."""

    @property
    def access(self) -> AwsAccess:
        """Region, profile, endpoints and role."""
        ...

    @property
    def clock(self) -> Clock:
        """The clock for waits."""
        ...

    @property
    def simulated(self) -> bool:
        """Whether the answers are simulated. AWS is not called then, and `calls` are the calls of an operation."""
        ...

    @property
    def calls(self) -> Sequence[ApiCall]:
        """The simulated calls in their order; empty for clients that call AWS."""
        ...

    def client(self, service: str) -> Any:
        """Return the boto3 client of a service (`ecs`, `logs`), always the same one. From any thread."""
        ...


class WakefulClock:
    """Real time. `wake`, from a signal handler or any thread, ends the current or the next sleep with `Cancelled`."""

    def __init__(self) -> None:
        self._woken = threading.Event()

    def now(self) -> float:
        """Return the seconds since an arbitrary moment."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait. Raises `Cancelled` once for every `wake`."""
        if self._woken.wait(seconds):
            self._woken.clear()
            raise Cancelled("woken while waiting for AWS")

    def wake(self) -> None:
        """End the sleep."""
        self._woken.set()


class AwsClients:
    """Clients that call AWS."""

    simulated = False
    calls: Sequence[ApiCall] = ()

    def __init__(self, access: AwsAccess, clock: Clock | None = None) -> None:
        self.access = access
        self.clock: Clock = clock or WakefulClock()
        self._made: dict[str, Any] = {}
        self._guard = threading.Lock()

    def client(self, service: str) -> Any:
        """Return the client of a service. Raises the errors of boto3 (`errors.explained` translates them)."""
        # boto3 creates clients safely only in one thread at a time:
        # https://docs.aws.amazon.com/boto3/latest/guide/clients.html
        with self._guard:
            if service not in self._made:
                self._made[service] = self.access.client(service)
            return self._made[service]


Answer = Callable[[Mapping[str, Any]], Mapping[str, Any]]
"""Makes the answer to a call from its parameters."""


class RecordingClients:
    """Clients of the simulation: they check and record every call, and answer like a healthy environment.

    They are real boto3 clients, so a malformed call is refused here too. `answers` are by `service.Operation`; an
    operation without one gets empty lists and values.
    """

    simulated = True

    def __init__(self, access: AwsAccess, answers: Mapping[str, Answer]) -> None:
        self.access = access
        self._time = _NoTime()
        self.clock: Clock = self._time
        self.calls: list[ApiCall] = []
        """The recorded calls, each once, in their order."""

        self._answers = answers
        self._made: dict[str, Any] = {}
        self._guard = threading.RLock()

    def client(self, service: str) -> Any:
        """Return the recording client of a service."""
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

        def record(params: Mapping[str, Any], model: Any, context: Any, **_: Any) -> None:
            call = ApiCall(service=service, operation=model.name, parameters=_masked(model, params))
            context["call"] = call
            with self._guard:
                if call not in self.calls:  # a wait repeats its call
                    self.calls.append(call)
                    self._time.sleeps = 0

        def answer(model: Any, context: Any, **_: Any) -> tuple[Any, dict[str, Any]]:
            known = self._answers.get(f"{service}.{model.name}")
            given = known(context["call"].parameters) if known else {}
            return _Http(), {**_empty(model), **given, "ResponseMetadata": {"HTTPStatusCode": _Http.status_code}}

        client.meta.events.register("before-parameter-build.*.*", record)
        client.meta.events.register("before-call.*.*", answer)
        return client


@dataclass
class _Http:
    status_code: int = 200


class _NoTime:
    """Time that passes only during waits; a wait without end is cancelled."""

    def __init__(self) -> None:
        self._time = 0.0
        self.sleeps = 0
        """Waits since the last new call."""

    def now(self) -> float:
        return self._time

    def sleep(self, seconds: float) -> None:
        self._time += seconds
        self.sleeps += 1
        if self.sleeps > RECORDED_SLEEPS:
            raise Cancelled("the simulated wait ended")


def _masked(model: Any, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Mask the parameters that AWS's own description of the call marks as sensitive."""
    members: Mapping[str, Any] = model.input_shape.members if model.input_shape else {}
    sensitive = {name for name, shape in members.items() if shape.metadata.get("sensitive")}
    return {name: SECRET_MASK if name in sensitive else value for name, value in parameters.items()}


def _empty(model: Any) -> dict[str, Any]:
    """Return an empty answer; texts are absent because some of them ask for another page (`nextToken`)."""
    nothing: dict[str, Any] = {"list": [], "map": {}, "structure": {}, "boolean": False, "integer": 0, "long": 0}
    members: Mapping[str, Any] = model.output_shape.members if model.output_shape else {}
    return {name: nothing[shape.type_name] for name, shape in members.items() if shape.type_name in nothing}
