"""The health of targets, checked as a target group checks it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

import aiohttp

from orchestrator.local.routes import HealthCheck

USER_AGENT = "ELB-HealthChecker/2.0"
"""As the load balancer sends it."""


@dataclass(kw_only=True)
class Target:
    """A registered target: an address of a service."""

    service: str
    address: str
    port: int
    check: HealthCheck
    tls: bool = False
    """Whether it speaks TLS, with any certificate."""

    grace_seconds: float = 0
    state: str = "initial"
    """`initial`, `healthy` or `unhealthy`."""

    reason: str = ""
    started: float = 0
    """Start of its process, on the monotonic clock; 0 while nothing runs."""

    _good: int = 0
    _bad: int = 0

    @property
    def registered(self) -> bool:
        """Whether a process runs behind it."""
        return self.started > 0

    def begin(self) -> None:
        """Note the start of its process."""
        self.started, self.state, self.reason, self._good, self._bad = time.monotonic(), "initial", "", 0, 0

    def end(self) -> None:
        """Note the end of its process."""
        self.started, self.state = 0, "initial"

    def note(self, reason: str | None) -> bool:
        """Count a check that failed for a reason, or passed (None); return whether the state changed."""
        before = self.state
        if reason is None:
            self._good, self._bad = self._good + 1, 0
            # The first check that passes is enough for a new target.
            if self.state == "initial" or self._good >= self.check.healthy_after:
                self.state, self.reason = "healthy", ""
        else:
            self.reason = reason
            if self.state == "initial" and self._age < self.grace_seconds:
                return False  # it starts still
            self._good, self._bad = 0, self._bad + 1
            if self._bad >= self.check.unhealthy_after:
                self.state = "unhealthy"
        return self.state != before

    @property
    def must_restart(self) -> bool:
        """Whether ECS would replace its task: unhealthy after the grace period."""
        return self.registered and self.state == "unhealthy" and self._age > self.grace_seconds

    @property
    def _age(self) -> float:
        """Seconds since the start of its process."""
        return time.monotonic() - self.started


async def watch(session: aiohttp.ClientSession, target: Target, changed: Callable[[Target], None]) -> None:
    """Check a target for ever. `changed` is called when its state changes, and at each check while it must restart."""
    while True:
        if target.registered:
            started = target.started
            reason = await _checked(session, target)
            if target.started == started and (target.note(reason) or target.must_restart):
                changed(target)
        # A new target is looked at often, so that it serves as soon as it can.
        await asyncio.sleep(0.25 if target.state == "initial" else target.check.interval_seconds)


async def _checked(session: aiohttp.ClientSession, target: Target) -> str | None:
    """The reason of a failed check; None when it passed."""
    url = f"{'https' if target.check.tls else 'http'}://{target.address}:{target.port}{target.check.path}"
    limit = aiohttp.ClientTimeout(total=target.check.timeout_seconds)
    try:
        async with session.get(
            url, timeout=limit, allow_redirects=False, headers={"User-Agent": USER_AGENT}, ssl=False
        ) as answer:
            await answer.read()
            if target.check.accepts(answer.status):
                return None
            return f"the health check {target.check.path} answers {answer.status} instead of {target.check.codes}"
    except TimeoutError:
        return f"the health check {target.check.path} takes longer than {target.check.timeout_seconds:g} s"
    except aiohttp.ClientError:
        return f"the health check {target.check.path} gets no answer"
