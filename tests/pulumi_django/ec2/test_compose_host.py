"""The docker compose host: its resources, their lifetime, its software, and invalid arguments."""

from __future__ import annotations

import base64
import gzip
import json
import re
from pathlib import Path
from typing import Any

import pulumi
import pytest

from pulumi_django import ComposeHost, ComposeHostArgs
from pulumi_django.testing import SimulationResult, simulate

COMPOSE = """services:
  web:
    image: 123456789012.dkr.ecr.us-east-1.amazonaws.com/shop-backend:v1
    ports: ["80:8000"]
    environment:
      SECRET_KEY: ${SECRET_KEY}
  postgres:
    image: postgres:17
    volumes: ["/data/postgres:/var/lib/postgresql/data"]
"""
INSTANCE = "aws:ec2/instance:Instance"
SECRET = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:shop-AbCdEf"


@pytest.fixture
def compose(tmp_path: Path) -> str:
    file = tmp_path / "compose.yaml"
    file.write_text(COMPOSE, encoding="utf-8")
    return str(file)


def arguments(file: str, **changes: Any) -> ComposeHostArgs:
    given = {"vpc_id": "vpc-1", "subnet_id": "subnet-1", "zone": "us-east-1a", "compose_file": file}
    return ComposeHostArgs(**{**given, **changes})


def host(file: str, **changes: Any) -> SimulationResult:
    return simulate(lambda: ComposeHost("shop", arguments(file, **changes)) and None, project="shop", stack="dev")


def files(result: SimulationResult) -> dict[str, str]:
    """Return the files that the user data writes on the host."""
    text = result.one(INSTANCE).inputs["userData"]
    assert text.startswith("#cloud-config\n")
    document = json.loads(text.removeprefix("#cloud-config\n"))
    assert document["runcmd"] == [["/usr/local/sbin/set-up-compose"]]
    return {f["path"]: gzip.decompress(base64.b64decode(f["content"])).decode() for f in document["write_files"]}


def test_the_host_has_exactly_these_resources(compose: str) -> None:
    made = {(r.type, r.name) for r in host(compose, host="shop.example.com", hosted_zone_id="Z1").resources}
    assert {entry for entry in made if not entry[0].startswith("pulumi:")} == {
        ("pulumi-django:ec2:ComposeHost", "shop"),
        ("aws:ec2/securityGroup:SecurityGroup", "shop-sg"),
        ("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", "shop-port-80"),
        ("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", "shop-port-443"),
        ("aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule", "shop-out"),
        ("aws:ebs/volume:Volume", "shop-data"),
        ("aws:iam/role:Role", "shop-role"),
        ("aws:iam/rolePolicyAttachment:RolePolicyAttachment", "shop-ssm"),
        ("aws:iam/rolePolicy:RolePolicy", "shop-policy"),
        ("aws:iam/instanceProfile:InstanceProfile", "shop-profile"),
        (INSTANCE, "shop"),
        ("aws:ec2/volumeAttachment:VolumeAttachment", "shop-attachment"),
        ("aws:ec2/eip:Eip", "shop-address"),
        ("aws:ec2/eipAssociation:EipAssociation", "shop-association"),
        ("aws:route53/record:Record", "shop-record"),
    }


def test_the_data_volume_is_encrypted_and_outlives_host_and_stack(compose: str) -> None:
    result = host(compose)
    volume = result.one("aws:ebs/volume:Volume")
    assert (volume.inputs["encrypted"], volume.inputs["size"], volume.inputs["type"]) == (True, 20, "gp3")
    assert volume.inputs["availabilityZone"] == "us-east-1a"
    assert volume.retain_on_delete
    assert result.one("aws:ec2/volumeAttachment:VolumeAttachment").inputs["volumeId"] == volume.id
    assert not host(compose, keep_data=False).one("aws:ebs/volume:Volume").retain_on_delete


def test_a_volume_that_an_earlier_stack_left_is_used_again(compose: str) -> None:
    result = host(compose, data_volume_id="vol-0123456789abcdef0")
    assert result.of_type("aws:ebs/volume:Volume") == ()
    assert result.one("aws:ec2/volumeAttachment:VolumeAttachment").inputs["volumeId"] == "vol-0123456789abcdef0"
    device = "/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_vol0123456789abcdef0"
    assert f"device={device}\n" in files(result)["/usr/local/sbin/set-up-compose"]


def test_the_volume_is_mounted_before_docker_is_installed_and_formatted_only_when_empty(compose: str) -> None:
    script = files(host(compose))["/usr/local/sbin/set-up-compose"]
    order = [script.index(step) for step in ("until [ -b", "mount /data", "apt-get install", "systemctl enable")]
    assert order == sorted(order)
    assert (
        'if [ "$found" -eq 2 ]; then mkfs.ext4 -q "$device"; elif [ "$found" -ne 0 ]; then exit "$found"; fi' in script
    )
    assert script.startswith("#!/bin/sh\nset -eu\n")


def test_docker_keeps_its_volumes_on_the_data_disk_and_waits_for_it(compose: str) -> None:
    written = files(host(compose))
    assert json.loads(written["/etc/docker/daemon.json"])["data-root"] == "/data/docker"
    assert written["/etc/systemd/system/docker.service.d/data.conf"] == "[Unit]\nRequiresMountsFor=/data\n"


def test_the_compose_file_arrives_as_it_is(compose: str) -> None:
    assert files(host(compose))["/opt/compose/compose.yaml"] == COMPOSE


def test_a_changed_compose_file_replaces_the_host_while_its_address_stays(compose: str) -> None:
    result = host(compose)
    instance = result.one(INSTANCE)
    assert instance.inputs["userDataReplaceOnChange"] is True
    assert instance.delete_before_replace
    association = result.one("aws:ec2/eipAssociation:EipAssociation").inputs
    assert association["instanceId"] == instance.id


def test_the_internet_reaches_only_web_ports_and_metadata_needs_a_token(compose: str) -> None:
    result = host(compose)
    rules = result.of_type("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule")
    assert sorted(rule.inputs["fromPort"] for rule in rules) == [80, 443]
    instance = result.one(INSTANCE).inputs
    assert instance["metadataOptions"]["httpTokens"] == "required"
    assert instance["rootBlockDevice"] == {"volumeType": "gp3", "volumeSize": 30, "encrypted": True}
    assert "keyName" not in instance


def test_images_in_ecr_need_permissions_on_only_their_repositories(compose: str) -> None:
    result = host(compose)
    statements = json.loads(result.one("aws:iam/rolePolicy:RolePolicy").inputs["policy"])["Statement"]
    assert [statement["Resource"] for statement in statements] == [
        "*",
        ["arn:aws:ecr:us-east-1:123456789012:repository/shop-backend"],
    ]
    written = files(result)
    assert json.loads(written["/root/.docker/config.json"]) == {
        "credHelpers": {"123456789012.dkr.ecr.us-east-1.amazonaws.com": "ecr-login"}
    }
    assert "amazon-ecr-credential-helper" in written["/usr/local/sbin/set-up-compose"]


def test_without_images_in_ecr_the_host_has_only_the_permissions_of_session_manager(tmp_path: Path) -> None:
    file = tmp_path / "compose.yaml"
    file.write_text("services: {web: {image: nginx}}", encoding="utf-8")
    result = host(str(file))
    assert result.of_type("aws:iam/rolePolicy:RolePolicy") == ()
    assert "/root/.docker/config.json" not in files(result)


def test_secrets_come_by_reference_into_memory_and_only_the_named_one_is_readable(compose: str) -> None:
    result = host(compose, environment_secret_arn=SECRET)
    statements = json.loads(result.one("aws:iam/rolePolicy:RolePolicy").inputs["policy"])["Statement"]
    assert {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": SECRET} in statements
    written = files(result)
    unit = written["/etc/systemd/system/compose.service"]
    assert "ExecStartPre=/usr/local/sbin/compose-environment\n" in unit
    assert "docker compose --env-file /run/compose/environment -f compose.yaml up" in unit
    assert "docker compose --env-file /run/compose/environment -f compose.yaml stop\n" in unit
    script = written["/usr/local/sbin/compose-environment"]
    assert f"SecretId='{SECRET}'" in script
    assert "region_name='eu-west-1'" in script
    compile(script, "compose-environment", "exec")


def written_for_compose(script: str, folder: Path, secret: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the file of variables that the script on the host writes."""
    import boto3

    class Secrets:
        def get_secret_value(self, SecretId: str) -> dict[str, str]:
            return {"SecretString": secret} if SecretId == SECRET else {}

    monkeypatch.setattr(boto3, "client", lambda *_args, **_options: Secrets())
    target = folder / "environment"
    exec(script.replace("/run/compose/environment", str(target)), {})
    return target


def read_as_compose_does(text: str) -> dict[str, str]:
    """Return names and double-quoted values by the rules of compose-go's `dotenv/parser.go`."""
    found: dict[str, str] = {}
    while text:
        name, _, rest = text.partition('="')
        end = re.match(r'(?:[^"\\]|\\.)*', rest, re.DOTALL)
        assert end is not None
        raw = end[0]
        letters, at = list[str](), 0
        while at < len(raw):
            if raw[at] == "\\":
                letters.append({"n": "\n", "r": "\r"}.get(raw[at + 1], raw[at + 1]))
                at += 2
                continue
            assert raw[at] != "$", "compose would fill this in"
            letters.append(raw[at])
            at += 1
        found[name] = "".join(letters)
        text = rest[end.end() + 1 :].removeprefix("\n")
    return found


def test_compose_reads_every_value_back_as_it_is_in_the_secret(
    compose: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    values = {
        "PASSWORD": "it's $5",
        "DOLLARS": "$$ ${PASSWORD} $PASSWORD \\$",
        "QUOTES": "\"a\" 'b' \\' \\\" `c`",
        "BACKSLASH": "ends in \\",
        "ESCAPES": "\\n \\t \\\\ \\0101",
        "LINES": "-----BEGIN KEY-----\nx==\r\n-----END KEY-----\n",
        "COMMENT": " # not a comment ",
        "UNICODE": "é 𝄞 \u2028 \x85 \ufeff",
        "YES": "yes",
        "OCTAL": "0123",
        "EMPTY": "",
        "LANG": "de_DE.UTF-8",
    }
    script = files(host(compose, environment_secret_arn=SECRET))["/usr/local/sbin/compose-environment"]
    target = written_for_compose(script, tmp_path, json.dumps(values), monkeypatch)
    assert read_as_compose_does(target.read_bytes().decode()) == values
    assert target.stat().st_mode & 0o777 == 0o600


def test_values_that_are_no_text_keep_their_json_spelling(
    compose: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    secret = '{"A": true, "B": null, "C": 1.10, "D": 123456789012345678901234567890, "E": {"x": [1.5]}, "my key": "v"}'
    script = files(host(compose, environment_secret_arn=SECRET))["/usr/local/sbin/compose-environment"]
    target = written_for_compose(script, tmp_path, secret, monkeypatch)
    assert read_as_compose_does(target.read_bytes().decode()) == {
        "A": "true",
        "C": "1.10",
        "D": "123456789012345678901234567890",
        "E": '{"x": [1.5]}',
    }
    assert capsys.readouterr().err == "'my key' cannot name a variable: it is left out\n"


def test_a_secret_that_is_no_object_ends_the_script_without_its_value(
    compose: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    script = files(host(compose, environment_secret_arn=SECRET))["/usr/local/sbin/compose-environment"]
    with pytest.raises(SystemExit, match="the secret with the variables is no JSON object"):
        written_for_compose(script, tmp_path, '["hunter2"]', monkeypatch)


def test_the_variables_of_the_secret_have_precedence_over_systemds(compose: str) -> None:
    unit = files(host(compose, environment_secret_arn=SECRET))["/etc/systemd/system/compose.service"]
    commands = [line.partition("=")[2] for line in unit.splitlines() if line.startswith(("ExecStart=", "ExecStop="))]
    assert len(commands) == 2
    assert all(command.startswith("/usr/bin/env --ignore-environment HOME=/root PATH=") for command in commands)


@pytest.mark.parametrize("arn", ["shop", f"{SECRET}:KEY::", "arn:aws:ssm:us-east-1:123456789012:parameter/shop", ""])
def test_the_secret_is_named_by_its_whole_arn(compose: str, arn: str) -> None:
    with pytest.raises(ValueError, match="environment_secret_arn is '"):
        arguments(compose, environment_secret_arn=arn)


def test_images_by_variable_get_the_declared_permissions(tmp_path: Path) -> None:
    file = tmp_path / "compose.yaml"
    file.write_text("services: {web: {image: '${IMAGE}'}}", encoding="utf-8")
    arn = "arn:aws-cn:ecr:cn-north-1:123456789012:repository/shop"
    result = host(str(file), environment_secret_arn=SECRET, ecr_repository_arns=[arn])
    statements = json.loads(result.one("aws:iam/rolePolicy:RolePolicy").inputs["policy"])["Statement"]
    assert statements[-1]["Resource"] == [arn]
    helpers = json.loads(files(result)["/root/.docker/config.json"])["credHelpers"]
    assert helpers == {"123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn": "ecr-login"}


def test_the_command_for_a_shell_and_the_record(compose: str) -> None:
    def program() -> None:
        made = ComposeHost("shop", arguments(compose, host="shop.example.com", hosted_zone_id="Z1"))
        pulumi.export("shell", made.ssm_session_command)
        pulumi.export("ip", made.public_ip)

    result = simulate(program, project="shop", stack="dev")
    assert result.outputs["shell"] == f"aws ssm start-session --target {result.one(INSTANCE).id}"
    record = result.one("aws:route53/record:Record").inputs
    assert (record["type"], record["ttl"], record["records"]) == ("A", 300, [result.outputs["ip"]])


def test_the_image_is_ubuntu_for_the_types_processor(compose: str) -> None:
    asked = [i.args["name"] for i in host(compose, instance_type="t3.micro").invokes if "name" in i.args]
    assert asked == ["/aws/service/canonical/ubuntu/server/24.04/stable/current/amd64/hvm/ebs-gp3/ami-id"]


def test_a_missing_compose_file_is_refused(tmp_path: Path) -> None:
    file = str(tmp_path / "compose.yaml")
    with pytest.raises(ValueError, match="compose_file") as refused:
        arguments(file)
    assert str(refused.value) == f"compose_file is {file!r}: it cannot be read (no such file or directory)"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("services:\n  web: [\n", "it is not YAML in line 3 (expected the node content, but found '<stream end>')"),
        ("a: 1\na: 2\n", 'it is not YAML in line 2 (found duplicate key "a" with value "2" (original value: "1"))'),
        ("version: '3'\n", "it has no services"),
        ("- a\n", "it has no services"),
        ("", "it has no services"),
        ("services: {web: nginx}\n", "its service 'web' is not a mapping"),
        ("services: {web: {build: .}}\n", "its service 'web' has no image, and there are no sources on the host"),
    ],
)
def test_a_compose_file_that_cannot_run_is_refused(tmp_path: Path, text: str, why: str) -> None:
    file = tmp_path / "compose.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match="compose_file") as refused:
        arguments(str(file))
    assert str(refused.value) == f"compose_file is {str(file)!r}: {why}"


def test_a_compose_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "compose.yaml"
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match="it is not UTF-8 text"):
        arguments(str(file))


def test_a_compose_file_that_does_not_fit_into_user_data_is_refused(tmp_path: Path) -> None:
    import random

    noise = "".join(random.Random(1).choices("abcdefghijklmnopqrstuvwxyz0123456789", k=20000))
    file = tmp_path / "compose.yaml"
    file.write_text(f"services: {{web: {{image: nginx, command: {noise}}}}}", encoding="utf-8")
    with pytest.raises(ValueError, match="EC2 allows 16384") as refused:
        arguments(str(file))
    assert str(refused.value).startswith(f"compose_file is {str(file)!r}: the user data with it has ")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"host": "a.example.com"}, "host and hosted_zone_id go together: set both, or neither"),
        (
            {"ingress_ports": [22, 80]},
            "ingress_ports has 22: Session Manager opens shells without a port or key",
        ),
        ({"ingress_ports": [0]}, "ingress_ports has 0: a port is 1 to 65535"),
        ({"root_volume_gib": 1}, "root_volume_gib is 1: it must be 8 to 16384"),
        ({"data_volume_gib": 0}, "data_volume_gib is 0: it must be 1 to 16384"),
        ({"ami_id": "ubuntu"}, "ami_id is 'ubuntu': it must be written like 'ami-0123456789abcdef0'"),
    ],
)
def test_a_bad_argument_is_refused_in_one_sentence(compose: str, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        arguments(compose, **changes)
    assert str(refused.value) == message
