"""What scanners of AWS accounts would find in the simulated stacks is what docs/security.md says, and nothing else."""

from __future__ import annotations

import fnmatch
import functools
import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support import delivery
from tests.support.careless import careless
from tests.support.posture import CHECKS
from tests.support.worlds import WORLDS as STACKS

WORLDS = {**STACKS, "pipeline": delivery.alone}
"""The stacks that are judged: bases with environments, and a delivery pipeline."""

DOCUMENT = Path(__file__).parents[2] / "docs" / "security.md"
ROW = re.compile(r"^\| ([a-z0-9-]+) \| ([a-z, -]+) \| (low|medium|high) \| (.+) \|$", re.MULTILINE)

DJANGO_TASKS = ["*-gunicorn-task", "*-default-task", "*-beat-task", "*-web-ui-task", "*-backend_update-task"]
APP_SECRETS = ["*-secrets", "*-secrets-password"]
ENDPOINTS = ["prod-endpoints-*", "prod-network-s3"]
BASTIONS = {"ad-hoc": ["dev-bastion"], "prod": ["prod-bastion"], "options": ["prod-bastion"]}
CACHE_SECRET = "prod-cache-auth"
STORED = ["prod-assets", "prod-logs"]
OPTION_BUCKETS = [*STORED, "shop-assets", "shop-exec", "shop-site", "shop-static-logs", "shop-www-logs"]

ACCEPTED: Mapping[str, Mapping[str, list[str]]] = {
    "aurora-without-monitoring": {"options": ["prod-database-us-east-1?"]},
    "balancer-deletable": {"ad-hoc": ["dev-alb"]},
    "balancer-without-access-log": {"ad-hoc": ["dev-alb"]},
    "balancer-without-firewall": {"ad-hoc": ["dev-alb"], "prod": ["prod-alb"]},
    "bucket-with-aws-key": {"ad-hoc": ["alpha-assets"], "prod": STORED, "options": OPTION_BUCKETS},
    "bucket-without-access-log": {
        "ad-hoc": ["alpha-assets"],
        "prod": ["prod-logs"],
        "options": [bucket for bucket in OPTION_BUCKETS if bucket != "prod-assets"],
        "pipeline": ["shop-artifacts"],
    },
    "bucket-without-events": {
        "ad-hoc": ["alpha-assets"],
        "prod": STORED,
        "options": OPTION_BUCKETS,
        "pipeline": ["shop-artifacts"],
    },
    "bucket-without-object-lock": {
        "ad-hoc": ["alpha-assets"],
        "prod": STORED,
        "options": OPTION_BUCKETS,
        "pipeline": ["shop-artifacts"],
    },
    "bucket-without-replication": {
        "ad-hoc": ["alpha-assets"],
        "prod": STORED,
        "options": OPTION_BUCKETS,
        "pipeline": ["shop-artifacts"],
    },
    "build-with-all-rights": {"pipeline": ["shop-build"]},
    "certificate-with-wildcard": {
        "ad-hoc": ["dev-certificate"],
        "prod": ["prod-certificate"],
        "options": ["prod-certificate"],
    },
    "cluster-without-insights": {"ad-hoc": ["alpha-cluster"]},
    "container-user-of-the-image": {
        "ad-hoc": DJANGO_TASKS,
        "prod": DJANGO_TASKS,
        "options": [*DJANGO_TASKS, "shop-channels-task", "shop-clean-task"],
    },
    "container-with-writable-root": {
        "ad-hoc": DJANGO_TASKS,
        "prod": DJANGO_TASKS,
        "options": [*DJANGO_TASKS, "shop-channels-task", "shop-clean-task"],
    },
    "data-unprotected": {"ad-hoc": ["dev-database"], "prod": ["prod-cache"], "options": ["prod-cache"]},
    "database-deletable": {"ad-hoc": ["dev-database"]},
    "database-in-one-zone": {"ad-hoc": ["dev-database"]},
    "database-on-usual-port": {"ad-hoc": ["dev-database"], "prod": ["prod-database"], "options": ["prod-database"]},
    "database-with-aws-key": {"ad-hoc": ["dev-database"], "prod": ["prod-database"], "options": ["prod-database"]},
    "database-with-short-backups": {"ad-hoc": ["dev-database"]},
    "database-without-final-snapshot": {"ad-hoc": ["dev-database"]},
    "database-without-monitoring": {"ad-hoc": ["dev-database"]},
    "default-network-acl": {"ad-hoc": ["dev-network"], "prod": ["prod-network"], "options": ["prod-network"]},
    "distribution-without-failover": {"options": ["shop-assets-cdn", "shop-site-cdn"]},
    "distribution-without-firewall": {"options": ["shop-assets-cdn", "shop-site-cdn"]},
    "endpoint-for-every-principal": {"ad-hoc": ["dev-network-s3"], "prod": ENDPOINTS, "options": ENDPOINTS},
    "firewall-without-log": {"options": ["prod-firewall"]},
    "group-lets-out-anywhere": {
        "ad-hoc": ["dev-sg-app-out"],
        "prod": ["prod-sg-app-out"],
        "options": ["prod-sg-app-out"],
    },
    "group-open-to-the-world": {
        world: [f"{base}-sg-alb-http", f"{base}-sg-alb-https"]
        for world, base in (("ad-hoc", "dev"), ("prod", "prod"), ("options", "prod"))
    },
    "iam-any-action": {
        "ad-hoc": ["dev-key"],
        "prod": ["prod-key"],
        "options": ["prod-key"],
        "pipeline": ["shop-key"],
    },
    "iam-escalation": {"pipeline": ["shop-staging", "shop-plan", "shop-production"]},
    "iam-aws-managed-policy": {
        "ad-hoc": ["dev-bastion-ssm"],
        "prod": ["prod-bastion-ssm", "prod-database-monitoring"],
        "options": ["prod-bastion-ssm"],
    },
    "instance-without-monitoring": BASTIONS,
    "policy-for-any-source": {"prod": ["prod-logs-tls"], "options": ["prod-logs-tls", "shop-*-logs-tls"]},
    "queue-with-aws-key": {"options": ["shop-broker-default", "shop-broker-default-dead"]},
    "role-for-any-source": {
        "ad-hoc": ["dev-bastion-role"],
        "prod": ["prod-bastion-role"],
        "options": ["prod-bastion-role", "shop-gunicorn-traffic"],
    },
    "secret-gone-at-once": {"ad-hoc": APP_SECRETS, "prod": [CACHE_SECRET], "options": [CACHE_SECRET]},
    "secret-not-rotated": {
        "ad-hoc": APP_SECRETS,
        "prod": [*APP_SECRETS, CACHE_SECRET],
        "options": [*APP_SECRETS, CACHE_SECRET],
    },
    "shell-in-tasks": {
        "ad-hoc": ["alpha-gunicorn", "alpha-web-ui", "alpha-default", "alpha-beat", "alpha-redis"],
        "options": ["shop-gunicorn", "shop-web-ui", "shop-channels", "shop-default", "shop-beat"],
    },
    "target-without-tls": {
        "ad-hoc": ["alpha-gunicorn", "alpha-web-ui"],
        "prod": ["shop-gunicorn", "shop-web-ui"],
        "options": ["shop-gunicorn", "shop-gunicorn-alternate", "shop-web-ui", "shop-channels"],
    },
    "vpc-without-flow-logs": {"ad-hoc": ["dev-network"]},
}
"""Finding -> world -> names of the resources that have it for a reason, which stands in docs/security.md."""


@functools.cache
def found(world: str) -> dict[str, set[str]]:
    """Finding -> names of the resources, in one world."""
    resources = WORLDS[world]()
    findings = {finding: {resource.name for resource in check(resources)} for finding, check in CHECKS.items()}
    return {finding: names for finding, names in findings.items() if names}


@pytest.mark.parametrize("world", WORLDS)
def test_nothing_is_found_but_what_was_accepted(world: str) -> None:
    surprises = {
        finding: sorted(
            name
            for name in names
            if not any(fnmatch.fnmatch(name, pattern) for pattern in ACCEPTED.get(finding, {}).get(world, []))
        )
        for finding, names in found(world).items()
    }
    assert {finding: names for finding, names in surprises.items() if names} == {}


@pytest.mark.parametrize("world", WORLDS)
def test_nothing_is_accepted_that_is_no_longer_found(world: str) -> None:
    stale = {
        finding: [
            pattern
            for pattern in worlds.get(world, [])
            if not fnmatch.filter(found(world).get(finding, set()), pattern)
        ]
        for finding, worlds in ACCEPTED.items()
    }
    assert {finding: patterns for finding, patterns in stale.items() if patterns} == {}


def test_the_document_gives_a_reason_for_every_accepted_finding_and_for_no_other() -> None:
    rows = {
        finding: set(where.split(", ")) for finding, where, _, _ in ROW.findall(DOCUMENT.read_text(encoding="utf-8"))
    }
    assert rows == {finding: set(worlds) for finding, worlds in ACCEPTED.items()}


def test_the_document_lists_its_findings_in_order_and_once() -> None:
    findings = [finding for finding, *_ in ROW.findall(DOCUMENT.read_text(encoding="utf-8"))]
    assert findings == sorted(set(findings))


CHECKOV_ROW = re.compile(r"^\| (CKV2?_AWS_\d+) \| (\d+) \| (\d+) \| ([a-z0-9-]+) \|$", re.MULTILINE)
CHECKOV_TOTAL = re.compile(
    r"^\| (prod|ad-hoc) \| .+? \| (\d+) of (\d+) \(([\d.]+) %\) \| (\d+) of (\d+) \(([\d.]+) %\) \|$", re.MULTILINE
)
TWO_RULES_IN_ONE = {"group-open-to-the-world": 2}
"""Findings whose checkov counterpart looks at one of several resources: port 80, and not 443."""

BLOCK = ("container-with-writable-root", "balancer-without-firewall")
"""Findings that the hardened block of the document closes."""


BY_BLOCK = ("firewall-without-log",)
"""Findings that the block adds."""

GOALS = {"prod": 96.0, "ad-hoc": 90.0}
"""Percentage of passed checks that each kind reaches with the block."""


def checkov_rows() -> list[tuple[str, int, int, str]]:
    """Check, resources in production, resources in the ad-hoc kind, finding."""
    rows = CHECKOV_ROW.findall(DOCUMENT.read_text(encoding="utf-8"))
    return [(check, int(prod), int(ad_hoc), finding) for check, prod, ad_hoc, finding in rows]


@pytest.mark.parametrize(("world", "column"), [("prod", 1), ("ad-hoc", 2)])
def test_every_remaining_check_of_checkov_has_a_reason_and_as_many_resources_as_the_finding(
    world: str, column: int
) -> None:
    """When this fails, a component has changed what checkov finds: measure again."""
    rows = checkov_rows()
    assert [row[0] for row in rows] == sorted(
        {row[0] for row in rows}, key=lambda check: (check[:4], int(check.split("_")[-1]))
    )
    listed = {row[3]: row[column] * TWO_RULES_IN_ONE.get(row[3], 1) for row in rows if row[column]}
    assert listed == {finding: len(found(world).get(finding, ())) for finding in listed}
    unlisted = {row[3] for row in rows if not row[column]} & found(world).keys()
    assert unlisted == set()


def test_the_figures_of_checkov_follow_from_its_remaining_checks() -> None:
    figures = CHECKOV_TOTAL.findall(DOCUMENT.read_text(encoding="utf-8"))
    assert [row[0] for row in figures] == ["prod", "ad-hoc"]
    for column, (kind, *numbers) in enumerate(figures, 1):
        default, block = ([int(numbers[at]), int(numbers[at + 1]), float(numbers[at + 2])] for at in (0, 3))
        for passed, checks, percent in (default, block):
            assert round(100 * passed / checks, 1) == percent
        failing = {row[3]: int(row[column]) for row in checkov_rows()}
        assert default[1] - default[0] == sum(failing.values())
        assert block[1] - block[0] == sum(failing.values()) - sum(failing[each] for each in BLOCK) + len(BY_BLOCK)
        assert block[2] >= GOALS[kind]


def test_every_check_finds_what_it_is_for() -> None:
    world = careless()
    assert [finding for finding, check in CHECKS.items() if not list(check(world))] == []
