"""Sizes that AWS offers: CPU and memory of Fargate tasks, retention of logs, memory of instance classes. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from pulumi_django.rules.aws_rules import shown

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
"""Memory sizes of Fargate tasks in MiB, by CPU units (1/1024 vCPU)."""

# https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
LOG_RETENTION_DAYS = (
    *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731),
    *(1096, 1827, 2192, 2557, 2922, 3288, 3653),
)
"""Retention periods of CloudWatch log groups in days."""

# https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Concepts.DBInstanceClass.Summary.html
_CLASS_SIZES = ("micro", "small", "medium", "large", "xlarge")
_LARGE_MEMORY_GIB = {"t": 8, "m": 8, "r": 16}


# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-task-storage.html
EPHEMERAL_STORAGE_GIB = (21, 200)


def check_ephemeral_storage(gib: int | None) -> None:
    """Raise ValueError for storage that Fargate does not offer. None is the 20 GiB that every task has."""
    low, high = EPHEMERAL_STORAGE_GIB
    if gib is not None and not low <= gib <= high:
        raise ValueError(f"ephemeral_storage_gib is {gib}: it must be {low} to {high}, or omitted for 20")


def check_fargate_size(cpu_units: int, memory_mib: int) -> None:
    """Raise ValueError with the nearest sizes when Fargate does not offer this CPU and memory."""
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


def check_log_retention(name: str, days: int) -> None:
    """Raise ValueError that names the argument when CloudWatch does not offer this retention period."""
    if days not in LOG_RETENTION_DAYS:
        allowed = ", ".join(str(known) for known in LOG_RETENTION_DAYS)
        raise ValueError(f"{name} is {shown(days)}: allowed are {allowed} days")


def instance_class_memory_gib(instance_class: str) -> float | None:
    """Return the memory in GiB of an RDS instance class of the families t, m and r (`db.t4g.medium`: 4); None for
    others."""
    _db, _, rest = instance_class.partition(".")
    family, _, size = rest.partition(".")
    large = _LARGE_MEMORY_GIB.get(family[:1])
    if large is None:
        return None
    if size in _CLASS_SIZES:
        return large * 2.0 ** (_CLASS_SIZES.index(size) - _CLASS_SIZES.index("large"))
    multiple = size.removesuffix("xlarge")
    return 2.0 * large * int(multiple) if multiple.isdigit() else None


def _range(sizes: tuple[int, ...]) -> str:
    if len(sizes) <= 3:
        return ", ".join(str(size) for size in sizes)
    return f"{sizes[0]} to {sizes[-1]} in steps of {sizes[1] - sizes[0]}"
