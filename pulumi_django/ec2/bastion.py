"""The bastion: a host in the VPC that only Session Manager reaches, and that forwards a local port to the database."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from pulumi_django.contract import number_text
from pulumi_django.ec2 import machine

ROOT_VOLUME_GIB = 8

# systemd-socket-proxyd is part of systemd, so the host needs no package and no internet access.
_USER_DATA = """#cloud-config
write_files:
  - path: /etc/systemd/system/postgres-forward.socket
    content: |
      [Socket]
      ListenStream=127.0.0.1:5432
      [Install]
      WantedBy=sockets.target
  - path: /etc/systemd/system/postgres-forward.service
    content: |
      [Service]
      ExecStart=/usr/lib/systemd/systemd-socket-proxyd {host}:{port}
      DynamicUser=yes
runcmd:
  - systemctl daemon-reload
  - systemctl enable --now postgres-forward.socket
"""


@dataclass(frozen=True, kw_only=True)
class BastionArgs:
    subnet_id: pulumi.Input[str]
    """Private subnet of the host, without public addresses."""

    security_group_id: pulumi.Input[str]
    """Security group of the tasks: it admits no traffic, and the database admits its members."""

    database_host: pulumi.Input[str]
    """Host name of the database, to which port 5432 of the host forwards."""

    database_port: pulumi.Input[int]
    """TCP port of the database."""

    instance_type: str = "t4g.nano"
    """EC2 instance type with an ARM64 processor."""


class Bastion(pulumi.ComponentResource):
    """An EC2 instance without open ports, keys or a public address."""

    instance_id: pulumi.Output[str]
    """Id of the instance, for `aws ssm start-session --target <id>`."""

    def __init__(self, name: str, args: BastionArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pulumi-django:bastion:Bastion", name, None, opts)
        _role, profile = machine.instance_profile(name, self)
        parameter = machine.AMAZON_LINUX_PARAMETER.format(processor="arm64")
        instance = aws.ec2.Instance(
            name,
            ami=machine.image(None, args.instance_type, parameter, self).id,
            instance_type=args.instance_type,
            subnet_id=args.subnet_id,
            vpc_security_group_ids=[args.security_group_id],
            associate_public_ip_address=False,
            ebs_optimized=True,
            iam_instance_profile=profile.name,
            user_data=pulumi.Output.format(_USER_DATA, host=args.database_host, port=number_text(args.database_port)),
            user_data_replace_on_change=True,
            metadata_options=aws.ec2.InstanceMetadataOptionsArgs(
                http_endpoint="enabled", http_tokens="required", http_put_response_hop_limit=1
            ),
            root_block_device=aws.ec2.InstanceRootBlockDeviceArgs(
                volume_type="gp3", volume_size=ROOT_VOLUME_GIB, encrypted=True
            ),
            tags={"Name": name},
            # A newer image must not replace the host during a session (`pulumi up --replace` renews it), and neither must
            # arguments that were added later.
            opts=pulumi.ResourceOptions(
                parent=self, ignore_changes=["ami", "associatePublicIpAddress", "ebsOptimized"]
            ),
        )
        self.instance_id = instance.id
        self.register_outputs({"instance_id": self.instance_id})
