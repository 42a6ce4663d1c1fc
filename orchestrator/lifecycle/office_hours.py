"""Office hours of bases and environments that exist. AWS's own schedulers close and open them, so the clock decides."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from orchestrator.errors import RefusedError
from orchestrator.lifecycle.registry import Deployment
from orchestrator.model import Operation
from pulumi_django.rules import office_hours
from pulumi_django.rules.office_hours import OfficeHours

if TYPE_CHECKING:
    from orchestrator.lifecycle.job_builder import JobBuilder

OUTPUT = "office_hours"


@dataclass(frozen=True, kw_only=True)
class Closed:
    """A base or an environment outside its office hours."""

    name: str
    until: datetime
    """Time at which it opens, with the time zone of its hours."""

    @property
    def text(self) -> str:
        """The sentence for users, without a full stop."""
        return f"{self.name} is closed until {clock(self.until)}"


def hours_of(found: Deployment) -> OfficeHours | None:
    """The hours with which it was deployed; None without any, or when a tool of another version wrote them."""
    output = found.outputs.get(OUTPUT)
    if output is None or not isinstance(output.value, str):
        return None
    try:
        return office_hours.parse(output.value)
    except ValueError:
        return None


def closed(found: Deployment, now: datetime) -> Closed | None:
    """The office hours that close it now; None while it is open.

    It is also open after `wake`, until the time that `wake` noted; and after its creation, until the next closing.
    """
    hours, opened, created = hours_of(found), found.record.open_until, found.record.created
    if hours is None or hours.is_open(now) or (opened is not None and now < opened):
        return None
    if created is not None and created > hours.last_close(now):
        return None
    return Closed(name=found.name, until=hours.next_open(now))


def clock(moment: datetime) -> str:
    """A time within the next week, as `Mon 08:00`."""
    return f"{office_hours.DAYS[moment.weekday()]} {moment:%H:%M}"


def check_base(builder: JobBuilder, name: str) -> None:
    """Check that no update removes the hours of a base while they keep its server stopped. Raises RefusedError."""
    existing = builder.registry.bases.get(name)
    if existing is not None:
        units = [unit for unit in existing.units if unit in builder.configs]
        _check_kept(builder, existing, any(builder.configs[unit].get("hours") for unit in units))


def check_environment(builder: JobBuilder, name: str, base: str) -> None:
    """Check that the database runs for a release, and that no update removes hours while they keep services at zero.

    Raises RefusedError.
    """
    if builder.operation is not Operation.UP:
        return
    configs = [config for unit, config in builder.configs.items() if unit.stack == name and unit in builder.units]
    if any(config.asleep for config in configs):
        return
    server, now = builder.registry.bases.get(base), builder.context.clock()
    around = closed(server, now) if server is not None else None
    if around is not None:
        raise RefusedError(
            f"{name} was not changed: {around.text}, and its database server does not run",
            f"open both: `orchestrator wake {base} {name} --until 3h`",
        )
    existing = builder.registry.environments.get(name)
    if existing is None:
        return
    kept = any(config.get("hours") for config in configs) or (server is not None and hours_of(server) is not None)
    _check_kept(builder, existing, kept)
    found = closed(existing, now)
    if found is not None:
        builder.notes.append(f"{found.text}: its services take the change then, or after `orchestrator wake {name}`")


def _check_kept(builder: JobBuilder, existing: Deployment, kept: bool) -> None:
    found = closed(existing, builder.context.clock())
    if found is not None and not kept:
        raise RefusedError(
            f"{existing.name} was not changed: {found.text}, and without its hours nothing would open it",
            f"open it first: `orchestrator wake {existing.name}`",
        )
