"""What EC2 accepts: instance types and their processors, images, user data. Pure."""

from __future__ import annotations

import re
from typing import Literal

Processor = Literal["arm64", "x86_64"]

# https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-add-user-data.html
USER_DATA_LIMIT_BYTES = 16 * 1024

_AMI_ID = re.compile(r"ami-([0-9a-f]{8}|[0-9a-f]{17})")
# https://docs.aws.amazon.com/ec2/latest/instancetypes/instance-type-names.html: family, generation, options, size. The
# option `g` is Graviton; a1 came before there was the option.
_INSTANCE_TYPE = re.compile(r"(?P<family>[a-z]+-?)(?P<generation>\d+)(?P<options>[a-z0-9-]*)\.[a-z0-9-]+")


def processor(instance_type: str) -> Processor:
    """The processor of an instance type; ValueError when it is not written like one, or is a Mac."""
    parts = _INSTANCE_TYPE.fullmatch(instance_type)
    if not parts or parts["family"] == "mac":
        raise ValueError(f"instance_type is {instance_type!r}: it is a Linux instance type, written like 't4g.micro'")
    arm = "g" in parts["options"] or (parts["family"], parts["generation"]) == ("a", "1")
    return "arm64" if arm else "x86_64"


def check_ami_id(ami_id: str) -> str:
    """The id itself; ValueError when it is not written like one."""
    if not _AMI_ID.fullmatch(ami_id):
        raise ValueError(f"ami_id is {ami_id!r}: it is written like 'ami-0123456789abcdef0'")
    return ami_id


def check_image(ami_id: str, image_processor: str, instance_type: str) -> str:
    """The image's id; ValueError when instances of the type cannot start from it."""
    wanted = processor(instance_type)
    if image_processor != wanted:
        raise ValueError(
            f"ami_id is {ami_id!r}, an image for {image_processor}: {instance_type} starts from images for {wanted}"
        )
    return ami_id


def check_user_data(user_data: str, what: str = "user_data") -> str:
    """The user data itself; ValueError when EC2 would not take it. `what` names its source in the message."""
    size = len(user_data.encode())
    if size > USER_DATA_LIMIT_BYTES:
        raise ValueError(
            f"{what} has {size} bytes: EC2 takes {USER_DATA_LIMIT_BYTES}; fetch the rest from S3 or bake it into an image"
        )
    return user_data
