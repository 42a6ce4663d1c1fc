"""Environments, stacks and deployment entries that look like those of pull requests, and that `pr` does not know.

They are reported and never destroyed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from orchestrator.model import StackStatus
from orchestrator.pull_requests.change import Forge
from orchestrator.pull_requests.http import ForgeError
from orchestrator.pull_requests.policy import number_of
from orchestrator.pull_requests.previews import Preview
from orchestrator.pull_requests.results import Orphan, OrphanReason


def of_environment(found: Preview, open_numbers: Collection[int], forge: Forge) -> Orphan | None:
    """The environment as an orphan; None when a pull request had it created. Raises ForgeError.

    A pull request that is not open may be closed, or may never have existed: only the forge knows.
    """
    deployment = found.deployment
    reason: OrphanReason | None = None
    if any(stack.record_lost for stack in deployment.stacks):
        reason = OrphanReason.LOST
    elif not deployment.recorded:
        reason = OrphanReason.EMPTY if deployment.status is StackStatus.EMPTY else OrphanReason.UNRECORDED
    elif deployment.record.owner is None:
        reason = OrphanReason.OWNERLESS
    elif found.number not in open_numbers and not _exists(found.number, forge):
        reason = OrphanReason.UNNUMBERED
    return None if reason is None else Orphan(name=found.name, number=found.number, reason=reason)


def of_entries(
    entries: Iterable[str], environments: Collection[str], open_numbers: Collection[int], pattern: str
) -> tuple[Orphan, ...]:
    """The deployment entries without an environment, by its name.

    The entry of an open pull request is none: another run may create its environment now.
    """
    found: list[Orphan] = []
    for name in sorted({*entries} - {*environments}):
        number = number_of(name, pattern)
        if number is None or number not in open_numbers:
            found.append(Orphan(name=name, number=number, reason=OrphanReason.ENTRY))
    return tuple(found)


def _exists(number: int, forge: Forge) -> bool:
    try:
        forge.change(number)
    except ForgeError as error:
        if error.status == 404:
            return False
        raise
    return True
