"""A docker compose file on one instance in its own VPC; its secrets are generated and passed by reference."""

import json
from pathlib import Path

import pulumi
import pulumi_aws as aws
import pulumi_random as random

from pulumi_django import ComposeHost, ComposeHostArgs, Network, NetworkArgs
from pulumi_django.program import project

VARIABLES = ("SECRET_KEY", "POSTGRES_PASSWORD")


def secret_variables(name: str, options: pulumi.ResourceOptions) -> pulumi.Output[str]:
    """Create a secret with a password for each variable of the compose file, and return its ARN."""
    passwords = {
        key: random.RandomPassword(f"{name}-{key.lower()}", length=40, special=False, opts=options).result
        for key in VARIABLES
    }
    secret = aws.secretsmanager.Secret(f"{name}-variables", recovery_window_in_days=0, opts=options)
    version = aws.secretsmanager.SecretVersion(
        f"{name}-variables",
        secret_id=secret.id,
        secret_string=pulumi.Output.all(**passwords).apply(json.dumps),
        opts=options,
    )
    return pulumi.Output.all(secret.arn, version.id).apply(lambda values: str(values[0]))


def main() -> None:
    name, region, config = pulumi.get_stack(), project.region(), pulumi.Config()
    options = pulumi.ResourceOptions(providers=[project.aws_provider(base=name)])
    zones = [f"{region}a", f"{region}b"]
    # The host is in a public subnet, so nothing needs a NAT gateway.
    network_args = NetworkArgs(region=region, zones=zones, nat="none")
    network = Network(f"{name}-network", network_args, options)
    host = ComposeHost(
        f"{name}-host",
        ComposeHostArgs(
            vpc_id=network.vpc_id,
            subnet_id=network.public_subnet_ids.apply(lambda ids: ids[0]),
            zone=zones[0],
            compose_file=str(Path(__file__).with_name("compose.yaml")),
            environment_secret_arn=secret_variables(name, options),
            host=config.get("host"),
            hosted_zone_id=config.get("hosted_zone_id"),
            keep_data=config.get_bool("keep_data") is not False,
        ),
        options,
    )
    pulumi.export("public_ip", host.public_ip)
    pulumi.export("data_volume_id", host.data_volume_id)
    pulumi.export("ssm_session_command", host.ssm_session_command)


main()
