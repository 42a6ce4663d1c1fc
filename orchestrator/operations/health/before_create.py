"""Looks in AWS, before a create or an update, for what it needs: zone, certificate, images, secrets, quotas, roles.

Only a certain problem refuses the run. A check that cannot look, for example without permission, blocks nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any

from orchestrator.config.aws_settings import provider_config
from orchestrator.cost import fargate
from orchestrator.errors import OrchestratorError, RefusedError
from orchestrator.lifecycle.job import Job, Step
from orchestrator.model import UNKNOWN, Operation, Scope, StackResource
from orchestrator.operations.aws import ecr
from orchestrator.operations.aws.clients import AwsClients, Clients
from orchestrator.operations.health import doctor_aws, needs_aws
from orchestrator.operations.health.doctor_aws import Place
from orchestrator.operations.health.verdicts import Check, Verdict
from pulumi_django.deploying.aws_access import AwsAccess
from pulumi_django.rules.aws_config import AwsConfigError

log = logging.getLogger(__name__)

_AT_ONCE = 8
PATIENCE_SECONDS = 20
"""The limit for all checks together. What AWS has not answered by then blocks nothing."""

Look = Callable[[], Check]


def check(job: Job, *, clients_for: Callable[[Place], Clients] | None = None, fetch: ecr.Fetch = ecr.fetch) -> None:
    """Raise RefusedError with each thing that is missing in AWS. The simulation does not call AWS."""
    if job.operation is not Operation.UP or (job.context.engine.notice is not None and clients_for is None):
        return
    looks: list[Look] = []
    created: list[_Created] = []
    for step in job.steps:
        place = _place(job, step) if step.runs else None
        if place is not None:
            clients = clients_for(place) if clients_for else AwsClients(place.access)
            looks += _looks(step, place, clients, fetch)
            rehearsal = job.rehearsals.get(step.unit)
            if rehearsal is not None and not step.exists:
                _add(created, place, clients, rehearsal.resources)
    looks += [look for each in created for look in _looks_together(each)]
    if not looks:
        return
    pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="orchestrator-check")
    asked = [pool.submit(_made, look) for look in looks]
    done, _ = wait(asked, timeout=PATIENCE_SECONDS)
    pool.shutdown(wait=False, cancel_futures=True)
    results = [each.result() for each in asked if each in done]
    found = [each for each in results if each is not None and each.verdict is Verdict.FAIL]
    if found:
        hints = list(dict.fromkeys(each.hint for each in found if each.hint))
        raise RefusedError(
            f"nothing was changed: {'; '.join(dict.fromkeys(f'{each.name}: {each.evidence}' for each in found))}",
            f"{'; '.join(hints)}; --no-check goes on without these checks",
        )


@dataclass
class _Created:
    """The resources that the run creates with the same access to AWS, thus in one account and region."""

    access: AwsAccess
    clients: Clients
    resources: list[StackResource]


def _add(created: list[_Created], place: Place, clients: Clients, resources: Sequence[StackResource]) -> None:
    for each in created:
        if each.access == place.access:
            each.resources += resources
            return
    created.append(_Created(place.access, clients, list(resources)))


def _looks_together(created: _Created) -> list[Look]:
    """The checks of what all new stacks need together: quotas and service-linked roles."""
    types, clients = [resource.type for resource in created.resources], created.clients
    looks: list[Look] = [
        lambda quota=quota: needs_aws.room(quota, types.count(quota.type), clients)
        for quota in needs_aws.QUOTAS
        if quota.type in types
    ]
    looks += [lambda role=role: needs_aws.linked_role(role, clients) for role in needs_aws.linked_roles(types)]
    return looks + [
        lambda needed=needed, spot=spot: needs_aws.processors(needed, clients, spot=spot)
        for spot in (False, True)
        if (needed := fargate.vcpus(created.resources, spot=spot))
    ]


def _made(look: Look) -> Check | None:
    from botocore.exceptions import BotoCoreError, ClientError  # slow to import

    try:
        return look()
    except (OrchestratorError, BotoCoreError, ClientError) as error:
        log.debug("a check before the run could not look: %s", error)
        return None


def _place(job: Job, step: Step) -> Place | None:
    """The base or environment of a unit, with the configuration that it will get."""
    config, settings = job.configs.get(step.unit), job.context.settings
    # An environment that goes to sleep starts no task, so nothing that is missing keeps it awake.
    if config is None or config.asleep:
        return None
    try:
        values = provider_config(settings.by_key[step.unit.project], step.unit.stack, config.snapshot())
        access = AwsAccess.from_config(values)
    except (OrchestratorError, AwsConfigError) as error:
        log.debug("nothing is checked in AWS for %s: %s", step.unit, error)
        return None
    is_base = step.scope is Scope.BASE
    base = step.unit.stack if is_base else next(iter(job.bases.get(step.unit.stack, ())), None)
    stack = job.stacks.get(step.unit) if is_base else None
    outputs = stack.outputs if stack else {}
    return Place(
        name=step.unit.stack,
        scope=step.scope,
        base=base,
        access=access,
        base_outputs={key: out.value for key, out in outputs.items() if not out.secret and out.value != UNKNOWN},
        config=None if is_base else config,
        base_config=config if is_base else None,
        kind=step.kind,
    )


def _looks(step: Step, place: Place, clients: Clients, fetch: ecr.Fetch) -> list[Look]:
    """The checks of one stack. Each calls AWS only for what its configuration names."""
    if place.scope is Scope.ENVIRONMENT:
        config = place.config
        assert config is not None
        looks: list[Look] = [
            lambda name=name, reference=reference, wanted=wanted: doctor_aws.image(
                name, reference, wanted, clients, fetch
            )
            for name, reference, wanted in doctor_aws.images_of(config)
            if ecr.parse(reference) is not None
        ]
        secrets: Any = config.get("extra_secrets")
        references = list(secrets.values()) if isinstance(secrets, Mapping) else []  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
        return looks + [
            lambda reference=reference: needs_aws.secret(reference, clients)
            for reference in references
            if isinstance(reference, str) and reference.startswith("arn:")
        ]
    looks = []
    if place.of_base("certificate_arn"):
        looks.append(lambda: needs_aws.certificate(place, clients))
    if place.of_base("domain_name") and not step.exists:
        looks.append(lambda: doctor_aws.hosted_zone(place, clients))
    return looks
