"""What an engine is: the one thing the orchestrator asks to look at stacks and to carry out operations on them.

Both engines (`automation`, on the Pulumi CLI, and `simulation`, in process) keep this protocol and pass one contract
test suite. Methods are called from several threads at once, for different units. They raise only errors of
`orchestrator.errors`. They never print, prompt or exit.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from orchestrator.engines.marks import Marks
from orchestrator.errors import LockOwner
from orchestrator.events import UnitEvent
from orchestrator.model import Operation, Record, StackResource, StackSummary, Unit, UnitOutcome

Sink = Callable[[UnitEvent], None]


@dataclass(frozen=True, kw_only=True)
class UnitRequest:
    """One operation on one unit."""

    unit: Unit
    operation: Operation
    record: Record | None = None
    """Record to keep with the stack; written together with the operation and only when it differs."""

    record_before: Record | None = None
    """What the record was when the operation was prepared: what others changed since then stays."""

    message: str | None = None
    """Text for the stack's history."""

    upstream_outputs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]], repr=False)
    """Wire outputs (unknown sentinel, secret envelopes) by full stack reference name (`organization/django-base/dev`) of
    stacks that this unit reads and that do not exist yet: only for previews and for plans made from them."""

    refresh: bool = False
    """Read the real state of every resource first."""

    config_file: Path | None = None
    """Configuration to use in place of the project's own `Pulumi.<stack>.yaml`: a scratch copy that the engine may
    write into. Only for previews, which leave no trace in the project folder."""

    plan_file: Path | None = None
    """A preview writes what it found there; an update carries out exactly that, or fails."""

    wait_seconds: float = 0.0
    """How long to wait while somebody else is at work on the stack."""

    keep_going: bool = False
    """After a resource failed, go on with those that do not depend on it."""

    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    """Variables for the program, beside our own; nothing secret."""


class Engine(Protocol):
    """Carries out operations on stacks and answers what exists."""

    @property
    def name(self) -> str:
        """`pulumi` or `simulation`."""
        ...

    @property
    def notice(self) -> str | None:
        """A sentence that every output carries, or None."""
        ...

    def check(self) -> None:
        """Make sure that the engine can work here (CLI present and new enough, backend reachable, passphrase usable).

        Cheap; called once before any work. Raises EngineUnavailableError or StateError.
        """
        ...

    def reference_name(self, unit: Unit) -> str:
        """The name by which another stack's StackReference reads this one, `organization/<project>/<stack>`."""
        ...

    def stacks(self) -> tuple[StackSummary, ...]:
        """All stacks of all projects, by project then stack name; a damaged one is listed as such, never hides others."""
        ...

    def stack(self, unit: Unit) -> StackSummary | None:
        """One stack, or None when it does not exist."""
        ...

    def resources(self, unit: Unit) -> tuple[StackResource, ...]:
        """The resources in the stack's state, in state order; UnknownStackError when the stack does not exist."""
        ...

    def run(self, request: UnitRequest, sink: Sink) -> UnitOutcome:
        """Carry the operation out and return when it is over.

        `up` creates the stack when it does not exist; `preview` leaves no trace in the backend; `destroy` deletes the
        resources, then the stack with its record and history, and leaves `Pulumi.<stack>.yaml` alone. An operation on one stack at a time: a second one raises
        StackLockedError. A failure raises OperationFailedError after everything finished was recorded; an interrupt
        raises InterruptedRunError.
        """
        ...

    def change_record(self, unit: Unit, change: Callable[[Record | None], Record]) -> Record:
        """Read the stack's record, change it and write it back under one lock; returns what was written.

        UnknownStackError when the stack does not exist, StackLockedError when somebody keeps the record for long.
        """
        ...

    def write_record(self, unit: Unit, record: Record) -> None:
        """Replace the stack's record; UnknownStackError when the stack does not exist."""
        ...

    def readers(self, unit: Unit) -> tuple[str, ...]:
        """Stacks of the whole backend, also of projects outside the graph, whose state reads this one by a
        StackReference: `project/stack`, in order."""
        ...

    def deployments(self) -> Iterable[Mapping[str, Any]]:
        """The states of all stacks of the backend, as Pulumi writes them below `deployment`; nothing from an engine
        that creates nothing. Raises StateError when one is damaged."""
        ...

    def admit(self, changed: Collection[Unit], read: Collection[Unit]) -> None:
        """Make sure that whoever works here may: same AWS account as the stacks to be changed, secrets of the stacks that
        are read can be decrypted.

        Raises RefusedError or EngineUnavailableError; nothing was touched.
        """
        ...

    def reveal(self, unit: Unit) -> Mapping[str, Any]:
        """The stack's outputs with secret ones in plain, to be handed over to another stack's program and to nobody else.

        UnknownStackError when the stack does not exist.
        """
        ...

    def stamp(self, unit: Unit) -> str | None:
        """Like `fingerprint`, without reading the state: it may change more often; None when it is not known."""
        ...

    def fingerprint(self, unit: Unit) -> str | None:
        """Changes whenever the stack's state does; None while it does not exist."""
        ...

    def exclusive(self, name: str) -> AbstractContextManager[None]:
        """Hold a lock of that name across everybody who uses this backend, for seconds at most.

        Raises StackLockedError when somebody else keeps it.
        """
        ...

    def claim(self, unit: Unit, record: Record) -> None:
        """Keep a record for a stack that is about to be created, so that others see it."""
        ...

    def unclaim(self, unit: Unit) -> None:
        """Take a claim back when its stack was never made; fine when there is none."""
        ...

    def claims(self) -> Mapping[Unit, Record]:
        """Records of stacks that do not exist (yet), without those whose maker is gone."""
        ...

    @property
    def marks(self) -> Marks:
        """What orchestrators are at, for everybody who uses this backend."""
        ...

    def lock_owner(self, unit: Unit) -> LockOwner | None:
        """Who is at work on the stack, or None."""
        ...

    def unlock(self, unit: Unit) -> None:
        """Remove the stack's lock, whoever holds it: the caller has checked that the owner is gone."""
        ...

    def interrupt(self) -> None:
        """Ask running operations to stop after what is in flight, and refuse new ones. Returns at once; idempotent."""
        ...
