"""Bounds and policies of a service's number of tasks, with presets for workers. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from pulumi_django.rules.aws_rules import shown
from pulumi_django.rules.schedules import check_schedule, check_timezone

MAX_TASKS = 5000
"""Most tasks of a service: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-quotas.html"""


@dataclass(frozen=True, kw_only=True)
class CpuSteps:
    """Steps by two CPU alarms. Tasks are added while the mean is high, and removed while it is low."""

    high_percent: float = 85
    """Mean CPU in percent from which tasks are added, up to 100."""

    low_percent: float = 10
    """Mean CPU in percent up to which tasks are removed; well below `high_percent`, or the number would oscillate."""

    change: int = 1
    """Number of tasks that a step adds or removes, 1 or more."""

    cooldown_seconds: int = 60
    """Pause after a step, 0 or more seconds."""

    period_seconds: int = 60
    """Length of a measurement in seconds: 60, 120, ..."""

    periods: int = 2
    """Number of measurements in a row that must agree, 1 or more."""

    def __post_init__(self) -> None:
        if not 0 <= self.low_percent < self.high_percent <= 100:
            raise ValueError(
                f"low_percent is {shown(self.low_percent)} and high_percent is {shown(self.high_percent)}: "
                "both must be 0 to 100, and low below high"
            )
        _check_least("change", self.change, 1)
        _check_least("cooldown_seconds", self.cooldown_seconds, 0)
        _check_least("periods", self.periods, 1)
        _check_period(self.period_seconds)


@dataclass(frozen=True, kw_only=True)
class QueueStep:
    at_least: int
    """Number of waiting messages from which the step applies, up to the next step; 1 or more."""

    change: int
    """Number of tasks that the step adds, 1 or more."""

    def __post_init__(self) -> None:
        _check_least("at_least", self.at_least, 1)
        _check_least("change", self.change, 1)


@dataclass(frozen=True, kw_only=True)
class QueueSteps:
    """Steps by the number of messages in a worker's queue. They need SQS as broker: CloudWatch has no metric of other queues."""

    steps: Sequence[QueueStep]
    """Steps in rising order of waiting messages."""

    empty_change: int = -1
    """Change of tasks, below 0, when no message waits or is processed. 0 leaves that to other policies."""

    empty_periods: int = 5
    """Number of measurements in a row in which the queue must be empty, 1 or more."""

    cooldown_seconds: int = 60
    """Pause after a step, 0 or more seconds."""

    period_seconds: int = 60
    """Length of a measurement in seconds: 60, 120, ... SQS counts once a minute."""

    def __post_init__(self) -> None:
        if not self.steps:
            raise ValueError("steps is empty: give at least one step, such as 1 task from 10 messages on")
        bounds = [step.at_least for step in self.steps]
        if bounds != sorted(set(bounds)):
            raise ValueError(f"steps begin at {', '.join(map(str, bounds))} messages: they rise from step to step")
        if self.empty_change > 0:
            raise ValueError(f"empty_change is {self.empty_change}: an empty queue removes tasks, so it is 0 or below")
        _check_least("empty_periods", self.empty_periods, 1)
        _check_least("cooldown_seconds", self.cooldown_seconds, 0)
        _check_period(self.period_seconds)


@dataclass(frozen=True, kw_only=True)
class ScheduledScaling:
    schedule: str
    """`cron(...)` with six fields, or `rate(...)`."""

    min_tasks: int
    """Fewest tasks from then on, 0 or more."""

    max_tasks: int
    """Most tasks from then on, up to 5000."""

    timezone: str = "UTC"
    """Time zone of the schedule, for example `Europe/Berlin`."""

    def __post_init__(self) -> None:
        check_schedule(self.schedule)
        check_timezone(self.timezone)
        _check_bounds(self.min_tasks, self.max_tasks)


@dataclass(frozen=True, kw_only=True)
class TrackedMetric:
    """A metric of CloudWatch that is kept at a value, such as one that the application publishes: the length of a Redis
    queue for each worker, or the waiting time of the oldest message."""

    namespace: str
    """Namespace, for example `Shop`."""

    name: str
    """Name of the metric."""

    target_value: float
    """Value at which the metric is kept, above 0; the metric must fall when tasks are added."""

    dimensions: Mapping[str, str] = field(default_factory=dict[str, str])
    """Dimension -> value."""

    statistic: Literal["Average", "Maximum", "Minimum", "SampleCount", "Sum"] = "Average"
    """Function that turns the values of a minute into one value."""

    def __post_init__(self) -> None:
        if self.target_value <= 0:
            raise ValueError(f"target_value is {shown(self.target_value)}: it must be above 0")


@dataclass(frozen=True, kw_only=True)
class Scaling:
    """Bounds and policies of one service. Where several policies disagree, the larger number of tasks wins:
    https://docs.aws.amazon.com/autoscaling/application/userguide/target-tracking-scaling-policy-overview.html
    """

    min_tasks: int
    """Fewest tasks, 0 or more. 0 needs `queue_steps`, `metrics` or `schedules`."""

    max_tasks: int
    """Most tasks, up to 5000."""

    cpu_percent: float | None = None
    """Mean CPU in percent that is kept by adding and removing tasks, 1 to 100."""

    memory_percent: float | None = None
    """Mean memory in percent that is kept, 1 to 100."""

    requests_per_target: int | None = None
    """Requests per minute and task that are kept, 1 or more; for web services."""

    metrics: Mapping[str, TrackedMetric] = field(default_factory=dict[str, TrackedMetric])
    """Name -> metric of your own that is kept."""

    cpu_steps: CpuSteps | None = None
    """Steps by CPU alarms, instead of `cpu_percent`."""

    queue_steps: QueueSteps | None = None
    """Steps by the depth of the worker's queue."""

    schedules: Mapping[str, ScheduledScaling] = field(default_factory=dict[str, ScheduledScaling])
    """Name -> other bounds from a point in time on."""

    scale_out_cooldown_seconds: int = 60
    """Pause after tasks were added to keep a mean, 0 or more seconds."""

    scale_in_cooldown_seconds: int = 300
    """Pause after tasks were removed, 0 or more seconds."""

    def __post_init__(self) -> None:
        _check_bounds(self.min_tasks, self.max_tasks)
        for name in ("cpu_percent", "memory_percent"):
            value: float | None = getattr(self, name)
            if value is not None and not 1 <= value <= 100:
                raise ValueError(f"{name} is {shown(value)}: it must be 1 to 100")
        if self.requests_per_target is not None:
            _check_least("requests_per_target", self.requests_per_target, 1)
        _check_least("scale_out_cooldown_seconds", self.scale_out_cooldown_seconds, 0)
        _check_least("scale_in_cooldown_seconds", self.scale_in_cooldown_seconds, 0)
        self._check_policies()

    def _check_policies(self) -> None:
        tracked = [n for n in ("cpu_percent", "memory_percent", "requests_per_target") if getattr(self, n) is not None]
        tracked += ["metrics"] if self.metrics else []
        if not (tracked or self.cpu_steps or self.queue_steps or self.schedules):
            raise ValueError(
                f"min_tasks is {self.min_tasks} and max_tasks is {self.max_tasks} and nothing changes the number of "
                "tasks between them: give cpu_percent, memory_percent, requests_per_target, metrics, cpu_steps, queue_steps or schedules"
            )
        if self.cpu_percent is not None and self.cpu_steps:
            raise ValueError(
                f"cpu_percent is {shown(self.cpu_percent)} and there are cpu_steps: they would work against each other, so give one"
            )
        if self.min_tasks == 0 and not (self.queue_steps or self.schedules or self.metrics):
            raise ValueError(
                f"min_tasks is 0 and only {', '.join(tracked) or 'cpu_steps'} could add a task: without a task there is "
                "nothing to measure, so give queue_steps, metrics or schedules, or min_tasks 1"
            )
        if self.queue_steps and self.queue_steps.empty_change == 0 and not (tracked or self.cpu_steps):
            raise ValueError(
                "queue_steps removes no task when the queue is empty (empty_change 0), and nothing else does: the service "
                "would only grow, so give empty_change or another policy"
            )


def _check_bounds(low: int, high: int) -> None:
    if not 0 <= low <= high <= MAX_TASKS or high == 0:
        raise ValueError(
            f"min_tasks is {low} and max_tasks is {high}: max_tasks must be 1 to {MAX_TASKS}, min_tasks 0 to max_tasks"
        )


def _check_least(name: str, value: int, least: int) -> None:
    if value < least:
        raise ValueError(f"{name} is {value}: it must be {least} or more")


def _check_period(seconds: int) -> None:
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
    if seconds < 60 or seconds % 60:
        raise ValueError(
            f"period_seconds is {seconds}: the metrics of ECS and SQS have a value a minute, so 60, 120, ..."
        )


@dataclass(frozen=True, kw_only=True)
class FixedTasks:
    """A number of tasks that no policy changes. Only office hours bring it to zero and back."""

    tasks: int
    """Number of tasks, 1 to 5000."""

    @property
    def min_tasks(self) -> int:
        """Fewest tasks."""
        return self.tasks

    @property
    def max_tasks(self) -> int:
        """Most tasks."""
        return self.tasks


ScalingPreset = Literal["staging", "production"]

# The figures of "scalable-django-apps": bounds and queue steps of its two stages, and the 50 % CPU that CDK's worker
# construct always keeps, which removes tasks when the queue is empty.
WORKER_SCALING: Mapping[ScalingPreset, Scaling] = {
    "staging": Scaling(
        min_tasks=1,
        max_tasks=2,
        cpu_percent=50,
        queue_steps=QueueSteps(steps=(QueueStep(at_least=10, change=1),), empty_change=0),
    ),
    "production": Scaling(
        min_tasks=2,
        max_tasks=4,
        cpu_percent=50,
        queue_steps=QueueSteps(
            steps=(
                QueueStep(at_least=100, change=1),
                QueueStep(at_least=200, change=1),
                QueueStep(at_least=500, change=2),
            ),
            empty_change=0,
        ),
    ),
}
"""Presets of worker scaling by name; they need SQS as broker."""


def worker_scaling(scaling: Scaling | ScalingPreset | None) -> Scaling | None:
    """Return the scaling, which may be the name of a preset."""
    return WORKER_SCALING[scaling] if isinstance(scaling, str) else scaling
