"""`smoke --load`: many visitors for a while, by Locust, with the failures and the times of the answers."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from orchestrator.config.durations import format_duration
from orchestrator.errors import OperationFailedError, RefusedError, UsageError
from orchestrator.operations import child
from orchestrator.operations.aws.targets import Target
from orchestrator.operations.health.verdicts import Check, fail, not_applicable, ok
from pulumi_django.rules.kinds import Kind

LONGEST = timedelta(hours=1)
MOST_USERS = 1000
"""One process of Locust on one core makes some hundred requests per second with this many users."""

MOST_RATE = 10_000.0
MOST_FAILURES_PERCENT = 1.0
ANSWER_SECONDS = 20
"""Time for an answer. A request that gets none is a failure."""

VISITORS = Path(__file__).with_name("visitors.py")
FIGURES = Path(__file__).with_name("load_figures.py")
MOST_PROBLEMS = 5


@dataclass(frozen=True, kw_only=True)
class LoadTest:
    """The visitors of an environment."""

    duration: timedelta
    """Time, 1 s to 1 h."""

    users: int = 10
    """Number of visitors at once, 1 to 1000."""

    rate: float | None = None
    """Requests per second of all visitors together. None is one for each visitor. Slow answers lower it."""

    paths: Sequence[str] = ("/",)
    """Paths that each visitor requests in turn."""

    locust_file: Path | None = None
    """Locust file with visitors of your own, in place of `rate` and `paths`."""

    most_failures_percent: float = MOST_FAILURES_PERCENT
    """Largest part of the requests that may fail, in percent."""

    def __post_init__(self) -> None:
        if not timedelta(seconds=1) <= self.duration <= LONGEST:
            raise UsageError(f"the load cannot last {format_duration(self.duration)}: it lasts 1s to 1h")
        if not 1 <= self.users <= MOST_USERS:
            raise UsageError(f"the number of users is {self.users}: it must be from 1 to {MOST_USERS}")
        if self.rate is not None and not 0 < self.rate <= MOST_RATE:
            raise UsageError(
                f"the rate is {self.rate:g} requests per second: it must be above 0 and at most {MOST_RATE:g}"
            )
        if not 0 <= self.most_failures_percent <= 100:
            raise UsageError(
                f"the largest part of failures is {self.most_failures_percent:g} %: it must be from 0 to 100 %"
            )
        wrong = [path for path in self.paths if not path.startswith("/")]
        if wrong or not self.paths:
            raise UsageError(f"'{wrong[0] if wrong else ''}' is not a path: a path begins with /")
        if self.locust_file is not None and not self.locust_file.is_file():
            raise UsageError(f"the Locust file {self.locust_file} does not exist")


@dataclass(frozen=True, kw_only=True)
class Answers:
    """Requests, and the times until their answers in ms. Locust rounds times to two digits."""

    request: str
    """Method and name, such as `GET /`; `all` for all of them."""

    requests: int
    failures: int
    per_second: float
    p50_ms: int
    p95_ms: int
    p99_ms: int


@dataclass(frozen=True, kw_only=True)
class Problem:
    """A reason for which requests failed."""

    request: str
    reason: str
    count: int


@dataclass(frozen=True, kw_only=True)
class LoadResult:
    """The end of a load test."""

    url: str
    seconds: float
    users: int
    together: Answers
    requests: tuple[Answers, ...]
    problems: tuple[Problem, ...]
    """The most frequent ones."""


@dataclass(frozen=True, kw_only=True)
class PreparedLoad:
    """A load test that may run."""

    request: LoadTest
    url: str | None
    """Address of the environment; None in the simulation, which gets no load."""

    def run(self, tell: child.Tell) -> LoadResult | None:
        """Send the load. `tell` receives the lines of Locust. None in the simulation. Raises OperationFailedError."""
        return None if self.url is None else run(self.request, self.url, tell)

    def check(self, found: LoadResult | None) -> Check:
        """The result as one of the checks of `smoke`."""
        return verdict(self.request, found) if found else not_applicable("load", "nothing runs in the simulation")


def prepare(request: LoadTest, target: Target, *, allow_prod: bool, simulated: bool) -> PreparedLoad:
    """Raise RefusedError when the environment must not or cannot get load."""
    if target.outputs.kind == Kind.PROD and not allow_prod:
        raise RefusedError(
            f"no load was sent: {target.environment} is production",
            "your users share its tasks and its database with the load: add --allow-prod to send it all the same",
        )
    if target.rest:
        raise RefusedError(
            f"{target.environment} cannot be checked: it is {target.rest}",
            f"wake it: `orchestrator wake {target.environment}`",
        )
    if not simulated and find_spec("locust") is None:
        raise RefusedError("no load was sent: Locust is not installed", "pip install 'pulumi-django[load]'")
    return PreparedLoad(request=request, url=None if simulated else target.outputs.url)


def run(request: LoadTest, url: str, tell: child.Tell) -> LoadResult:
    """Send the load and return the figures. `tell` receives the lines of Locust. Raises OperationFailedError."""
    with tempfile.TemporaryDirectory(prefix="load-") as folder:
        written = Path(folder) / "figures.json"
        ended = child.run(_words(request, url), tell, given={**_variables(request), "LOAD_FIGURES": str(written)})
        if ended.code or not written.is_file():
            raise OperationFailedError(
                f"Locust ended with exit code {ended.code}: {ended.last[-1] if ended.last else 'it printed nothing'}",
                "run it with --verbose to see its lines",
            )
        found = json.loads(written.read_text(encoding="utf-8"))
    seconds = request.duration.total_seconds()
    return LoadResult(
        url=url,
        seconds=seconds,
        users=request.users,
        together=_answers(found["together"], seconds),
        requests=tuple(_answers(each, seconds) for each in found["requests"]),
        problems=tuple(Problem(**each) for each in found["problems"][:MOST_PROBLEMS]),
    )


def verdict(request: LoadTest, found: LoadResult) -> Check:
    """The result as one of the checks of `smoke`."""
    answers = found.together
    if not answers.requests:
        return fail("load", f"no request was answered within {ANSWER_SECONDS} s", "read the log of the web service")
    failed = 100 * answers.failures / answers.requests
    evidence = (
        f"{answers.failures} of {answers.requests} requests failed ({failed:.1f} %), "
        f"p50 {answers.p50_ms} ms, p95 {answers.p95_ms} ms, p99 {answers.p99_ms} ms"
    )
    if failed <= request.most_failures_percent:
        return ok("load", evidence)
    worst = found.problems[0] if found.problems else None
    why = f"; most often {worst.request}: {worst.reason}" if worst else ""
    return fail("load", f"{evidence}{why}", f"at most {request.most_failures_percent:g} % may fail: --most-failures")


def _words(request: LoadTest, url: str) -> list[str]:
    users = str(request.users)
    return [
        *(sys.executable, "-m", "locust", "--headless", "--only-summary", "--loglevel", "WARNING"),
        *("--locustfile", f"{FIGURES},{request.locust_file or VISITORS}", "--host", url.rstrip("/")),
        *("--users", users, "--spawn-rate", users, "--run-time", f"{request.duration.total_seconds():.0f}s"),
        # Requests that hang at the end still become failures.
        *("--stop-timeout", str(ANSWER_SECONDS + 1), "--exit-code-on-error", "0"),
    ]


def _variables(request: LoadTest) -> Mapping[str, str]:
    return {
        "LOAD_PATHS": json.dumps([*request.paths]),
        "LOAD_RATE_PER_USER": str((request.rate or float(request.users)) / request.users),
        "LOAD_ANSWER_SECONDS": str(ANSWER_SECONDS),
    }


def _answers(figures: Mapping[str, Any], seconds: float) -> Answers:
    return Answers(**figures, per_second=round(figures["requests"] / seconds, 1))
