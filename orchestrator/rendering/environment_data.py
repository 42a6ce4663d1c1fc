"""What the commands on databases, secrets and sizes of environments print. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.operations.database.databases import DatabaseResult
from orchestrator.operations.scale import Scaled
from orchestrator.operations.secrets import PushResult, SecretEntry
from orchestrator.operations.sleep import ServerResult
from orchestrator.operations.tunnel import Tunnel
from orchestrator.rendering.tables import aligned


def pushed(result: PushResult) -> str:
    """Keys by what became of them, never values."""
    verb = "would be stored" if result.dry_run else "stored"
    rows = [
        (what, key)
        for what, keys in (
            ("new", result.added),
            ("changed", result.changed),
            ("same", result.unchanged),
            ("empty", result.empty),
            ("the stack's", result.provided),
        )
        for key in keys
    ]
    return aligned(rows) + f"{len(result.added) + len(result.changed)} {verb} in {result.name} ({result.store.value})\n"


def secrets(entries: Sequence[SecretEntry]) -> str:
    """Keys, who has them, where their values are."""
    rows: list[Sequence[str]] = [("KEY", "SERVICES", "KEPT IN")]
    rows += [(entry.key, ", ".join(entry.services) or "(with the next update)", entry.reference) for entry in entries]
    return aligned(rows) if entries else "no variable is a secret\n"


def scaled(found: Sequence[Scaled]) -> str:
    """What services will have."""
    return aligned([(item.service, str(item.count), ", ".join(map(str, item.assignments))) for item in found])


def servers(results: Sequence[ServerResult]) -> str:
    """Database servers of bases, and what has to be known."""
    text = aligned([("base", item.base, f"database server {item.server}", item.state.value) for item in results])
    return text + "".join(f"{item.note}\n" for item in results if item.note)


def tunnel(found: Tunnel) -> str:
    """How to connect."""
    rows = [("url", found.url)]
    if found.password_command:
        rows.append(("password", found.password_command))
    return aligned(rows)


def database(result: DatabaseResult) -> str:
    """What was done."""
    rows = [("database", result.database), ("done", ", ".join(result.done))]
    if result.dump is not None:
        size = "" if result.dump.size_bytes is None else f" ({_size(result.dump.size_bytes)})"
        rows.append(("dump", f"{result.dump.source}{size}"))
        if result.dump.file:
            rows.append(("file", result.dump.file))
    return aligned(rows)


def _size(count: int) -> str:
    number = float(count)
    for unit in ("bytes", "KiB", "MiB"):
        if number < 1024:
            return f"{number:.0f} {unit}"
        number /= 1024
    return f"{number:.1f} GiB"
