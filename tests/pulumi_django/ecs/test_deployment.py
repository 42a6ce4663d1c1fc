"""How a service changes from one version to the next, and how requests reach it meanwhile."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from pulumi_django import DeploymentOptions, ProdWebOptions
from pulumi_django.ecs.deployment import TrafficShift
from pulumi_django.ecs.web_routing import check_rules
from pulumi_django.rules.priorities import Rule
from pulumi_django.testing import SimulationResult
from tests.pulumi_django.app.environment import ALARM, RULE, TARGET_GROUP, prod, service

PATHS = ("/api/*", "/admin/*", "/graphql/*", "/mtv/*")


def deployed(**options: Any) -> SimulationResult:
    web = ProdWebOptions(paths=PATHS, deployment=DeploymentOptions(**options))
    return prod(web=web, frontend_image=None, alarms=None)


def test_by_default_a_deployment_is_rolling_and_the_circuit_breaker_rolls_it_back() -> None:
    inputs = service(deployed(), "gunicorn").inputs
    assert inputs["deploymentCircuitBreaker"] == {"enable": True, "rollback": True}
    assert (inputs["deploymentMinimumHealthyPercent"], inputs["deploymentMaximumPercent"]) == (100, 200)
    assert "deploymentConfiguration" not in inputs
    assert "alarms" not in inputs


@pytest.mark.parametrize(
    ("options", "configuration"),
    [
        ({"strategy": "blue-green"}, {"strategy": "BLUE_GREEN", "bakeTimeInMinutes": "5"}),
        (
            {"strategy": "linear", "step_percent": 25, "step_minutes": 2, "bake_minutes": 0},
            {
                "strategy": "LINEAR",
                "bakeTimeInMinutes": "0",
                "linearConfiguration": {"stepPercent": 25, "stepBakeTimeInMinutes": "2"},
            },
        ),
        (
            {"strategy": "canary"},
            {
                "strategy": "CANARY",
                "bakeTimeInMinutes": "5",
                "canaryConfiguration": {"canaryPercent": 10.0, "canaryBakeTimeInMinutes": "5"},
            },
        ),
    ],
)
def test_the_other_strategies_are_ecss_own(options: dict[str, Any], configuration: dict[str, Any]) -> None:
    inputs = service(deployed(**options), "gunicorn").inputs
    assert inputs["deploymentConfiguration"] == configuration
    # It is for rolling deployments only.
    assert "deploymentCircuitBreaker" not in inputs


def test_traffic_moves_between_two_target_groups_for_each_rule() -> None:
    result = deployed(strategy="blue-green")
    groups = {group.name: group.outputs["arn"] for group in result.of_type(TARGET_GROUP)}
    assert set(groups) == {
        "shop-gunicorn",
        "shop-gunicorn-alternate",
        "shop-gunicorn-mtv",
        "shop-gunicorn-mtv-alternate",
    }
    rules = {rule.name: rule for rule in result.of_type(RULE)}
    balancers = service(result, "gunicorn").inputs["loadBalancers"]
    assert [b["targetGroupArn"] for b in balancers] == [groups["shop-gunicorn"], groups["shop-gunicorn-mtv"]]
    assert [b["advancedConfiguration"]["alternateTargetGroupArn"] for b in balancers] == [
        groups["shop-gunicorn-alternate"],
        groups["shop-gunicorn-mtv-alternate"],
    ]
    assert [b["advancedConfiguration"]["productionListenerRule"] for b in balancers] == [
        rules["shop-gunicorn-rule-api"].outputs["arn"],
        rules["shop-gunicorn-rule-mtv"].outputs["arn"],
    ]


def test_the_old_group_has_all_requests_at_first_and_the_weights_are_ecss_from_then_on() -> None:
    result = deployed(strategy="canary")
    arns = {group.name: group.outputs["arn"] for group in result.of_type(TARGET_GROUP)}
    rule = result.one(RULE, "shop-gunicorn-rule-api")
    (action,) = rule.inputs["actions"]
    assert action["forward"]["targetGroups"] == [
        {"arn": arns["shop-gunicorn"], "weight": 100},
        {"arn": arns["shop-gunicorn-alternate"], "weight": 0},
    ]
    assert list(rule.ignore_changes) == ["actions"]
    assert list(deployed().one(RULE, "shop-gunicorn-rule-api").ignore_changes) == []


def test_ecs_may_move_these_targets_and_weights_only() -> None:
    result = deployed(strategy="linear")
    role = result.one("aws:iam/role:Role", "shop-gunicorn-traffic")
    assert json.loads(role.inputs["assumeRolePolicy"])["Statement"][0]["Principal"] == {"Service": "ecs.amazonaws.com"}
    document = json.loads(result.one("aws:iam/rolePolicy:RolePolicy", "shop-gunicorn-traffic-policy").inputs["policy"])
    granted = {statement["Sid"]: statement for statement in document["Statement"]}
    assert sorted(granted["Targets"]["Resource"]) == sorted(g.outputs["arn"] for g in result.of_type(TARGET_GROUP))
    assert sorted(granted["Weights"]["Resource"]) == sorted(rule.outputs["arn"] for rule in result.of_type(RULE))
    assert granted["Look"]["Resource"] == ["*"]
    assert all(action.startswith("elasticloadbalancing:Describe") for action in granted["Look"]["Action"])
    arns = {b["advancedConfiguration"]["roleArn"] for b in service(result, "gunicorn").inputs["loadBalancers"]}
    assert arns == {role.outputs["arn"]}


def test_errors_of_the_tasks_in_any_of_the_groups_send_a_deployment_back() -> None:
    result = deployed(strategy="blue-green", alarm_names=["checkout"])
    alarm = result.one(ALARM, "shop-gunicorn-deployment-errors").inputs
    assert (alarm["threshold"], alarm["treatMissingData"]) == (10.0, "notBreaching")
    assert alarm["metricQueries"][-1]["expression"] == (
        "FILL(group0, 0) + FILL(group1, 0) + FILL(group2, 0) + FILL(group3, 0)"
    )
    assert service(result, "gunicorn").inputs["alarms"] == {
        "alarmNames": ["shop-gunicorn_deployment_errors", "checkout"],
        "enable": True,
        "rollback": True,
    }


@pytest.mark.parametrize(
    ("strategy", "before", "stage"),
    [
        ("blue-green", "scale_up", "PRE_SCALE_UP"),
        ("blue-green", "test_traffic", "POST_SCALE_UP"),
        ("blue-green", "production_traffic", "PRE_PRODUCTION_TRAFFIC_SHIFT"),
        # ECS would ask before each step.
        ("canary", "production_traffic", "POST_SCALE_UP"),
        ("linear", "production_traffic", "POST_SCALE_UP"),
    ],
)
def test_a_deployment_waits_once_at_a_hook_of_ecs_without_a_role(strategy: Any, before: Any, stage: str) -> None:
    (hook,) = service(deployed(strategy=strategy, pause_before=before), "gunicorn").inputs["deploymentConfiguration"][
        "lifecycleHooks"
    ]
    assert hook == {
        "targetType": "PAUSE",
        "lifecycleStages": [stage],
        "timeoutConfiguration": {"timeoutInMinutes": "240", "action": "ROLLBACK"},
    }


def test_the_time_of_a_pause_and_its_end_can_be_chosen() -> None:
    options = {"strategy": "canary", "pause_before": "scale_up", "pause_minutes": 30, "pause_timeout": "continue"}
    (hook,) = service(deployed(**options), "gunicorn").inputs["deploymentConfiguration"]["lifecycleHooks"]
    assert hook["timeoutConfiguration"] == {"timeoutInMinutes": "30", "action": "CONTINUE"}


def test_a_rolling_deployment_can_watch_errors_too() -> None:
    result = deployed(errors_per_minute=3)
    assert result.one(ALARM, "shop-gunicorn-deployment-errors").inputs["threshold"] == 3.0
    assert service(result, "gunicorn").inputs["alarms"]["alarmNames"] == ["shop-gunicorn_deployment_errors"]


@pytest.mark.parametrize(
    ("options", "seconds"),
    [
        ({}, 0),
        ({"strategy": "blue-green"}, 300),
        ({"strategy": "canary", "step_minutes": 10}, 900),
        ({"strategy": "blue-green", "pause_before": "production_traffic"}, 300 + 240 * 60),
        ({"strategy": "blue-green", "pause_before": "scale_up", "pause_minutes": 1}, 360),
        ({"strategy": "linear", "step_percent": 30, "step_minutes": 1, "bake_minutes": 0}, 180),
    ],
)
def test_the_waiting_time_of_each_strategy(options: dict[str, Any], seconds: int) -> None:
    assert DeploymentOptions(**options).waiting_seconds == seconds


def rules(number: int) -> list[Rule]:
    return [Rule(priority=n + 1, hosts=["h"], paths=[f"/{n}/*"]) for n in range(number)]


REFUSALS: list[tuple[Callable[[], object], str]] = [
    (
        lambda: DeploymentOptions(pause_before="scale_up"),
        "pause_before is 'scale_up' and strategy is 'rolling', which has no point to wait at: choose 'blue-green', 'linear' or "
        "'canary'",
    ),
    (
        lambda: DeploymentOptions(strategy="canary", pause_minutes=5),
        "pause_minutes is 5 and pause_before is missing: give the point to wait at",
    ),
    (
        lambda: DeploymentOptions(strategy="canary", pause_before="scale_up", pause_minutes=20161),
        "pause_minutes is 20161: it must be 1 to 20160",
    ),
    (
        lambda: DeploymentOptions(strategy="canary", pause_before="scale_up", pause_minutes=0),
        "pause_minutes is 0: it must be 1 to 20160",
    ),
    (
        lambda: TrafficShift(target_group_arns=["arn:blue"], listener_rule_arn="r", role_arn="r"),
        "target_group_arns has 1: blue-green, linear and canary deployments move requests between exactly 2 target groups",
    ),
    (
        lambda: check_rules("gunicorn", rules(6)),
        "gunicorn has 6 listener rules: ECS moves the traffic of at most 5, so give it fewer paths or hosts, or strategy "
        "'rolling'",
    ),
    (
        lambda: DeploymentOptions(bake_minutes=5),
        "bake_minutes is 5 and strategy is 'rolling', which moves no traffic: leave bake_minutes out, or choose "
        "'blue-green', 'linear' or 'canary'",
    ),
    (
        lambda: DeploymentOptions(strategy="blue-green", step_percent=10),
        "step_percent is 10 and strategy is 'blue-green', which moves all requests at once: leave step_percent out, or "
        "choose 'linear' or 'canary'",
    ),
    (
        lambda: DeploymentOptions(strategy="linear", step_percent=2),
        "step_percent is 2: with the strategy 'linear' it is 3 to 100",
    ),
    (
        lambda: DeploymentOptions(strategy="canary", bake_minutes=1441),
        "bake_minutes is 1441: it must be 0 to 1440",
    ),
    (
        lambda: DeploymentOptions(strategy="canary", minimum_healthy_percent=50),
        "minimum_healthy_percent is 50 and maximum_percent is 200 and strategy is 'canary', which starts all new tasks "
        "beside the old ones: leave both out",
    ),
    (
        lambda: DeploymentOptions(minimum_healthy_percent=100, maximum_percent=100),
        "minimum_healthy_percent is 100 and maximum_percent is 100: the first must be 0 to 100, the second 100 to 200, and not "
        "both 100, which would leave no room for a new task",
    ),
    (lambda: DeploymentOptions(errors_per_minute=0), "errors_per_minute is 0: it must be 1 or more"),
]


@pytest.mark.parametrize(("make", "message"), REFUSALS, ids=[message[:40] for _make, message in REFUSALS])
def test_arguments_that_cannot_work_are_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        make()
    assert str(refused.value) == message
