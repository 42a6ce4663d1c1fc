"""Environments by their names, their AWS clients and their updates, for every group of operations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from orchestrator import lifecycle
from orchestrator.lifecycle.job import Job
from orchestrator.lifecycle.requests import Request
from orchestrator.model import RunReport

if TYPE_CHECKING:
    from orchestrator.lifecycle.context import Context
    from orchestrator.operations.app_stack import AppStack
    from orchestrator.operations.aws.clients import ApiCall, Clients
    from orchestrator.operations.aws.targets import Target


class Access:
    """Environments by their names, with their AWS clients and their updates.

    Args:
        context: settings, engine and options of runs.
        carry_out: carries out the jobs of updates.
    """

    def __init__(self, context: Context, carry_out: Callable[[Job], RunReport] = lifecycle.run) -> None:
        self.context: Context = context
        self.carry_out = carry_out
        self._latest: list[Clients] = []

    @property
    def calls(self) -> tuple[ApiCall, ...]:
        """The calls of the latest operation in the simulation; empty on AWS."""
        return tuple(call for clients in self._latest for call in clients.calls)

    def interrupt(self) -> None:
        """End the current or next wait of the latest operation: `logs` ends, `run` asks `decide`. From any thread."""
        from orchestrator.operations.aws.clients import WakefulClock

        for clients in self._latest:
            if isinstance(clients.clock, WakefulClock):
                clients.clock.wake()

    def target(self, name: str) -> Target:
        """Return an environment with its outputs and its AWS access. Raises UnknownStackError, RefusedError."""
        from orchestrator.operations.aws import targets

        return targets.find(self.context, name)

    def find(self, name: str) -> tuple[Target, Clients]:
        """Return an environment and its AWS clients, for the functions of the modules of `orchestrator.operations`."""
        from orchestrator.operations.aws import reach

        target = self.target(name)
        clients = reach.for_target(target)
        self._latest = [clients]
        return target, clients

    def update(self, request: Request, command: str | None = None) -> RunReport:
        """Check a request and carry it out. `command` names it in the report and in the history of its stacks."""
        job = lifecycle.prepare(self.context, request)
        return self.carry_out(replace(job, command=command) if command else job)

    def stack(self, target: Target) -> AppStack:
        """Return the stack that runs an environment's services."""
        from orchestrator.operations import app_stack

        return app_stack.find(self.context, target.environment)
