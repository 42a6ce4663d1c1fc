"""The clients of an environment or a base: real ones, or ones with simulated answers."""

from __future__ import annotations

from orchestrator.operations.aws.clients import AwsClients, Clients, RecordingClients
from orchestrator.operations.aws.targets import BaseTarget, Target


def for_target(target: Target) -> Clients:
    """Return the clients of an environment. They call AWS only if the environment exists there."""
    if target.notice is None:
        return AwsClients(target.aws)
    from orchestrator.operations.aws.simulated import answers

    return RecordingClients(target.aws, answers(target))


def for_base(base: BaseTarget) -> Clients:
    """Return the clients of a base. They call AWS only if the base exists there."""
    if base.notice is None:
        return AwsClients(base.aws)
    from orchestrator.operations.aws.simulated import answers_of_base

    return RecordingClients(base.aws, answers_of_base(base.outputs))
