"""PostgreSQL servers: an instance on RDS, a cluster on Aurora, and the properties of both."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pulumi
import pytest

from pulumi_django import AuroraServerless, AuroraServerlessArgs, PostgresInstance, PostgresInstanceArgs
from pulumi_django.data.postgres import DatabaseServer
from pulumi_django.testing import SimulationResult, simulate

INSTANCE = "aws:rds/instance:Instance"
CLUSTER = "aws:rds/cluster:Cluster"
SERVER = "aws:rds/clusterInstance:ClusterInstance"
LOG = "aws:cloudwatch/logGroup:LogGroup"
INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
COMMON: dict[str, Any] = {
    "identifier": "shop-rds",
    "vpc_id": "vpc-1",
    "subnet_ids": ["subnet-1", "subnet-2"],
    "client_security_group_id": "sg-app",
}
ZONES = ["us-east-1a", "us-east-1b"]


def export(server: DatabaseServer) -> None:
    for name in ("host", "port", "master_secret_arn", "reader_host", "instance_id", "cluster_id"):
        pulumi.export(name, getattr(server, name))


def instance(preview: bool = False, **changes: Any) -> SimulationResult:
    return simulate(
        lambda: export(PostgresInstance("shop-database", PostgresInstanceArgs(**{**COMMON, **changes}))),
        preview=preview,
    )


def aurora(preview: bool = False, **changes: Any) -> SimulationResult:
    arguments: dict[str, Any] = {**COMMON, "zones": ZONES, **changes}
    return simulate(
        lambda: export(AuroraServerless("shop-database", AuroraServerlessArgs(**arguments))), preview=preview
    )


def made(result: SimulationResult) -> set[tuple[str, str]]:
    return {(r.type, r.name) for r in result.resources if not r.type.startswith("pulumi:")}


def test_an_instance_has_exactly_these_resources() -> None:
    assert made(instance()) == {
        ("pulumi-django:database:PostgresInstance", "shop-database"),
        (INSTANCE, "shop-database"),
        ("aws:rds/subnetGroup:SubnetGroup", "shop-database-subnets"),
        ("aws:rds/parameterGroup:ParameterGroup", "shop-database-postgres17"),
        ("aws:ec2/securityGroup:SecurityGroup", "shop-database-sg"),
        (INGRESS, "shop-database-from-app"),
    }


def test_a_cluster_has_exactly_these_resources() -> None:
    assert made(aurora()) == {
        ("pulumi-django:aurora:AuroraServerless", "shop-database"),
        (CLUSTER, "shop-database"),
        (SERVER, "shop-database-us-east-1a"),
        (SERVER, "shop-database-us-east-1b"),
        ("aws:rds/subnetGroup:SubnetGroup", "shop-database-subnets"),
        ("aws:rds/clusterParameterGroup:ClusterParameterGroup", "shop-database-postgres17"),
        ("aws:ec2/securityGroup:SecurityGroup", "shop-database-sg"),
        (INGRESS, "shop-database-from-app"),
    }


@pytest.mark.parametrize(("make", "type_"), [(instance, INSTANCE), (aurora, CLUSTER)])
def test_both_are_encrypted_keep_their_own_password_and_admit_only_the_clients(
    make: Callable[..., SimulationResult], type_: str
) -> None:
    result = make()
    inputs = result.one(type_).inputs
    assert (inputs["storageEncrypted"], inputs["manageMasterUserPassword"]) == (True, True)
    assert not {"password", "masterPassword"} & set(inputs)
    rule = result.one(INGRESS).inputs
    assert (rule["referencedSecurityGroupId"], rule["fromPort"], rule["toPort"]) == ("sg-app", 5432, 5432)
    assert all(r.inputs["publiclyAccessible"] is False for r in (*result.of_type(INSTANCE), *result.of_type(SERVER)))


@pytest.mark.parametrize("make", [instance, aurora])
def test_both_offer_the_same_to_a_base(make: Callable[..., SimulationResult]) -> None:
    outputs = make().outputs
    assert {"host", "port", "master_secret_arn"} <= set(outputs)
    assert outputs["port"] == 5432
    assert outputs["master_secret_arn"].startswith("arn:aws:secretsmanager:us-east-1:123456789012:secret:rds!")
    assert ("instance_id" in outputs) != ("cluster_id" in outputs)


@pytest.mark.parametrize(
    ("make", "group", "family"),
    [
        (instance, "aws:rds/parameterGroup:ParameterGroup", "postgres16"),
        (aurora, "aws:rds/clusterParameterGroup:ClusterParameterGroup", "aurora-postgresql16"),
    ],
)
def test_tls_is_forced_and_parameters_are_applied_when_they_can_be(
    make: Callable[..., SimulationResult], group: str, family: str
) -> None:
    result = make(
        engine_version="16.4",
        parameters={"log_min_duration_statement": "1000"},
        static_parameters={"shared_preload_libraries": "pg_stat_statements"},
    )
    inputs = result.one(group).inputs
    assert inputs["family"] == family
    assert [(p["name"], p["value"], p["applyMethod"]) for p in inputs["parameters"]] == [
        ("rds.force_ssl", "1", "immediate"),
        ("log_min_duration_statement", "1000", "immediate"),
        ("shared_preload_libraries", "pg_stat_statements", "pending-reboot"),
    ]


@pytest.mark.parametrize(("make", "type_", "folder"), [(instance, INSTANCE, "instance"), (aurora, CLUSTER, "cluster")])
def test_exported_logs_have_groups_with_a_retention_before_the_server_writes(
    make: Callable[..., SimulationResult], type_: str, folder: str
) -> None:
    result = make(log_exports=["postgresql"], log_retention_days=90, log_key_arn="arn:key")
    group, server = result.one(LOG), result.one(type_)
    assert group.inputs["name"] == f"/aws/rds/{folder}/shop-rds/postgresql"
    assert (group.inputs["retentionInDays"], group.inputs["kmsKeyId"]) == (90, "arn:key")
    assert group.urn in server.dependencies
    assert server.inputs["enabledCloudwatchLogsExports"] == ["postgresql"]


@pytest.mark.parametrize("make", [instance, aurora])
def test_a_protected_server_is_protected_by_aws_and_by_pulumi_and_leaves_a_snapshot(
    make: Callable[..., SimulationResult],
) -> None:
    result = make(deletion_protection=True, final_snapshot=True)
    server = (*result.of_type(INSTANCE), *result.of_type(CLUSTER))[0]
    assert (server.protect, server.inputs["deletionProtection"]) == (True, True)
    assert server.inputs["skipFinalSnapshot"] is False
    suffix = result.one("random:index/randomId:RandomId").outputs["hex"]
    assert server.inputs["finalSnapshotIdentifier"] == f"shop-rds-final-{suffix}"


@pytest.mark.parametrize("make", [instance, aurora])
def test_a_server_from_a_snapshot_keeps_the_snapshots_master_role_and_stays_when_the_snapshot_is_forgotten(
    make: Callable[..., SimulationResult],
) -> None:
    result = make(snapshot_identifier="shop-before-upgrade")
    server = (*result.of_type(INSTANCE), *result.of_type(CLUSTER))[0]
    assert server.inputs["snapshotIdentifier"] == "shop-before-upgrade"
    assert not {"username", "masterUsername"} & set(server.inputs)
    assert "snapshotIdentifier" in server.ignore_changes
    assert {"username", "masterUsername"} & set(server.ignore_changes)


@pytest.mark.parametrize(("make", "type_"), [(instance, INSTANCE), (aurora, SERVER)])
def test_query_statistics_and_system_metrics_are_optional(make: Callable[..., SimulationResult], type_: str) -> None:
    result = make(performance_insights=True, monitoring_interval_seconds=60)
    role = result.one("aws:iam/role:Role")
    for server in result.of_type(type_):
        assert server.inputs["performanceInsightsEnabled"] is True
        assert server.inputs["performanceInsightsRetentionPeriod"] == 7
        assert (server.inputs["monitoringInterval"], server.inputs["monitoringRoleArn"]) == (60, role.outputs["arn"])
    assert "monitoring.rds.amazonaws.com" in role.inputs["assumeRolePolicy"]


def test_storage_grows_by_itself_only_when_there_is_room_to_grow() -> None:
    assert instance(storage_gib=100, max_storage_gib=200).one(INSTANCE).inputs["maxAllocatedStorage"] == 200
    assert "maxAllocatedStorage" not in instance(storage_gib=100, max_storage_gib=100).one(INSTANCE).inputs


def test_read_replicas_are_in_their_zones_and_as_closed_as_the_server() -> None:
    result = instance(replica_zones=ZONES, log_exports=["postgresql"], deletion_protection=True)
    replica = result.one(INSTANCE, "shop-database-replica-us-east-1b").inputs
    assert replica["replicateSourceDb"] == "shop-rds"
    assert replica["identifier"] == "shop-rds-replica-us-east-1b"
    assert (replica["availabilityZone"], replica["storageEncrypted"]) == ("us-east-1b", True)
    assert replica["vpcSecurityGroupIds"] == [result.one("aws:ec2/securityGroup:SecurityGroup").id]
    assert not {"engine", "username", "dbSubnetGroupName", "allocatedStorage"} & set(replica)
    assert len(result.of_type(LOG)) == 3
    assert result.outputs["reader_host"].startswith("shop-rds-replica-us-east-1a.")


def test_with_read_replicas_a_secret_of_the_same_form_has_a_generated_password() -> None:
    result = instance(replica_zones=ZONES)
    server = result.one(INSTANCE, "shop-database")
    assert "manageMasterUserPassword" not in server.inputs
    assert "password" in server.secret_inputs
    version = result.one("aws:secretsmanager/secretVersion:SecretVersion")
    assert "secretString" in version.secret_inputs
    assert json.loads(version.inputs["secretString"]) == {
        "username": "dbmaster",
        "password": server.inputs["password"],
    }
    assert result.outputs["master_secret_arn"] == result.one("aws:secretsmanager/secret:Secret").outputs["arn"]


def test_a_cluster_scales_between_its_bounds_with_a_reader_that_can_take_over() -> None:
    result = aurora(min_acu=1, max_acu=8.5, data_api=True)
    cluster = result.one(CLUSTER).inputs
    assert cluster["serverlessv2ScalingConfiguration"] == {"minCapacity": 1, "maxCapacity": 8.5}
    assert cluster["enableHttpEndpoint"] is True
    servers = [(r.inputs["availabilityZone"], r.inputs["promotionTier"]) for r in result.of_type(SERVER)]
    assert servers == [("us-east-1a", 0), ("us-east-1b", 1)]
    assert {r.inputs["instanceClass"] for r in result.of_type(SERVER)} == {"db.serverless"}
    assert result.outputs["reader_host"].startswith("shop-rds.cluster-ro-")


def test_a_cluster_with_a_minimum_capacity_of_zero_sleeps() -> None:
    for given, seconds in ((None, 300), (1800, 1800)):
        scaling = aurora(min_acu=0, auto_pause_seconds=given).one(CLUSTER).inputs["serverlessv2ScalingConfiguration"]
        assert scaling == {"minCapacity": 0, "maxCapacity": 4, "secondsUntilAutoPause": seconds}


def test_a_cluster_of_one_server_has_no_host_for_readers() -> None:
    assert "reader_host" not in aurora(zones=["us-east-1a"]).outputs


@pytest.mark.parametrize("make", [instance, aurora])
def test_preview_shows_the_same_resources_as_an_update(make: Callable[..., SimulationResult]) -> None:
    full: dict[str, Any] = {"log_exports": ["postgresql"], "final_snapshot": True, "monitoring_interval_seconds": 60}
    if make is instance:
        full["replica_zones"] = ZONES
    assert made(make(preview=True, **full)) == made(make(**full))


def test_two_servers_of_each_kind_in_one_stack_do_not_collide() -> None:
    def program() -> None:
        full: dict[str, Any] = {"log_exports": ["postgresql"], "final_snapshot": True, "monitoring_interval_seconds": 5}
        for name in ("one", "two"):
            given: dict[str, Any] = {**COMMON, **full, "identifier": f"{name}-rds"}
            PostgresInstance(f"{name}-database", PostgresInstanceArgs(**given, replica_zones=ZONES))
            AuroraServerless(f"{name}-aurora", AuroraServerlessArgs(**given, zones=ZONES))

    assert len(simulate(program).of_type(INSTANCE)) == 6


def of_instance(**changes: Any) -> Callable[[], object]:
    return lambda: PostgresInstanceArgs(**{**COMMON, **changes})


def of_aurora(**changes: Any) -> Callable[[], object]:
    given: dict[str, Any] = {**COMMON, "zones": ZONES, **changes}
    return lambda: AuroraServerlessArgs(**given)


REFUSALS: list[tuple[Callable[[], object], str]] = [
    (of_instance(storage_gib=10), "storage_gib is 10: it must be 20 to 65536"),
    (of_instance(max_storage_gib=19), "max_storage_gib is 19: it must be storage_gib (20) to 65536"),
    (of_instance(backup_retention_days=36), "backup_retention_days is 36: it must be 0 to 35"),
    (of_instance(engine_version="9.6"), "engine_version is '9.6': it must be 15 or newer, such as '17' or '17.4'"),
    (of_instance(instance_class="t4g.micro"), "instance_class is 't4g.micro': it must be written like 'db.t4g.micro'"),
    (of_instance(identifier="x" * 64), f"the RDS identifier '{'x' * 64}' has 64 characters: AWS allows 63"),
    (
        of_instance(parameters={"rds.force_ssl": "0"}),
        "parameters has 'rds.force_ssl': remove it, because the server always requires TLS",
    ),
    (
        of_instance(parameters={"a": "1"}, static_parameters={"a": "2"}),
        "a is in both parameters and static_parameters: keep it in one",
    ),
    (
        of_instance(log_exports=["slow"]),
        "log_exports has 'slow': it must be one of iam-db-auth-error, postgresql, upgrade",
    ),
    (
        of_aurora(log_exports=["upgrade"]),
        "log_exports has 'upgrade': it must be one of iam-db-auth-error, instance, postgresql",
    ),
    (
        of_instance(monitoring_interval_seconds=20),
        "monitoring_interval_seconds is 20: it must be one of 0, 1, 5, 10, 15, 30, 60",
    ),
    (
        of_instance(replica_zones=["eu"], backup_retention_days=1),
        "replica_zones has 'eu': a zone is named like us-east-1a",
    ),
    (
        of_instance(replica_zones=["us-east-1a", "us-east-1a"]),
        "replica_zones is ['us-east-1a', 'us-east-1a']: a zone has one replica",
    ),
    (
        of_instance(replica_zones=["us-east-1a"], backup_retention_days=0),
        "backup_retention_days is 0 and replica_zones is ['us-east-1a']: replicas need backups",
    ),
    (of_aurora(backup_retention_days=0), "backup_retention_days is 0: it must be 1 to 35"),
    (of_aurora(min_acu=0.3), "min_acu is 0.3: it must be 0 to 256 in steps of 0.5"),
    (of_aurora(min_acu=-1), "min_acu is -1: it must be 0 to 256 in steps of 0.5"),
    (of_aurora(max_acu=300), "max_acu is 300: it must be 1 to 256 in steps of 0.5"),
    (of_aurora(max_acu=0.5), "max_acu is 0.5: it must be 1 to 256 in steps of 0.5"),
    (of_aurora(min_acu=8, max_acu=4), "min_acu is 8 and max_acu is 4: min_acu must not exceed max_acu"),
    (
        of_aurora(auto_pause_seconds=600),
        "auto_pause_seconds is 600 and min_acu is 0.5: a server sleeps only when min_acu is 0",
    ),
    (of_aurora(min_acu=0, auto_pause_seconds=60), "auto_pause_seconds is 60: it must be 300 to 86400"),
    (
        of_aurora(min_acu=0, engine_version="16.1"),
        "engine_version is '16.1' and min_acu is 0: 16.3 is the first version that can sleep",
    ),
    (of_aurora(zones=[]), "zones is []: name at least one zone, and each zone once"),
    (
        of_aurora(zones=["us-east-1a", "us-east-1a"]),
        "zones is ['us-east-1a', 'us-east-1a']: name at least one zone, and each zone once",
    ),
]


@pytest.mark.parametrize(("make", "message"), REFUSALS, ids=[message[:40] for _make, message in REFUSALS])
def test_what_cannot_work_is_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        make()
    assert str(refused.value) == message


def test_the_retention_of_logs_is_one_of_cloudwatch() -> None:
    with pytest.raises(ValueError, match=r"^log_retention_days is 2: allowed are 1, 3, 5, 7, 14, 30, "):
        of_instance(log_retention_days=2)()
