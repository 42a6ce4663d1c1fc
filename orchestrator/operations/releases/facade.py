"""The releases of environments by names and plain values: `operations.releases`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from orchestrator.operations.events import Observer, ignore
from orchestrator.operations.releases.history import SHOWN

if TYPE_CHECKING:
    from orchestrator.operations.access import Access
    from orchestrator.operations.releases.approvals import Decision, DecisionResult
    from orchestrator.operations.releases.history import Comparison, LoggedOperation, Release, ReleaseList
    from orchestrator.operations.releases.rollback import RollbackResult

Names = str | Sequence[str]


class Releases:
    """The releases of environments, from the history that the state backend keeps."""

    def __init__(self, operations: Access) -> None:
        self._operations = operations

    def list(self, name: str, limit: int | None = SHOWN) -> ReleaseList:
        """Return the newest releases of an environment; all for None."""
        from orchestrator.operations.releases import history

        return history.listed(self._operations.context, name, limit)

    def running(self, name: str) -> Release | None:
        """Return the release whose version the services run; None when the history does not have it."""
        from orchestrator.operations.releases import history

        return history.running(self._operations.context, name)

    def compare(self, name: str, before: int, after: int) -> Comparison:
        """Return the differences of two releases in commit, images and configuration."""
        from orchestrator.operations.releases import history

        return history.compared(self._operations.context, name, before, after)

    def rollback(
        self,
        name: str,
        to: int | None = None,
        *,
        with_config: bool = False,
        release: bool = False,
        check_migrations: bool = True,
        past_irreversible: bool = False,
        detach: bool = False,
        dry_run: bool = False,
        observer: Observer = ignore,
    ) -> RollbackResult:
        """Return to a release by its number, or to the newest one that succeeded and differs from the configuration.

        `with_config` takes its whole configuration except secrets. `release` runs the release command on the older image.
        Raises RefusedError when its image is gone, or when a migration between cannot be reversed and `past_irreversible`
        is not set.
        """
        from orchestrator.operations.releases import rollback

        operations = self._operations
        request = rollback.Rollback(
            to=to,
            with_config=with_config,
            release=release,
            check_migrations=check_migrations,
            past_irreversible=past_irreversible,
            detach=detach,
            dry_run=dry_run,
            wait_seconds=operations.context.wait_seconds,
        )
        target, clients = operations.find(name)
        return rollback.run(
            request, target, clients, observer, context=operations.context, carry_out=operations.carry_out
        )

    def decide(self, name: str, decision: Decision | str, services: Names = ()) -> DecisionResult:
        """Let the deployments that wait for an approval go on (`approve`), or roll back (`reject`); of these services, or all.

        Raises RefusedError when none waits.
        """
        from orchestrator.operations.releases import approvals

        chosen = (services,) if isinstance(services, str) else tuple(services)
        return approvals.decide(*self._operations.find(name), approvals.Decision(decision), chosen)

    def log(
        self, names: Names = (), *, since: datetime | None = None, limit: int | None = None
    ) -> tuple[LoggedOperation, ...]:
        """Return the operations on bases and environments (all), newest first."""
        from orchestrator.operations.releases import history

        chosen = (names,) if isinstance(names, str) else tuple(names)
        return history.log(self._operations.context, chosen, since=since, limit=limit)
