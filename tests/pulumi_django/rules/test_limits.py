"""The limits of AWS, at their last allowed value and one beyond."""

from __future__ import annotations

import pytest

from pulumi_django.rules import aws_rules, naming, priorities, sizing
from pulumi_django.rules.aws_config import seconds_of

LIMITS = {
    "TARGET_GROUP_NAME_LIMIT": 32,
    "LOAD_BALANCER_NAME_LIMIT": 32,
    "RDS_IDENTIFIER_LIMIT": 63,
    "REPLICATION_GROUP_ID_LIMIT": 40,
    "POSTGRES_IDENTIFIER_LIMIT": 63,
    "ECS_NAME_LIMIT": 255,
    "IAM_ROLE_NAME_LIMIT": 64,
    "LOG_GROUP_NAME_LIMIT": 512,
    "NAMESPACE_NAME_LIMIT": 253,
}


def test_names_have_the_lengths_that_aws_allows() -> None:
    assert {name: getattr(naming, name) for name in dir(naming) if name.endswith("_LIMIT")} == LIMITS
    assert naming.check_length("name", "a" * 32, 32) == "a" * 32
    with pytest.raises(ValueError, match=r"has 33 characters: AWS allows 32"):
        naming.check_length("name", "a" * 33, 32)


def test_logs_are_kept_for_the_periods_that_cloudwatch_has() -> None:
    months = {30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653}
    assert set(sizing.LOG_RETENTION_DAYS) == {1, 3, 5, 7, 14} | months


@pytest.mark.parametrize("gib", [None, 21, 200])
def test_ephemeral_storage_of_fargate_is_accepted_up_to_both_ends(gib: int | None) -> None:
    sizing.check_ephemeral_storage(gib)
    assert sizing.EPHEMERAL_STORAGE_GIB == (21, 200)


@pytest.mark.parametrize("gib", [20, 201])
def test_ephemeral_storage_beyond_the_ends_is_refused(gib: int) -> None:
    with pytest.raises(ValueError, match=f"ephemeral_storage_gib is {gib}: it must be 21 to 200, or omitted for 20"):
        sizing.check_ephemeral_storage(gib)


def test_days_are_accepted_up_to_both_ends() -> None:
    for days in (None, 1, aws_rules.LONGEST_DAYS):
        aws_rules.check_days("days", days)
    for days in (0, aws_rules.LONGEST_DAYS + 1):
        with pytest.raises(ValueError, match=r"^days is "):
            aws_rules.check_days("days", days)


def test_a_load_balancer_has_the_rules_that_aws_allows() -> None:
    limits = (
        priorities.CONDITION_VALUES_PER_RULE,
        priorities.WILDCARDS_PER_RULE,
        priorities.VALUES_PER_CONDITION,
    )
    assert limits == (5, 6, 3)


@pytest.mark.parametrize(
    ("duration", "seconds"), [("1h", 3600), ("1h30m", 5400), ("2h1m1s", 7261), ("15m", 900), ("", None), ("1d", None)]
)
def test_a_duration_has_hours_minutes_and_seconds(duration: str, seconds: int | None) -> None:
    assert seconds_of(duration) == seconds
