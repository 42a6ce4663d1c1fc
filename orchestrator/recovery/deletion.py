"""Deletes orphans in dependency order, with retries, and reports the result of each."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from orchestrator.recovery.aws import Aws, ClientFactory, error_code, is_absent, reason
from orchestrator.recovery.deleters import DELETERS, KeptError
from orchestrator.recovery.orphans import Orphan

ROUND_PAUSE_SECONDS = 20.0
PATIENCE_SECONDS = 1800.0
"""Time for retries: a NAT gateway takes two minutes to delete, a database ten minutes or more."""

TEMPORARY_WORDS = (
    "Busy",
    "Conflict",
    "Contains",
    "DependencyViolation",
    "DistributionNotDisabled",
    "InProgress",
    "InUse",
    "InternalError",
    "InternalFailure",
    "InvalidCacheClusterState",
    "InvalidDBClusterState",
    "InvalidDBInstanceState",
    "InvalidDBParameterGroupState",
    "InvalidDBSubnetGroupState",
    "InvalidReplicationGroupState",
    "RequestLimitExceeded",
    "ServiceUnavailable",
    "Throttl",
    "WAFAssociatedItem",
)
"""Parts of the error codes for a resource that is in use, or a service that is busy."""


class Outcome(StrEnum):
    """The result of deleting one orphan."""

    DELETED = "deleted"
    """It is deleted or being deleted."""

    KEPT = "kept"
    """It was kept on purpose."""

    FAILED = "failed"


@dataclass(frozen=True, kw_only=True)
class Deletion:
    """One orphan and the result of deleting it."""

    orphan: Orphan
    outcome: Outcome
    reason: str | None = None


def delete_orphans(
    orphans: Iterable[Orphan],
    client: ClientFactory,
    *,
    report: Callable[[Deletion], None] = lambda _deletion: None,
    patience_seconds: float = PATIENCE_SECONDS,
    sleep: Callable[[float], None] = time.sleep,
) -> tuple[Deletion, ...]:
    """Delete the orphans; return one result for each, in the order in which they ended. `report` gets each result at once.

    A failure does not stop the others. Resources that are in use are retried every 20 seconds until the pauses add up to
    `patience_seconds`. Deletion protection is never disabled, and data of production is never lost: databases leave a
    snapshot, secrets can be restored for 30 days, buckets must be empty.
    """
    aws = Aws(client)
    waiting = sorted(orphans, key=lambda orphan: (DELETERS.get(orphan.type, (0,))[0], orphan.arn))
    ended: list[Deletion] = []
    paused = 0.0
    while waiting:
        held: list[tuple[Orphan, str]] = []
        for orphan in waiting:
            deletion = _attempt(aws, orphan)
            if isinstance(deletion, str):
                held.append((orphan, deletion))
                continue
            ended.append(deletion)
            report(deletion)
        if held and paused + ROUND_PAUSE_SECONDS > patience_seconds:
            for orphan, why in held:
                ended.append(Deletion(orphan=orphan, outcome=Outcome.FAILED, reason=why))
                report(ended[-1])
            break
        waiting = [orphan for orphan, _ in held]
        if waiting:
            sleep(ROUND_PAUSE_SECONDS)
            paused += ROUND_PAUSE_SECONDS
    return tuple(ended)


def _attempt(aws: Aws, orphan: Orphan) -> Deletion | str:
    """The result for the orphan, or the reason why it must be retried."""
    from botocore.exceptions import BotoCoreError, ClientError

    if orphan.type not in DELETERS:
        return Deletion(orphan=orphan, outcome=Outcome.KEPT, reason=f"deleting {orphan.type} is not supported")
    try:
        DELETERS[orphan.type][1](aws, orphan)
    except KeptError as kept:
        return Deletion(orphan=orphan, outcome=Outcome.KEPT, reason=str(kept))
    except (BotoCoreError, ClientError) as error:
        if is_absent(error):
            return Deletion(orphan=orphan, outcome=Outcome.DELETED)
        if any(word in error_code(error) for word in TEMPORARY_WORDS):
            return reason(error)
        return Deletion(orphan=orphan, outcome=Outcome.FAILED, reason=reason(error))
    return Deletion(orphan=orphan, outcome=Outcome.DELETED)
