"""The fleet of instances: its resources, access, replacement, and invalid arguments."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pulumi
import pulumi_aws as aws
import pytest

from pulumi_django import Ec2WebFleet, Ec2WebFleetArgs
from pulumi_django.testing import Mocks, SimulationResult, simulate

INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
GROUP = "aws:autoscaling/group:Group"
GIVEN: dict[str, Any] = {
    "vpc_id": "vpc-1",
    "subnet_ids": ["subnet-1", "subnet-2"],
    "alb_sg_id": "sg-alb",
    "app_sg_id": "sg-app",
    "listener_arn": "arn:listener",
    "user_data": "#!/bin/sh\necho hello\n",
}


def fleet(mocks: Mocks | None = None, *, preview: bool = False, **arguments: Any) -> SimulationResult:
    def program() -> None:
        provider = aws.Provider("aws", region="us-east-1", default_tags={"tags": {"base": "dev"}})
        args = Ec2WebFleetArgs(**{**GIVEN, **arguments})
        Ec2WebFleet("web", args, pulumi.ResourceOptions(providers=[provider]))

    return simulate(program, project="fleet", stack="dev", mocks=mocks, preview=preview)


def test_the_fleet_has_exactly_these_resources() -> None:
    made = {(r.type, r.name) for r in fleet().resources if not r.type.startswith("pulumi:")}
    assert made == {
        ("pulumi-django:ec2:Ec2WebFleet", "web"),
        ("aws:ec2/securityGroup:SecurityGroup", "web-sg"),
        (INGRESS, "web-from-alb"),
        ("aws:iam/role:Role", "web-role"),
        ("aws:iam/rolePolicyAttachment:RolePolicyAttachment", "web-ssm"),
        ("aws:iam/instanceProfile:InstanceProfile", "web-profile"),
        (TEMPLATE, "web-template"),
        ("aws:lb/targetGroup:TargetGroup", "web-targets"),
        ("aws:lb/listenerRule:ListenerRule", "web-rule"),
        (GROUP, "web"),
    }


def test_a_target_group_of_another_port_is_created_beside_the_one_in_use() -> None:
    """AWS deletes no target group that a rule uses, and has no two of one name."""
    before, after = (fleet(port=port).one("aws:lb/targetGroup:TargetGroup", "web-targets") for port in (80, 8080))
    assert (before.inputs["name"], after.inputs["name"]) == ("web", "web-8080")
    assert not after.delete_before_replace


def test_preview_shows_the_same_resources() -> None:
    assert {r.urn for r in fleet(preview=True).resources} == {r.urn for r in fleet().resources}


def test_only_the_load_balancer_reaches_instances_and_ssh_is_closed() -> None:
    result = fleet()
    rules = [rule.inputs for rule in result.of_type(INGRESS)]
    assert [(r["referencedSecurityGroupId"], r["fromPort"], r["toPort"]) for r in rules] == [("sg-alb", 80, 80)]
    template = result.one(TEMPLATE).inputs
    own = result.one("aws:ec2/securityGroup:SecurityGroup").id
    assert template["vpcSecurityGroupIds"] == [own, "sg-app"]
    assert "keyName" not in template
    assert "networkInterfaces" not in template


def test_metadata_needs_a_token_and_disks_are_encrypted() -> None:
    template = fleet().one(TEMPLATE).inputs
    assert template["metadataOptions"] == {
        "httpEndpoint": "enabled",
        "httpTokens": "required",
        "httpPutResponseHopLimit": 1,
    }
    (disk,) = template["blockDeviceMappings"]
    assert disk["ebs"] == {"volumeType": "gp3", "volumeSize": 8, "encrypted": "true", "deleteOnTermination": "true"}


def test_instances_have_only_the_permissions_of_session_manager() -> None:
    result = fleet()
    attachment = result.one("aws:iam/rolePolicyAttachment:RolePolicyAttachment").inputs
    assert attachment["policyArn"] == "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"
    assert result.of_type("aws:iam/rolePolicy:RolePolicy") == ()
    granted = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::releases/*"}
    policy = fleet(statements=[granted]).one("aws:iam/rolePolicy:RolePolicy").inputs["policy"]
    assert json.loads(policy)["Statement"] == [granted]


def test_one_to_three_instances_run_and_unhealthy_ones_are_replaced() -> None:
    inputs = fleet().one(GROUP).inputs
    assert (inputs["minSize"], inputs["desiredCapacity"], inputs["maxSize"]) == (1, 2, 3)
    assert (inputs["healthCheckType"], inputs["healthCheckGracePeriod"]) == ("ELB", 300)
    assert inputs["vpcZoneIdentifiers"] == ["subnet-1", "subnet-2"]


def test_a_changed_template_rolls_the_fleet_with_the_new_instance_healthy_first() -> None:
    result = fleet()
    inputs = result.one(GROUP).inputs
    assert inputs["launchTemplate"] == {"id": result.one(TEMPLATE).id, "version": "1"}
    assert inputs["instanceRefresh"] == {
        "strategy": "Rolling",
        "preferences": {"minHealthyPercentage": 100, "maxHealthyPercentage": 110, "autoRollback": True},
    }


def test_a_newer_amazon_linux_does_not_replace_instances_but_a_named_image_does() -> None:
    template = fleet().one(TEMPLATE)
    assert list(template.ignore_changes) == ["imageId"]
    named = fleet(ami_id="ami-0123456789abcdef0").one(TEMPLATE)
    assert (named.inputs["imageId"], list(named.ignore_changes)) == ("ami-0123456789abcdef0", [])


def test_the_image_matches_the_processor_of_the_instance_type() -> None:
    asked = [i.args["name"] for i in fleet(instance_type="t3.micro").invokes if "getParameter" in i.token]
    assert asked == ["/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"]


def test_an_image_for_another_processor_is_refused_before_anything_is_launched() -> None:
    intel = Mocks(invokes={"aws:ec2/getAmi:getAmi": lambda _args: {"id": "ami", "architecture": "x86_64"}})
    with pytest.raises(pulumi.RunError) as refused:
        fleet(intel, ami_id="ami-0123456789abcdef0")
    assert str(refused.value) == (
        "ami_id is 'ami-0123456789abcdef0', an image for x86_64: t4g.micro needs an image for arm64"
    )


def test_the_root_disk_of_a_named_image_is_the_one_that_is_sized_and_encrypted() -> None:
    ubuntu = {"id": "ami", "architecture": "arm64", "rootDeviceName": "/dev/sda1"}
    mocks = Mocks(invokes={"aws:ec2/getAmi:getAmi": lambda _args: ubuntu})
    (disk,) = fleet(mocks, ami_id="ami-0123456789abcdef0").one(TEMPLATE).inputs["blockDeviceMappings"]
    assert disk["deviceName"] == "/dev/sda1"
    (usual,) = fleet().one(TEMPLATE).inputs["blockDeviceMappings"]
    assert usual["deviceName"] == "/dev/xvda"


def test_user_data_reaches_instances_as_it_is() -> None:
    assert base64.b64decode(fleet().one(TEMPLATE).inputs["userData"]).decode() == GIVEN["user_data"]


def test_the_size_of_user_data_from_an_output_is_checked_too() -> None:
    def program() -> None:
        Ec2WebFleet("web", Ec2WebFleetArgs(**{**GIVEN, "user_data": pulumi.Output.from_input("x" * 20000)}))

    with pytest.raises(pulumi.RunError, match="user_data has 20000 bytes"):
        simulate(program, project="fleet", stack="dev")


def test_the_providers_tags_are_on_the_group_its_instances_and_their_disks() -> None:
    result = fleet()
    specifications = result.one(TEMPLATE).inputs["tagSpecifications"]
    assert specifications == [
        {"resourceType": kind, "tags": {"base": "dev", "Name": "web"}} for kind in ("instance", "volume")
    ]
    assert result.one(GROUP).inputs["tags"] == [
        {"key": "Name", "value": "web", "propagateAtLaunch": False},
        {"key": "base", "value": "dev", "propagateAtLaunch": False},
    ]


def test_the_rule_takes_everything_or_one_host() -> None:
    rule = fleet().one("aws:lb/listenerRule:ListenerRule").inputs
    assert (rule["priority"], rule["conditions"]) == (1, [{"pathPattern": {"values": ["/*"]}}])
    rule = fleet(host="www.example.com", paths=["/shop/*"]).one("aws:lb/listenerRule:ListenerRule").inputs
    assert rule["conditions"] == [
        {"pathPattern": {"values": ["/shop/*"]}},
        {"hostHeader": {"values": ["www.example.com"]}},
    ]


def test_a_cpu_target_lets_aws_set_the_number_of_instances() -> None:
    result = fleet(cpu_target_percent=60)
    policy = result.one("aws:autoscaling/policy:Policy").inputs
    assert policy["targetTrackingConfiguration"]["targetValue"] == 60
    assert list(result.one(GROUP).ignore_changes) == ["desiredCapacity"]
    assert list(fleet().one(GROUP).ignore_changes) == []


def test_two_fleets_in_one_stack_do_not_collide() -> None:
    def program() -> None:
        for name in ("web", "api"):
            Ec2WebFleet(name, Ec2WebFleetArgs(**GIVEN))

    assert len(simulate(program, project="fleet", stack="dev").of_type(GROUP)) == 2


REFUSALS: list[tuple[dict[str, Any], str]] = [
    ({"ami_id": "al2023"}, "ami_id is 'al2023': it must be written like 'ami-0123456789abcdef0'"),
    (
        {"user_data": "x" * 16385},
        "user_data has 16385 bytes: EC2 allows 16384; download the rest from S3, or put it into an image",
    ),
    (
        {"min_size": 3, "desired_size": 2},
        "min_size, desired_size, max_size are 3, 2, 3: each must be 0 or more and not above the next",
    ),
    ({"port": 0}, "port is 0: it must be 1 to 65535"),
    ({"listener_priority": 50001}, "listener_priority is 50001: it must be 1 to 50000"),
    ({"root_volume_gib": 7}, "root_volume_gib is 7: it must be 8 to 16384"),
    ({"deregistration_delay_seconds": 3601}, "deregistration_delay_seconds is 3601: it must be 0 to 3600"),
    ({"cpu_target_percent": 5}, "cpu_target_percent is 5: it must be 10 to 90"),
    ({"paths": ["/a", "/b", "/c", "/d"]}, "paths has 4 patterns: a listener rule allows 3"),
    (
        {"instance_type": "mac2.metal"},
        "instance_type is 'mac2.metal': it must be a Linux instance type, written like 't4g.micro'",
    ),
]


@pytest.mark.parametrize(("arguments", "message"), REFUSALS, ids=[next(iter(a)) for a, _ in REFUSALS])
def test_a_bad_argument_is_refused_in_one_sentence(arguments: dict[str, Any], message: str) -> None:
    make: Callable[[], object] = lambda: Ec2WebFleetArgs(**{**GIVEN, **arguments})  # noqa: E731
    with pytest.raises(ValueError, match=r".") as refused:
        make()
    assert str(refused.value) == message
