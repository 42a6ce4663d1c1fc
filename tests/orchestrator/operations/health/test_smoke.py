"""`smoke`: fourteen checks, each with its evidence."""

from __future__ import annotations

import http.server
import json
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from orchestrator.config.stack_config import StackConfig
from orchestrator.errors import RefusedError
from orchestrator.operations.app_stack import AppStack
from orchestrator.operations.aws.reach import for_target
from orchestrator.operations.aws.targets import Target
from orchestrator.operations.health import smoke, smoke_task
from orchestrator.operations.health.smoke_visit import Answer, RealWeb, ServedCertificate, WebError
from orchestrator.operations.health.verdicts import Check, Verdict
from tests.support.fake_ecs import FakeAws, Life, arn, container, deployment, running, service
from tests.support.operations import OUTPUTS, ScriptedClients, target
from tests.support.workspace import APP_CONFIG, Workspace

NOW = datetime.now(UTC)
URL = "https://alpha.example.com/"
STYLE = "https://alpha.example.com/static/shop.css"
IMAGE = "registry.example.com/shop:1"
TASK = f"{1:032x}"
INSIDE = [
    ["database", "ok", "alpha-db on PostgreSQL 17.2"],
    ["migrations", "ok", "18 applied"],
    ["worker", "ok", "celery@default"],
    ["files", "ok", "written, read and deleted (S3Storage)"],
]
HEALTHY = {
    "TargetHealthDescriptions": [{"TargetHealth": {"State": "healthy"}}, {"TargetHealth": {"State": "draining"}}]
}


@dataclass
class FakeWeb:
    """Answers by URL; what is not there does not answer."""

    answers: dict[str, list[Answer | WebError]] = field(default_factory=dict[str, list[Answer | WebError]])
    expires: timedelta | str = timedelta(days=200)

    def get(self, url: str) -> Answer:
        found = self.answers.get(url, [WebError("its name cannot be resolved")])
        answer = found.pop(0) if len(found) > 1 else found[0]
        if isinstance(answer, WebError):
            raise answer
        return answer

    def certificate(self, host: str, port: int) -> ServedCertificate:
        assert (host, port) == ("alpha.example.com", 443)
        if isinstance(self.expires, str):
            raise WebError(self.expires)
        return ServedCertificate(names=("*.example.com",), expires=NOW + self.expires, issuer="Amazon")


def web(**answers: Answer | WebError) -> FakeWeb:
    page = Answer(status=200, body=b"<link href='/static/shop.css'><script src='https://cdn.other/x.js'>", seconds=0.12)
    found: dict[str, Answer | WebError] = {
        "url": page,
        "redirect": Answer(status=301, headers={"location": URL}),
        "style": Answer(status=200, body=b"body{}"),
        **answers,
    }
    return FakeWeb({URL: [found["url"]], "http://alpha.example.com/": [found["redirect"]], STYLE: [found["style"]]})


@dataclass(kw_only=True)
class Account(FakeAws):
    """Every requested service runs, unless a test overrides it."""

    known: dict[str, Mapping[str, Any] | None] = field(default_factory=dict[str, Mapping[str, Any] | None])

    def _DescribeServices(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        found = [self._one(name) for name in parameters["services"]]
        return {"services": [item for item in found if item], "failures": []}

    def _one(self, name: str) -> Mapping[str, Any] | None:
        plain = service(
            deployment("5", taskDefinition=arn("task-definition", f"{name}:5")),
            serviceName=name,
            taskDefinition=arn("task-definition", f"{name}:5"),
            runningCount=1,
            enableExecuteCommand=True,
            loadBalancers=[{"targetGroupArn": "tg"}] if name == "alpha-gunicorn" else [],
        )
        return self.known.get(name, plain)

    def _DescribeTaskDefinition(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        name = parameters["taskDefinition"].rsplit("/", 1)[-1].split(":")[0].removeprefix("alpha-")
        words = {"default": ["celery", "--app", "shop", "worker"], "beat": ["celery", "--app", "other", "beat"]}
        return {"taskDefinition": {"containerDefinitions": [container(name, command=words.get(name, []))]}}


def account(*, inside: Any = INSIDE, life: Life | None = None, **more: Any) -> Account:
    agent = {"name": "ExecuteCommandAgent", "lastStatus": "RUNNING"}
    web_task = running(
        7, "5", containers=[{"name": "gunicorn", "image": IMAGE, "runtimeId": "r", "managedAgents": [agent]}]
    )
    lines = [(4.0, f"{smoke_task.MARK}{json.dumps(item)}") for item in inside]
    answers: dict[str, Any] = {
        "DescribeTargetHealth": HEALTHY,
        "DescribeLogStreams": {"logStreams": [{"lastEventTimestamp": 1_800_000_000_000}]},
        "FilterLogEvents": {"events": [{"message": "Scheduler: Sending due task x"}]},
        **more.pop("answers", {}),
    }
    return Account(running=[web_task], lives=[life or Life(log=lines)], answers=answers, **more)


def application(workspace: Workspace, config: str = "") -> AppStack:
    workspace.write("app", "alpha", APP_CONFIG + config)
    return AppStack("alpha", StackConfig.load(workspace.orchestrator().settings.by_key["app"], "alpha"))


def looked(
    workspace: Workspace,
    aws: Account | None = None,
    visitor: FakeWeb | None = None,
    on: Target | None = None,
    **more: Any,
) -> dict[str, Check]:
    clients = ScriptedClients(aws or account())
    found = list(smoke.run(on or target(), clients, application(workspace), web=visitor or web(), **more))
    assert tuple(check.name for check in found) == smoke.NAMES
    return {check.name: check for check in found}


def shown(check: Check) -> tuple[str, str]:
    return check.verdict.value, check.evidence


def test_there_are_fourteen() -> None:
    assert len(smoke.NAMES) == len(set(smoke.NAMES)) == 14


def test_an_environment_that_works_answers_all_with_evidence(workspace: Workspace) -> None:
    found = looked(workspace)
    until = f"{NOW + timedelta(days=200):%Y-%m-%d}"
    assert {name: shown(check) for name, check in found.items()} == {
        "url": ("ok", f"{URL}: 200 in 120 ms"),
        "certificate": ("ok", f"*.example.com by Amazon until {until}"),
        "redirect": ("ok", f"http://alpha.example.com/: 301 {URL}"),
        "static file": ("ok", f"{STYLE}: 200, 6 bytes"),
        "health check": ("ok", "1 of 1 targets healthy"),
        "services": ("ok", "gunicorn 1/1, web-ui 1/1, default 1/1, beat 1/1, redis 1/1"),
        "image version": ("ok", IMAGE),
        "logs": ("ok", "/ecs/alpha/gunicorn, last line of 2027-01-15 08:00:00 UTC"),
        "beat": ("ok", "1 tasks sent in 15 minutes"),
        "exec": ("ok", f"task {7:032x} takes commands"),
        "database": ("ok", "alpha-db on PostgreSQL 17.2"),
        "migrations": ("ok", "18 applied"),
        "worker": ("ok", "celery@default"),
        "files": ("ok", "written, read and deleted (S3Storage)"),
    }


# as a visitor


@pytest.mark.parametrize(
    ("answer", "verdict", "hint"),
    [
        (Answer(status=302), "ok", None),
        (Answer(status=401), "ok", None),
        (Answer(status=503), "fail", "no healthy task is behind the load balancer"),
        (
            Answer(status=404),
            "fail",
            "the load balancer has no rule for this host, or the application has no page there",
        ),
        (Answer(status=500), "fail", "read the log of the web service"),
        (WebError("its name cannot be resolved"), "fail", "see the services below; a new name takes a few minutes"),
    ],
)
def test_the_answer_of_the_url_decides_the_verdict_and_the_hint(
    workspace: Workspace, answer: Answer | WebError, verdict: str, hint: str | None
) -> None:
    found = looked(workspace, visitor=web(url=answer))["url"]
    assert (found.verdict.value, found.hint) == (verdict, hint)


def test_with_patience_a_url_may_come_later(workspace: Workspace) -> None:
    visitor, aws = web(), account()
    late = WebError("its name cannot be resolved")
    visitor.answers[URL] = [late, Answer(status=503), *visitor.answers[URL]]
    assert looked(workspace, aws, visitor, patience_seconds=60)["url"].verdict is Verdict.OK
    assert aws.clock.slept[:2] == [5.0, 5.0]


@pytest.mark.parametrize(
    ("expires", "verdict", "evidence"),
    [
        (timedelta(days=3), "warn", "*.example.com by Amazon until "),
        (
            "its certificate is not trusted: certificate has expired",
            "fail",
            "its certificate is not trusted",
        ),
    ],
)
def test_a_certificate_that_expires_soon_is_a_warning(
    workspace: Workspace, expires: Any, verdict: str, evidence: str
) -> None:
    visitor = web()
    visitor.expires = expires
    found = looked(workspace, visitor=visitor)["certificate"]
    assert (found.verdict.value, found.evidence[: len(evidence)]) == (verdict, evidence)


@pytest.mark.parametrize(
    "answer",
    [
        Answer(status=200),
        Answer(status=302, headers={"location": URL}),
        Answer(status=301, headers={"location": "https://elsewhere.example.com/"}),
        Answer(status=301, headers={"location": "http://alpha.example.com/"}),
        WebError("Connection refused"),
    ],
)
def test_a_redirect_is_for_good_and_to_the_same_host(workspace: Workspace, answer: Answer | WebError) -> None:
    assert looked(workspace, visitor=web(redirect=answer))["redirect"].verdict is Verdict.FAIL


def test_without_a_domain_there_is_no_certificate_and_no_redirect(workspace: Workspace) -> None:
    plain = target(outputs=replace(OUTPUTS, url="http://dev-alb.example.com"))
    visitor = FakeWeb({"http://dev-alb.example.com/": [Answer(status=200)]})
    found = looked(workspace, visitor=visitor, on=plain)
    assert [name for name, check in found.items() if check.evidence == "the base uses HTTP"] == [
        "certificate",
        "redirect",
    ]


@pytest.mark.parametrize(
    ("page", "asset", "status", "verdict"),
    [
        (b"<link href='/static/shop.css'>", STYLE, 404, "fail"),
        (b"<script src='https://d1.cloudfront.net/a.js?v=1'>", "https://d1.cloudfront.net/a.js?v=1", 200, "ok"),
        (b"<script src='https://static.alpha.example.com/a.js'>", "https://static.alpha.example.com/a.js", 200, "ok"),
        (b"<script src='https://[broken/a.js'>", f"{URL}static/admin/css/base.css", 200, "ok"),
        (b"{}", f"{URL}static/admin/css/base.css", 404, "warn"),
    ],
)
def test_a_static_file(workspace: Workspace, page: bytes, asset: str, status: int, verdict: str) -> None:
    visitor = web(url=Answer(status=200, body=page))
    visitor.answers[asset] = [Answer(status=status, body=b"x")]
    found = looked(workspace, visitor=visitor)["static file"]
    assert shown(found)[0] == verdict
    assert asset in found.evidence


# in AWS


def test_an_unhealthy_target_is_reported_with_its_reason(workspace: Workspace) -> None:
    sick = {"State": "unhealthy", "Description": "Health checks failed with these codes: [500]"}
    answers = {"DescribeTargetHealth": {"TargetHealthDescriptions": [{"TargetHealth": sick}]}}
    assert shown(looked(workspace, account(answers=answers))["health check"]) == (
        "fail",
        "0 of 1 targets healthy: Health checks failed with these codes: [500]",
    )


def test_services_that_are_not_steady_or_do_not_exist(workspace: Workspace) -> None:
    aws = account()
    rolling = service(deployment("6"), deployment("5"), serviceName="alpha-web-ui", runningCount=1)
    short = service(deployment("5"), serviceName="alpha-default", runningCount=0)
    aws.known = {"alpha-web-ui": rolling, "alpha-default": short, "alpha-beat": None}
    assert shown(looked(workspace, aws)["services"]) == (
        "fail",
        "web-ui 1 of 1 while rolling out, default 0 of 1, beat does not exist",
    )


def test_another_image_than_the_configured_one(workspace: Workspace) -> None:
    aws = account()
    aws.running = [running(7, "5", containers=[{"name": "gunicorn", "image": "registry.example.com/shop:0"}])]
    assert shown(looked(workspace, aws)["image version"]) == (
        "fail",
        f"registry.example.com/shop:0; the configuration has {IMAGE}",
    )


def test_a_task_of_an_older_definition_still_runs(workspace: Workspace) -> None:
    aws = account()
    aws.running = [
        running(7, "4", containers=[{"name": "gunicorn", "image": IMAGE, "imageDigest": "sha256:" + "ab" * 32}])
    ]
    assert shown(looked(workspace, aws)["image version"]) == (
        "fail",
        f"{IMAGE} sha256:abababababab; tasks of alpha-gunicorn:4 still run",
    )


def test_without_a_running_task_version_and_exec_fail(workspace: Workspace) -> None:
    aws = account()
    aws.running = []
    found = looked(workspace, aws)
    assert shown(found["image version"]) == ("fail", "no task of gunicorn runs")
    assert found["exec"].verdict is Verdict.FAIL


def test_a_log_that_is_empty(workspace: Workspace) -> None:
    found = looked(workspace, account(answers={"DescribeLogStreams": {"logStreams": []}}))
    assert shown(found["logs"]) == ("fail", "/ecs/alpha/gunicorn is empty")


def test_a_quiet_beat_is_a_warning_and_no_beat_is_none(workspace: Workspace) -> None:
    quiet = looked(workspace, account(answers={"FilterLogEvents": {"events": []}}))["beat"]
    assert shown(quiet) == ("warn", "no task sent in 15 minutes")
    without = target(outputs=replace(OUTPUTS, service_names=("alpha-gunicorn", "alpha-default")))
    assert shown(looked(workspace, on=without)["beat"]) == ("n/a", "there is no schedule")


def test_exec_that_is_off_is_no_failure(workspace: Workspace) -> None:
    aws = account()
    plain = aws._one("alpha-gunicorn")  # pyright: ignore[reportPrivateUsage]
    assert plain is not None
    aws.known = {"alpha-gunicorn": {**plain, "enableExecuteCommand": False}}
    assert shown(looked(workspace, aws)["exec"]) == ("n/a", "it is off")


def test_what_aws_refuses_is_a_line(workspace: Workspace) -> None:
    aws = account()
    aws.errors = {"DescribeTargetHealth": [("AccessDenied", "not for you")]}
    found = looked(workspace, aws)
    assert shown(found["health check"]) == ("fail", "AWS does not allow DescribeTargetHealth: not for you")
    assert found["services"].verdict is Verdict.OK


# from inside


def test_the_workers_application_is_handed_to_the_task(workspace: Workspace) -> None:
    aws = account()
    looked(workspace, aws)
    (run,) = aws.called("RunTask")
    assert run["overrides"]["containerOverrides"][0]["command"] == list(smoke_task.command("shop"))


def test_without_a_worker_none_is_asked(workspace: Workspace) -> None:
    aws = account()
    looked(workspace, aws, on=target(outputs=replace(OUTPUTS, service_names=("alpha-gunicorn", "alpha-beat"))))
    command = aws.called("RunTask")[0]["overrides"]["containerOverrides"][0]["command"]
    assert command == list(smoke_task.command(None))
    assert len(command) == 3


def test_what_fails_inside_has_a_hint(workspace: Workspace) -> None:
    inside = [*INSIDE[:1], ["migrations", "fail", "2 not applied, the first is shop.0002_cart"], *INSIDE[2:]]
    found = looked(workspace, account(inside=inside))["migrations"]
    assert shown(found) == ("fail", "2 not applied, the first is shop.0002_cart")
    assert found.hint == "deploy again with the release, or run `orchestrator run alpha -- python manage.py migrate`"


def test_the_last_line_of_a_failed_task_is_in_all_four_checks(workspace: Workspace) -> None:
    life = Life(exit_code=1, log=[(3, "Traceback"), (3, "ImproperlyConfigured: SECRET_KEY must not be empty")])
    found = looked(workspace, account(life=life))
    evidence = (
        "the task ended before this check: ended with exit code 1 (Essential container in task exited); "
        "its last line: ImproperlyConfigured: SECRET_KEY must not be empty"
    )
    assert {name: shown(found[name]) for name in smoke_task.NAMES} == dict.fromkeys(
        smoke_task.NAMES, ("fail", evidence)
    )


def test_a_task_that_never_starts_fails_what_is_inside_only(workspace: Workspace) -> None:
    life = Life(starts=None, exit_code=None, stop_code="TaskFailedToStart", reason="CannotPullContainerError: no")
    found = looked(workspace, account(life=life))
    assert "CannotPullContainerError: no" in found["database"].evidence
    assert found["url"].verdict is Verdict.OK


def test_lines_that_are_ours_only_by_their_beginning_are_left_alone(workspace: Workspace) -> None:
    odd = [*INSIDE, ["database"], {"a": 1}, ["database", "perhaps", "x"]]
    assert shown(looked(workspace, account(inside=odd))["database"]) == ("ok", "alpha-db on PostgreSQL 17.2")


def test_the_script_is_python_and_fits_into_an_override(tmp_path: Path) -> None:
    words = smoke_task.command("shop")
    file = tmp_path / "script.py"
    file.write_text(words[2])
    assert subprocess.run([sys.executable, "-m", "py_compile", str(file)], check=False).returncode == 0
    assert sum(map(len, words)) < 8192


CELERY = """
import json, os, types
given = json.loads(os.environ["GIVEN"])
conf = types.SimpleNamespace(**{"task_routes": None, "beat_schedule": {}, "broker_url": "redis://", **given["conf"]})
class App:
    def __init__(self):
        self.conf = conf
        self.loader = types.SimpleNamespace(import_default_modules=lambda: None)
        self.tasks = {str(n): types.SimpleNamespace(queue=q) for n, q in enumerate(given.get("tasks", [None]))}
        self.amqp = types.SimpleNamespace(queues={conf.task_default_queue: 1})
        active = lambda: given.get("active")
        self.control = types.SimpleNamespace(inspect=lambda timeout: types.SimpleNamespace(active_queues=active))
def find_app(name):
    return App()
"""


def seen_by_the_script(tmp_path: Path, **given: Any) -> tuple[str, str]:
    """The script's checks of the workers, with stand-ins for Django and Celery."""
    for name, text in {
        "django/__init__.py": "def setup(): pass",
        "celery/__init__.py": "",
        "celery/app/__init__.py": "",
        "celery/app/utils.py": CELERY,
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    given["conf"] = {"task_default_queue": "celery", **given.get("conf", {})}
    environment = {"PYTHONPATH": str(tmp_path), "GIVEN": json.dumps(given)}
    words = [sys.executable, *smoke_task.command("shop")[1:]]
    found = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    lines = [json.loads(line.removeprefix(smoke_task.MARK)) for line in found.stdout.splitlines()]
    return next((verdict, evidence) for name, verdict, evidence in lines if name == "worker")


BOTH = {"w@1": [{"name": "default"}, {"name": "celery"}]}


@pytest.mark.parametrize(
    ("given", "verdict", "evidence"),
    [
        ({"active": BOTH}, "ok", "w@1; queues celery, default"),
        ({"active": None}, "fail", "no worker answered within 10 s"),
        (
            {"active": {"w@1": [{"name": "default"}]}},
            "fail",
            "no worker takes tasks that name no queue, which Celery sends to celery; w@1; queues default",
        ),
        ({"active": {"w@1": [{"name": "x"}]}, "conf": {"task_default_queue": "x"}}, "ok", "w@1; queues x"),
        ({"active": BOTH, "tasks": ["slow"]}, "warn", "no worker takes tasks of slow; w@1; queues celery, default"),
        (
            {
                "active": BOTH,
                "conf": {"task_routes": [[["a.*", {"queue": "mail"}]], "a.router", ["b", {"queue": "c"}]]},
            },
            "warn",
            "no worker takes tasks of mail; w@1; queues celery, default",
        ),
        (
            {"active": BOTH, "conf": {"beat_schedule": {"x": {"options": {"queue": "night"}}, "y": {}}}},
            "warn",
            "no worker takes tasks of night; w@1; queues celery, default",
        ),
        (
            {
                "conf": {
                    "broker_url": "sqs://",
                    "broker_transport_options": {"predefined_queues": {"celery": {"url": "u"}}},
                }
            },
            "ok",
            "workers on SQS cannot be asked; queues celery",
        ),
        (
            {"conf": {"broker_url": "sqs://", "broker_transport_options": {}}},
            "warn",
            "Celery does not get predefined_queues from CELERY_BROKER_TRANSPORT_OPTIONS",
        ),
    ],
)
def test_queues_without_a_worker_are_reported(
    tmp_path: Path, given: dict[str, Any], verdict: str, evidence: str
) -> None:
    assert seen_by_the_script(tmp_path, **given) == (verdict, evidence)


def test_a_queue_without_a_worker_has_a_hint(workspace: Workspace) -> None:
    inside = [*INSIDE[:2], ["worker", "warn", "no worker takes tasks of slow; w@1; queues celery"], INSIDE[3]]
    found = looked(workspace, account(inside=inside))["worker"]
    assert found.verdict is Verdict.WARN
    assert found.hint is not None
    assert "workers.NAME.queues" in found.hint


@pytest.mark.parametrize(
    ("words", "app"),
    [
        (["celery", "-A", "shop", "worker"], "shop"),
        (["celery", "--app=shop.celery:app", "worker"], "shop.celery:app"),
        (["celery", "-A"], None),
        (["gunicorn"], None),
    ],
)
def test_the_application_of_a_worker(words: list[str], app: str | None) -> None:
    assert smoke_task.celery_app({"containerDefinitions": [{"command": words}]}) == app


# all of it


def test_an_environment_that_is_asleep_is_refused(workspace: Workspace) -> None:
    with pytest.raises(RefusedError) as caught:
        list(smoke.run(target(asleep=True), ScriptedClients(account()), application(workspace)))
    assert caught.value.hint == "wake it: `orchestrator wake alpha`"


def test_in_the_simulation_the_calls_are_recorded_and_no_check_applies(workspace: Workspace) -> None:
    simulated = target(notice="simulation")
    clients = for_target(simulated)
    assert clients.simulated
    found = list(smoke.run(simulated, clients, application(workspace), web=FakeWeb()))
    assert {check.verdict for check in found} == {Verdict.NOT_APPLICABLE}
    assert [check.name for check in found] == list(smoke.NAMES)
    assert "RunTask" in [call.operation for call in clients.calls]


# requests over a network


@pytest.fixture
def server() -> Iterator[str]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response({"/moved": 301, "/broken": 500}.get(self.path, 200))
            self.send_header("Location", "https://elsewhere.example.com/")
            self.end_headers()
            self.wfile.write(b"hello")

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            del code, size

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as found:
        threading.Thread(target=found.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{found.server_address[1]}"
        found.shutdown()


def test_answers_are_shown_as_they_are(server: str) -> None:
    moved = RealWeb().get(f"{server}/moved")
    assert (moved.status, moved.headers["location"], moved.body) == (301, "https://elsewhere.example.com/", b"hello")
    assert RealWeb().get(f"{server}/broken").status == 500
    assert RealWeb().get(server).status == 200


def test_no_answer_has_a_reason(server: str) -> None:
    port = int(server.rsplit(":", 1)[1])
    with pytest.raises(WebError, match="Connection refused"):
        RealWeb().get("http://127.0.0.1:9/")
    with pytest.raises(WebError):
        RealWeb().certificate("127.0.0.1", port)
    with pytest.raises(WebError, match="unknown url type"):
        RealWeb().get("nonsense://x")
