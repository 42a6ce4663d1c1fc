"""Notices to webhooks: what a run did to bases and environments. A webhook that fails or hangs never fails a run."""

from __future__ import annotations

import json
import threading
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from orchestrator.config.notify_settings import Happening, Webhook
from orchestrator.events import Diagnostic
from orchestrator.lifecycle.context import Context
from orchestrator.lifecycle.expiry import LAST_WARNING, Soon
from orchestrator.lifecycle.job import Job
from orchestrator.model import Operation, RunReport, Scope, Status, UnitResult

TIMEOUT_SECONDS = 5.0
"""Longest wait for each answer of a webhook."""

PATIENCE_SECONDS = 10.0
"""Longest time that all webhooks of a run may take together."""

_WORDS: Mapping[Happening, str] = {
    "created": "was created",
    "deployed": "was deployed",
    "failed": "failed",
    "expiring": "expires soon",
    "slept": "sleeps",
    "woke": "is awake",
    "reaped": "has expired and was destroyed",
    "destroyed": "was destroyed",
}
Warn = Callable[[str], None]
Post = Callable[[Webhook, str, "Notice"], None]


@dataclass(frozen=True, kw_only=True)
class Notice:
    """Something that happened to a base or an environment."""

    version: Literal[1] = 1
    event: Happening
    name: str
    scope: Scope
    text: str
    """The whole notice as one sentence."""

    reason: str | None
    """The reason of a failure."""

    url: str | None
    operator: str | None
    command: str
    time: datetime
    expires: datetime | None


def of_run(job: Job, report: RunReport) -> tuple[Notice, ...]:
    """Return the notices of a run, one for each base and environment that changed or failed."""
    if job.operation not in (Operation.UP, Operation.DESTROY):
        return ()
    scopes = {step.unit: step.scope for step in job.steps}
    existed = {(step.scope, step.unit.stack) for step in job.steps if step.exists}
    groups: dict[tuple[Scope, str], list[UnitResult]] = {}
    for result in report.results:
        groups.setdefault((scopes[result.unit], result.unit.stack), []).append(result)
    found: list[Notice] = []
    for (scope, name), results in groups.items():
        event = _event(job, report, results, existed=(scope, name) in existed)
        if event is not None:
            found.append(_notice(event, scope, name, results, job, report))
    return tuple(found)


def _event(job: Job, report: RunReport, results: Sequence[UnitResult], *, existed: bool) -> Happening | None:
    statuses = {result.status for result in results}
    if Status.FAILED in statuses:
        return "failed"
    if Status.SUCCEEDED not in statuses or statuses & {Status.SKIPPED, Status.CANCELLED}:
        return None
    if job.operation is Operation.DESTROY:
        stacks = [job.stacks[result.unit] for result in results if result.unit in job.stacks]
        records = [stack.record for stack in stacks if stack.record]
        ended = any(record.expires and record.expires <= report.started and not record.pinned for record in records)
        return "reaped" if ended else "destroyed"
    configs = [job.configs[result.unit] for result in results if result.unit in job.configs]
    if any(config.asleep for config in configs):
        return "slept"
    if job.command == "wake":
        return "woke"
    return "deployed" if existed else "created"


def _notice(
    event: Happening, scope: Scope, name: str, results: Sequence[UnitResult], job: Job, report: RunReport
) -> Notice:
    reasons = [result.reason for result in results if result.reason]
    reason = reasons[0].splitlines()[0] if event == "failed" and reasons else None
    urls = [str(result.outputs["url"].shown()) for result in results if "url" in result.outputs]
    who = f" by {job.operator}" if job.operator else ""
    text = f"{name} {_WORDS[event]} ({report.command}{who}){f': {reason}' if reason else ''}"
    return Notice(
        event=event,
        name=name,
        scope=scope,
        text=text,
        reason=reason,
        url=urls[0] if urls and event not in ("destroyed", "reaped") else None,
        operator=job.operator,
        command=report.command,
        time=report.ended,
        expires=None,
    )


def of_expiry(soon: Soon, now: datetime) -> Notice:
    """Return the notice of an environment that expires within two days, or two hours."""
    expires = soon.environment.record.expires
    hours = LAST_WARNING if soon.last_call else timedelta(days=2)
    within = "2 hours" if hours == LAST_WARNING else "2 days"
    name = soon.environment.name
    return Notice(
        event="expiring",
        name=name,
        scope=Scope.ENVIRONMENT,
        text=f"{name} expires within {within}; keep it with `orchestrator extend {name} --ttl 3d`",
        reason=None,
        url=soon.environment.url,
        operator=soon.environment.record.owner,
        command="reap",
        time=now,
        expires=expires,
    )


def announce(notices: Sequence[Notice], context: Context) -> None:
    """Send notices to the webhooks of the settings; the simulation only reports those that it would send."""
    if context.engine.notice:
        for notice in notices:
            text = f"notice (the simulation sends none): {notice.text}"
            context.observer(Diagnostic(unit=None, severity="info", message=text))
        return

    def warn(text: str) -> None:
        context.observer(Diagnostic(unit=None, severity="warning", message=text))

    send(notices, context.settings.notify, warn)


def send(
    notices: Sequence[Notice],
    webhooks: Mapping[str, Webhook],
    warn: Warn,
    *,
    post: Post | None = None,
    patience_seconds: float = PATIENCE_SECONDS,
) -> int:
    """Send the notices to the webhooks that want them; return how many were delivered.

    Failures are warnings with the name of the webhook, never its URL.
    """
    delivered: list[bool] = []
    threads: list[tuple[str, threading.Thread]] = []
    for name, webhook in webhooks.items():
        wanted = [notice for notice in notices if webhook.wants(notice.event, notice.name)]
        address = webhook.address() if wanted else None
        if wanted and address is None:
            warn(f"the webhook {name} received nothing: the variable {webhook.url.removeprefix('env:')} is not set")
        elif wanted and address:
            work = _Work(name, webhook, address, wanted, post or deliver, delivered, warn)
            thread = threading.Thread(target=work.run, name=f"notify {name}", daemon=True)
            thread.start()
            threads.append((name, thread))
    for name, thread in threads:
        thread.join(patience_seconds)
        if thread.is_alive():
            warn(f"the webhook {name} did not answer within {patience_seconds:g} s")
    return len(delivered)


class _Work:
    """The notices of one webhook, in their order."""

    def __init__(
        self,
        name: str,
        webhook: Webhook,
        address: str,
        notices: Sequence[Notice],
        post: Post,
        delivered: list[bool],
        warn: Warn,
    ) -> None:
        self._name, self._webhook, self._address = name, webhook, address
        self._notices, self._post, self._delivered = notices, post, delivered
        self._warn = warn

    def run(self) -> None:
        """Send them, up to the first failure."""
        for notice in self._notices:
            try:
                self._post(self._webhook, self._address, notice)
            except Exception as error:  # whatever a webhook does, the run is over
                # The text of an error can contain the URL, which is a secret.
                code = getattr(error, "code", None)
                reason = f"status {code}" if code else type(error).__name__
                self._warn(f"the webhook {self._name} received nothing: {reason}")
                return
            self._delivered.append(True)


def deliver(webhook: Webhook, address: str, notice: Notice) -> None:
    """Send one notice. Raises OSError, ImportError."""
    if webhook.format == "apprise":
        _by_apprise(address, notice)
        return
    content = json.dumps(body(webhook.format, notice)).encode()
    headers = {"Content-Type": "application/json", "User-Agent": "pulumi-django"}
    request = urllib.request.Request(address, data=content, headers=headers, method="POST")
    with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:
        answer.read(1)


def body(form: str, notice: Notice) -> dict[str, Any]:
    """Return the JSON that a webhook of this form gets."""
    link = f"\n{notice.url}" if notice.url else ""
    if form == "slack":
        return {"text": f"{notice.text}{link}"}
    if form == "teams":
        content = {
            "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
            "type": "AdaptiveCard",
            "version": "1.4",
            "body": [{"type": "TextBlock", "text": f"{notice.text}{link}", "wrap": True}],
        }
        return {
            "type": "message",
            "attachments": [{"contentType": "application/vnd.microsoft.card.adaptive", "content": content}],
        }
    times = {"time": notice.time.isoformat(), "expires": notice.expires.isoformat() if notice.expires else None}
    return {**vars(notice), "scope": notice.scope.value, **times}


def _by_apprise(address: str, notice: Notice) -> None:
    import importlib

    apprise: Any = importlib.import_module("apprise")
    service = apprise.Apprise()
    if not service.add(address) or not service.notify(title=notice.name, body=notice.text):
        raise OSError("apprise did not deliver the notice")
