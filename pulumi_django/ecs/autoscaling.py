"""Application Auto Scaling of one ECS service."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from pulumi_django.ecs.scaling import CpuSteps, FixedTasks, QueueSteps, Scaling, TrackedMetric
from pulumi_django.rules.office_hours import Moment, OfficeHours

DIMENSION = "ecs:service:DesiredCount"
NAMESPACE = "ecs"

OPEN, CLOSE = "open", "close"
"""First words of the names of office hours' scheduled actions, after the service's name."""


@dataclass(frozen=True, kw_only=True)
class AutoscalingArgs:
    cluster_name: str
    """Name of the cluster in which the service runs."""

    service: str
    """Name of the service within its environment, for messages."""

    service_name: pulumi.Input[str]
    """Output `name` of the ECS service, so that the service exists first. The names of alarms begin with it."""

    scaling: Scaling | FixedTasks
    """Bounds and policies."""

    hours: OfficeHours | None = None
    """Times of the week outside which every bound is zero. None: it is always open."""

    asleep: bool = False
    """Whether every bound is zero, so that nothing starts a task."""

    hooks: pulumi.ResourceHookBinding | None = None
    """Hooks that run before bounds are raised from zero (`ReleaseGate.bounds_binding`): Application Auto Scaling then starts
    tasks at once."""

    queue_name: pulumi.Input[str] | None = None
    """Name of the SQS queue of a worker; `queue_steps` need it."""

    request_label: pulumi.Input[str] | None = None
    """`<load balancer suffix>/<target group suffix>` of a web service; `requests_per_target` needs it."""

    def __post_init__(self) -> None:
        if isinstance(self.scaling, FixedTasks):
            return
        if self.scaling.schedules and self.hours is not None:
            raise ValueError(
                f"{self.service} has scaling.schedules and the environment has hours: both set the number of tasks, so leave one "
                "of them out"
            )
        if self.scaling.queue_steps and self.queue_name is None:
            raise ValueError(
                f"{self.service} has scaling by queue_steps and no SQS queue: use SQS as broker, or scale it by cpu_percent"
            )
        if self.scaling.requests_per_target is not None and self.request_label is None:
            raise ValueError(
                f"{self.service} has scaling by requests_per_target and no target group that counts its requests: scale it by "
                "cpu_percent"
            )


class Autoscaling(pulumi.ComponentResource):
    """Bounds of a service, and the policies and schedules that change its number of tasks between them.

    The service must ignore changes of its desired count (`ignore_changes`).
    """

    target: aws.appautoscaling.Target
    """The service as a scalable target."""

    def __init__(self, name: str, args: AutoscalingArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pulumi-django:ecs:Autoscaling", name, None, opts)
        self._name, self._args = name, args
        self._child = pulumi.ResourceOptions(parent=self)
        self._pauses: dict[str, int] = {}
        self.target = self._target()
        if isinstance(args.scaling, Scaling):
            self._policies(args.scaling)
        if args.hours is not None:
            self._hours(args.hours)
        self.register_outputs({})

    def _policies(self, scaling: Scaling) -> None:
        args = self._args
        self._pauses = {
            "scale_out_cooldown": scaling.scale_out_cooldown_seconds,
            "scale_in_cooldown": scaling.scale_in_cooldown_seconds,
        }
        self._track("cpu", "ECSServiceAverageCPUUtilization", scaling.cpu_percent)
        self._track("memory", "ECSServiceAverageMemoryUtilization", scaling.memory_percent)
        self._track("requests", "ALBRequestCountPerTarget", scaling.requests_per_target, args.request_label)
        for key, metric in sorted(scaling.metrics.items()):
            self._track_own(key, metric)
        if scaling.cpu_steps:
            self._cpu_steps(scaling.cpu_steps)
        if scaling.queue_steps and args.queue_name is not None:
            self._queue_steps(scaling.queue_steps, args.queue_name)
        for key, schedule in sorted(scaling.schedules.items()):
            self._schedule(
                f"at-{key}", key, schedule.schedule, schedule.timezone, (schedule.min_tasks, schedule.max_tasks)
            )

    def _named(self, before: str, after: str) -> pulumi.Output[str]:
        return pulumi.Output.concat(before, self._args.service_name, after)

    def _bound(self, tasks: int) -> int:
        return 0 if self._args.asleep else tasks

    def _target(self) -> aws.appautoscaling.Target:
        return aws.appautoscaling.Target(
            self._name,
            service_namespace=NAMESPACE,
            scalable_dimension=DIMENSION,
            resource_id=self._named(f"service/{self._args.cluster_name}/", ""),
            min_capacity=self._bound(self._args.scaling.min_tasks),
            max_capacity=self._bound(self._args.scaling.max_tasks),
            opts=pulumi.ResourceOptions(parent=self, hooks=self._args.hooks),
        )

    def _track(self, what: str, metric: str, value: float | None, label: pulumi.Input[str] | None = None) -> None:
        """Keep a mean. Application Auto Scaling creates and watches the alarms itself."""
        if value is None:
            return
        specification = (
            aws.appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationPredefinedMetricSpecificationArgs(
                predefined_metric_type=metric, resource_label=label
            )
        )
        self._keep(what, value, predefined_metric_specification=specification)

    def _track_own(self, key: str, metric: TrackedMetric) -> None:
        """Keep a metric that the application publishes."""
        specification = aws.appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationCustomizedMetricSpecificationArgs(
            namespace=metric.namespace,
            metric_name=metric.name,
            statistic=metric.statistic,
            dimensions=[
                aws.appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationCustomizedMetricSpecificationDimensionArgs(
                    name=name, value=value
                )
                for name, value in sorted(metric.dimensions.items())
            ],
        )
        self._keep(f"metric-{key}", metric.target_value, customized_metric_specification=specification)

    def _keep(self, what: str, value: float, **specification: Any) -> None:
        self._policy(
            what,
            policy_type="TargetTrackingScaling",
            target_tracking_scaling_policy_configuration=aws.appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationArgs(
                target_value=float(value),
                **self._pauses,
                **specification,
            ),
        )

    def _cpu_steps(self, steps: CpuSteps) -> None:
        metric: dict[str, Any] = {
            "namespace": "AWS/ECS",
            "metric_name": "CPUUtilization",
            "statistic": "Average",
            "dimensions": {"ClusterName": self._args.cluster_name, "ServiceName": self._args.service_name},
            "period": steps.period_seconds,
            "evaluation_periods": steps.periods,
        }
        out = self._step_policy("cpu-out", [(0, None, steps.change)], steps.cooldown_seconds)
        self._alarm("cpu_utilization_high", out, ">=", steps.high_percent, **metric)
        back = self._step_policy("cpu-in", [(None, 0, -steps.change)], steps.cooldown_seconds)
        self._alarm("cpu_utilization_low", back, "<=", steps.low_percent, **metric)

    def _queue_steps(self, steps: QueueSteps, queue: pulumi.Input[str]) -> None:
        first = steps.steps[0].at_least
        # The bounds of a step count from the alarm's threshold.
        bounds = [step.at_least - first for step in steps.steps]
        ends: list[int | None] = [*bounds[1:], None]
        changes = [step.change for step in steps.steps]
        out = self._step_policy("queue-out", list(zip(bounds, ends, changes, strict=True)), steps.cooldown_seconds)
        self._alarm(
            "queue_depth_high",
            out,
            ">=",
            first,
            namespace="AWS/SQS",
            metric_name="ApproximateNumberOfMessagesVisible",
            statistic="Maximum",
            dimensions={"QueueName": queue},
            period=steps.period_seconds,
            evaluation_periods=1,
        )
        if steps.empty_change:
            back = self._step_policy("queue-in", [(None, 0, steps.empty_change)], steps.cooldown_seconds)
            self._alarm(
                "queue_empty",
                back,
                "<=",
                0,
                metric_queries=_unfinished(queue, steps.period_seconds),
                evaluation_periods=steps.empty_periods,
            )

    def _hours(self, hours: OfficeHours) -> None:
        """Bring the bounds to zero when the office closes, and back when it opens."""

        def at(what: str, moment: Moment, bounds: tuple[int, int]) -> None:
            key = f"{what}-{moment.clock}"
            self._schedule(key, key, moment.cron, hours.timezone, bounds)

        for moment in hours.opens():
            at(OPEN, moment, (self._args.scaling.min_tasks, self._args.scaling.max_tasks))
        for moment in hours.closes():
            at(CLOSE, moment, (0, 0))

    def _schedule(self, what: str, key: str, schedule: str, timezone: str, bounds: tuple[int, int]) -> None:
        """Set other bounds whenever `schedule` comes."""
        low, high = bounds
        aws.appautoscaling.ScheduledAction(
            f"{self._name}-{what}",
            name=self._named("", f"-{key}"),
            service_namespace=self.target.service_namespace,
            scalable_dimension=self.target.scalable_dimension,
            resource_id=self.target.resource_id,
            schedule=schedule,
            timezone=timezone,
            scalable_target_action=aws.appautoscaling.ScheduledActionScalableTargetActionArgs(
                min_capacity=self._bound(low), max_capacity=self._bound(high)
            ),
            opts=self._child,
        )

    def _policy(self, what: str, **settings: Any) -> aws.appautoscaling.Policy:
        return aws.appautoscaling.Policy(
            f"{self._name}-{what}",
            name=self._named("", f"-{what}"),
            service_namespace=self.target.service_namespace,
            scalable_dimension=self.target.scalable_dimension,
            resource_id=self.target.resource_id,
            opts=self._child,
            **settings,
        )

    def _step_policy(
        self, what: str, steps: Sequence[tuple[int | None, int | None, int]], cooldown_seconds: int
    ) -> aws.appautoscaling.Policy:
        """Create a policy for an alarm. Each step has two bounds, which count from the alarm's threshold, and a change of tasks."""
        return self._policy(
            what,
            policy_type="StepScaling",
            step_scaling_policy_configuration=aws.appautoscaling.PolicyStepScalingPolicyConfigurationArgs(
                adjustment_type="ChangeInCapacity",
                cooldown=cooldown_seconds,
                metric_aggregation_type="Maximum",
                step_adjustments=[
                    aws.appautoscaling.PolicyStepScalingPolicyConfigurationStepAdjustmentArgs(
                        metric_interval_lower_bound=None if low is None else str(low),
                        metric_interval_upper_bound=None if high is None else str(high),
                        scaling_adjustment=change,
                    )
                    for low, high, change in steps
                ],
            ),
        )

    def _alarm(
        self, what: str, policy: aws.appautoscaling.Policy, comparison: str, threshold: float, **metric: Any
    ) -> None:
        operator = {">=": "GreaterThanOrEqualToThreshold", "<=": "LessThanOrEqualToThreshold"}[comparison]
        aws.cloudwatch.MetricAlarm(
            f"{self._name}-{what.replace('_', '-')}",
            name=self._named("", f"_{what}"),
            alarm_description=self._named("Scales ", ""),
            comparison_operator=operator,
            threshold=float(threshold),
            alarm_actions=[policy.arn],
            opts=self._child,
            **metric,
        )


def _unfinished(queue: pulumi.Input[str], period_seconds: int) -> list[aws.cloudwatch.MetricAlarmMetricQueryArgs]:
    """Return the metric of the messages that wait or are processed: a task that processes the last one is not idle."""
    names: Mapping[str, str] = {
        "waiting": "ApproximateNumberOfMessagesVisible",
        "working": "ApproximateNumberOfMessagesNotVisible",
    }
    metrics = [
        aws.cloudwatch.MetricAlarmMetricQueryArgs(
            id=id_,
            metric=aws.cloudwatch.MetricAlarmMetricQueryMetricArgs(
                namespace="AWS/SQS",
                metric_name=name,
                dimensions={"QueueName": queue},
                period=period_seconds,
                stat="Maximum",
            ),
            return_data=False,
        )
        for id_, name in names.items()
    ]
    total = aws.cloudwatch.MetricAlarmMetricQueryArgs(
        id="unfinished", expression="waiting + working", label="Unfinished messages", return_data=True
    )
    return [*metrics, total]
