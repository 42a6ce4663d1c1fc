"""Properties of the examples on EC2."""

from __future__ import annotations

import base64

from tests.support.examples import simulate_example


def test_the_fleet_reads_metadata_with_a_token_of_one_hour() -> None:
    result = simulate_example("s2-ec2-fleet", "dev")
    template = result.one("aws:ec2/launchTemplate:LaunchTemplate").inputs
    script = base64.b64decode(template["userData"]).decode()
    assert "X-aws-ec2-metadata-token-ttl-seconds: 3600" in script
    assert template["instanceType"] == "t3.micro"
    check = result.one("aws:lb/targetGroup:TargetGroup").inputs["healthCheck"]
    assert (check["path"], check["interval"]) == ("/", 30)


def test_a_compose_host_with_a_host_name_has_a_record() -> None:
    changes = {"example-compose-host:host": "compose.example.com", "example-compose-host:hosted_zone_id": "Z1"}
    result = simulate_example("compose-host", "dev", changes=changes)
    record = result.one("aws:route53/record:Record").inputs
    assert (record["name"], record["zoneId"], record["records"]) == (
        "compose.example.com",
        "Z1",
        [result.outputs["public_ip"]],
    )


def test_the_network_of_the_compose_host_has_no_paid_parts() -> None:
    result = simulate_example("compose-host", "dev")
    assert result.of_type("aws:ec2/natGateway:NatGateway") == ()
    endpoints = result.of_type("aws:ec2/vpcEndpoint:VpcEndpoint")
    assert [endpoint.inputs["vpcEndpointType"] for endpoint in endpoints] == ["Gateway"]


def test_the_variables_of_the_compose_file_are_secret_values_in_a_secret() -> None:
    result = simulate_example("compose-host", "dev")
    version = result.one("aws:secretsmanager/secretVersion:SecretVersion")
    assert "secretString" in version.secret_inputs
    user_data = result.one("aws:ec2/instance:Instance").inputs["userData"]
    passwords = [r.outputs["result"] for r in result.of_type("random:index/randomPassword:RandomPassword")]
    assert len(passwords) == 2
    assert not any(password in user_data for password in passwords)
