"""A base without a database: VPC, load balancer, namespace."""

import pulumi

from pulumi_django import (
    Kind,
    LoadBalancer,
    LoadBalancerArgs,
    Network,
    NetworkArgs,
    SecurityGroups,
    SecurityGroupsArgs,
    ServiceDiscovery,
    ServiceDiscoveryArgs,
    contract,
)
from pulumi_django.program import project
from pulumi_django.rules import naming


def main() -> None:
    name, region = pulumi.get_stack(), project.region()
    provider = project.aws_provider(base=name, kind=Kind.AD_HOC)
    options = pulumi.ResourceOptions(providers=[provider])
    zones = [f"{region}a", f"{region}b"]
    network = Network(f"{name}-network", NetworkArgs(region=region, zones=zones), options)
    groups = SecurityGroups(f"{name}-sg", SecurityGroupsArgs(vpc_id=network.vpc_id, https=False), options)
    balancer = LoadBalancer(
        naming.load_balancer_name(name),
        LoadBalancerArgs(public_subnet_ids=network.public_subnet_ids, security_group_id=groups.alb_sg_id),
        options,
    )
    discovery_args = ServiceDiscoveryArgs(namespace=naming.namespace_name(name), vpc_id=network.vpc_id)
    discovery = ServiceDiscovery(f"{name}-discovery", discovery_args, options)
    outputs = {
        "contract_version": contract.CONTRACT_VERSION,
        "kind": Kind.AD_HOC.value,
        "base_stack_name": name,
        "region": region,
        "vpc_id": network.vpc_id,
        "public_subnet_ids": network.public_subnet_ids,
        "private_subnet_ids": network.private_subnet_ids,
        "alb_sg_id": groups.alb_sg_id,
        "app_sg_id": groups.app_sg_id,
        "listener_arn": balancer.listener_arn,
        "alb_arn_suffix": balancer.arn_suffix,
        "alb_dns_name": balancer.dns_name,
        "alb_zone_id": balancer.zone_id,
        "service_discovery_namespace_id": discovery.namespace_id,
        "service_discovery_namespace_name": discovery.namespace_name,
    }
    for key, value in outputs.items():
        pulumi.export(key, value)


main()
