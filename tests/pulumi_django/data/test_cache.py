"""The shared cache: encryption, token, failover, and invalid arguments."""

from __future__ import annotations

import json
from typing import Any

import pulumi
import pytest

from pulumi_django import ReplicationGroup, ReplicationGroupArgs
from pulumi_django.testing import SimulationResult, simulate

GROUP = "aws:elasticache/replicationGroup:ReplicationGroup"
PARAMETERS = "aws:elasticache/parameterGroup:ParameterGroup"
INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
COMMON: dict[str, Any] = {
    "group_id": "shop-redis",
    "vpc_id": "vpc-1",
    "subnet_ids": ["subnet-1", "subnet-2"],
    "client_security_group_id": "sg-app",
}


def cache(preview: bool = False, **changes: Any) -> SimulationResult:
    def program() -> None:
        made = ReplicationGroup("shop-cache", ReplicationGroupArgs(**{**COMMON, **changes}))
        for name in ("host", "port", "reader_host", "auth_secret_arn"):
            pulumi.export(name, getattr(made, name))

    return simulate(program, preview=preview)


def made(result: SimulationResult) -> set[tuple[str, str]]:
    return {(r.type, r.name) for r in result.resources if not r.type.startswith("pulumi:")}


def test_a_cache_has_exactly_these_resources() -> None:
    assert made(cache()) == {
        ("pulumi-django:cache:ReplicationGroup", "shop-cache"),
        (GROUP, "shop-cache"),
        (PARAMETERS, "shop-cache-valkey8"),
        ("aws:elasticache/subnetGroup:SubnetGroup", "shop-cache-subnets"),
        ("aws:ec2/securityGroup:SecurityGroup", "shop-cache-sg"),
        (INGRESS, "shop-cache-from-app"),
        ("random:index/randomPassword:RandomPassword", "shop-cache-token"),
        ("aws:secretsmanager/secret:Secret", "shop-cache-auth"),
        ("aws:secretsmanager/secretVersion:SecretVersion", "shop-cache-auth-value"),
    }


def test_a_cache_is_encrypted_at_rest_and_in_transit_and_admits_only_the_clients() -> None:
    result = cache()
    inputs = result.one(GROUP).inputs
    assert (inputs["atRestEncryptionEnabled"], inputs["transitEncryptionEnabled"]) == (True, True)
    assert "transitEncryptionMode" not in inputs  # AWS's own is `required`: no client without TLS
    rule = result.one(INGRESS).inputs
    assert (rule["referencedSecurityGroupId"], rule["fromPort"], rule["toPort"]) == ("sg-app", 6379, 6379)
    assert inputs["securityGroupIds"] == [result.one("aws:ec2/securityGroup:SecurityGroup").id]


def test_only_secrets_manager_stores_the_token_with_the_url_of_every_database() -> None:
    result = cache()
    group = result.one(GROUP)
    version = result.one("aws:secretsmanager/secretVersion:SecretVersion")
    assert "authToken" in group.secret_inputs
    assert "secretString" in version.secret_inputs
    values = json.loads(version.inputs["secretString"])
    token = group.inputs["authToken"]
    assert values["AUTH_TOKEN"] == token
    assert values["REDIS_URL_1"] == f"rediss://:{token}@{result.outputs['host']}:6379/1?ssl_cert_reqs=required"
    assert len(values) == 17
    assert token not in str(dict(result.outputs))
    assert token.isalnum()


def test_without_a_token_the_security_group_alone_admits() -> None:
    result = cache(auth=False)
    assert "authToken" not in result.one(GROUP).inputs
    assert result.of_type("aws:secretsmanager/secret:Secret") == ()
    assert "auth_secret_arn" not in result.outputs


@pytest.mark.parametrize(("nodes", "takes_over"), [(1, False), (2, True), (3, True)])
def test_a_second_node_in_another_zone_takes_over(nodes: int, takes_over: bool) -> None:
    result = cache(nodes=nodes)
    inputs = result.one(GROUP).inputs
    assert inputs["numCacheClusters"] == nodes
    assert (inputs["automaticFailoverEnabled"], inputs["multiAzEnabled"]) == (takes_over, takes_over)
    assert ("reader_host" in result.outputs) is takes_over


def test_cluster_mode_has_shards_one_database_and_one_host() -> None:
    result = cache(cluster_mode=True, shards=3, nodes=2)
    inputs = result.one(GROUP).inputs
    assert (inputs["numNodeGroups"], inputs["replicasPerNodeGroup"]) == (3, 1)
    assert "numCacheClusters" not in inputs
    assert {"name": "cluster-enabled", "value": "yes"} in result.one(PARAMETERS).inputs["parameters"]
    assert result.outputs["host"].startswith("clustercfg.")
    values = json.loads(result.one("aws:secretsmanager/secretVersion:SecretVersion").inputs["secretString"])
    assert set(values) == {"AUTH_TOKEN", "REDIS_URL_0"}


def test_eviction_removes_expiring_keys_and_never_waiting_tasks() -> None:
    assert cache(parameters={"timeout": "300"}).one(PARAMETERS).inputs["parameters"] == [
        {"name": "maxmemory-policy", "value": "volatile-lru"},
        {"name": "timeout", "value": "300"},
    ]


@pytest.mark.parametrize(
    ("engine", "version", "family", "runs"),
    [
        ("valkey", None, "valkey8", "8.0"),
        ("valkey", "7.2", "valkey7", "7.2"),
        ("redis", None, "redis7", "7.1"),
        ("redis", "7.0", "redis7", "7.0"),
    ],
)
def test_engine_and_version_choose_the_parameter_family(
    engine: str, version: str | None, family: str, runs: str
) -> None:
    result = cache(engine=engine, engine_version=version)
    assert result.one(PARAMETERS).inputs["family"] == family
    assert (result.one(GROUP).inputs["engine"], result.one(GROUP).inputs["engineVersion"]) == (engine, runs)


def test_preview_shows_the_same_resources_as_an_update() -> None:
    assert made(cache(preview=True)) == made(cache())


def test_two_caches_in_one_stack_do_not_collide() -> None:
    def program() -> None:
        for name in ("one", "two"):
            given: dict[str, Any] = {**COMMON, "group_id": f"{name}-redis"}
            ReplicationGroup(f"{name}-cache", ReplicationGroupArgs(**given))

    assert len(simulate(program).of_type(GROUP)) == 2


REFUSALS: list[tuple[dict[str, Any], str]] = [
    ({"engine_version": "5.0"}, "engine_version is '5.0': the versions of valkey are 7.2, 8.0, 8.1"),
    ({"engine": "redis", "engine_version": "8.0"}, "engine_version is '8.0': the versions of redis are 7.0, 7.1"),
    ({"node_type": "t4g.micro"}, "node_type is 't4g.micro': it must be written like 'cache.t4g.micro'"),
    ({"nodes": 0}, "nodes is 0: it must be 1 to 6"),
    ({"nodes": 7}, "nodes is 7: it must be 1 to 6"),
    ({"cluster_mode": True, "shards": 501}, "shards is 501: it must be 1 to 500"),
    ({"shards": 2}, "shards is 2 and cluster_mode is off: several shards need cluster_mode"),
    (
        {"cluster_mode": True, "nodes": 1},
        "nodes is 1 and cluster_mode is on: cluster mode needs at least 2 nodes in each shard, so that one can take over",
    ),
    ({"snapshot_days": 36}, "snapshot_days is 36: it must be 0 to 35"),
    ({"group_id": "x" * 41}, f"the replication group id '{'x' * 41}' has 41 characters: AWS allows 40"),
]


@pytest.mark.parametrize(("changes", "message"), REFUSALS, ids=[message[:40] for _changes, message in REFUSALS])
def test_what_cannot_work_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        ReplicationGroupArgs(**{**COMMON, **changes})
    assert str(refused.value) == message
