"""Errors from the output of the CLI."""

from __future__ import annotations

import pytest

from orchestrator.engines.automation.failures import explained
from orchestrator.errors import (
    EngineUnavailableError,
    OperationFailedError,
    OrchestratorError,
    StackLockedError,
    StateError,
    UnknownStackError,
)
from orchestrator.model import Unit

UNIT = Unit("app", "alpha")


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        (
            "error: getting stack configuration: get stack secrets manager: incorrect passphrase",
            EngineUnavailableError,
            "alpha failed: the stack's secrets cannot be read: the passphrase is wrong",
        ),
        (
            "error: passphrase must be set with PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE",
            EngineUnavailableError,
            "alpha failed: the stack's secrets cannot be read: no passphrase is set",
        ),
        (
            "error: pulumi:providers:aws resource 'aws' has a problem: No valid credential sources found.",
            EngineUnavailableError,
            "alpha failed: AWS rejected the credentials",
        ),
        (
            "^C received; cancelling. If you would like to terminate immediately, press ^C again.\nDuration: 1s",
            OperationFailedError,
            "alpha failed: another process interrupted the engine",
        ),
        (
            'error: unable to open state directory "file:///x": stat /x: no such file or directory',
            EngineUnavailableError,
            "alpha failed: the Pulumi state backend cannot be reached",
        ),
        (
            "error: An IO error occurred while writing the new snapshot file: no space left on device",
            StateError,
            "alpha failed: the state could not be written",
        ),
        (
            "error: failed to load stack tags: failed to unmarshal stack tags: unexpected end of JSON input",
            StateError,
            "alpha failed: the stack's tags cannot be read",
        ),
        (
            "error: failed to load checkpoint: place 1: unexpected end of JSON input",
            StateError,
            "alpha failed: the stack's state is damaged",
        ),
        (
            "error: the stack is currently locked by 1 lock(s). Either wait for the other process(es) to end",
            StackLockedError,
            "alpha is locked: another operation is running on it",
        ),
        (
            'error: unknown stack "organization/django-base/dev"',
            UnknownStackError,
            'alpha: unknown stack "organization/django-base/dev"',
        ),
        ("error: something new", OperationFailedError, "alpha failed: something new"),
        ("", OperationFailedError, "alpha failed: the CLI gave no reason"),
    ],
)
def test_a_failure_is_one_sentence_of_the_right_kind_with_a_hint(
    text: str, kind: type[OrchestratorError], message: str
) -> None:
    error = explained(UNIT, text)
    assert type(error) is kind
    assert error.message == message
    assert error.hint


def test_a_resources_error_names_the_resource_and_wins_over_the_programs() -> None:
    errors = [
        ("urn:pulumi:alpha::p::aws:sns/topic:Topic::news", "AccessDenied: not today"),
        (
            "urn:pulumi:alpha::p::pulumi:pulumi:Stack::p-alpha",
            "Traceback (most recent call last):\n  File\nKeyError: 'x'",
        ),
    ]
    error = explained(UNIT, "", errors, existing=7)
    assert error.message == "alpha failed: news: AccessDenied: not today"
    again = "fix the cause, then run the same command again: it continues"
    assert error.hint == f"7 resources exist and stay; {again}"
    assert explained(UNIT, "", errors, existing=1).hint == f"1 resource exists and stays; {again}"
    assert explained(UNIT, "", errors).hint == again


def test_a_programs_error_is_the_last_line_of_its_traceback() -> None:
    trace = "Program failed with an unhandled exception:\nTraceback (most recent call last):\n  File 'x'\n    y()\nKeyError: 'x'"
    error = explained(UNIT, "", [("urn:pulumi:alpha::p::pulumi:pulumi:Stack::p-alpha", trace)])
    assert error.message == "alpha failed: KeyError: 'x'"


def test_an_error_inside_an_input_names_its_resource_and_shows_no_other_input() -> None:
    trace = (
        'Traceback (most recent call last):\n  File "/usr/lib/pulumi/rpc.py", line 234, in serialize\n    raise ValueError(\n'
        "ValueError: While processing input: 'password', type <class 'str'>, value 'hunter2'\n"
        "ValueError has risen: While processing resource: 'alpha-web', type: 'aws:ecs/service:Service'\n"
        "ValueError has risen: While processing input: 'region', type <class 'str'>, value <Output>\n"
        "ValueError has risen: region is 'moon'"
    )
    assert explained(UNIT, "", [(None, trace)]).message == "alpha failed: alpha-web: region is 'moon'"


def test_a_message_without_a_traceback_stays_whole() -> None:
    message = (
        "the configuration of the stack alpha cannot be used (file Pulumi.alpha.yaml)\n  django-app:base: is missing"
    )
    assert explained(UNIT, "", [(None, message)]).message == f"alpha failed: {message}"


def test_an_error_is_reported_only_once() -> None:
    errors = [(None, "boom"), (None, "boom")]
    assert explained(UNIT, "", errors).message == "alpha failed: boom"
