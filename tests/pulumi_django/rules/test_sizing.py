"""Sizes of Fargate tasks and of instance classes."""

from __future__ import annotations

import pytest

from pulumi_django.rules.sizing import FARGATE_MEMORY_MIB, check_fargate_size, instance_class_memory_gib


def test_the_table_of_sizes_is_that_of_fargate() -> None:
    gib = {cpu: (sizes[0] / 1024, sizes[-1] / 1024, len(sizes)) for cpu, sizes in FARGATE_MEMORY_MIB.items()}
    assert gib == {
        256: (0.5, 2, 3),
        512: (1, 4, 4),
        1024: (2, 8, 7),
        2048: (4, 16, 13),
        4096: (8, 30, 23),
        8192: (16, 60, 12),
        16384: (32, 120, 12),
    }


def test_every_size_of_the_table_is_accepted() -> None:
    for cpu, sizes in FARGATE_MEMORY_MIB.items():
        for memory in sizes:
            check_fargate_size(cpu, memory)


@pytest.mark.parametrize(
    ("cpu", "memory", "message"),
    [
        (300, 512, "cpu_units is 300: Fargate has 256, 512, 1024, 2048, 4096, 8192, 16384; the nearest is 256"),
        (
            256,
            4096,
            "memory_mib is 4096: with cpu_units 256 Fargate has 512, 1024, 2048; the nearest is 2048, or cpu_units 512",
        ),
        (
            1024,
            2500,
            "memory_mib is 2500: with cpu_units 1024 Fargate has 2048 to 8192 in steps of 1024; the nearest is 2048",
        ),
        (
            8192,
            17408,
            "memory_mib is 17408: with cpu_units 8192 Fargate has 16384 to 61440 in steps of 4096; the nearest is 16384, or cpu_units 4096",
        ),
    ],
)
def test_another_size_is_refused_with_the_nearest(cpu: int, memory: int, message: str) -> None:
    with pytest.raises(ValueError, match="is") as refused:
        check_fargate_size(cpu, memory)
    assert str(refused.value) == message


@pytest.mark.parametrize(
    ("instance_class", "gib"),
    [
        ("db.t4g.micro", 1),
        ("db.t4g.medium", 4),
        ("db.m7g.large", 8),
        ("db.r6g.large", 16),
        ("db.r6g.xlarge", 32),
        ("db.m7g.12xlarge", 192),
        ("db.x2g.large", None),
        ("db.serverless", None),
    ],
)
def test_memory_follows_from_family_and_size(instance_class: str, gib: float | None) -> None:
    assert instance_class_memory_gib(instance_class) == gib
