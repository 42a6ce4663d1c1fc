"""The KMS key: its users and their permissions."""

from __future__ import annotations

import json

import pytest

from pulumi_django import EncryptionKey, EncryptionKeyArgs
from pulumi_django.testing import simulate

ACCOUNT = "123456789012"


def statements() -> dict[str, dict[str, object]]:
    result = simulate(lambda: EncryptionKey("prod-key", EncryptionKeyArgs(account_id=ACCOUNT, region="eu-west-1")))  # type: ignore[arg-type, return-value]
    key = result.one("aws:kms/key:Key", "prod-key").inputs
    assert (key["enableKeyRotation"], key["deletionWindowInDays"]) == (True, 30)
    return {statement["Sid"]: statement for statement in json.loads(key["policy"])["Statement"]}


def test_the_account_keeps_control_of_the_key() -> None:
    account = statements()["Account"]
    assert account["Principal"] == {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
    assert account["Action"] == "kms:*"


def test_only_log_groups_of_the_account_and_region_use_it() -> None:
    logs = statements()["LogGroups"]
    assert logs["Principal"] == {"Service": "logs.eu-west-1.amazonaws.com"}
    assert logs["Condition"] == {
        "ArnLike": {"kms:EncryptionContext:aws:logs:arn": f"arn:aws:logs:eu-west-1:{ACCOUNT}:log-group:*"}
    }


def test_alarms_of_the_account_publish_with_it() -> None:
    alarms = statements()["Alarms"]
    assert alarms["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert alarms["Action"] == ["kms:Decrypt", "kms:GenerateDataKey"]
    assert alarms["Condition"] == {"StringEquals": {"aws:SourceAccount": ACCOUNT}}


@pytest.mark.parametrize("days", [6, 31])
def test_an_invalid_deletion_window_of_a_key_is_refused(days: int) -> None:
    with pytest.raises(ValueError, match=rf"^deletion_days is {days}: it must be 7 to 30$"):
        EncryptionKeyArgs(account_id=ACCOUNT, region="eu-west-1", deletion_days=days)
