"""An EC2 instance that runs a docker compose file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from pulumi_django.ec2 import compose_file, compose_user_data, machine
from pulumi_django.ecs.roles import Statement
from pulumi_django.network.security import ANYWHERE
from pulumi_django.rules import aws_rules, host_names
from pulumi_django.rules.partitions import principal, region_of_zone

# Canonical's images have the SSM agent, and docker and compose in their own signed package archive.
# https://documentation.ubuntu.com/aws/aws-how-to/instances/find-ubuntu-images/
UBUNTU_PARAMETER = "/aws/service/canonical/ubuntu/server/24.04/stable/current/{processor}/hvm/ebs-gp3/ami-id"
UBUNTU_PROCESSOR = {"arm64": "arm64", "x86_64": "amd64"}
SSH_PORT = 22
RECORD_TTL_SECONDS = 300


@dataclass(frozen=True, kw_only=True)
class ComposeHostArgs:
    vpc_id: pulumi.Input[str]
    """VPC of the host."""

    subnet_id: pulumi.Input[str]
    """Public subnet of the host."""

    zone: str
    """Availability zone of the subnet and of the data volume."""

    compose_file: str
    """Path of the docker compose file. Every service that starts needs an image. Files that it names must be below `/data`,
    because no others are on the host. A change replaces the host and keeps its data and address."""

    environment_secret_arn: pulumi.Input[str] | None = None
    """ARN of the secret whose JSON keys are the variables of the compose file (`${NAME}`). The host reads it at each start.
    Without one, every variable is unset."""

    ecr_repository_arns: Sequence[str] | None = None
    """ARNs of the ECR repositories of images whose names are variables (`image: ${IMAGE}`). Images with full names are found
    automatically. None when no such image exists, `[]` when those images are not in ECR."""

    host: str | None = None
    """Host name for the host's address; needs `hosted_zone_id`."""

    hosted_zone_id: pulumi.Input[str] | None = None
    """Id of the Route 53 zone of `host`."""

    instance_type: str = "t4g.medium"
    """EC2 instance type on Nitro, because the data disk is found by its NVMe name."""

    ami_id: str | None = None
    """Id of an image of Ubuntu 24.04 for the type's processor. None uses the newest image at the creation of the host and
    keeps it."""

    root_volume_gib: int = 30
    """Size of the encrypted root disk in GiB, 8 to 16384. It is deleted with the host."""

    data_volume_gib: int = 20
    """Size of the encrypted disk at `/data` in GiB, 1 to 16384. It also contains docker's volumes."""

    data_volume_id: pulumi.Input[str] | None = None
    """Id of an existing volume in the same zone to use as the data disk, such as the volume of an earlier stack."""

    keep_data: bool = True
    """Whether the data volume stays when the stack is destroyed."""

    ingress_ports: Sequence[int] = (80, 443)
    """TCP ports that are open to the internet, 1 to 65535 without 22."""

    statements: Sequence[Statement] = ()
    """Further IAM statements of the host's role."""

    def __post_init__(self) -> None:
        machine.processor(self.instance_type)
        if self.ami_id is not None:
            machine.check_ami_id(self.ami_id)
        compose_user_data.check_secret_arn(self.environment_secret_arn)
        compose_user_data.check_size(_compose(self), self.compose_file)
        aws_rules.check_statements("statements", self.statements)
        if isinstance(self.host, str):
            host_names.check("host", self.host, wildcard=False)
        if (self.host is None) != (self.hosted_zone_id is None):
            raise ValueError("host and hosted_zone_id go together: set both, or neither")
        if SSH_PORT in self.ingress_ports:
            raise ValueError("ingress_ports has 22: Session Manager opens shells without a port or key")
        for name, low in (("root_volume_gib", 8), ("data_volume_gib", 1)):
            value: int = getattr(self, name)
            if not low <= value <= 16384:
                raise ValueError(f"{name} is {value}: it must be {low} to 16384")
        for port in self.ingress_ports:
            if not 1 <= port <= 65535:
                raise ValueError(f"ingress_ports has {port}: a port is 1 to 65535")


class ComposeHost(pulumi.ComponentResource):
    """A host with a fixed address and a data disk. Both outlive the instance."""

    instance_id: pulumi.Output[str]
    """Id of the EC2 instance."""

    public_ip: pulumi.Output[str]
    """Fixed public IPv4 address."""

    data_volume_id: pulumi.Output[str]
    """Id of the EBS volume at `/data`."""

    ssm_session_command: pulumi.Output[str]
    """Command line that opens a shell on the host."""

    def __init__(self, name: str, args: ComposeHostArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pulumi-django:ec2:ComposeHost", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        group = self._security_group(name, args)
        volume_id = self._data_volume(name, args)
        instance = self._instance(name, args, group, volume_id)
        self._attach(name, instance, volume_id)
        address = aws.ec2.Eip(f"{name}-address", domain="vpc", tags={"Name": name}, opts=child)
        aws.ec2.EipAssociation(
            f"{name}-association", allocation_id=address.allocation_id, instance_id=instance.id, opts=child
        )
        self._record(name, args, address)
        self.instance_id, self.public_ip, self.data_volume_id = instance.id, address.public_ip, volume_id
        self.ssm_session_command = pulumi.Output.concat("aws ssm start-session --target ", instance.id)
        self.register_outputs(
            {
                "instance_id": self.instance_id,
                "public_ip": self.public_ip,
                "data_volume_id": self.data_volume_id,
                "ssm_session_command": self.ssm_session_command,
            }
        )

    def _security_group(self, name: str, args: ComposeHostArgs) -> aws.ec2.SecurityGroup:
        child = pulumi.ResourceOptions(parent=self)
        group = aws.ec2.SecurityGroup(
            f"{name}-sg", vpc_id=args.vpc_id, description=f"{name}: docker compose host", opts=child
        )
        for port in sorted(set(args.ingress_ports)):
            aws.vpc.SecurityGroupIngressRule(
                f"{name}-port-{port}",
                security_group_id=group.id,
                cidr_ipv4=ANYWHERE,
                ip_protocol="tcp",
                from_port=port,
                to_port=port,
                description=f"Port {port} from anywhere",
                opts=child,
            )
        # For images, packages and third parties of the application.
        aws.vpc.SecurityGroupEgressRule(
            f"{name}-out",
            security_group_id=group.id,
            cidr_ipv4=ANYWHERE,
            ip_protocol="-1",
            description="Anywhere",
            opts=child,
        )
        return group

    def _data_volume(self, name: str, args: ComposeHostArgs) -> pulumi.Output[str]:
        if args.data_volume_id is not None:
            return pulumi.Output.from_input(args.data_volume_id)
        return aws.ebs.Volume(
            f"{name}-data",
            availability_zone=args.zone,
            size=args.data_volume_gib,
            type="gp3",
            encrypted=True,
            tags={"Name": f"{name}-data"},
            opts=pulumi.ResourceOptions(parent=self, retain_on_delete=args.keep_data),
        ).id

    def _instance(
        self, name: str, args: ComposeHostArgs, group: aws.ec2.SecurityGroup, volume_id: pulumi.Output[str]
    ) -> aws.ec2.Instance:
        compose = _compose(args)
        secret = args.environment_secret_arn
        _role, profile = machine.instance_profile(
            name, self, _statements(args, compose), principal("ec2", region_of_zone(args.zone))
        )
        parameter = UBUNTU_PARAMETER.format(processor=UBUNTU_PROCESSOR[machine.processor(args.instance_type)])
        return aws.ec2.Instance(
            name,
            ami=machine.image(args.ami_id, args.instance_type, parameter, self).id,
            instance_type=args.instance_type,
            subnet_id=args.subnet_id,
            vpc_security_group_ids=[group.id],
            iam_instance_profile=profile.name,
            user_data=pulumi.Output.all(volume_id, secret).apply(
                lambda values: compose_user_data.render(compose, values[0], values[1])
            ),
            user_data_replace_on_change=True,
            metadata_options=aws.ec2.InstanceMetadataOptionsArgs(
                http_endpoint="enabled", http_tokens="required", http_put_response_hop_limit=1
            ),
            root_block_device=aws.ec2.InstanceRootBlockDeviceArgs(
                volume_type="gp3", volume_size=args.root_volume_gib, encrypted=True
            ),
            tags={"Name": name},
            # Two hosts cannot share one disk and one address, so the old host is deleted first. A newer image replaces no host.
            opts=pulumi.ResourceOptions(
                parent=self, delete_before_replace=True, ignore_changes=["ami"] if args.ami_id is None else None
            ),
        )

    def _attach(self, name: str, instance: aws.ec2.Instance, volume_id: pulumi.Output[str]) -> None:
        aws.ec2.VolumeAttachment(
            f"{name}-attachment",
            device_name="/dev/sdf",
            instance_id=instance.id,
            volume_id=volume_id,
            stop_instance_before_detaching=True,
            opts=pulumi.ResourceOptions(parent=self, delete_before_replace=True),
        )

    def _record(self, name: str, args: ComposeHostArgs, address: aws.ec2.Eip) -> None:
        if args.host is None or args.hosted_zone_id is None:
            return
        aws.route53.Record(
            f"{name}-record",
            zone_id=args.hosted_zone_id,
            name=args.host,
            type="A",
            ttl=RECORD_TTL_SECONDS,
            records=[address.public_ip],
            opts=pulumi.ResourceOptions(parent=self),
        )


def _compose(args: ComposeHostArgs) -> compose_file.ComposeFile:
    return compose_file.read(
        args.compose_file,
        host_has_variables=args.environment_secret_arn is not None,
        ecr_repository_arns=args.ecr_repository_arns,
    )


def _statements(args: ComposeHostArgs, compose: compose_file.ComposeFile) -> list[Statement]:
    statements: list[Statement] = list(args.statements)
    if args.environment_secret_arn is not None:
        statements.append(
            {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": args.environment_secret_arn}
        )
    if compose.ecr_repository_arns:
        # The first action supports no resources.
        statements.append({"Effect": "Allow", "Action": "ecr:GetAuthorizationToken", "Resource": "*"})
        actions = ["ecr:BatchCheckLayerAvailability", "ecr:GetDownloadUrlForLayer", "ecr:BatchGetImage"]
        statements.append({"Effect": "Allow", "Action": actions, "Resource": list(compose.ecr_repository_arns)})
    return statements
