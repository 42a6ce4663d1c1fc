"""`db`: the tasks for a database, and refusals."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import pytest
from moto import mock_aws

from orchestrator.errors import OperationFailedError, OrchestratorError, RefusedError, UsageError
from orchestrator.operations.aws.clients import ApiCall
from orchestrator.operations.aws.reach import for_target
from orchestrator.operations.aws.targets import Target
from orchestrator.operations.database import databases, dumps, scripts
from orchestrator.operations.database.databases import CloneDatabase, ResetDatabase, RestoreDatabase
from orchestrator.operations.events import LogLine, Note
from pulumi_django.account.grants import MANAGED_BY, REQUEST_TAG
from pulumi_django.deploying.aws_access import AwsAccess
from pulumi_django.deploying.polling import Clock
from pulumi_django.ecs import database_task
from tests.support import aws
from tests.support.fake_ecs import FakeAws, FakeTask, Life, arn, container, deployment, service
from tests.support.operations import BASE_OUTPUTS, OUTPUTS, Heard, ScriptedClients, target

PROD = target(outputs=replace(OUTPUTS, kind="prod"))
PASSWORD = {"name": "PGPASSWORD", "valueFrom": "arn:aws:secretsmanager:us-east-1:1:secret:master:password::"}
CONTAINERS = [
    container(
        "database",
        image="postgres:17",
        environment=[{"name": "PGHOST", "value": "db"}],
        secrets=[PASSWORD],
        readonlyRootFilesystem=True,
    ),
    container("gunicorn", environment=[{"name": "S3_BUCKET_NAME", "value": "alpha-assets"}]),
]
WEB = service(deployment("5"), taskDefinition=arn("task-definition", "alpha-gunicorn:5"))
COPY = arn("task-definition", "alpha-database-copy:1")


def beta(**outputs: Any) -> Target:
    found = replace(OUTPUTS, environment="beta", database_name="beta-db", **outputs)
    return target(environment="beta", outputs=found)


def clients(fake: FakeAws) -> ScriptedClients:
    return ScriptedClients(fake)


def ran(fake: FakeAws) -> list[tuple[str, list[str] | None]]:
    """Family, and command if it is not the family's own, of each task that ran."""
    found: list[tuple[str, list[str] | None]] = []
    for call in fake.called("RunTask"):
        overrides = call.get("overrides", {}).get("containerOverrides", [{}])
        found.append((call["taskDefinition"], overrides[0].get("command")))
    return found


# create, drop, reset


def test_the_family_is_the_one_of_the_application() -> None:
    assert dumps.DATABASE == database_task.SERVICE


def test_create_runs_the_familys_own_command_in_the_environments_network() -> None:
    fake = FakeAws(lives=[Life(log=[(3, "database alpha-db is ready")])])
    heard = Heard()
    result = databases.create(target(), clients(fake), heard)
    (call,) = fake.called("RunTask")
    assert (call["taskDefinition"], call.get("overrides"), call["startedBy"]) == (
        "alpha-database",
        None,
        "orchestrator/db",
    )
    assert call["networkConfiguration"]["awsvpcConfiguration"] == {
        "subnets": ["subnet-1", "subnet-2"],
        "securityGroups": ["sg-app", "sg-alpha"],
        "assignPublicIp": "DISABLED",
    }
    assert (result.database, result.done, [task.family for task in result.tasks]) == (
        "alpha-db",
        ("created",),
        ["alpha-database"],
    )
    assert [line.text for line in heard.of(LogLine)] == ["database alpha-db is ready"]


def test_drop_feeds_psql_and_puts_no_name_and_no_secret_into_the_command() -> None:
    fake = FakeAws()
    assert databases.drop(target(), clients(fake)).done == ("dropped",)
    assert ran(fake) == [("alpha-database", scripts.psql(scripts.DROP_SQL))]
    assert "alpha" not in json.dumps(ran(fake)[0][1])


def test_reset_drops_creates_releases_and_seeds_in_that_order() -> None:
    fake = FakeAws(containers=CONTAINERS, frames=[(0, WEB)])
    # The family decides the container here; each container's log and exit code are those of its task.
    fake.containers = []
    request = ResetDatabase(seed=("python", "manage.py", "loaddata", "demo"))
    result = databases.reset(request, target(), clients(fake))
    assert result.done == ("dropped", "created", "released", "seeded")
    assert ran(fake) == [
        ("alpha-database", scripts.psql(scripts.DROP_SQL)),
        ("alpha-database", None),
        ("alpha-backend_update", None),
        (arn("task-definition", "alpha-gunicorn:5"), ["python", "manage.py", "loaddata", "demo"]),
    ]


def test_a_reset_with_a_failed_release_reports_it_and_does_not_seed() -> None:
    fake = FakeAws(lives=[Life(), Life(), Life(exit_code=1)], frames=[(0, WEB)])
    with pytest.raises(OperationFailedError) as caught:
        databases.reset(ResetDatabase(seed=("x",)), target(), clients(fake))
    assert caught.value.message == (
        "the task alpha-backend_update ended with exit code 1 (Essential container in task exited)"
    )
    assert len(fake.tasks) == 3


def test_a_seed_that_fails_fails_the_reset() -> None:
    fake = FakeAws(lives=[Life(), Life(), Life(), Life(exit_code=2)], frames=[(0, WEB)])
    with pytest.raises(
        OperationFailedError, match="the database was reset but not filled: the seed command ended with"
    ):
        databases.reset(ResetDatabase(seed=("x",)), target(), clients(fake))


def test_a_seed_needs_tables() -> None:
    with pytest.raises(UsageError, match="a database without tables cannot be filled"):
        databases.reset(ResetDatabase(seed=("x",), release=False), target(), clients(FakeAws()))


def test_an_environment_without_the_family_is_of_another_version() -> None:
    old = target(outputs=replace(OUTPUTS, task_families=("alpha-gunicorn",)))
    with pytest.raises(OperationFailedError) as caught:
        databases.create(old, clients(FakeAws()))
    assert caught.value.message == ("alpha has no task alpha-database: another version of pulumi-django created it")
    assert caught.value.hint == "run `orchestrator update-env alpha`"


# clone


def test_a_clone_on_one_server_is_one_task_with_the_sources_name_then_a_release(both: Both) -> None:
    result = databases.clone(CloneDatabase(source=beta()), target(), both)
    assert result.done == ("emptied", "filled", "released")
    assert ran(both.fake) == [(COPY, None), ("alpha-backend_update", None)]
    assert scripts.clone("beta-db")[-1] == "beta-db"
    assert "beta-db" not in scripts.clone("beta-db")[2]
    (definition,) = both.fake.called("RegisterTaskDefinition")
    (own,) = definition["containerDefinitions"]
    assert (own["command"], own["essential"], own["secrets"]) == (scripts.clone("beta-db"), True, [PASSWORD])
    assert "taskRoleArn" not in definition, "the task needs nothing of AWS"
    assert both.fake.called("DeregisterTaskDefinition")


def test_the_task_of_a_copy_can_write_where_its_command_writes(both: Both) -> None:
    """The environment's own task for the database has a read-only root."""
    databases.clone(CloneDatabase(source=beta(), release=False), target(), both)
    databases.dump(target(), Uploading(both.fake), to=None)
    for definition in both.fake.called("RegisterTaskDefinition"):
        own = definition["containerDefinitions"][0]
        assert not own.get("readonlyRootFilesystem")
        folders = [mount["containerPath"] for mount in own["mountPoints"]]
        (written,) = set(re.findall(r"--file=(/\S+)", " ".join(own["command"])))
        assert any(written.startswith(f"{folder}/") for folder in folders)


def test_an_environment_is_not_a_copy_of_itself() -> None:
    with pytest.raises(UsageError, match="alpha cannot be a copy of itself"):
        databases.clone(CloneDatabase(source=target()), target(), clients(FakeAws()))


# production


def _attempts(fake: FakeAws) -> dict[str, Any]:
    return {
        "dropped": lambda: databases.drop(PROD, clients(fake)),
        "reset": lambda: databases.reset(ResetDatabase(), PROD, clients(fake)),
        "replaced by a copy": lambda: databases.clone(CloneDatabase(source=beta()), PROD, clients(fake)),
    }


@pytest.mark.parametrize("what", ["dropped", "reset", "replaced by a copy"])
def test_productions_database_is_never(what: str) -> None:
    fake = FakeAws()
    with pytest.raises(RefusedError) as caught:
        _attempts(fake)[what]()
    assert caught.value.message == f"the database of alpha was not {what}: alpha is production"
    assert fake.calls == []


def test_a_restore_into_production_needs_permission(tmp_path: Path) -> None:
    file = tmp_path / "x.dump"
    file.write_bytes(b"x")
    with pytest.raises(RefusedError) as caught:
        databases.restore(RestoreDatabase(source=str(file)), PROD, clients(FakeAws()))
    assert caught.value.hint == "add --allow-prod"


def test_productions_data_goes_to_an_ad_hoc_environment_only_with_permission(both: Both) -> None:
    with pytest.raises(RefusedError) as caught:
        databases.clone(CloneDatabase(source=beta(kind="prod")), target(), both)
    assert caught.value.message == "data of beta was not copied to alpha: beta is production"
    assert both.fake.calls == []
    allowed = CloneDatabase(source=beta(kind="prod"), allow_prod_data=True)
    assert databases.clone(allowed, target(), both).done == ("emptied", "filled", "released")


def test_confirmation_comes_after_the_checks_and_a_refusal_changes_nothing() -> None:
    def refuses() -> None:
        raise RefusedError("not confirmed")

    fake = FakeAws()
    with pytest.raises(RefusedError, match="not confirmed"):
        databases.drop(target(), clients(fake), confirm=refuses)
    with pytest.raises(RefusedError, match="not confirmed"):
        databases.reset(ResetDatabase(), target(), clients(fake), confirm=refuses)
    with pytest.raises(RefusedError, match="not confirmed"):
        databases.clone(CloneDatabase(source=beta()), target(), clients(fake), confirm=refuses)
    with pytest.raises(UsageError, match="alpha cannot be a copy of itself"):
        databases.clone(CloneDatabase(source=target()), target(), clients(fake), confirm=refuses)
    assert fake.calls == []


# dump and restore


@dataclass(kw_only=True)
class CopyingAws(FakeAws):
    """Tasks of two containers, which have these exit codes."""

    exits: dict[str, int | None] = field(default_factory=lambda: {"database": 0, "transfer": 0})

    def _described(self, task: FakeTask) -> dict[str, Any]:
        described = super()._described(task)
        if task.request["taskDefinition"] == COPY and described["lastStatus"] == "STOPPED":
            described["containers"] = [
                {"name": name, **({} if code is None else {"exitCode": code})} for name, code in self.exits.items()
            ]
        return described

    def _DescribeTaskDefinition(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        containers = self.containers
        if parameters["taskDefinition"] == COPY:
            containers = self.called("RegisterTaskDefinition")[-1]["containerDefinitions"]
        elif parameters["taskDefinition"] == "alpha-backend_update":
            containers = [container("backend_update")]
        roles = {"executionRoleArn": "arn:exec", "taskRoleArn": "arn:task"}
        return {"taskDefinition": {"containerDefinitions": containers, **roles}}


@dataclass
class Both:
    """ECS and logs from the script, S3 from moto, into which a dump comes as soon as its task runs."""

    fake: CopyingAws
    access: AwsAccess = field(default_factory=lambda: AwsAccess(region=aws.REGION))
    simulated: bool = False
    calls: Sequence[ApiCall] = ()

    @property
    def clock(self) -> Clock:
        return self.fake.clock

    def client(self, service: str) -> Any:
        return aws.client("s3") if service == "s3" else self.fake.client(service)


@pytest.fixture
def both() -> Iterator[Both]:
    with mock_aws():
        s3 = aws.client("s3")
        for bucket in ("alpha-assets", "beta-assets"):
            s3.create_bucket(Bucket=bucket)
        answers: dict[str, Any] = {
            "RegisterTaskDefinition": {"taskDefinition": {"taskDefinitionArn": COPY}},
            "DeregisterTaskDefinition": {},
            "DeleteTaskDefinitions": {},
        }
        yield Both(CopyingAws(containers=CONTAINERS, frames=[(0, WEB)], answers=answers))


def has(bucket: str, key: str, kind: str | None = "ad-hoc", environment: str = "beta") -> str:
    metadata = {"kind": kind, "environment": environment} if kind else {}
    aws.client("s3").put_object(Bucket=bucket, Key=key, Body=b"dump", Metadata=metadata)
    return f"s3://{bucket}/{key}"


def keys(bucket: str) -> list[str]:
    return [item["Key"] for item in aws.client("s3").list_objects_v2(Bucket=bucket).get("Contents", [])]


class Uploading(Both):
    """The task's command writes the dump to the bucket."""

    def client(self, service: str) -> Any:
        registered = self.fake.called("RegisterTaskDefinition")
        if service == "s3" and registered:
            command = registered[-1]["containerDefinitions"][1]["command"]
            if command[2] == scripts.DUMP_FILE:
                has(*dumps.parse(command[3]))
        return super().client(service)


def test_a_dump_has_a_container_for_the_database_and_one_for_the_bucket(both: Both, tmp_path: Path) -> None:
    uploading = Uploading(both.fake)
    file = tmp_path / "alpha.dump"
    result = databases.dump(target(), uploading, to=str(file))

    (definition,) = both.fake.called("RegisterTaskDefinition")
    database, transfer = definition.pop("containerDefinitions")
    assert definition == {
        "family": "alpha-database-copy",
        "tags": ANY,
        "networkMode": "awsvpc",
        "requiresCompatibilities": ["FARGATE"],
        "cpu": "1024",
        "memory": "2048",
        "executionRoleArn": "arn:exec",
        "taskRoleArn": "arn:task",
        "ephemeralStorage": {"sizeInGiB": 100},
        "volumes": [{"name": "dump"}],
    }
    assert database["image"] == "postgres:17"
    assert database["secrets"] == [PASSWORD]
    assert (database["command"], database["essential"], "dependsOn" in database) == (scripts.dump(), False, False)
    assert transfer["dependsOn"] == [{"containerName": "database", "condition": "SUCCESS"}]
    assert "secrets" not in transfer
    assert "environment" not in transfer
    assert result.dump is not None
    assert (database["entryPoint"], transfer["entryPoint"]) == (["env"], ["aws"])
    assert transfer["command"] == [
        "s3",
        "cp",
        "/dump/database.dump",
        result.dump.source,
        "--metadata",
        "environment=alpha,kind=ad-hoc",
        "--only-show-errors",
    ]
    assert result.dump.source.startswith("s3://alpha-assets/dumps/alpha-20")
    assert (result.dump.size_bytes, file.read_bytes(), file.stat().st_mode & 0o777) == (4, b"dump", 0o600)
    assert [path.name for path in tmp_path.iterdir()] == ["alpha.dump"]


def test_the_definition_is_deleted_even_after_an_error(both: Both) -> None:
    both.fake.exits = {"database": 1, "transfer": None}
    with pytest.raises(OperationFailedError):
        databases.dump(target(), both)
    assert [call["taskDefinition"] for call in both.fake.called("DeregisterTaskDefinition")] == [COPY]
    assert [call["taskDefinitions"] for call in both.fake.called("DeleteTaskDefinitions")] == [[COPY]]


@pytest.mark.parametrize(
    ("exits", "message"),
    [
        (
            {"database": 1, "transfer": None},
            "the task alpha-database-copy ended with exit code 1 (Essential container in task exited)",
        ),
        (
            {"database": 0, "transfer": 1},
            "the task alpha-database-copy ended with exit code 1 (Essential container in task exited)",
        ),
        (
            {"database": 0, "transfer": None},
            "the task alpha-database-copy ended without an exit code: Essential container in task exited",
        ),
    ],
)
def test_a_dump_fails_with_either_container(both: Both, exits: dict[str, int | None], message: str) -> None:
    both.fake.exits = exits
    with pytest.raises(OperationFailedError) as caught:
        databases.dump(target(), both)
    assert caught.value.message == message


def test_the_log_of_a_failed_transfer_is_reported(both: Both) -> None:
    both.fake.exits = {"database": 0, "transfer": 1}
    # This ECS has one log per task: of both containers.
    both.fake.lives = [Life(log=[(1, "upload failed: AccessDenied")])]
    heard = Heard()
    with pytest.raises(OperationFailedError):
        databases.dump(target(), both, heard)
    assert [(line.service, line.text) for line in heard.of(LogLine)] == [
        ("database-copy", "upload failed: AccessDenied"),
        ("transfer", "upload failed: AccessDenied"),
    ]


def test_a_file_that_is_there_is_not_overwritten(both: Both, tmp_path: Path) -> None:
    file = tmp_path / "x"
    file.touch()
    with pytest.raises(UsageError, match="the path exists"):
        databases.dump(target(), both, to=str(file))
    assert both.fake.calls == []


def test_a_dump_needs_the_folder_of_its_file_before_it_starts(both: Both, tmp_path: Path) -> None:
    file = tmp_path / "nowhere" / "alpha.dump"
    with pytest.raises(UsageError) as refused:
        databases.dump(target(), both, to=str(file))
    assert refused.value.message == f"the dump cannot be written to {file}: its folder does not exist"
    assert both.fake.calls == []


def test_a_restore_brings_the_file_first_and_the_database_waits_for_it(both: Both) -> None:
    source = has("alpha-assets", "dumps/beta.dump")
    result = databases.restore(RestoreDatabase(source=source), target(), both)
    database, transfer = both.fake.called("RegisterTaskDefinition")[0]["containerDefinitions"]
    assert transfer["command"] == ["s3", "cp", source, "/dump/database.dump"]
    assert (transfer["essential"], "dependsOn" in transfer) == (False, False)
    assert database["dependsOn"] == [{"containerName": "transfer", "condition": "SUCCESS"}]
    assert database["command"] == scripts.restore()
    assert result.done == ("emptied", "filled", "released")
    assert keys("alpha-assets") == ["dumps/beta.dump"]


def test_a_dump_of_another_bucket_is_copied_for_the_time_of_the_restore(both: Both) -> None:
    source = has("beta-assets", "dumps/beta.dump")
    databases.restore(RestoreDatabase(source=source, release=False), target(), both)
    command = both.fake.called("RegisterTaskDefinition")[0]["containerDefinitions"][1]["command"]
    assert command[2].startswith("s3://alpha-assets/dumps/incoming-alpha-")
    assert (keys("alpha-assets"), keys("beta-assets")) == ([], ["dumps/beta.dump"])


def test_a_file_of_this_machine_is_in_the_bucket_for_the_time_of_the_restore(both: Both, tmp_path: Path) -> None:
    file = tmp_path / "mine.dump"
    file.write_bytes(b"x")
    heard = Heard()
    databases.restore(RestoreDatabase(source=str(file)), target(), both, heard)
    assert keys("alpha-assets") == []
    assert [(note.severity, note.text) for note in heard.of(Note)] == [
        ("warning", f"the environment of the data in {file} is unknown"),
        ("info", f"{file} is copied to the bucket alpha-assets while it is restored"),
    ]


def test_a_dump_of_production_is_not_restored_into_an_ad_hoc_environment(both: Both) -> None:
    source = has("alpha-assets", "dumps/live.dump", kind="prod", environment="live")
    with pytest.raises(RefusedError, match="data of live was not copied to alpha: live is production"):
        databases.restore(RestoreDatabase(source=source), target(), both)
    assert both.fake.calls == []


def test_the_definitions_of_dump_restore_and_clone_carry_the_tags_of_the_deploy_roles_policy(both: Both) -> None:
    databases.dump(target(), Uploading(both.fake))
    source = has("alpha-assets", "dumps/beta.dump")
    databases.restore(RestoreDatabase(source=source, release=False), target(), both)
    other = replace(beta(), base_outputs={**BASE_OUTPUTS, "database_host": "elsewhere"})
    other = replace(
        other, environment="alpha2", outputs=replace(OUTPUTS, environment="alpha2", task_families=("alpha2-database",))
    )
    both.fake.frames = [(0, {**WEB, "serviceName": "alpha-gunicorn"})]
    databases.clone(CloneDatabase(source=other, release=False), target(), Uploading(both.fake))
    tags = [{tag["key"]: tag["value"] for tag in call["tags"]} for call in both.fake.called("RegisterTaskDefinition")]
    assert tags == [
        {"environment": environment, "base": "dev", "kind": "ad-hoc", "managed-by": "pulumi-django"}
        for environment in ("alpha", "alpha", "alpha2", "alpha")
    ]
    assert all(found[REQUEST_TAG.removeprefix("aws:RequestTag/")] == MANAGED_BY for found in tags)


@pytest.mark.parametrize("code", ["AccessDeniedException", "ClientException"])
def test_a_dump_succeeds_although_its_inactive_definition_cannot_be_deleted(both: Both, code: str) -> None:
    both.fake.errors = {"DeleteTaskDefinitions": [(code, "no")]}
    assert databases.dump(target(), Uploading(both.fake)).done == ("dumped",)
    assert both.fake.called("DeregisterTaskDefinition") == [{"taskDefinition": COPY}]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("s3://alpha-assets/dumps/no.dump", "there is no dump s3://alpha-assets/dumps/no.dump"),
        ("s3://alpha-assets", "'s3://alpha-assets' is not the address of a dump"),
        ("no/such/file", "there is no dump no/such/file: it is not a file"),
    ],
)
def test_a_dump_that_is_not_there(both: Both, source: str, message: str) -> None:
    with pytest.raises(OrchestratorError) as caught:
        databases.restore(RestoreDatabase(source=source), target(), both)
    assert caught.value.message == message


def test_a_clone_from_another_server_goes_through_a_dump_that_is_deleted(both: Both) -> None:
    other = replace(beta(), base_outputs={**BASE_OUTPUTS, "database_host": "elsewhere"})
    source = replace(
        other, outputs=replace(other.outputs, task_families=("beta-database",), service_names=("beta-gunicorn",))
    )
    both.fake.frames = [(0, {**WEB, "serviceName": "alpha-gunicorn"})]
    source = replace(
        source, environment="alpha2", outputs=replace(OUTPUTS, environment="alpha2", task_families=("alpha2-database",))
    )
    result = databases.clone(CloneDatabase(source=source), target(), Uploading(both.fake))
    first, second = both.fake.called("RegisterTaskDefinition")
    assert (first["family"], second["family"]) == ("alpha2-database-copy", "alpha-database-copy")
    assert result.done == ("emptied", "filled", "released")
    assert keys("alpha-assets") == []


def test_an_environment_without_a_bucket_has_no_place_for_dumps(both: Both) -> None:
    both.fake.containers = [container("database"), container("gunicorn")]
    with pytest.raises(OperationFailedError, match="its web service has no variable S3_BUCKET_NAME"):
        databases.dump(target(), both)


# The simulation


@pytest.mark.parametrize("what", ["create", "drop", "reset", "clone", "dump", "restore"])
def test_in_the_simulation_the_calls_are_recorded(what: str) -> None:
    simulated = target(notice="simulation")
    noting = for_target(simulated)
    assert noting.simulated
    actions: dict[str, Any] = {
        "create": lambda: databases.create(simulated, noting),
        "drop": lambda: databases.drop(simulated, noting),
        "reset": lambda: databases.reset(ResetDatabase(seed=("true",)), simulated, noting),
        "clone": lambda: databases.clone(CloneDatabase(source=beta()), simulated, noting),
        "dump": lambda: databases.dump(simulated, noting, to="/alpha.dump"),
        "restore": lambda: databases.restore(RestoreDatabase(source="s3://assets/x"), simulated, noting),
    }
    actions[what]()
    assert "RunTask" in [call.operation for call in noting.calls]
