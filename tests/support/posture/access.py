"""IAM, resource policies, keys and secrets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pulumi_django.testing import SimulatedResource
from tests.support.posture.world import Statement, World, check, listed, wrong

# Actions that know no resources, so that `*` is the only one that a policy can name.
# https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
WITHOUT_RESOURCES = {
    "ecr:GetAuthorizationToken",
    "ssmmessages:CreateControlChannel",
    "ssmmessages:CreateDataChannel",
    "ssmmessages:OpenControlChannel",
    "ssmmessages:OpenDataChannel",
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
    "elasticloadbalancing:DescribeListeners",
    "elasticloadbalancing:DescribeRules",
    "elasticloadbalancing:DescribeTargetGroups",
    "elasticloadbalancing:DescribeTargetHealth",
}
ESCALATING = {"iam:CreateAccessKey", "iam:PutRolePolicy", "iam:AttachRolePolicy", "sts:AssumeRole"}
SOURCES = ("sourcearn", "sourceaccount", "encryptioncontext")


def is_identity_policy(resource: SimulatedResource) -> bool:
    return resource.type.startswith("aws:iam/")


def allowed(world: World) -> Iterator[tuple[SimulatedResource, Statement]]:
    return ((resource, statement) for resource, statement in world.statements() if statement["Effect"] == "Allow")


@check("iam-any-action")
def any_action(world: World) -> Iterator[SimulatedResource]:
    for resource, statement in allowed(world):
        if any("*" in action for action in listed(statement.get("Action", "*"))):
            yield resource


@check("iam-any-resource")
def any_resource(world: World) -> Iterator[SimulatedResource]:
    for resource, statement in allowed(world):
        needless = not {*listed(statement.get("Action"))} <= WITHOUT_RESOURCES
        if is_identity_policy(resource) and "*" in listed(statement.get("Resource")) and needless:
            yield resource


@check("iam-any-key")
def any_key(world: World) -> Iterator[SimulatedResource]:
    for resource, statement in allowed(world):
        decrypts = any(str(action).startswith("kms:") for action in listed(statement.get("Action")))
        if (
            is_identity_policy(resource)
            and decrypts
            and any("key/*" in str(r) or r == "*" for r in listed(statement["Resource"]))
        ):
            yield resource


@check("iam-escalation")
def escalation(world: World) -> Iterator[SimulatedResource]:
    for resource, statement in allowed(world):
        actions = {*listed(statement.get("Action"))}
        passes = "iam:PassRole" in actions and "iam:PassedToService" not in str(statement.get("Condition"))
        if is_identity_policy(resource) and (passes or actions & ESCALATING):
            yield resource


@check("iam-foreign-trust")
def foreign_trust(world: World) -> Iterator[SimulatedResource]:
    for resource, statement in world.statements(trust=True):
        if {*statement["Principal"]} - {"Service"}:
            yield resource


@check("role-for-any-source")
def role_for_any_source(world: World) -> Iterator[SimulatedResource]:
    """A service may be made to take the role for somebody else's resource (the confused deputy)."""
    for resource, statement in world.statements(trust=True):
        conditions = str(statement.get("Condition", "")).lower()
        if not any(source in conditions for source in SOURCES):
            yield resource


@check("iam-aws-managed-policy")
def managed_policy(world: World) -> Iterator[SimulatedResource]:
    for attachment in world.all("aws:iam:RolePolicyAttachment"):
        if str(attachment.inputs["policyArn"]).startswith("arn:aws:iam::aws:policy/"):
            yield attachment


@check("iam-user")
def users(world: World) -> Iterator[SimulatedResource]:
    for kind in ("User", "AccessKey", "UserPolicy", "UserLoginProfile"):
        yield from world.all(f"aws:iam:{kind}")


@check("policy-for-anybody")
def anybody(world: World) -> Iterator[SimulatedResource]:
    for resource, statement in allowed(world):
        if not is_identity_policy(resource) and statement.get("Principal") in ("*", {"AWS": "*"}):
            yield resource


@check("policy-for-any-source")
def any_source(world: World) -> Iterator[SimulatedResource]:
    """A service may be made to act for somebody else's resource unless the policy names whose it is."""
    for resource, statement in allowed(world):
        principal: Any = statement.get("Principal")
        if is_identity_policy(resource) or not isinstance(principal, dict) or "Service" not in principal:
            continue
        conditions = str(statement.get("Condition", "")).lower()
        if not any(source in conditions for source in SOURCES):
            yield resource


wrong("key-not-rotated", "aws:kms:Key", lambda key: not key.get("enableKeyRotation"))
wrong("key-gone-soon", "aws:kms:Key", lambda key: key.get("deletionWindowInDays", 30) < 30)
wrong("secret-with-aws-key", "aws:secretsmanager:Secret", lambda secret: not secret.get("kmsKeyId"))
wrong("secret-gone-at-once", "aws:secretsmanager:Secret", lambda secret: secret.get("recoveryWindowInDays") == 0)
wrong(
    "parameter-in-plain",
    "aws:ssm:Parameter",
    lambda parameter: any(word in parameter["name"].upper() for word in ("PASSWORD", "SECRET_KEY", "TOKEN")),
)


@check("secret-not-rotated")
def not_rotated(world: World) -> Iterator[SimulatedResource]:
    for secret in world.all("aws:secretsmanager:Secret"):
        if not world.attached("aws:secretsmanager:SecretRotation", secret, "secretId"):
            yield secret


@check("secret-in-plain-input")
def secret_in_plain(world: World) -> Iterator[SimulatedResource]:
    """A generated password that stands in an input which the state does not encrypt."""
    passwords = [str(made.outputs["result"]) for made in world.all("random:index:RandomPassword")]
    for resource in world.resources:
        for name, value in resource.inputs.items():
            encrypted = any(path.split(".")[0].split("[")[0] == name for path in resource.secret_inputs)
            if not encrypted and any(password in str(value) for password in passwords):
                yield resource
