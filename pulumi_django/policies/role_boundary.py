"""A permissions boundary on every role of a stack, for pipelines that may make roles only with it."""

from __future__ import annotations

import re

import pulumi

_POLICY = re.compile(r"arn:aws[a-z-]*:iam::[0-9]{12}:policy(?P<path>/(?:[\w+=,.@/-]*/)?)[\w+=,.@-]+", re.ASCII)
_ROLE, _PROFILE = "aws:iam/role:Role", "aws:iam/instanceProfile:InstanceProfile"


def check_boundary_arn(arn: str) -> str:
    """The ARN itself; ValueError when it names no IAM policy."""
    if not _POLICY.fullmatch(arn):
        raise ValueError(
            f"permissions_boundary is {arn!r}: it is the ARN of an IAM policy, such as "
            "'arn:aws:iam::123456789012:policy/pulumi-django/pulumi-django-deploy-boundary'"
        )
    return arn


def permissions_boundary(arn: str) -> pulumi.ResourceTransformation:
    """A transformation that gives every IAM role the boundary `arn`, and roles and instance profiles the path of that
    policy. A boundary or a path of the resource's own stays.

    It goes into the options of what the program makes: `ResourceOptions(transformations=[permissions_boundary(arn)])`. IAM
    cannot move a role to another path, so roles that exist already are replaced.
    """
    matched = _POLICY.fullmatch(check_boundary_arn(arn))
    path = matched["path"] if matched else "/"

    def bounded(args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult | None:
        if args.type_ not in (_ROLE, _PROFILE):
            return None
        wanted = {"path": path, **({"permissions_boundary": arn} if args.type_ == _ROLE else {})}
        given = {key: value for key, value in args.props.items() if value is not None}
        return pulumi.ResourceTransformationResult({**args.props, **wanted, **given}, args.opts)

    return bounded
