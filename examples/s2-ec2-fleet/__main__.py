"""A web page on an Auto Scaling group behind a load balancer, in its own VPC."""

from pathlib import Path

import pulumi

from pulumi_django import (
    Ec2WebFleet,
    Ec2WebFleetArgs,
    HealthCheck,
    LoadBalancer,
    LoadBalancerArgs,
    Network,
    NetworkArgs,
    SecurityGroups,
    SecurityGroupsArgs,
)
from pulumi_django.program import project

USER_DATA = Path(__file__).with_name("user-data.sh").read_text(encoding="utf-8")


def main() -> None:
    name, region = pulumi.get_stack(), project.region()
    options = pulumi.ResourceOptions(providers=[project.aws_provider(base=name)])
    zones = [f"{region}a", f"{region}b"]
    network = Network(f"{name}-network", NetworkArgs(region=region, zones=zones), options)
    groups = SecurityGroups(f"{name}-sg", SecurityGroupsArgs(vpc_id=network.vpc_id, https=False), options)
    balancer = LoadBalancer(
        f"{name}-alb",
        LoadBalancerArgs(public_subnet_ids=network.public_subnet_ids, security_group_id=groups.alb_sg_id),
        options,
    )
    fleet = Ec2WebFleet(
        f"{name}-web",
        Ec2WebFleetArgs(
            vpc_id=network.vpc_id,
            subnet_ids=network.private_subnet_ids,
            alb_sg_id=groups.alb_sg_id,
            app_sg_id=groups.app_sg_id,
            listener_arn=balancer.listener_arn,
            instance_type="t3.micro",
            user_data=USER_DATA,
            health_check=HealthCheck(interval_seconds=30, timeout_seconds=5, grace_period_seconds=300),
        ),
        options,
    )
    pulumi.export("url", pulumi.Output.concat("http://", balancer.dns_name))
    pulumi.export("vpc_id", network.vpc_id)
    pulumi.export("group_name", fleet.group_name)


main()
