"""The production base: its resources, its protection against failures and mistakes, its alarms, its refusals."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from typing import Any

import pulumi
import pytest

from pulumi_django import (
    AccessLogOptions,
    AdHocBaseArgs,
    AssetsOptions,
    AuroraOptions,
    BaseAlarmOptions,
    DatabaseOptions,
    ExistingDatabaseOptions,
    ExistingVpcOptions,
    ProdAuroraOptions,
    ProdBase,
    ProdBaseArgs,
    ProdCacheOptions,
    ProdDatabaseOptions,
    ProdNetworkOptions,
    contract,
)
from pulumi_django.testing import SimulatedResource, SimulationResult, simulate

INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
EGRESS = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
GROUP = "aws:ec2/securityGroup:SecurityGroup"
ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
INSTANCE = "aws:rds/instance:Instance"
BUCKET = "aws:s3/bucket:Bucket"
GIB = 1024**3


@functools.cache
def usual() -> SimulationResult:
    return simulated()


def base(preview: bool = False, **arguments: Any) -> SimulationResult:
    return simulated(preview, **arguments) if preview or arguments else usual()


def simulated(preview: bool = False, **arguments: Any) -> SimulationResult:
    def program() -> None:
        given: dict[str, Any] = {"region": "us-east-1", "domain_name": "example.com", **arguments}
        contract.export(ProdBase("live", ProdBaseArgs(**given)).contract)

    return simulate(program, project="django-base", stack="live", preview=preview)


def own(result: SimulationResult) -> set[tuple[str, str]]:
    """(short type, name) of everything that is not a child of the VPC component."""
    return {
        (r.type.rpartition(":")[2], r.name)
        for r in result.resources
        if "awsx:ec2:Vpc$" not in r.urn and not r.type.startswith("pulumi")
    }


def bucket_parts(name: str) -> set[tuple[str, str]]:
    return {
        ("Bucket", name),
        ("BucketOwnershipControls", f"{name}-owner"),
        ("BucketServerSideEncryptionConfiguration", f"{name}-encryption"),
        ("BucketPublicAccessBlock", f"{name}-private"),
        ("BucketPolicy", f"{name}-tls"),
        ("BucketVersioning", f"{name}-versions"),
        ("BucketLifecycleConfiguration", f"{name}-expiry"),
    }


def test_the_base_has_exactly_these_resources() -> None:
    assert own(base()) == {
        ("Key", "live-key"),
        *bucket_parts("live-logs"),
        ("Vpc", "live-network"),
        ("VpcEndpoint", "live-network-s3"),
        ("DefaultSecurityGroup", "live-network-default-sg"),
        ("FlowLog", "live-flow-logs"),
        ("LogGroup", "live-flow-logs"),
        ("Role", "live-flow-logs-role"),
        ("RolePolicy", "live-flow-logs-policy"),
        ("SecurityGroup", "live-sg-alb"),
        ("SecurityGroup", "live-sg-app"),
        ("SecurityGroupIngressRule", "live-sg-alb-http"),
        ("SecurityGroupIngressRule", "live-sg-alb-https"),
        ("SecurityGroupEgressRule", "live-sg-alb-to-app"),
        ("SecurityGroupEgressRule", "live-sg-app-out"),
        ("Certificate", "live-certificate"),
        ("Record", "live-certificate-validation"),
        ("CertificateValidation", "live-certificate-issued"),
        ("LoadBalancer", "live-alb"),
        ("Listener", "live-alb-http"),
        ("Listener", "live-alb-https"),
        ("SecurityGroup", "live-endpoints-sg"),
        ("SecurityGroupIngressRule", "live-endpoints-from-app"),
        ("VpcEndpoint", "live-endpoints-ecr-api"),
        ("VpcEndpoint", "live-endpoints-ecr-dkr"),
        ("VpcEndpoint", "live-endpoints-logs"),
        ("VpcEndpoint", "live-endpoints-secretsmanager"),
        ("Instance", "live-database"),
        ("RandomId", "live-database-final-snapshot"),
        ("SubnetGroup", "live-database-subnets"),
        ("ParameterGroup", "live-database-postgres17"),
        ("SecurityGroup", "live-database-sg"),
        ("SecurityGroupIngressRule", "live-database-from-app"),
        ("LogGroup", "live-database-log-postgresql"),
        ("LogGroup", "live-database-log-upgrade"),
        ("Role", "live-database-monitoring"),
        ("RolePolicyAttachment", "live-database-monitoring"),
        ("ReplicationGroup", "live-cache"),
        ("ParameterGroup", "live-cache-valkey8"),
        ("SubnetGroup", "live-cache-subnets"),
        ("SecurityGroup", "live-cache-sg"),
        ("SecurityGroupIngressRule", "live-cache-from-app"),
        ("RandomPassword", "live-cache-token"),
        ("Secret", "live-cache-auth"),
        ("SecretVersion", "live-cache-auth-value"),
        *bucket_parts("live-assets"),
        ("BucketLogging", "live-assets-access-log"),
        ("Instance", "live-bastion"),
        ("Role", "live-bastion-role"),
        ("RolePolicyAttachment", "live-bastion-ssm"),
        ("InstanceProfile", "live-bastion-profile"),
        ("Topic", "live-alarms"),
        ("TopicPolicy", "live-alarms-policy"),
        ("MetricAlarm", "live-alb-errors"),
        ("MetricAlarm", "live-database-cpu"),
        ("MetricAlarm", "live-database-connections"),
        ("MetricAlarm", "live-database-storage"),
        ("MetricAlarm", "live-cache-live-redis-001-cpu"),
        ("MetricAlarm", "live-cache-live-redis-001-memory"),
        ("MetricAlarm", "live-cache-live-redis-002-cpu"),
        ("MetricAlarm", "live-cache-live-redis-002-memory"),
    }


def test_it_has_three_zones_with_a_nat_gateway_in_each() -> None:
    result = base()
    zones = {r.inputs["availabilityZone"] for r in result.of_type("aws:ec2/subnet:Subnet")}
    assert zones == {"us-east-1a", "us-east-1b", "us-east-1c"}
    assert len(result.of_type("aws:ec2/natGateway:NatGateway")) == 3
    assert len(result.outputs["private_subnet_ids"]) == 3


def test_the_world_reaches_the_load_balancer_only_and_every_other_rule_names_a_group() -> None:
    result = base()
    open_rules = [r.name for r in result.of_type(INGRESS) if "referencedSecurityGroupId" not in r.inputs]
    assert open_rules == ["live-sg-alb-http", "live-sg-alb-https"]
    assert [r.name for r in result.of_type(EGRESS) if "cidrIpv4" in r.inputs] == ["live-sg-app-out"]


def test_the_database_has_a_standby_backups_and_leaves_a_snapshot() -> None:
    server = base().one(INSTANCE)
    expected = {
        "instanceClass": "db.t4g.medium",
        "multiAz": True,
        "backupRetentionPeriod": 7,
        "deletionProtection": True,
        "skipFinalSnapshot": False,
        "performanceInsightsEnabled": True,
        "monitoringInterval": 60,
        "iamDatabaseAuthenticationEnabled": True,
        "enabledCloudwatchLogsExports": ["postgresql", "upgrade"],
        "maxAllocatedStorage": 100,
        "storageEncrypted": True,
        "publiclyAccessible": False,
        "manageMasterUserPassword": True,
    }
    assert {key: server.inputs.get(key) for key in expected} == expected
    assert server.protect is True


def test_the_cache_has_a_standby_tls_and_a_token() -> None:
    result = base()
    inputs = result.one("aws:elasticache/replicationGroup:ReplicationGroup").inputs
    assert (inputs["numCacheClusters"], inputs["multiAzEnabled"], inputs["snapshotRetentionLimit"]) == (2, True, 7)
    assert (result.outputs["redis_tls"], result.outputs["redis_cluster_mode"]) == (True, False)
    assert result.outputs["redis_auth_secret_arn"] == result.one("aws:secretsmanager/secret:Secret").outputs["arn"]
    assert (result.outputs["redis_host"], result.outputs["redis_port"]) == (
        result.one("aws:elasticache/replicationGroup:ReplicationGroup").outputs["primaryEndpointAddress"],
        6379,
    )


def test_requests_are_logged_and_the_load_balancer_cannot_be_deleted() -> None:
    result = base()
    balancer = result.one("aws:lb/loadBalancer:LoadBalancer")
    logs = result.one(BUCKET, "live-logs").outputs["bucket"]
    assert balancer.inputs["accessLogs"] == {"bucket": logs, "enabled": True, "prefix": "alb"}
    assert balancer.inputs["enableDeletionProtection"] is True
    assert balancer.protect is True


def test_assets_are_versioned_and_outlive_the_stack() -> None:
    result = base()
    bucket = result.one(BUCKET, "live-assets")
    assert (bucket.protect, bucket.retain_on_delete, bucket.inputs["forceDestroy"]) == (True, True, False)
    assert result.one("aws:s3/bucketVersioning:BucketVersioning", "live-assets-versions").retain_on_delete
    assert result.outputs["assets_bucket_name"] == bucket.outputs["bucket"]


def protected(result: SimulationResult) -> set[str]:
    return {r.name for r in result.resources if r.protect}


def test_everything_that_holds_data_is_protected_until_protection_is_switched_off() -> None:
    assert protected(base()) == {"live-alb", "live-database", "live-assets"}
    off = base(deletion_protection=False)
    assert protected(off) == set()
    assert off.one(INSTANCE).inputs["deletionProtection"] is False
    assert off.one("aws:lb/loadBalancer:LoadBalancer").inputs["enableDeletionProtection"] is False
    assert off.one(INSTANCE).inputs["skipFinalSnapshot"] is False
    assert off.one(BUCKET, "live-assets").retain_on_delete is True


def test_all_can_be_given_up_on_purpose() -> None:
    result = base(
        deletion_protection=False,
        database=ProdDatabaseOptions(final_snapshot=False),
        assets=AssetsOptions(retain=False, force_destroy=True),
        access_logs=AccessLogOptions(force_destroy=True),
    )
    assert result.one(INSTANCE).inputs["skipFinalSnapshot"] is True
    assert not any(r.retain_on_delete for r in result.resources)
    assert {r.inputs["forceDestroy"] for r in result.of_type(BUCKET)} == {True}


def alarm(result: SimulationResult, name: str) -> SimulatedResource:
    return result.one(ALARM, name)


def test_alarms_tell_the_topic_which_is_in_the_contract() -> None:
    result = base(alarms=BaseAlarmOptions(emails=["ops@example.com"]))
    topic = result.outputs["alarm_topic_arn"]
    assert len(result.of_type(ALARM)) == 8
    for made in result.of_type(ALARM):
        assert (made.inputs["alarmActions"], made.inputs["okActions"]) == ([topic], [topic])
    assert result.one("aws:sns/topicSubscription:TopicSubscription").inputs["endpoint"] == "ops@example.com"
    assert result.one("aws:sns/topic:Topic").inputs["kmsMasterKeyId"] == result.outputs["kms_key_arn"]


def test_alarms_watch_this_bases_load_balancer_database_and_cache() -> None:
    result = base()
    assert alarm(result, "live-alb-errors").inputs["metricName"] == "HTTPCode_ELB_5XX_Count"
    assert alarm(result, "live-alb-errors").inputs["dimensions"] == {"LoadBalancer": result.outputs["alb_arn_suffix"]}
    assert alarm(result, "live-database-cpu").inputs["dimensions"] == {"DBInstanceIdentifier": "live-rds"}
    assert alarm(result, "live-cache-live-redis-002-memory").inputs["dimensions"] == {
        "CacheClusterId": "live-redis-002"
    }


@pytest.mark.parametrize(
    ("arguments", "connections"),
    [
        ({}, 360),  # 4 GiB take 450
        ({"database": ProdDatabaseOptions(instance_class="db.r6g.4xlarge")}, 4000),  # PostgreSQL's own end is 5000
        ({"aurora": ProdAuroraOptions(min_acu=1, max_acu=8)}, 1441),  # 16 GiB
        ({"aurora": ProdAuroraOptions(min_acu=0, max_acu=64)}, 1600),  # those that may sleep take 2000
        ({"alarms": BaseAlarmOptions(database_connections=50)}, 50),
    ],
)
def test_the_alarm_on_connections_follows_from_the_servers_memory(arguments: dict[str, Any], connections: int) -> None:
    assert alarm(base(**arguments), "live-database-connections").inputs["threshold"] == connections


def test_the_alarm_on_storage_follows_from_the_servers_storage() -> None:
    for database, options, gib in (
        (ProdDatabaseOptions(), BaseAlarmOptions(), 2),
        (ProdDatabaseOptions(storage_gib=100), BaseAlarmOptions(), 10),
        (ProdDatabaseOptions(), BaseAlarmOptions(database_free_storage_gib=5), 5),
    ):
        made = alarm(base(database=database, alarms=options), "live-database-storage").inputs
        assert made["threshold"] == gib * GIB
        assert made["comparisonOperator"] == "LessThanOrEqualToThreshold"


def test_aurora_replaces_the_instance_and_has_a_second_server() -> None:
    result = base(aurora=ProdAuroraOptions(min_acu=0.5, max_acu=16, data_api=True))
    cluster = result.one("aws:rds/cluster:Cluster")
    assert cluster.protect is True
    assert (cluster.inputs["deletionProtection"], cluster.inputs["backupRetentionPeriod"]) == (True, 7)
    zones = [r.inputs["availabilityZone"] for r in result.of_type("aws:rds/clusterInstance:ClusterInstance")]
    assert zones == ["us-east-1a", "us-east-1b"]
    assert result.of_type(INSTANCE) == ()
    assert (result.outputs["database_host"], result.outputs["database_reader_host"]) == (
        cluster.outputs["endpoint"],
        cluster.outputs["readerEndpoint"],
    )
    assert result.outputs["database_cluster_id"] == "live-rds"
    assert "database_instance_id" not in result.outputs
    assert {r.name for r in result.of_type(ALARM) if "database" in r.name} == {
        "live-database-cpu",
        "live-database-connections",
    }


EXISTING: dict[str, Any] = {
    "host": "db.example.com",
    "master_secret_arn": "arn:aws:secretsmanager:us-east-1:123456789012:secret:master-abc123",
}


def test_an_existing_database_is_taken_as_it_is_and_admits_the_tasks() -> None:
    result = base(existing_database=ExistingDatabaseOptions(**EXISTING, port=5433, security_group_id="sg-0123456789"))
    assert not [r for r in result.resources if r.type.startswith("aws:rds/")]
    assert (result.outputs["database_host"], result.outputs["database_port"]) == ("db.example.com", 5433)
    assert result.outputs["database_master_secret_arn"] == EXISTING["master_secret_arn"]
    rule = result.one(INGRESS, "live-database-from-app").inputs
    assert (rule["securityGroupId"], rule["fromPort"], rule["toPort"]) == ("sg-0123456789", 5433, 5433)
    assert rule["referencedSecurityGroupId"] == result.outputs["app_sg_id"]
    assert not [r for r in result.of_type(ALARM) if "database" in r.name]


def test_an_existing_database_in_rds_is_watched() -> None:
    existing = ExistingDatabaseOptions(**EXISTING, instance_id="old-db")
    result = base(existing_database=existing, alarms=BaseAlarmOptions(database_connections=100))
    assert alarm(result, "live-database-cpu").inputs["dimensions"] == {"DBInstanceIdentifier": "old-db"}


def test_parts_can_be_left_out() -> None:
    result = base(cache=None, assets=None, access_logs=None, alarms=None, bastion=False)
    assert not [r for r in result.resources if r.type.startswith(("aws:elasticache/", "aws:s3/", "aws:cloudwatch/m"))]
    absent = {"redis_host", "redis_tls", "assets_bucket_name", "alarm_topic_arn", "bastion_instance_id"}
    assert not absent & set(result.outputs)


def test_shared_roles_reach_resources_with_the_bases_tag_and_no_other_secret() -> None:
    result = base(shared_roles=True)
    for output, name in (("task_role_arn", "live-task"), ("execution_role_arn", "live-execution")):
        assert result.outputs[output] == result.one("aws:iam/role:Role", name).outputs["arn"]
        policy = json.loads(result.one("aws:iam/rolePolicy:RolePolicy", f"{name}-policy").inputs["policy"])
        secrets = [s for s in policy["Statement"] if "secretsmanager:GetSecretValue" in s["Action"]]
        assert [s["Condition"] for s in secrets] == [{"StringEquals": {"aws:ResourceTag/base": "live"}}]


def test_without_being_asked_the_base_has_no_roles_for_tasks() -> None:
    assert not {"task_role_arn", "execution_role_arn"} & set(base().outputs)


def test_preview_shows_the_same_resources_as_an_update() -> None:
    assert {r.urn for r in base(preview=True).resources} == {r.urn for r in base().resources}


def test_two_bases_in_one_stack_do_not_collide() -> None:
    def program() -> None:
        for name in ("live", "next"):
            ProdBase(name, ProdBaseArgs(region="us-east-1", domain_name="example.com"))

    assert len(simulate(program).of_type("aws:lb/loadBalancer:LoadBalancer")) == 2


def prod(**changes: Any) -> Callable[[], object]:
    given: dict[str, Any] = {"region": "us-east-1", **changes}
    return lambda: ProdBaseArgs(**given)


def existing(**changes: Any) -> Callable[[], object]:
    return lambda: ExistingDatabaseOptions(**{**EXISTING, **changes})


VPC = ExistingVpcOptions(
    vpc_id="vpc-0123456789abcdef0",
    public_subnet_ids=["subnet-00000001", "subnet-00000002"],
    private_subnet_ids=["subnet-00000003", "subnet-00000004"],
)
REFUSALS: list[tuple[Callable[[], object], str]] = [
    (
        prod(network=ProdNetworkOptions(zones=["us-east-1a"])),
        "zones is ['us-east-1a']: a load balancer and a database need two different zones",
    ),
    (
        prod(aurora=ProdAuroraOptions(), database=ProdDatabaseOptions(multi_az=False)),
        "aurora and database are both given: a base has one of them",
    ),
    (
        prod(aurora=ProdAuroraOptions(), existing_database=ExistingDatabaseOptions(**EXISTING)),
        "existing_database and aurora are both given: a base has one of them",
    ),
    (
        prod(existing_vpc=VPC, network=ProdNetworkOptions(nat="single")),
        "existing_vpc and network are both given: a base has one of them",
    ),
    (
        prod(existing_vpc=VPC, aurora=ProdAuroraOptions()),
        "aurora has no zones and existing_vpc is given: name the zones of its private subnets",
    ),
    (
        prod(aurora=ProdAuroraOptions(zones=["us-east-1d"])),
        "aurora.zones has 'us-east-1d': the network has us-east-1a, us-east-1b, us-east-1c",
    ),
    (
        prod(database=ProdDatabaseOptions(replica_zones=["us-east-1d"])),
        "database.replica_zones has 'us-east-1d': the network has us-east-1a, us-east-1b, us-east-1c",
    ),
    (
        prod(database=ProdDatabaseOptions(instance_class="db.x2g.large")),
        "alarms.database_connections is missing: the memory of db.x2g.large is unknown, so give a number",
    ),
    (
        prod(existing_database=ExistingDatabaseOptions(**EXISTING, cluster_id="old")),
        "alarms.database_connections is missing: the limit of existing_database is unknown, so give a number",
    ),
    (
        existing(host="postgres://db:5432"),
        "host is 'postgres://db:5432': it must be a host name, without scheme and port",
    ),
    (existing(port=0), "port is 0: it must be 1 to 65535"),
    (
        existing(master_secret_arn="master"),
        "master_secret_arn is 'master': it must be the ARN of a secret",
    ),
    (
        existing(instance_id="a", cluster_id="b"),
        "instance_id and cluster_id are both given: a server is one of the two",
    ),
    (
        lambda: AssetsOptions(force_destroy=True),
        "retain and force_destroy are both on: the bucket either stays or is deleted with all its objects",
    ),
    (lambda: AssetsOptions(old_version_days=0), "old_version_days is 0: it must be 1 to 2147483647"),
    (lambda: AccessLogOptions(retention_days=0), "retention_days is 0: it must be 1 to 3650"),
    (
        lambda: BaseAlarmOptions(database_cpu_percent=120),
        "database_cpu_percent is 120: it must be above 0 and at most 100 %",
    ),
    (lambda: BaseAlarmOptions(load_balancer_errors=0), "load_balancer_errors is 0: it must be above 0"),
    (lambda: ProdCacheOptions(nodes=9), "nodes is 9: it must be 1 to 6"),
    (lambda: ProdDatabaseOptions(backup_retention_days=40), "backup_retention_days is 40: it must be 0 to 35"),
    (
        lambda: AdHocBaseArgs(region="us-east-1", aurora=AuroraOptions(), database=DatabaseOptions(multi_az=True)),
        "aurora and database are both given: a base has one of them",
    ),
]


@pytest.mark.parametrize(("make", "message"), REFUSALS, ids=[message[:40] for _make, message in REFUSALS])
def test_arguments_that_cannot_work_are_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        make()
    assert str(refused.value) == message


def test_a_bad_name_is_refused_before_any_resource_exists() -> None:
    with pytest.raises(ValueError, match="'Live' cannot name a base"):
        simulate(lambda: ProdBase("Live", ProdBaseArgs(region="us-east-1"), pulumi.ResourceOptions()) and None)
