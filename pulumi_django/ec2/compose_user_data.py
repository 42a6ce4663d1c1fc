"""The cloud-config of a host with a compose file: mount the data volume, install docker, start the services. Pure."""

from __future__ import annotations

import base64
import gzip
import json
import re
from collections.abc import Sequence
from typing import Any

from pulumi_django.ec2 import machine
from pulumi_django.ec2.compose_checks import DATA_FOLDER
from pulumi_django.ec2.compose_file import ComposeFile

# https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html
_SECRET_ARN = re.compile(r"arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:\d{12}:secret:[A-Za-z0-9/_+=.@-]+")
# An EBS volume's id as Linux shows it, without the hyphen.
# https://docs.aws.amazon.com/ebs/latest/userguide/identify-nvme-ebs-device.html
_DEVICE = "/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_{volume}"
_SAMPLE_VOLUME_ID = "vol-0123456789abcdef0"

# Only a volume on which blkid finds nothing (2) is formatted. Any other result ends the script and keeps the data.
_SETUP = """#!/bin/sh
set -eu
device={device}
until [ -b "$device" ]; do sleep 2; done
found=0
blkid --probe "$device" || found=$?
if [ "$found" -eq 2 ]; then mkfs.ext4 -q "$device"; elif [ "$found" -ne 0 ]; then exit "$found"; fi
mkdir --parents {folder}
echo "$device {folder} ext4 defaults,nofail 0 2" >> /etc/fstab
mount {folder}
export DEBIAN_FRONTEND=noninteractive
apt-get update
apt-get install --yes {packages}
systemctl enable --now compose.service
"""

_DAEMON = {"data-root": f"{DATA_FOLDER}/docker", "log-driver": "local", "live-restore": True}

_AFTER_MOUNT = f"[Unit]\nRequiresMountsFor={DATA_FOLDER}\n"

# Otherwise systemd's own variables (LANG and others) would have precedence over those of the compose file.
_COMPOSE = (
    "/usr/bin/env --ignore-environment HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "
    "/usr/bin/docker compose {options}-f compose.yaml"
)

_UNIT = """[Unit]
Description=Containers of /opt/compose/compose.yaml
Requires=docker.service
After=docker.service network-online.target
Wants=network-online.target
RequiresMountsFor={folder}
[Service]
Type=oneshot
RemainAfterExit=yes
RuntimeDirectory=compose
RuntimeDirectoryMode=0700
WorkingDirectory=/opt/compose
{environment}ExecStart={compose} up --detach --remove-orphans
ExecStop={compose} stop
TimeoutStartSec=900
[Install]
WantedBy=multi-user.target
"""

# Written to a folder in memory that only root can read. Within double quotes compose reads every text unchanged.
# https://docs.docker.com/reference/compose-file/interpolation/
_ENVIRONMENT = r"""#!/usr/bin/python3
import boto3, json, os, re, sys
secrets = boto3.client("secretsmanager", region_name={region!r})
text = secrets.get_secret_value(SecretId={secret!r})["SecretString"]
values, exact = json.loads(text), json.loads(text, parse_int=str, parse_float=str)
if not isinstance(values, dict):
    sys.exit("the secret with the variables is no JSON object")
escapes = {{"\\": "\\\\", '"': '\\"', "$": "\\$", "\n": "\\n", "\r": "\\r"}}
with open(os.open("/run/compose/environment", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
    for name, value in values.items():
        if value is None:
            continue
        if not re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", name):
            print(f"{{name!r}} cannot name a variable: it is left out", file=sys.stderr)
            continue
        shown = exact[name] if isinstance(exact[name], str) else json.dumps(value)
        quoted = "".join(escapes.get(letter, letter) for letter in shown)
        file.write(f'{{name}}="{{quoted}}"\n'.encode())
"""


def check_secret_arn(arn: Any) -> None:
    """Raise ValueError for a plain value that is no ARN of a secret. An Output is not checked."""
    if isinstance(arn, str) and not _SECRET_ARN.fullmatch(arn):
        raise ValueError(
            f"environment_secret_arn is {arn!r}: it must be written like "
            "'arn:aws:secretsmanager:us-east-1:123456789012:secret:NAME-AbCdEf'"
        )


def check_size(compose: ComposeFile, path: str) -> None:
    """Raise ValueError when the user data with the compose file exceeds EC2's limit."""
    sample = "arn:aws:secretsmanager:us-east-1:123456789012:secret:" + "x" * 64
    machine.check_user_data(
        render(compose, _SAMPLE_VOLUME_ID, sample), f"compose_file is {path!r}: the user data with it"
    )


def render(compose: ComposeFile, volume_id: str, secret_arn: str | None) -> str:
    """Return the host's user data as JSON, which is valid YAML. `secret_arn` is the secret with the compose file's
    variables."""
    files = [
        _file("/opt/compose/compose.yaml", compose.text),
        _file("/etc/docker/daemon.json", json.dumps(_DAEMON)),
        _file("/etc/systemd/system/docker.service.d/data.conf", _AFTER_MOUNT),
        _file("/etc/systemd/system/compose.service", _unit(secret_arn)),
        _file("/usr/local/sbin/set-up-compose", _setup(compose, volume_id, secret_arn), "0700"),
    ]
    if compose.ecr_registries:
        helpers = dict.fromkeys(compose.ecr_registries, "ecr-login")
        files.append(_file("/root/.docker/config.json", json.dumps({"credHelpers": helpers})))
    if secret_arn is not None:
        script = _ENVIRONMENT.format(region=secret_arn.split(":")[3], secret=secret_arn)
        files.append(_file("/usr/local/sbin/compose-environment", script, "0700"))
    return "#cloud-config\n" + json.dumps({"write_files": files, "runcmd": [["/usr/local/sbin/set-up-compose"]]})


def _setup(compose: ComposeFile, volume_id: str, secret_arn: str | None) -> str:
    packages: Sequence[str] = [
        "docker.io",
        "docker-compose-v2",
        *(["amazon-ecr-credential-helper"] if compose.ecr_registries else []),
        *(["python3-boto3"] if secret_arn is not None else []),
    ]
    device = _DEVICE.format(volume=volume_id.replace("-", ""))
    return _SETUP.format(device=device, folder=DATA_FOLDER, packages=" ".join(packages))


def _unit(secret_arn: str | None) -> str:
    with_secret = secret_arn is not None
    return _UNIT.format(
        folder=DATA_FOLDER,
        environment="ExecStartPre=/usr/local/sbin/compose-environment\n" if with_secret else "",
        compose=_COMPOSE.format(options="--env-file /run/compose/environment " if with_secret else ""),
    )


def _file(path: str, text: str, permissions: str = "0644") -> dict[str, str]:
    # Without a time stamp the same text always gives the same user data.
    content = base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()
    return {"path": path, "encoding": "gz+b64", "permissions": permissions, "content": content}
