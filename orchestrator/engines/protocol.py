"""The protocol of an engine, which reads stacks and runs operations on them.

Both engines (`automation`, with the Pulumi CLI, and `simulation`, in process) follow this protocol and pass the same contract
tests. Several threads call the methods at once for different units. Methods raise only errors of `orchestrator.errors`.
They never print, prompt or exit.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from orchestrator.engines.history import Entry
from orchestrator.engines.marks import Marks
from orchestrator.errors import LockOwner, OrchestratorError, UnreadableStateError
from orchestrator.events import UnitEvent
from orchestrator.model import Operation, Record, StackResource, StackSummary, Unit, UnitOutcome

Sink = Callable[[UnitEvent], None]


@dataclass(frozen=True, kw_only=True)
class UnitRequest:
    """One operation on one unit."""

    unit: Unit
    operation: Operation
    record: Record | None = None
    """Record of the stack, written with the operation when it differs."""

    record_before: Record | None = None
    """The record when the operation was prepared. Later changes by other processes are kept."""

    message: str | None = None
    """Text for the stack's history."""

    upstream_outputs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]], repr=False)
    """Wire outputs (unknown sentinel, secret envelopes) by full stack reference name (`organization/django-base/dev`) of
    stacks that this unit reads and that do not exist yet: only for previews and for plans made from them."""

    refresh: bool = False
    """Whether to refresh every resource first."""

    config_file: Path | None = None
    """Configuration that replaces the project's `Pulumi.<stack>.yaml`: a temporary copy that the engine may change. Only for
    previews, which do not change the project folder."""

    plan_file: Path | None = None
    """A preview writes its plan to this file. An update makes exactly the changes of the plan, or fails."""

    wait_seconds: float = 0.0
    """Longest wait while another operation holds the stack's lock."""

    keep_going: bool = False
    """Whether to continue with independent resources after a resource failed."""

    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    """Additional environment variables for the program, without secrets."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """An update whose program is rehearsed."""

    unit: Unit
    config: str | None = field(default=None, repr=False)
    """Text of the configuration that the update will have; None: the file of the stack."""


@dataclass(frozen=True, kw_only=True)
class Rehearsal:
    """The result of a rehearsal: resources, a refusal, or the reason why there was none."""

    resources: tuple[StackResource, ...] = field(default=(), repr=False)
    """The resources that the stack would have, with every value known."""

    refusal: OrchestratorError | None = None
    """Why the update cannot succeed."""

    traceback: str = field(default="", repr=False)
    """The place at which the program failed."""

    skipped: str | None = None
    """Why the program could not be simulated. The update may still succeed."""


class Engine(Protocol):
    """Runs operations on stacks and reports which stacks exist."""

    @property
    def name(self) -> str:
        """`pulumi` or `simulation`."""
        ...

    @property
    def notice(self) -> str | None:
        """A sentence that every output contains, or None."""
        ...

    def check(self) -> None:
        """Check that the engine can run (the CLI exists and is new enough, the backend is reachable).

        Fast; called once before any work. Raises EngineUnavailableError or StateError.
        """
        ...

    def reference_name(self, unit: Unit) -> str:
        """The name of the unit for a StackReference, `organization/<project>/<stack>`."""
        ...

    def stacks(self) -> tuple[StackSummary, ...]:
        """All stacks of all projects, in the order of project and stack name. A damaged stack is listed as damaged."""
        ...

    def closed(self) -> Mapping[str, UnreadableStateError]:
        """The projects, by key, whose stacks this user cannot list, each with the reason. `stacks` leaves them out."""
        ...

    def stack(self, unit: Unit) -> StackSummary | None:
        """One stack; None when it does not exist."""
        ...

    def resources(self, unit: Unit) -> tuple[StackResource, ...]:
        """The resources in the stack's state, in the order of the state. Raises UnknownStackError."""
        ...

    def run(self, request: UnitRequest, sink: Sink) -> UnitOutcome:
        """Run the operation and return when it has ended.

        `up` creates the stack when it does not exist. `preview` does not change the backend. `destroy` deletes the resources,
        then the stack with its record and history, and keeps `Pulumi.<stack>.yaml`. Only one operation can run on a stack: a
        second one raises StackLockedError. A failure raises OperationFailedError after all finished changes were recorded. An
        interrupt raises InterruptedRunError.
        """
        ...

    def rehearse(self, asked: Sequence[Asked]) -> Mapping[Unit, Rehearsal]:
        """Simulate the programs of updates, in this order, before anything is touched. It ends at the first refusal.

        Each program reads the outputs of stacks from their state, and those of new stacks from their own rehearsal. An engine
        without simulation returns nothing.
        """
        ...

    def change_record(self, unit: Unit, change: Callable[[Record | None], Record]) -> Record:
        """Read, change and write the stack's record under one lock. Returns the new record.

        Raises UnknownStackError, and StackLockedError when another process holds the record's lock for long.
        """
        ...

    def readers(self, units: Collection[Unit]) -> Mapping[Unit, tuple[str, ...]]:
        """For each unit the stacks whose state reads it by a StackReference, including projects outside the graph.

        Each state is read once. The stacks are named with the project's name in Pulumi, `django-app/alpha`, because projects outside the graph have no key."""
        ...

    def deployments(self) -> Iterable[Mapping[str, Any]]:
        """The states of all stacks of the backend, as Pulumi writes them below `deployment`; none from the simulation.
        Raises StateError when one is damaged."""
        ...

    def history(self, unit: Unit, newest: int | None = None) -> tuple[Entry, ...]:
        """The operations on the stack that ended, oldest first; only the last ones with `newest`.

        Empty for a stack without history. An entry that cannot be read is listed as damaged.
        """
        ...

    def admit(self, changed: Collection[Unit], read: Collection[Unit]) -> None:
        """Check that the credentials belong to the AWS account of the changed stacks, and that the secrets of the read
        stacks can be decrypted.

        Raises RefusedError or EngineUnavailableError before any change.
        """
        ...

    def reveal(self, unit: Unit) -> Mapping[str, Any]:
        """The stack's outputs with decrypted secrets, only for the program of another stack. Raises UnknownStackError."""
        ...

    def stamp(self, unit: Unit) -> str | None:
        """Like `fingerprint`, without reading the state. It may change more often; None when unknown."""
        ...

    def fingerprint(self, unit: Unit) -> str | None:
        """A text that changes whenever the stack's state changes; None when the stack does not exist."""
        ...

    def exclusive(self, name: str) -> AbstractContextManager[None]:
        """Hold a named lock against all users of this backend, for seconds at most.

        Raises StackLockedError when another process holds it for long.
        """
        ...

    def claim(self, unit: Unit, record: Record) -> None:
        """Store the record of a stack that is about to be created, so that other processes see it."""
        ...

    def unclaim(self, unit: Unit) -> None:
        """Remove a claim, if there is one, when its stack was not created."""
        ...

    def claims(self) -> Mapping[Unit, Record]:
        """Records of stacks that do not exist yet, without claims of ended processes."""
        ...

    @property
    def marks(self) -> Marks:
        """The marks of running orchestrators in this backend."""
        ...

    def lock_owner(self, unit: Unit) -> LockOwner | None:
        """The owner of the stack's lock, or None."""
        ...

    def unlock(self, unit: Unit) -> None:
        """Remove the stack's lock. The caller has checked that its owner has ended."""
        ...

    def interrupt(self) -> None:
        """Ask running operations to stop after the changes in progress, and refuse new ones. Returns at once; idempotent."""
        ...
