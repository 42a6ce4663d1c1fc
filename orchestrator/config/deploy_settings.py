"""`[deploy]` of `orchestrator.toml`: checks before a deploy."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class DeploySettings:
    """Checks before a deploy."""

    check_migrations: bool = False
    """Whether `deploy` refuses a backend image with pending migrations that break running code or lock tables."""

    accepted_migrations: tuple[str, ...] = ()
    """Migrations that may be dangerous, as `app.name`, for example `shop.0007_remove_price`."""
