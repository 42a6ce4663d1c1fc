"""The ad-hoc base: its resources, its open ports, its refusals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pulumi
import pytest

from pulumi_django import (
    AdHocBase,
    AdHocBaseArgs,
    AssetsBucket,
    AssetsBucketArgs,
    DatabaseOptions,
    LoadBalancerArgs,
    NetworkOptions,
    contract,
)
from pulumi_django.testing import SimulationResult, simulate

INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
EGRESS = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"


def run(program: Callable[[], object], **options: Any) -> SimulationResult:
    return simulate(program, project="django-base", stack="dev", **options)  # type: ignore[arg-type]


def base(**arguments: Any) -> SimulationResult:
    def program() -> None:
        given: dict[str, Any] = {"region": "us-east-1", "domain_name": "example.com", **arguments}
        contract.export(AdHocBase("dev", AdHocBaseArgs(**given)).contract)

    return run(program)


def own(result: SimulationResult) -> set[tuple[str, str]]:
    """(type, name) of everything that is not a child of the VPC component."""
    return {
        (r.type, r.name) for r in result.resources if "awsx:ec2:Vpc$" not in r.urn and not r.type.startswith("pulumi:")
    }


def test_the_base_has_exactly_these_resources() -> None:
    assert own(base()) == {
        ("pulumi-django:base:AdHocBase", "dev"),
        ("pulumi-django:encryption:EncryptionKey", "dev-key"),
        ("aws:kms/key:Key", "dev-key"),
        ("pulumi-django:network:Network", "dev-network"),
        ("awsx:ec2:Vpc", "dev-network"),
        ("aws:ec2/vpcEndpoint:VpcEndpoint", "dev-network-s3"),
        ("aws:ec2/defaultSecurityGroup:DefaultSecurityGroup", "dev-network-default-sg"),
        ("pulumi-django:security:SecurityGroups", "dev-sg"),
        ("aws:ec2/securityGroup:SecurityGroup", "dev-sg-alb"),
        ("aws:ec2/securityGroup:SecurityGroup", "dev-sg-app"),
        (INGRESS, "dev-sg-alb-http"),
        (INGRESS, "dev-sg-alb-https"),
        (EGRESS, "dev-sg-alb-to-app"),
        (EGRESS, "dev-sg-app-out"),
        ("pulumi-django:certificate:Certificate", "dev-certificate"),
        ("aws:acm/certificate:Certificate", "dev-certificate"),
        ("aws:route53/record:Record", "dev-certificate-validation"),
        ("aws:acm/certificateValidation:CertificateValidation", "dev-certificate-issued"),
        ("pulumi-django:load_balancer:LoadBalancer", "dev-alb"),
        ("aws:lb/loadBalancer:LoadBalancer", "dev-alb"),
        ("aws:lb/listener:Listener", "dev-alb-http"),
        ("aws:lb/listener:Listener", "dev-alb-https"),
        ("pulumi-django:database:PostgresInstance", "dev-database"),
        ("aws:rds/instance:Instance", "dev-database"),
        ("aws:cloudwatch/logGroup:LogGroup", "dev-database-log-postgresql"),
        ("aws:rds/subnetGroup:SubnetGroup", "dev-database-subnets"),
        ("aws:rds/parameterGroup:ParameterGroup", "dev-database-postgres17"),
        ("aws:ec2/securityGroup:SecurityGroup", "dev-database-sg"),
        (INGRESS, "dev-database-from-app"),
        ("pulumi-django:service_discovery:ServiceDiscovery", "dev-discovery"),
        ("aws:servicediscovery/privateDnsNamespace:PrivateDnsNamespace", "dev-discovery"),
        ("pulumi-django:bastion:Bastion", "dev-bastion"),
        ("aws:ec2/instance:Instance", "dev-bastion"),
        ("aws:iam/role:Role", "dev-bastion-role"),
        ("aws:iam/rolePolicyAttachment:RolePolicyAttachment", "dev-bastion-ssm"),
        ("aws:iam/instanceProfile:InstanceProfile", "dev-bastion-profile"),
    }


def test_every_resource_is_below_the_base() -> None:
    for resource in base().resources:
        assert resource.type.startswith("pulumi:") or "pulumi-django:base:AdHocBase" in resource.urn


def test_the_world_reaches_the_load_balancer_and_nothing_else() -> None:
    result = base()
    alb = result.one("aws:ec2/securityGroup:SecurityGroup", "dev-sg-alb").id
    open_rules = [rule.inputs for rule in result.of_type(INGRESS) if "cidrIpv4" in rule.inputs]
    assert {(r["securityGroupId"], r["fromPort"], r["toPort"], r["cidrIpv4"]) for r in open_rules} == {
        (alb, 80, 80, "0.0.0.0/0"),
        (alb, 443, 443, "0.0.0.0/0"),
    }


def test_only_tasks_reach_the_database() -> None:
    result = base()
    group = result.one("aws:ec2/securityGroup:SecurityGroup", "dev-database-sg").id
    rules = [rule.inputs for rule in result.of_type(INGRESS) if rule.inputs["securityGroupId"] == group]
    app = result.one("aws:ec2/securityGroup:SecurityGroup", "dev-sg-app").id
    assert [(r["referencedSecurityGroupId"], r["fromPort"], r["toPort"]) for r in rules] == [(app, 5432, 5432)]


def test_the_load_balancer_sends_only_to_tasks() -> None:
    result = base()
    alb = result.one("aws:ec2/securityGroup:SecurityGroup", "dev-sg-alb").id
    out = [rule.inputs for rule in result.of_type(EGRESS) if rule.inputs["securityGroupId"] == alb]
    assert [rule["referencedSecurityGroupId"] for rule in out] == [result.outputs["app_sg_id"]]


def test_the_database_is_encrypted_private_small_and_keeps_its_own_password() -> None:
    inputs = base().one("aws:rds/instance:Instance").inputs
    expected = {
        "identifier": "dev-rds",
        "engine": "postgres",
        "engineVersion": "17",
        "instanceClass": "db.t4g.micro",
        "storageType": "gp3",
        "allocatedStorage": 20,
        "maxAllocatedStorage": 50,
        "storageEncrypted": True,
        "publiclyAccessible": False,
        "manageMasterUserPassword": True,
        "multiAz": False,
        "backupRetentionPeriod": 1,
        "deletionProtection": False,
        "skipFinalSnapshot": True,
    }
    assert {key: inputs.get(key) for key in expected} == expected
    assert "password" not in inputs


def test_the_database_speaks_only_tls() -> None:
    group = base().one("aws:rds/parameterGroup:ParameterGroup").inputs
    assert group["family"] == "postgres17"
    assert group["parameters"] == [{"name": "rds.force_ssl", "value": "1", "applyMethod": "immediate"}]


def test_https_uses_tls_13_answers_404_and_http_redirects() -> None:
    result = base()
    https = result.one("aws:lb/listener:Listener", "dev-alb-https").inputs
    http = result.one("aws:lb/listener:Listener", "dev-alb-http").inputs
    assert (https["port"], https["protocol"], https["sslPolicy"]) == (
        443,
        "HTTPS",
        "ELBSecurityPolicy-TLS13-1-2-2021-06",
    )
    assert https["defaultActions"][0]["fixedResponse"]["statusCode"] == "404"
    assert http["defaultActions"][0]["redirect"] == {"port": "443", "protocol": "HTTPS", "statusCode": "HTTP_301"}
    assert result.one("aws:lb/loadBalancer:LoadBalancer").inputs["dropInvalidHeaderFields"] is True


def test_the_bastion_has_no_address_no_key_no_open_port_and_asks_for_metadata_tokens() -> None:
    result = base()
    inputs = result.one("aws:ec2/instance:Instance").inputs
    assert inputs["subnetId"] == result.outputs["private_subnet_ids"][0]
    assert "keyName" not in inputs
    assert inputs["metadataOptions"]["httpTokens"] == "required"
    assert inputs["rootBlockDevice"]["encrypted"] is True
    assert inputs["vpcSecurityGroupIds"] == [result.outputs["app_sg_id"]]
    assert not [r for r in result.of_type(INGRESS) if r.inputs["securityGroupId"] == result.outputs["app_sg_id"]]
    assert f"systemd-socket-proxyd {result.outputs['database_host']}:5432" in inputs["userData"]
    # A host that exists is not replaced by what was added later.
    ignored = ["ami", "associatePublicIpAddress", "ebsOptimized"]
    assert list(result.one("aws:ec2/instance:Instance").ignore_changes) == ignored


def test_a_given_certificate_is_used_and_none_is_issued() -> None:
    result = base(certificate_arn="arn:aws:acm:us-east-1:123456789012:certificate/mine")
    assert result.of_type("aws:acm/certificate:Certificate") == ()
    https = result.one("aws:lb/listener:Listener", "dev-alb-https").inputs
    assert https["certificateArn"] == "arn:aws:acm:us-east-1:123456789012:certificate/mine"


def test_the_hosted_zone_is_looked_up_unless_it_is_given() -> None:
    assert [invoke.token for invoke in base().invokes].count("aws:route53/getZone:getZone") == 1
    given = base(hosted_zone_id="Z123")
    assert given.outputs["hosted_zone_id"] == "Z123"
    assert "aws:route53/getZone:getZone" not in [invoke.token for invoke in given.invokes]


def test_certificates_for_further_hosts_are_added_to_the_listener() -> None:
    arns = [f"arn:aws:acm:us-east-1:123456789012:certificate/{name}" for name in ("one", "two")]
    result = base(extra_certificate_arns=arns)
    added = result.of_type("aws:lb/listenerCertificate:ListenerCertificate")
    https = result.one("aws:lb/listener:Listener", "dev-alb-https")
    assert [(r.inputs["certificateArn"], r.inputs["listenerArn"]) for r in added] == [
        (arn, https.outputs["arn"]) for arn in arns
    ]
    assert len({r.name for r in added}) == 2


@pytest.mark.parametrize(
    ("changes", "own"),
    [
        ({}, True),
        ({"certificate_arn": "arn:aws:acm:us-east-1:123456789012:certificate/mine"}, False),
        ({"extra_certificate_arns": ["arn:aws:acm:us-east-1:123456789012:certificate/more"]}, False),
        ({"domain_name": None}, None),
    ],
)
def test_the_contract_says_whether_the_only_certificate_is_the_bases_own(
    changes: dict[str, Any], own: bool | None
) -> None:
    assert base(**changes).outputs.get("own_certificate") is own


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"extra_certificate_arns": ["arn:aws:s3:::x"], "domain_name": "example.com"}, "has 'arn:aws:s3:::x'"),
        ({"extra_certificate_arns": ["a", "a"], "domain_name": "example.com"}, "each once"),
        ({"extra_certificate_arns": ["a"]}, "without a domain_name"),
    ],
)
def test_a_certificate_that_the_listener_cannot_take_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        AdHocBaseArgs(region="us-east-1", **changes)


def test_without_a_domain_there_is_http_and_no_certificate() -> None:
    result = base(domain_name=None)
    assert [r.name for r in result.of_type("aws:lb/listener:Listener")] == ["dev-alb-http"]
    assert result.one("aws:lb/listener:Listener").inputs["defaultActions"][0]["type"] == "fixed-response"
    assert [r.name for r in result.of_type(INGRESS)].count("dev-sg-alb-https") == 0
    assert "domain_name" not in result.outputs


def test_one_nat_gateway_or_one_in_each_zone() -> None:
    assert len(base().of_type("aws:ec2/natGateway:NatGateway")) == 1
    assert len(base(network=NetworkOptions(nat="per-az")).of_type("aws:ec2/natGateway:NatGateway")) == 2


def test_the_bastion_can_be_left_out() -> None:
    result = base(bastion=False)
    assert result.of_type("aws:ec2/instance:Instance") == ()
    assert "bastion_instance_id" not in result.outputs


def test_two_bases_in_one_stack_do_not_collide() -> None:
    def program() -> None:
        for name in ("dev", "qa"):
            AdHocBase(name, AdHocBaseArgs(region="us-east-1", domain_name="example.com"))

    assert len(run(program).of_type("aws:lb/loadBalancer:LoadBalancer")) == 2


def test_a_bucket_is_private_encrypted_and_read_over_tls_only() -> None:
    result = run(lambda: AssetsBucket("assets", AssetsBucketArgs(versioned=True, retain=True)))
    block = result.one("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock").inputs
    assert {key: value for key, value in block.items() if key != "bucket"} == {
        "blockPublicAcls": True,
        "blockPublicPolicy": True,
        "ignorePublicAcls": True,
        "restrictPublicBuckets": True,
    }
    policy = result.one("aws:s3/bucketPolicy:BucketPolicy").inputs["policy"]
    assert '"aws:SecureTransport": "false"' in policy
    assert result.one("aws:s3/bucketVersioning:BucketVersioning")
    assert all(r.retain_on_delete for r in result.resources if r.type.startswith("aws:"))


REFUSALS: list[tuple[Callable[[], object], str]] = [
    (
        lambda: AdHocBaseArgs(region="r", certificate_arn="arn"),
        "certificate_arn is 'arn' without a domain_name: set both, or none for an HTTP-only base",
    ),
    (
        lambda: AdHocBaseArgs(region="r", domain_name="Example.com"),
        "domain_name is 'Example.com': it must be a lower-case domain such as 'example.com'",
    ),
    *(
        (
            lambda domain=domain: AdHocBaseArgs(region="r", domain_name=domain),
            f"domain_name is {domain!r}: it must be a lower-case domain such as 'example.com'",
        )
        for domain in (
            "https://example.com",
            "example.com/",
            "example.com:443",
            "*.example.com",
            "a_b.example.com",
            "a..com",
        )
    ),
    (
        lambda: AdHocBaseArgs(region="r", domain_name="example.com", dns=False),
        "dns is off and certificate_arn is missing: without records in Route 53 none can be issued",
    ),
    (
        lambda: LoadBalancerArgs(public_subnet_ids=[], security_group_id="sg", idle_timeout_seconds=0),
        "idle_timeout_seconds is 0: it must be 1 to 4000",
    ),
]


@pytest.mark.parametrize(("make", "message"), REFUSALS, ids=[message[:40] for _make, message in REFUSALS])
def test_arguments_that_cannot_work_are_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        make()
    assert str(refused.value) == message


def test_a_bad_name_is_refused_before_any_resource_exists() -> None:
    with pytest.raises(ValueError, match="'Dev' cannot name a base"):
        run(lambda: AdHocBase("Dev", AdHocBaseArgs(region="us-east-1"), pulumi.ResourceOptions()))


def test_the_database_options_reach_the_server() -> None:
    inputs = (
        base(database=DatabaseOptions(engine_version="16.4", instance_class="db.t4g.small"))
        .one("aws:rds/instance:Instance")
        .inputs
    )
    assert (inputs["engineVersion"], inputs["instanceClass"]) == ("16.4", "db.t4g.small")
