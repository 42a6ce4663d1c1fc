"""What instances have in common: image, role, metadata, disk, tags."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from pulumi_django.ec2 import limits
from pulumi_django.ecs.roles import Statement
from pulumi_django.policies.trust import trust_policy

# https://docs.aws.amazon.com/linux/al2023/ug/ec2.html#launch-via-aws-cli
AMAZON_LINUX_PARAMETER = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-{processor}"
AMAZON_LINUX_ROOT_DEVICE = "/dev/xvda"
SSM_POLICY_ARN = "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"


@dataclass(frozen=True, kw_only=True)
class Image:
    """What instances start from."""

    id: pulumi.Output[str]
    root_device_name: pulumi.Input[str]


def image(ami_id: str | None, instance_type: str, parameter: str, parent: pulumi.ComponentResource) -> Image:
    """The image `ami_id`, refused when its processor is not the type's; None takes the one that the public SSM parameter
    names now."""
    options = pulumi.InvokeOutputOptions(parent=parent)
    if ami_id is None:
        newest = aws.ssm.get_parameter_output(name=parameter, opts=options).value
        return Image(id=newest, root_device_name=AMAZON_LINUX_ROOT_DEVICE)
    found = aws.ec2.get_ami_output(
        filters=[aws.ec2.GetAmiFilterArgs(name="image-id", values=[ami_id])], include_deprecated=True, opts=options
    )

    def checked(image_processor: str) -> str:
        try:
            return limits.check_image(ami_id, image_processor, instance_type)
        except ValueError as error:
            raise pulumi.RunError(str(error)) from None

    return Image(id=found.architecture.apply(checked), root_device_name=found.root_device_name)


def instance_profile(
    name: str, parent: pulumi.ComponentResource, statements: Sequence[Statement] = ()
) -> tuple[aws.iam.Role, aws.iam.InstanceProfile]:
    """Role and profile of instances that Session Manager reaches, and that may do what `statements` say."""
    child = pulumi.ResourceOptions(parent=parent)
    role = aws.iam.Role(f"{name}-role", assume_role_policy=trust_policy("ec2.amazonaws.com"), opts=child)
    rights: list[pulumi.Resource] = [
        aws.iam.RolePolicyAttachment(f"{name}-ssm", role=role.name, policy_arn=SSM_POLICY_ARN, opts=child)
    ]
    if statements:
        document = pulumi.Output.json_dumps({"Version": "2012-10-17", "Statement": list(statements)})
        rights.append(aws.iam.RolePolicy(f"{name}-policy", role=role.name, policy=document, opts=child))
    options = pulumi.ResourceOptions(parent=parent, depends_on=rights)
    return role, aws.iam.InstanceProfile(f"{name}-profile", role=role.name, opts=options)


def default_tags(name: str, parent: pulumi.ComponentResource) -> pulumi.Output[Mapping[str, str]]:
    """The provider's default tags and a name, for what AWS itself launches: the provider's tags do not reach that."""
    found = aws.get_default_tags_output(opts=pulumi.InvokeOutputOptions(parent=parent))
    return found.tags.apply(lambda tags: {**(tags or {}), "Name": name})
