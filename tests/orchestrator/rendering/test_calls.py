"""The API calls of the simulation as text."""

from __future__ import annotations

from orchestrator.operations.aws.clients import ApiCall
from orchestrator.rendering import operation_text


def test_long_texts_within_a_call_are_cut_and_say_so() -> None:
    script = "x" * 4000
    call = ApiCall(service="ecs", operation="RunTask", parameters={"overrides": [{"command": ["sh", "-c", script]}]})
    line = operation_text.calls([call]).splitlines()[1]
    assert line == (
        '  ecs RunTask {"overrides": [{"command": ["sh", "-c", "' + "x" * 240 + '... (4000 characters)"]}]}'
    )


def test_short_values_stay_whole() -> None:
    call = ApiCall(service="rds", operation="StopDBInstance", parameters={"DBInstanceIdentifier": "dev-rds", "n": 1})
    assert operation_text.calls([call]).endswith('rds StopDBInstance {"DBInstanceIdentifier": "dev-rds", "n": 1}\n')
