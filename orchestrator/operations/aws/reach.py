"""The clients of an environment or a base: AWS itself, or the simulation's answers in its place."""

from __future__ import annotations

from orchestrator.operations.aws.bases import BaseTarget
from orchestrator.operations.aws.clients import AwsClients, RecordingClients
from orchestrator.operations.aws.target import Target


def for_target(target: Target) -> AwsClients | RecordingClients:
    """The clients of an environment; they reach AWS when the environment exists there."""
    if target.notice is None:
        return AwsClients(target.aws)
    from orchestrator.operations.aws.simulated import answers

    return RecordingClients(target.aws, answers(target))


def clients_for(base: BaseTarget) -> AwsClients | RecordingClients:
    """The clients of a base; they reach AWS when the base exists there."""
    if base.notice is None:
        return AwsClients(base.aws)
    from orchestrator.operations.aws.simulated import answers_of_base

    return RecordingClients(base.aws, answers_of_base(base.outputs))
