"""Limits of EC2."""

from __future__ import annotations

import pytest

from pulumi_django.ec2 import machine


@pytest.mark.parametrize(
    ("instance_type", "processor"),
    [
        ("t4g.micro", "arm64"),
        ("t3.micro", "x86_64"),
        ("a1.medium", "arm64"),
        ("m7gd.metal", "arm64"),
        ("c7gn.16xlarge", "arm64"),
        ("im4gn.large", "arm64"),
        ("g4dn.xlarge", "x86_64"),
        ("g5g.xlarge", "arm64"),
        ("m7i-flex.large", "x86_64"),
        ("c6a.large", "x86_64"),
        ("u-6tb1.56xlarge", "x86_64"),
    ],
)
def test_the_processor_follows_from_the_name_of_the_instance_type(instance_type: str, processor: str) -> None:
    assert machine.processor(instance_type) == processor


@pytest.mark.parametrize("instance_type", ["", "t4g", "db.t4g.micro", "mac2.metal", "T4G.micro"])
def test_text_that_is_no_linux_instance_type_is_refused(instance_type: str) -> None:
    with pytest.raises(ValueError, match="it must be a Linux instance type") as refused:
        machine.processor(instance_type)
    assert str(refused.value) == (
        f"instance_type is {instance_type!r}: it must be a Linux instance type, written like 't4g.micro'"
    )


def test_an_image_of_the_wrong_processor_is_refused() -> None:
    assert machine.check_image("ami-01234567", "x86_64", "t3.micro") == "ami-01234567"
    with pytest.raises(ValueError, match="ami_id") as refused:
        machine.check_image("ami-01234567", "x86_64", "t4g.micro")
    assert str(refused.value) == ("ami_id is 'ami-01234567', an image for x86_64: t4g.micro needs an image for arm64")


def test_user_data_has_at_most_sixteen_kibibytes() -> None:
    assert machine.check_user_data("x" * 16384)
    with pytest.raises(ValueError, match="16385") as refused:
        machine.check_user_data("x" * 16383 + "é")
    assert str(refused.value) == (
        "user_data has 16385 bytes: EC2 allows 16384; download the rest from S3, or put it into an image"
    )
