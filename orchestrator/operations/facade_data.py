"""The operations on data by names and plain values: `operations.databases` and `operations.secrets`."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from orchestrator.errors import UsageError
from orchestrator.operations.events import Observer, ignore

if TYPE_CHECKING:
    from orchestrator.operations.access import Access
    from orchestrator.operations.database.databases import Confirm, DatabaseResult
    from orchestrator.operations.database.shell import DatabaseShellResult
    from orchestrator.operations.secrets import DeliveredSecrets, PushResult, SecretEntry

Words = str | Sequence[str]
Choice = TypeVar("Choice", bound=StrEnum)


def words(command: Words) -> tuple[str, ...]:
    """A command as words; one string is split as a shell splits it."""
    return tuple(shlex.split(command)) if isinstance(command, str) else tuple(command)


def _confirmed() -> None:
    """Confirm without a question."""


class Databases:
    """Work on the environments' own databases. `confirm` is called before data is deleted, and raises to refuse."""

    def __init__(self, operations: Access) -> None:
        self._operations = operations

    def create(self, name: str, *, observer: Observer = ignore) -> DatabaseResult:
        """Create database and role if they do not exist."""
        from orchestrator.operations.database import databases

        return databases.create(*self._operations.find(name), observer)

    def drop(self, name: str, *, observer: Observer = ignore, confirm: Confirm = _confirmed) -> DatabaseResult:
        """Delete database and role. Raises RefusedError for production."""
        from orchestrator.operations.database import databases

        return databases.drop(*self._operations.find(name), observer, confirm=confirm)

    def reset(
        self,
        name: str,
        *,
        seed: Words = (),
        release: bool = True,
        observer: Observer = ignore,
        confirm: Confirm = _confirmed,
    ) -> DatabaseResult:
        """Drop and create the database, run the release command, then the `seed` command."""
        from orchestrator.operations.database import databases

        request = databases.ResetDatabase(seed=words(seed), release=release)
        return databases.reset(request, *self._operations.find(name), observer, confirm=confirm)

    def clone(
        self,
        name: str,
        source: str,
        *,
        allow_prod_data: bool = False,
        release: bool = True,
        observer: Observer = ignore,
        confirm: Confirm = _confirmed,
    ) -> DatabaseResult:
        """Replace the database with a copy of another environment's."""
        from orchestrator.operations.database import databases

        target, clients = self._operations.find(name)
        origin = self._operations.target(source)
        request = databases.CloneDatabase(source=origin, allow_prod_data=allow_prod_data, release=release)
        return databases.clone(request, target, clients, observer, confirm=confirm)

    def dump(self, name: str, *, to: str | None = None, observer: Observer = ignore) -> DatabaseResult:
        """Write the database to the environment's bucket, and also to the file `to`."""
        from orchestrator.operations.database import databases

        return databases.dump(*self._operations.find(name), observer, to=to)

    def restore(
        self,
        name: str,
        source: str,
        *,
        allow_prod_data: bool = False,
        release: bool = True,
        observer: Observer = ignore,
        confirm: Confirm = _confirmed,
    ) -> DatabaseResult:
        """Replace the database with a dump: `s3://BUCKET/KEY`, or a file on this machine."""
        from orchestrator.operations.database import databases

        request = databases.RestoreDatabase(
            source=source,
            allow_prod=self._operations.context.allow_prod,
            allow_prod_data=allow_prod_data,
            release=release,
        )
        return databases.restore(request, *self._operations.find(name), observer, confirm=confirm)

    def shell(self, name: str, *, observer: Observer = ignore) -> DatabaseShellResult:
        """Run psql as the environment's role on this terminal, until it ends."""
        from orchestrator.operations.database import shell

        return shell.run(*self._operations.find(name), observer)


class Secrets:
    """The environments' secret values."""

    def __init__(self, operations: Access) -> None:
        self._operations = operations

    def push(
        self,
        name: str,
        values: Mapping[str, str],
        *,
        store: str = "secretsmanager",
        provided: str = "refuse",
        dry_run: bool = False,
        stored: Callable[[PushResult], None] = lambda _: None,
        observer: Observer = ignore,
    ) -> DeliveredSecrets:
        """Store values and give them to the containers: by an update, or by new tasks when only values changed.

        `store` is `secretsmanager` or `ssm`. `provided` says what happens to variables that the stack itself provides:
        `refuse`, `keep` (the value of the stack) or `replace`. `stored` gets the stored keys before the containers change.
        """
        from orchestrator.operations import secrets

        request = secrets.PushSecrets(
            values=values,
            store=_choice(secrets.Store, store, "store"),
            provided=_choice(secrets.Provided, provided, "provided"),
            dry_run=dry_run,
            allow_prod=self._operations.context.allow_prod,
        )
        target, clients = self._operations.find(name)
        app = self._operations.stack(target)
        result = secrets.push(request, target, clients, app)
        stored(result)
        if dry_run:
            return secrets.DeliveredSecrets(stored=result, report=None)
        update = partial(self._operations.update, command="secrets")
        report = secrets.deliver(result, target, clients, app, update, observer)
        return secrets.DeliveredSecrets(stored=result, report=report)

    def list(self, name: str) -> tuple[SecretEntry, ...]:
        """Return the variables that are secrets and the places of their values. No value is read."""
        from orchestrator.operations import secrets

        target, clients = self._operations.find(name)
        return secrets.listed(target, clients, self._operations.stack(target))


def _choice(kind: type[Choice], text: str, name: str) -> Choice:
    if text not in list(kind):
        raise UsageError(f"{name} {text!r} is unknown: it is {' or '.join(kind)}")
    return kind(text)
