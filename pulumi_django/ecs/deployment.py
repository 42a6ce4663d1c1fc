"""Deployment strategies of a service: task by task, or by moving traffic between two target groups."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pulumi
import pulumi_aws as aws

from pulumi_django.rules.aws_rules import shown

Strategy = Literal["rolling", "blue-green", "linear", "canary"]
PausePoint = Literal["scale_up", "test_traffic", "production_traffic"]
TimeoutAction = Literal["rollback", "continue"]

# https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeploymentConfiguration.html
MAX_MINUTES = 1440
DEFAULT_BAKE_MINUTES = 5
DEFAULT_STEP_PERCENT = 10.0
DEFAULT_STEP_MINUTES = 5
DEFAULT_ERRORS_PER_MINUTE = 10
DEFAULT_PAUSE_MINUTES = 240
MAX_PAUSE_MINUTES = 20160
"""Longest wait of a hook, 14 days."""


@dataclass(frozen=True, kw_only=True)
class DeploymentOptions:
    strategy: Strategy = "rolling"
    """`rolling` replaces the tasks one after another, and rolls back when new tasks do not start. The others start all new
    tasks beside the old ones, and roll back on an alarm: `blue-green` moves all requests at once, `linear` in equal steps,
    `canary` a few first and then the rest."""

    minimum_healthy_percent: int = 100
    """Part of the desired tasks that keep serving during a rolling deployment, 0 to 100 percent."""

    maximum_percent: int = 200
    """Part of the desired tasks that may run during a rolling deployment, 100 to 200 percent."""

    bake_minutes: int | None = None
    """Minutes for which the old version stays after all requests were moved, 0 to 1440. None is 5. Not for `rolling`."""

    step_percent: float | None = None
    """Percentage of requests that each step of `linear` moves (3 to 100), or that `canary` moves at first (0.1 to 100). None
    is 10."""

    step_minutes: int | None = None
    """Minutes between two steps of `linear`, or before the rest follows with `canary`, 0 to 1440. None is 5."""

    errors_per_minute: int | None = None
    """Number of answers with a status of 500 or more, per minute, that rolls a deployment back, 1 or more. None is 10; with
    `rolling`, None watches nothing."""

    alarm_names: Sequence[str] = ()
    """More CloudWatch alarms that roll a deployment back."""

    pause_before: PausePoint | None = None
    """Point at which a deployment waits for an approval (`orchestrator approve`): before its new tasks start (`scale_up`), or
    with all of them running, before the first request (`test_traffic`, `production_traffic`). None never waits. Not for
    `rolling`."""

    pause_minutes: int | None = None
    """Minutes for which a deployment waits for the approval, 1 to 20160 (14 days). None is 240."""

    pause_timeout: TimeoutAction = "rollback"
    """Action without a decision in that time: return to the old version (`rollback`), or go on (`continue`)."""

    def __post_init__(self) -> None:
        if self.strategy == "rolling":
            self._check_rolling()
        else:
            self._check_shifting()
        self._check_pause()
        if self.errors_per_minute is not None and self.errors_per_minute < 1:
            raise ValueError(f"errors_per_minute is {self.errors_per_minute}: it must be 1 or more")

    def _check_rolling(self) -> None:
        for name in ("bake_minutes", "step_percent", "step_minutes"):
            if getattr(self, name) is not None:
                raise ValueError(
                    f"{name} is {getattr(self, name)} and strategy is 'rolling', which moves no traffic: leave {name} "
                    "out, or choose 'blue-green', 'linear' or 'canary'"
                )
        low, high = self.minimum_healthy_percent, self.maximum_percent
        if not 0 <= low <= 100 <= high <= 200 or low == high:
            raise ValueError(
                f"minimum_healthy_percent is {low} and maximum_percent is {high}: the first must be 0 to 100, the second 100 "
                "to 200, and not both 100, which would leave no room for a new task"
            )

    def _check_pause(self) -> None:
        if self.pause_before is not None and self.strategy == "rolling":
            raise ValueError(
                f"pause_before is {self.pause_before!r} and strategy is 'rolling', which has no point to wait at: choose "
                "'blue-green', 'linear' or 'canary'"
            )
        if self.pause_minutes is not None and self.pause_before is None:
            raise ValueError(
                f"pause_minutes is {self.pause_minutes} and pause_before is missing: give the point to wait at"
            )
        if not 1 <= _default(self.pause_minutes, 1) <= MAX_PAUSE_MINUTES:
            raise ValueError(f"pause_minutes is {self.pause_minutes}: it must be 1 to {MAX_PAUSE_MINUTES}")

    def _check_shifting(self) -> None:
        if (self.minimum_healthy_percent, self.maximum_percent) != (100, 200):
            raise ValueError(
                f"minimum_healthy_percent is {self.minimum_healthy_percent} and maximum_percent is {self.maximum_percent} "
                f"and strategy is {self.strategy!r}, which starts all new tasks beside the old ones: leave both out"
            )
        for name in ("bake_minutes", "step_minutes"):
            minutes: int | None = getattr(self, name)
            if minutes is not None and not 0 <= minutes <= MAX_MINUTES:
                raise ValueError(f"{name} is {minutes}: it must be 0 to {MAX_MINUTES}")
        for name in ("step_percent", "step_minutes"):
            if self.strategy == "blue-green" and getattr(self, name) is not None:
                raise ValueError(
                    f"{name} is {getattr(self, name)} and strategy is 'blue-green', which moves all requests at once: "
                    f"leave {name} out, or choose 'linear' or 'canary'"
                )
        least = 3 if self.strategy == "linear" else 0.1
        if self.step_percent is not None and not least <= self.step_percent <= 100:
            raise ValueError(
                f"step_percent is {shown(self.step_percent)}: with the strategy {self.strategy!r} it is {least:g} to 100"
            )

    @property
    def shifts(self) -> bool:
        """Whether traffic moves between two target groups."""
        return self.strategy != "rolling"

    @property
    def watched_errors(self) -> int | None:
        """Errors per minute that roll a deployment back; None when nothing is watched."""
        return self.errors_per_minute or (DEFAULT_ERRORS_PER_MINUTE if self.shifts else None)

    @property
    def waiting_seconds(self) -> int:
        """Time that a deployment waits on purpose, without the time to start its tasks."""
        if not self.shifts:
            return 0
        bake = _default(self.bake_minutes, DEFAULT_BAKE_MINUTES)
        step = _default(self.step_minutes, DEFAULT_STEP_MINUTES)
        pauses = {
            "blue-green": 0,
            "canary": 1,
            "linear": math.ceil(100 / (self.step_percent or DEFAULT_STEP_PERCENT)) - 1,
        }
        approval = 0 if self.pause_before is None else _default(self.pause_minutes, DEFAULT_PAUSE_MINUTES)
        return 60 * (bake + step * pauses[self.strategy] + approval)

    @property
    def pause_stage(self) -> str | None:
        """Stage of ECS at which a deployment waits; None when it does not.

        ECS reaches PRE_PRODUCTION_TRAFFIC_SHIFT once in a blue-green deployment, and before every step of the others; these
        wait at POST_SCALE_UP, so that one approval is enough. No listener for test traffic lies between the two.
        https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeploymentLifecycleHook.html
        """
        if self.pause_before is None:
            return None
        if self.pause_before == "scale_up":
            return "PRE_SCALE_UP"
        once = self.pause_before == "production_traffic" and self.strategy == "blue-green"
        return "PRE_PRODUCTION_TRAFFIC_SHIFT" if once else "POST_SCALE_UP"


@dataclass(frozen=True, kw_only=True)
class TrafficShift:
    """The resources with which ECS moves the requests of one listener rule."""

    target_group_arns: Sequence[pulumi.Input[str]]
    """The two target groups between which requests move. At first the first one receives them."""

    listener_rule_arn: pulumi.Input[str]
    """The rule whose weights ECS changes."""

    role_arn: pulumi.Input[str]
    """Role with which ECS changes the rule."""

    def __post_init__(self) -> None:
        if len(self.target_group_arns) != 2:
            raise ValueError(
                f"target_group_arns has {len(self.target_group_arns)}: blue-green, linear and canary deployments move "
                "requests between exactly 2 target groups"
            )

    def advanced_configuration(self) -> aws.ecs.ServiceLoadBalancerAdvancedConfigurationArgs:
        """Return them as a part of the service's load balancer block."""
        return aws.ecs.ServiceLoadBalancerAdvancedConfigurationArgs(
            alternate_target_group_arn=self.target_group_arns[1],
            production_listener_rule=self.listener_rule_arn,
            role_arn=self.role_arn,
        )


def service_settings(options: DeploymentOptions, alarm_names: Sequence[pulumi.Input[str]]) -> dict[str, Any]:
    """Return the arguments of `aws.ecs.Service` for its deployments."""
    settings: dict[str, Any] = {
        "deployment_minimum_healthy_percent": options.minimum_healthy_percent,
        "deployment_maximum_percent": options.maximum_percent,
    }
    if options.shifts:
        settings["deployment_configuration"] = _configuration(options)
    else:
        # The circuit breaker is for rolling deployments only:
        # https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeploymentConfiguration.html
        settings["deployment_circuit_breaker"] = aws.ecs.ServiceDeploymentCircuitBreakerArgs(enable=True, rollback=True)
    if alarm_names:
        settings["alarms"] = aws.ecs.ServiceAlarmsArgs(alarm_names=list(alarm_names), enable=True, rollback=True)
    return settings


def _configuration(options: DeploymentOptions) -> aws.ecs.ServiceDeploymentConfigurationArgs:
    percent = options.step_percent or DEFAULT_STEP_PERCENT
    minutes = str(_default(options.step_minutes, DEFAULT_STEP_MINUTES))
    configuration = aws.ecs.ServiceDeploymentConfigurationArgs(
        strategy=options.strategy.upper().replace("-", "_"),
        bake_time_in_minutes=str(_default(options.bake_minutes, DEFAULT_BAKE_MINUTES)),
    )
    if options.pause_stage is not None:
        configuration.lifecycle_hooks = [_pause(options, options.pause_stage)]
    if options.strategy == "linear":
        configuration.linear_configuration = aws.ecs.ServiceDeploymentConfigurationLinearConfigurationArgs(
            step_percent=percent, step_bake_time_in_minutes=minutes
        )
    if options.strategy == "canary":
        configuration.canary_configuration = aws.ecs.ServiceDeploymentConfigurationCanaryConfigurationArgs(
            canary_percent=percent, canary_bake_time_in_minutes=minutes
        )
    return configuration


def _pause(options: DeploymentOptions, stage: str) -> aws.ecs.ServiceDeploymentConfigurationLifecycleHookArgs:
    return aws.ecs.ServiceDeploymentConfigurationLifecycleHookArgs(
        target_type="PAUSE",
        lifecycle_stages=[stage],
        timeout_configuration=aws.ecs.ServiceDeploymentConfigurationLifecycleHookTimeoutConfigurationArgs(
            timeout_in_minutes=str(_default(options.pause_minutes, DEFAULT_PAUSE_MINUTES)),
            action=options.pause_timeout.upper(),
        ),
    )


def _default(value: int | None, default: int) -> int:
    return default if value is None else value
