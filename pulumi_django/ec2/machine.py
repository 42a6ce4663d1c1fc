"""The common parts of EC2 instances: image, role, metadata, disk, tags, and limits of EC2."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import pulumi
import pulumi_aws as aws

from pulumi_django.ecs.roles import Statement, inline_policy
from pulumi_django.policies.trust import managed_policy, trust_policy
from pulumi_django.rules.partitions import ec2_principal

Processor = Literal["arm64", "x86_64"]

# https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-add-user-data.html
USER_DATA_LIMIT_BYTES = 16 * 1024

_AMI_ID = re.compile(r"ami-([0-9a-f]{8}|[0-9a-f]{17})")
# https://docs.aws.amazon.com/ec2/latest/instancetypes/instance-type-names.html: family, generation, options, size. The
# option `g` is Graviton. The family a1 is older than that option.
_INSTANCE_TYPE = re.compile(r"(?P<family>[a-z]+-?)(?P<generation>\d+)(?P<options>[a-z0-9-]*)\.[a-z0-9-]+")


def processor(instance_type: str) -> Processor:
    """Return the processor of an instance type. Raises ValueError for text that is not an instance type, and for Macs."""
    parts = _INSTANCE_TYPE.fullmatch(instance_type)
    if not parts or parts["family"] == "mac":
        raise ValueError(
            f"instance_type is {instance_type!r}: it must be a Linux instance type, written like 't4g.micro'"
        )
    arm = "g" in parts["options"] or (parts["family"], parts["generation"]) == ("a", "1")
    return "arm64" if arm else "x86_64"


def check_ami_id(ami_id: str) -> str:
    """Return the id. Raises ValueError for text that is not an image id."""
    if not _AMI_ID.fullmatch(ami_id):
        raise ValueError(f"ami_id is {ami_id!r}: it must be written like 'ami-0123456789abcdef0'")
    return ami_id


def check_image(ami_id: str, image_processor: str, instance_type: str) -> str:
    """Return the image's id. Raises ValueError when instances of the type cannot start from it."""
    wanted = processor(instance_type)
    if image_processor != wanted:
        raise ValueError(
            f"ami_id is {ami_id!r}, an image for {image_processor}: {instance_type} needs an image for {wanted}"
        )
    return ami_id


def check_user_data(user_data: str, what: str = "user_data") -> str:
    """Return the user data. Raises ValueError when it exceeds EC2's limit. `what` names its source in the message."""
    size = len(user_data.encode())
    if size > USER_DATA_LIMIT_BYTES:
        raise ValueError(
            f"{what} has {size} bytes: EC2 allows {USER_DATA_LIMIT_BYTES}; download the rest from S3, or put it into an image"
        )
    return user_data


# https://docs.aws.amazon.com/linux/al2023/ug/ec2.html#launch-via-aws-cli
AMAZON_LINUX_PARAMETER = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-{processor}"
AMAZON_LINUX_ROOT_DEVICE = "/dev/xvda"
SSM_POLICY = "AmazonSSMManagedInstanceCore"


@dataclass(frozen=True, kw_only=True)
class Image:
    """The image from which instances start."""

    id: pulumi.Output[str]
    root_device_name: pulumi.Input[str]


def image(ami_id: str | None, instance_type: str, parameter: str, parent: pulumi.ComponentResource) -> Image:
    """Return the image `ami_id`; None uses the current image of the public SSM parameter.

    Raises pulumi.RunError when the processor of the image is not that of the instance type.
    """
    options = pulumi.InvokeOutputOptions(parent=parent)
    if ami_id is None:
        newest = aws.ssm.get_parameter_output(name=parameter, opts=options).value
        return Image(id=newest, root_device_name=AMAZON_LINUX_ROOT_DEVICE)
    found = aws.ec2.get_ami_output(
        filters=[aws.ec2.GetAmiFilterArgs(name="image-id", values=[ami_id])], include_deprecated=True, opts=options
    )

    def checked(image_processor: str) -> str:
        try:
            return check_image(ami_id, image_processor, instance_type)
        except ValueError as error:
            raise pulumi.RunError(str(error)) from None

    return Image(id=found.architecture.apply(checked), root_device_name=found.root_device_name)


def instance_profile(
    name: str,
    parent: pulumi.ComponentResource,
    statements: Sequence[Statement] = (),
    principal: pulumi.Input[str] | None = None,
) -> tuple[aws.iam.Role, aws.iam.InstanceProfile]:
    """Create role and profile of instances that Session Manager reaches, with the permissions in `statements`.

    `principal` is the name of EC2 in policies; None derives it from the provider's partition.
    """
    child = pulumi.ResourceOptions(parent=parent)
    if principal is None:
        own = aws.get_partition_output(opts=pulumi.InvokeOutputOptions(parent=parent))
        principal = own.dns_suffix.apply(ec2_principal)
    trust = trust_policy(principal)
    role = aws.iam.Role(f"{name}-role", assume_role_policy=trust, opts=child)
    rights: list[pulumi.Resource] = [
        aws.iam.RolePolicyAttachment(
            f"{name}-ssm", role=role.name, policy_arn=managed_policy(SSM_POLICY, role.arn), opts=child
        )
    ]
    if statements:
        document = inline_policy(f"the role {name}-role", statements)
        rights.append(aws.iam.RolePolicy(f"{name}-policy", role=role.name, policy=document, opts=child))
    options = pulumi.ResourceOptions(parent=parent, depends_on=rights)
    return role, aws.iam.InstanceProfile(f"{name}-profile", role=role.name, opts=options)


def default_tags(name: str, parent: pulumi.ComponentResource) -> pulumi.Output[Mapping[str, str]]:
    """Return the provider's default tags and a name, for resources that AWS itself creates without the provider's
    tags."""
    found = aws.get_default_tags_output(opts=pulumi.InvokeOutputOptions(parent=parent))
    return found.tags.apply(lambda tags: {**(tags or {}), "Name": name})
