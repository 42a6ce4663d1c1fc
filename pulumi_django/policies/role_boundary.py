"""A permissions boundary on every role of a stack, for pipelines that can create roles only with it."""

from __future__ import annotations

import re

import pulumi

_POLICY = re.compile(r"arn:aws[a-z-]*:iam::[0-9]{12}:policy(?P<path>/(?:[\w+=,.@/-]*/)?)[\w+=,.@-]+", re.ASCII)
_ROLE, _PROFILE = "aws:iam/role:Role", "aws:iam/instanceProfile:InstanceProfile"


def check_boundary_arn(arn: str) -> str:
    """Return the ARN. Raises ValueError for text that is no ARN of an IAM policy."""
    if not _POLICY.fullmatch(arn):
        raise ValueError(
            f"permissions_boundary is {arn!r}: it must be the ARN of an IAM policy, such as "
            "'arn:aws:iam::123456789012:policy/pulumi-django/pulumi-django-deploy-boundary'"
        )
    return arn


def permissions_boundary(arn: str) -> pulumi.ResourceTransformation:
    """Return a transformation that sets the boundary `arn` on every IAM role, and its path on roles and instance profiles.

    It keeps a boundary or path that a resource has already. Pass it in the options of the components:
    `ResourceOptions(transformations=[permissions_boundary(arn)])`. IAM cannot change the path of a role, so existing roles are
    replaced.
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
