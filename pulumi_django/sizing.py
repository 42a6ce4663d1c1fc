"""Which CPU and memory sizes Fargate has. Pure."""

from __future__ import annotations

from collections.abc import Mapping

GIB = 1024
"""MiB in a GiB."""

# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html#fargate-tasks-size
FARGATE_MEMORY_MIB: Mapping[int, tuple[int, ...]] = {
    256: (512, 1 * GIB, 2 * GIB),
    512: tuple(range(1 * GIB, 4 * GIB + 1, GIB)),
    1024: tuple(range(2 * GIB, 8 * GIB + 1, GIB)),
    2048: tuple(range(4 * GIB, 16 * GIB + 1, GIB)),
    4096: tuple(range(8 * GIB, 30 * GIB + 1, GIB)),
    8192: tuple(range(16 * GIB, 60 * GIB + 1, 4 * GIB)),
    16384: tuple(range(32 * GIB, 120 * GIB + 1, 8 * GIB)),
}
"""Memory sizes in MiB that a Fargate task may have, by CPU units (1024 are one vCPU)."""


def check_fargate_size(cpu_units: int, memory_mib: int) -> None:
    """ValueError that names the nearest sizes when Fargate has no task of that CPU and memory."""
    if cpu_units not in FARGATE_MEMORY_MIB:
        nearest = min(FARGATE_MEMORY_MIB, key=lambda size: (abs(size - cpu_units), size))
        sizes = ", ".join(str(size) for size in FARGATE_MEMORY_MIB)
        raise ValueError(f"cpu_units is {cpu_units}: Fargate has {sizes}; the nearest is {nearest}")
    allowed = FARGATE_MEMORY_MIB[cpu_units]
    if memory_mib not in allowed:
        nearest = min(allowed, key=lambda size: (abs(size - memory_mib), size))
        fitting = next((cpu for cpu, sizes in FARGATE_MEMORY_MIB.items() if memory_mib in sizes), None)
        other = f", or cpu_units {fitting}" if fitting else ""
        raise ValueError(
            f"memory_mib is {memory_mib}: with cpu_units {cpu_units} Fargate has {_range(allowed)}; "
            f"the nearest is {nearest}{other}"
        )


def _range(sizes: tuple[int, ...]) -> str:
    if len(sizes) <= 3:
        return ", ".join(str(size) for size in sizes)
    return f"{sizes[0]} to {sizes[-1]} in steps of {sizes[1] - sizes[0]}"
