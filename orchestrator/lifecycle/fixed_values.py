"""Values that cannot change while something exists, and hosts that the base's certificate does not cover.

All are refused before any work. Pulumi would otherwise replace what it cannot move, or fail after the base was created.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from orchestrator.config.stack_config import StackConfig
from orchestrator.errors import RefusedError
from orchestrator.lifecycle.job_builder import JobBuilder
from orchestrator.lifecycle.taken_names import listener_hosts
from orchestrator.model import Outputs, Scope, Unit
from pulumi_django.rules import host_names


def check_base(builder: JobBuilder, name: str) -> None:
    """Check region, domain and key of a base that is updated. Raises RefusedError."""
    existing = builder.registry.bases.get(name)
    if existing is None:
        return
    configs = _configs(builder, Scope.BASE, name)
    _check_region(configs, f"the base {name}", _text(existing.outputs, "region"))
    domain, wanted = _text(existing.outputs, "domain_name"), _configured(configs, "domain_name")
    if existing.environments and domain is not None and wanted != domain:
        raise RefusedError(
            f"the domain of the base {name} is {domain} and cannot become {wanted or 'empty'}: "
            f"{' and '.join(existing.environments)} {'is' if len(existing.environments) == 1 else 'are'} on it",
            "create another base with the new domain, or destroy the environments first",
        )
    _check_key(configs, name, _text(existing.outputs, "kms_key_arn"))


def check_environments(builder: JobBuilder, base: str, environments: Iterable[str]) -> None:
    """Check region and hosts of environments against those of their base. Raises RefusedError."""
    found = builder.registry.bases.get(base)
    outputs: Outputs = found.outputs if found else {}
    configs = _configs(builder, Scope.BASE, base)
    region = _text(outputs, "region") or _region(configs)
    domain = _text(outputs, "domain_name") or _configured(configs, "domain_name")
    for name in environments:
        own = _configs(builder, Scope.ENVIRONMENT, name)
        _check_region(own, f"the environment {name}", region, f"its base {base} is in")
        if domain is not None and _has_own_certificate(outputs, configs):
            _check_hosts(name, own, base, domain)


def _check_key(configs: Sequence[StackConfig], name: str, key_arn: str | None) -> None:
    """Refuse to delete the key of a base. Its logs, secrets and cache, and those of its environments, need it."""
    if key_arn is not None and any(str(config.get("encryption_key")).lower() == "false" for config in configs):
        raise RefusedError(
            f"the base {name} cannot lose its key {key_arn}: its logs, secrets and cache, and those of its environments, could "
            "no longer be read",
            "remove `encryption_key: false`, or create another base with it",
        )


def _check_region(configs: Sequence[StackConfig], what: str, region: str | None, reason: str = "it exists in") -> None:
    wanted = _region(configs)
    if region is not None and wanted is not None and wanted != region:
        raise RefusedError(
            f"{what} cannot be in {wanted}: {reason} {region}",
            f"set aws:region to {region}, or create another base in {wanted}: nothing moves between regions",
        )


def _check_hosts(name: str, configs: Sequence[StackConfig], base: str, domain: str) -> None:
    for config in configs:
        for host in sorted(listener_hosts(config, name, domain)):
            if not host_names.covered(host, domain):
                raise RefusedError(
                    f"{name} cannot have the host {host}: the certificate of the base {base} covers {domain} and the names one "
                    "label below it",
                    "choose such a host, or give the base a certificate that covers this one (extra_certificate_arns)",
                )


def _has_own_certificate(outputs: Outputs, configs: Sequence[StackConfig]) -> bool:
    """Whether the base issues its only certificate. A base that exists says so in its outputs."""
    found = outputs.get("own_certificate")
    if outputs:
        return found is not None and found.value is True
    return bool(configs) and not any(
        config.get(key) for config in configs for key in ("certificate_arn", "extra_certificate_arns")
    )


def _configs(builder: JobBuilder, scope: Scope, name: str) -> list[StackConfig]:
    units = [Unit(project.key, name) for project in builder.context.projects(scope)]
    return [builder.configs[unit] for unit in units if unit in builder.configs]


def _configured(configs: Sequence[StackConfig], key: str) -> str | None:
    found = (config.get(key) for config in configs)
    return next((value for value in found if isinstance(value, str) and value), None)


def _region(configs: Sequence[StackConfig]) -> str | None:
    for config in configs:
        region = config.snapshot().wire().get("aws:region")
        if region:
            return region
    return None


def _text(outputs: Outputs, name: str) -> str | None:
    found = outputs.get(name)
    return found.value if found is not None and isinstance(found.value, str) and found.value else None
