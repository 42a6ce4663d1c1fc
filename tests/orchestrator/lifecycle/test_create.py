"""Creation of bases and environments: units, files, records and refusals."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from orchestrator.config.assignments import make_assignment
from orchestrator.config.stack_config import GENERATED_MARK
from orchestrator.errors import (
    EngineUnavailableError,
    LockOwner,
    OrchestratorError,
    RefusedError,
    SettingsError,
    StackLockedError,
    StateError,
    UnknownStackError,
    UsageError,
)
from orchestrator.lifecycle import CreateBase, CreateEnv, Request, Step, run
from orchestrator.model import Kind, Operation, OutputValue, Record, RunReport, Scope, StackStatus, Status, Unit
from tests.support.workspace import APP_CONFIG, BASE_CONFIG, Workspace

DEV, ALPHA, BETA = Unit("base", "dev"), Unit("app", "alpha"), Unit("app", "beta")
CREATED = datetime(2026, 11, 20, 9, 0, 1, tzinfo=UTC)


def told(report: RunReport) -> list[tuple[str, str]]:
    return [(str(result.unit), result.status.value) for result in report.results]


def refused(workspace: Workspace, request: Request) -> OrchestratorError:
    """The refusal; no unit ran and no file changed."""
    before, calls = workspace.files(), len(workspace.engine.calls)
    with pytest.raises(OrchestratorError) as caught:
        workspace.orchestrator().prepare(request)
    assert (workspace.files(), len(workspace.engine.calls)) == (before, calls)
    return caught.value


# create-env


def test_a_configured_base_is_created_before_its_environment(workspace: Workspace) -> None:
    before = workspace.files()
    report = workspace.orchestrator().create_env("alpha", base="dev")
    assert told(report) == [("base/dev", "succeeded"), ("app/alpha", "succeeded")]
    assert (report.command, report.engine, report.notice) == ("create-env", "fake", workspace.engine.notice)
    assert report.exit_code == 0
    assert workspace.engine.began == ["up base/dev", "up app/alpha"]
    assert workspace.files() == before, "the checked-in example is complete: creating it writes nothing"


def test_the_job_shows_its_steps_before_anything_runs(workspace: Workspace) -> None:
    job = workspace.orchestrator().prepare(CreateEnv(names=("alpha",), base="dev"))
    assert job.steps == (
        Step(unit=DEV, scope=Scope.BASE, kind=Kind.AD_HOC, exists=False, runs=True),
        Step(unit=ALPHA, scope=Scope.ENVIRONMENT, kind=Kind.AD_HOC, exists=False, runs=True),
    )
    assert job.notes == ("the base dev does not exist yet: it is created first",)
    assert job.confirm == ()
    assert workspace.engine.calls == []


def test_an_existing_base_is_only_read(workspace: Workspace) -> None:
    workspace.orchestrator().create_base("dev")
    job = workspace.orchestrator().prepare(CreateEnv(names=("alpha",), base="dev"))
    assert [(step.unit, step.exists, step.runs) for step in job.steps] == [(DEV, True, False), (ALPHA, False, True)]
    assert job.notes == ()
    assert told(run(job)) == [("app/alpha", "succeeded")]
    assert workspace.engine.began == ["up base/dev", "up app/alpha"]


def test_creating_it_again_is_reported_as_unchanged(workspace: Workspace) -> None:
    workspace.orchestrator().create_env("alpha", base="dev")
    records = {unit: stack.record for unit, stack in workspace.engine.kept.items()}
    before = workspace.files()
    report = workspace.orchestrator().create_env("alpha", base="dev")
    assert [(result.unit, result.status) for result in report.results] == [(ALPHA, Status.UNCHANGED)]
    assert {unit: stack.record for unit, stack in workspace.engine.kept.items()} == records
    assert workspace.files() == before


def test_the_configuration_names_the_base_when_the_command_does_not(workspace: Workspace) -> None:
    assert told(workspace.orchestrator().create_env("alpha")) == [("base/dev", "succeeded"), ("app/alpha", "succeeded")]


def test_a_new_environment_starts_from_the_template(workspace: Workspace) -> None:
    report = workspace.orchestrator().create_env(
        "beta", base="dev", images={"backend": "registry.example.com/shop:2"}, values={"web.desired_count": 2}
    )
    assert report.exit_code == 0
    assert workspace.file("app", "beta").read_text() == (
        f"{GENERATED_MARK}\n"
        "config:\n"
        "  aws:region: eu-west-1\n"
        "  django-app:backend_image: registry.example.com/shop:2\n"
        "  django-app:web:\n"
        "    desired_count: 2\n"
        "  django-app:base: dev\n"
        "  django-app:listener_slot: 1\n"
    )
    assert workspace.engine.configs[BETA].wire()["django-app:web"] == '{"desired_count":2}'
    assert workspace.file("app", "alpha").read_text() == APP_CONFIG


def test_several_environments_get_a_slot_each(workspace: Workspace) -> None:
    report = workspace.orchestrator().create_env(["gamma", "beta", "alpha"], base="dev")
    assert report.exit_code == 0
    slots = {unit.stack: stack.record and stack.record.listener_slot for unit, stack in workspace.engine.kept.items()}
    assert slots == {"dev": None, "gamma": 1, "beta": 2, "alpha": 0}


def test_a_slot_is_free_again_after_its_environment_is_destroyed(workspace: Workspace) -> None:
    workspace.orchestrator().create_env(["beta", "gamma"], base="dev")
    workspace.orchestrator().destroy_env("beta")
    workspace.orchestrator().create_env("delta", base="dev")
    record = workspace.engine.kept[Unit("app", "delta")].record
    assert record is not None
    assert record.listener_slot == 1


def test_the_record_has_owner_creation_commit_and_branch(committed: Workspace) -> None:
    committed.orchestrator().create_env("alpha", base="dev")
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=committed.root, capture_output=True, text=True, check=True)
    expected = Record(
        kind=Kind.AD_HOC,
        base="dev",
        owner="Ada Lovelace",
        created=datetime(2026, 11, 20, 9, 0, 1, tzinfo=UTC),
        listener_slot=0,
        commit=head.stdout.strip(),
        branch="feature/cart",
    )
    assert committed.engine.kept[ALPHA].record == expected
    assert committed.engine.kept[DEV].record == replace(expected, base=None, listener_slot=None)


def test_owner_and_creation_stay_and_the_owner_can_be_changed(workspace: Workspace) -> None:
    workspace.orchestrator().create_env("alpha", base="dev", owner="Grace")
    first = workspace.engine.kept[ALPHA].record
    workspace.orchestrator().create_env("alpha")
    assert workspace.engine.kept[ALPHA].record == first
    assert first is not None
    assert (first.owner, first.created) == ("Grace", CREATED)
    workspace.orchestrator().create_env("alpha", owner="Linus")
    assert workspace.engine.kept[ALPHA].record == replace(first, owner="Linus")


def test_an_incomplete_base_is_completed_first(workspace: Workspace) -> None:
    workspace.engine.fails(DEV, after=["dev-first"])
    workspace.engine.kept.clear()
    first = workspace.orchestrator().create_env("alpha", base="dev")
    assert told(first) == [("base/dev", "failed"), ("app/alpha", "skipped")]
    assert first.exit_code == 1
    job = workspace.orchestrator().prepare(CreateEnv(names=("alpha",), base="dev"))
    assert job.notes == ("the base dev is incomplete: it is completed first",)
    assert told(run(job)) == [("base/dev", "succeeded"), ("app/alpha", "succeeded")]


def test_a_base_whose_first_update_failed_is_completed_first_although_it_has_outputs(workspace: Workspace) -> None:
    outputs = {"contract_version": OutputValue(value=1), "domain_name": OutputValue(value="example.com")}
    workspace.engine.has(DEV, outputs=outputs, status=StackStatus.FAILED, finished=False)
    job = workspace.orchestrator().prepare(CreateEnv(names=("alpha",), base="dev"))
    assert told(run(job)) == [("base/dev", "succeeded"), ("app/alpha", "succeeded")]


def test_a_base_whose_last_update_failed_can_still_be_read(workspace: Workspace) -> None:
    workspace.engine.has(DEV, status=StackStatus.FAILED)
    assert told(workspace.orchestrator().create_env("alpha", base="dev")) == [("app/alpha", "succeeded")]


def test_a_failure_reports_what_exists_and_how_to_continue(workspace: Workspace) -> None:
    workspace.engine.fails(ALPHA, "no capacity", after=["alpha-first"])
    report = workspace.orchestrator().create_env("alpha", base="dev")
    result = report.result(ALPHA)
    assert (result.reason, result.hint, result.counts.create) == (
        "app/alpha failed: no capacity",
        "it has 1 resource now; fix the cause, then run the same command again: it continues from there",
        1,
    )
    assert told(workspace.orchestrator().create_env("alpha", base="dev")) == [("app/alpha", "succeeded")]


def test_a_generated_file_is_removed_when_nothing_was_created(workspace: Workspace) -> None:
    before = workspace.files()
    workspace.engine.raises(BETA, SettingsError("backend_imag is not a key here"))
    report = workspace.orchestrator().create_env("beta", base="dev")
    assert report.result(BETA).reason == "backend_imag is not a key here"
    assert workspace.files() == before


def test_a_generated_file_is_removed_when_its_base_failed(workspace: Workspace) -> None:
    before = workspace.files()
    workspace.engine.fails(DEV)
    assert told(workspace.orchestrator().create_env("beta", base="dev"))[1] == ("app/beta", "skipped")
    assert workspace.files() == before


def test_a_generated_file_stays_when_something_was_created(workspace: Workspace) -> None:
    workspace.engine.fails(BETA, after=["beta-first"])
    workspace.orchestrator().create_env("beta", base="dev", images={"backend": "shop:9"})
    assert "shop:9" in workspace.file("app", "beta").read_text()


def test_a_file_of_the_user_is_restored_when_nothing_was_changed(workspace: Workspace) -> None:
    before = workspace.files()
    workspace.engine.raises(ALPHA, SettingsError("no"))
    workspace.orchestrator().create_env("alpha", base="dev", images={"backend": "shop:9"})
    assert workspace.files() == before


def test_all_files_are_restored_when_one_cannot_be_written(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = workspace.files()
    orchestrator = workspace.orchestrator()
    job = orchestrator.prepare(CreateEnv(names=("beta", "gamma"), base="dev"))
    last = job.configs[Unit("app", "gamma")]

    def full() -> None:
        raise SettingsError("the disk is full")

    monkeypatch.setattr(last, "write", full)
    with pytest.raises(SettingsError, match=r"^the disk is full$"):
        orchestrator.run_job(job)
    assert workspace.files() == before
    assert workspace.engine.calls == []


def test_a_new_base_of_a_configured_environment_is_written_and_reported(workspace: Workspace) -> None:
    workspace.write("base", "qa", BASE_CONFIG)
    job = workspace.orchestrator().prepare(CreateEnv(names=("alpha",), base="qa"))
    assert job.notes == (
        "the base qa does not exist yet: it is created first",
        "Pulumi.alpha.yaml names the base dev: it is changed to qa",
    )
    run(job)
    assert workspace.file("app", "alpha").read_text() == APP_CONFIG.replace("base: dev", "base: qa")


def test_an_environment_and_its_base_may_have_one_name(workspace: Workspace) -> None:
    assert told(workspace.orchestrator().create_env("dev", base="dev")) == [
        ("base/dev", "succeeded"),
        ("app/dev", "succeeded"),
    ]


@pytest.mark.parametrize("name", ["Alpha", "a", "-a", "a--b", "a_b", "a" * 21, "../x", "", "a\n", "1a", "é1"])
def test_bad_names_are_refused_with_the_rule(workspace: Workspace, name: str) -> None:
    rule = "a name has 2 to 20 lower-case letters, digits and single hyphens, beginning with a letter and not ending with a hyphen"
    error = refused(workspace, CreateEnv(names=(name,), base="dev"))
    assert (type(error), error.message) == (UsageError, f"{name!r} cannot name an environment: {rule}")
    error = refused(workspace, CreateEnv(names=("alpha",), base=name))
    assert (type(error), error.message) == (UsageError, f"{name!r} cannot name a base: {rule}")
    error = refused(workspace, CreateBase(name=name))
    assert error.exit_code == 2


def test_a_name_given_twice_is_refused(workspace: Workspace) -> None:
    error = refused(workspace, CreateEnv(names=("beta", "beta"), base="dev"))
    assert error.message == "beta is given twice: give it once"


def test_no_name_at_all_is_refused(workspace: Workspace) -> None:
    assert refused(workspace, CreateEnv(names=())).message == "no name is given: at least one name is required"


def test_an_environment_without_a_base_is_refused(workspace: Workspace) -> None:
    error = refused(workspace, CreateEnv(names=("beta",)))
    assert (error.message, error.hint) == (
        "the environment beta has no base: it does not exist and its configuration names none",
        "add --base NAME; no base exists yet",
    )
    assert error.exit_code == 2


def test_a_base_that_neither_exists_nor_is_configured_is_refused(workspace: Workspace) -> None:
    error = refused(workspace, CreateEnv(names=("alpha",), base="qa"))
    assert isinstance(error, UnknownStackError)
    assert (
        error.message
        == f"there is no base 'qa' and no configuration for it: {workspace.file('base', 'qa')} does not exist"
    )
    assert error.hint == "create it: `orchestrator create-base qa`"


def test_an_environment_does_not_move_to_another_base(workspace: Workspace) -> None:
    workspace.orchestrator().create_env("alpha", base="dev")
    workspace.orchestrator().create_base("qa")
    error = refused(workspace, CreateEnv(names=("alpha",), base="qa"))
    assert isinstance(error, RefusedError)
    assert (error.message, error.hint) == (
        "the environment alpha is on the base dev: it cannot move to qa",
        "destroy it first, or create an environment with another name on qa",
    )


def test_an_environment_of_another_kind_than_its_base_is_refused(workspace: Workspace) -> None:
    workspace.engine.has(DEV, record=Record(kind=Kind.PROD))
    workspace.engine.has(ALPHA, record=Record(kind=Kind.AD_HOC, base="dev"))
    error = refused(workspace, CreateEnv(names=("alpha",), base="dev"))
    assert error.message == (
        "the environment alpha is ad-hoc and the base dev is prod: an environment has the kind of its base"
    )


def test_a_locked_stack_is_refused_with_its_owner(workspace: Workspace) -> None:
    workspace.orchestrator().create_env("alpha", base="dev")
    since = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
    owner = LockOwner(username="bob", hostname="ci-7", pid=42, since=since, alive=None)
    workspace.engine.locks[ALPHA] = owner
    error = refused(workspace, CreateEnv(names=("alpha",), base="dev"))
    assert isinstance(error, StackLockedError)
    assert error.owner == owner
    assert (error.message, error.hint) == (
        "alpha is locked by bob@ci-7 (pid 42, since 2026-11-20 08:00:00 UTC): only one operation at a time can run on a stack",
        "wait for it with --wait 10m; if that process has ended: `orchestrator unlock alpha --force`",
    )


def test_a_locked_base_can_still_be_read(workspace: Workspace) -> None:
    workspace.orchestrator().create_base("dev")
    workspace.engine.locks[DEV] = LockOwner(username="bob", hostname="ci-7", pid=42, since=None, alive=True)
    assert told(workspace.orchestrator().create_env("alpha", base="dev")) == [("app/alpha", "succeeded")]


def test_a_damaged_state_is_refused(workspace: Workspace) -> None:
    workspace.engine.has(DEV)
    workspace.engine.has(ALPHA, outputs={}, status=StackStatus.DAMAGED, problem="it is no JSON")
    error = refused(workspace, CreateEnv(names=("alpha",), base="dev"))
    assert isinstance(error, StateError)
    assert error.message == "the state of app/alpha cannot be used: it is no JSON"


def test_an_engine_that_cannot_work_is_reported_first(workspace: Workspace) -> None:
    workspace.engine.unavailable = EngineUnavailableError("there is no pulumi on PATH", "install it")
    assert refused(workspace, CreateEnv(names=("alpha",), base="dev")).message == "there is no pulumi on PATH"


def test_a_slot_that_another_environment_has_is_refused(workspace: Workspace) -> None:
    workspace.orchestrator().create_env("alpha", base="dev")
    workspace.write("app", "beta", APP_CONFIG)
    error = refused(workspace, CreateEnv(names=("beta",), base="dev"))
    assert (error.message, error.hint) == (
        "Pulumi.beta.yaml assigns the listener slot 0 to beta: alpha has it on the base dev",
        "set another one, such as 1, or remove the key",
    )


@pytest.mark.parametrize("slot", ["999", "-1", "first", "true", "1.5"])
def test_a_slot_that_no_load_balancer_has_is_refused(workspace: Workspace, slot: str) -> None:
    file = workspace.write("app", "alpha", APP_CONFIG.replace("slot: 0", f"slot: {slot}"))
    error = refused(workspace, CreateEnv(names=("alpha",), base="dev"))
    assert isinstance(error, SettingsError)
    assert error.message.startswith(f"{file}: django-app:listener_slot is ")
    assert error.message.endswith(": a load balancer has the slots 0 to 998")


def test_a_base_without_a_domain_holds_one_environment(workspace: Workspace) -> None:
    workspace.write("base", "dev", "config:\n  aws:region: eu-west-1\n")
    error = refused(workspace, CreateEnv(names=("alpha", "beta"), base="dev"))
    assert (
        error.message == "the base dev has no domain name, so it holds one environment: alpha and beta were requested"
    )
    outputs = {"contract_version": OutputValue(value=1)}
    workspace.engine.has(DEV, outputs=outputs)
    workspace.engine.has(ALPHA, record=Record(kind=Kind.AD_HOC, base="dev", listener_slot=0))
    error = refused(workspace, CreateEnv(names=("beta",), base="dev"))
    assert (error.message, error.hint) == (
        "the base dev has no domain name, so it holds one environment: alpha is on it",
        "set `domain_name` in the configuration of dev, or use another base",
    )
    assert told(workspace.orchestrator().create_env("alpha", base="dev")) == [("app/alpha", "succeeded")]


def test_an_existing_environment_without_its_file_does_not_get_the_values_of_another_one(workspace: Workspace) -> None:
    workspace.orchestrator().create_env("beta", base="dev")
    workspace.file("app", "beta").unlink()
    error = refused(workspace, CreateEnv(names=("beta",), base="dev"))
    assert (error.message, error.hint) == (
        f"{workspace.file('app', 'beta')} is missing: beta exists and was created with it",
        f"restore it from git, or run `pulumi config refresh --stack beta` in {workspace.root / 'projects' / 'app'}",
    )


@pytest.mark.parametrize(
    ("key", "message", "hint"),
    [
        (
            "base",
            "--set base cannot be used: --base sets the base of an environment when the environment is created",
            None,
        ),
        ("django-app:kind", "--set django-app:kind cannot be used: an environment has the kind of its base", None),
        (
            "django-base:domain_name",
            "--set django-base:domain_name cannot be used: it belongs to the project base, whose stacks are bases",
            "use update-base",
        ),
    ],
)
def test_values_that_belong_elsewhere_are_refused(
    workspace: Workspace, key: str, message: str, hint: str | None
) -> None:
    error = refused(workspace, CreateEnv(names=("beta",), base="dev", assignments=(make_assignment(key, "x"),)))
    assert (error.message, error.hint, error.exit_code) == (message, hint, 2)


def test_a_broken_configuration_is_refused_with_its_line(workspace: Workspace) -> None:
    file = workspace.write("app", "alpha", "config:\n  django-ap:base: dev\n")
    error = refused(workspace, CreateEnv(names=("alpha",), base="dev"))
    assert (
        error.message
        == f"{file}:2: django-ap:base is in the namespace 'django-ap', but this project has the namespace 'django-app'"
    )


# create-base


def test_a_base_is_created_from_its_own_file(workspace: Workspace) -> None:
    assert told(workspace.orchestrator().create_base("dev")) == [("base/dev", "succeeded")]
    record = workspace.engine.kept[DEV].record
    assert record == Record(kind=Kind.AD_HOC, owner="Ada Lovelace", created=CREATED)


def test_a_new_base_starts_from_the_template_with_its_kind(workspace: Workspace) -> None:
    workspace.orchestrator(allow_prod=True).create_base("live", kind="prod", values={"domain_name": "example.org"})
    assert workspace.file("base", "live").read_text() == (
        f"{GENERATED_MARK}\n"
        "config:\n"
        "  aws:region: eu-west-1\n"
        "  django-base:domain_name: example.org\n"
        "  django-base:kind: prod\n"
    )
    record = workspace.engine.kept[Unit("base", "live")].record
    assert record is not None
    assert record.kind is Kind.PROD


def test_an_ad_hoc_base_does_not_inherit_the_templates_kind(workspace: Workspace) -> None:
    workspace.write("base", "dev", f"{BASE_CONFIG}  django-base:kind: prod\n")
    workspace.orchestrator().create_base("qa", kind=Kind.AD_HOC)
    assert "django-base:kind: ad-hoc" in workspace.file("base", "qa").read_text()


def test_the_kind_in_the_configuration_counts(workspace: Workspace) -> None:
    workspace.write("base", "dev", f"{BASE_CONFIG}  django-base:kind: prod\n")
    job = workspace.orchestrator(allow_prod=True).prepare(CreateEnv(names=("alpha",), base="dev"))
    assert [step.kind for step in job.steps] == [Kind.PROD, Kind.PROD]


def test_a_kind_that_the_configuration_contradicts_is_refused(workspace: Workspace) -> None:
    workspace.write("base", "dev", f"{BASE_CONFIG}  django-base:kind: ad-hoc\n")
    error = refused(workspace, CreateBase(name="dev", kind=Kind.PROD))
    assert (error.message, error.hint) == (
        "the base dev cannot be created as prod: its configuration has the kind ad-hoc",
        "change `kind` in its configuration, or omit --kind",
    )


def test_the_kind_of_an_existing_base_does_not_change(workspace: Workspace) -> None:
    workspace.orchestrator().create_base("dev")
    error = refused(workspace, CreateBase(name="dev", kind=Kind.PROD))
    assert error.message == "the base dev is ad-hoc: its kind cannot become prod"
    workspace.write("base", "dev", f"{BASE_CONFIG}  django-base:kind: prod\n")
    assert refused(workspace, CreateBase(name="dev")).message == "the base dev is ad-hoc: its kind cannot become prod"


def test_a_kind_that_does_not_exist_is_refused(workspace: Workspace) -> None:
    file = workspace.write("base", "dev", f"{BASE_CONFIG}  django-base:kind: staging\n")
    error = refused(workspace, CreateBase(name="dev"))
    assert error.message == f"{file}: django-base:kind is 'staging': it must be one of ad-hoc, prod"
    with pytest.raises(UsageError, match=r"^there is no kind 'staging': kinds are ad-hoc and prod$"):
        workspace.orchestrator().create_base("dev", kind="staging")


def test_a_preview_does_not_run_git(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_arguments: object) -> None:
        raise AssertionError("git was asked")

    monkeypatch.setattr("orchestrator.lifecycle.context.checkout", fail)
    report = workspace.orchestrator().preview_env("alpha", base="dev")
    assert [result.operation for result in report.results] == [Operation.PREVIEW] * 2


def test_the_owner_is_the_one_who_is_named_then_the_one_who_is_recorded(workspace: Workspace) -> None:
    def owner() -> str | None:
        found = workspace.engine.kept[Unit("app", "beta")].record
        return found.owner if found else None

    workspace.orchestrator().create_env("beta", base="dev", owner="ada")
    assert owner() == "ada"
    workspace.orchestrator().create_env("beta", base="dev")
    assert owner() == "ada"
    workspace.orchestrator().create_env("beta", base="dev", owner="eve")
    assert owner() == "eve"


def test_creating_again_keeps_what_is_recorded(workspace: Workspace) -> None:
    workspace.orchestrator().create_env("beta", base="dev", ttl="3d")
    workspace.orchestrator().pin("beta")
    before = workspace.engine.kept[Unit("app", "beta")].record
    workspace.orchestrator().create_env("beta", base="dev")
    after = workspace.engine.kept[Unit("app", "beta")].record
    assert before is not None
    assert after is not None
    assert (after.created, after.ttl, after.pinned) == (before.created, before.ttl, True)


def test_each_update_has_a_message_with_the_command_and_the_stack(workspace: Workspace) -> None:
    workspace.orchestrator().create_env("beta", base="dev")
    for unit in (Unit("base", "dev"), Unit("app", "beta")):
        (entry,) = workspace.engine.history(unit)
        assert entry.message.startswith(f"orchestrator create-env {unit.stack}")
