"""Decides requests by IAM policies as AWS does: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html

Identity policies and a permissions boundary, `Allow` and `Deny`, wildcards, conditions with their set operators. What it does
not know (`NotAction`, dates, numbers, policy variables) it refuses loudly, so that no policy is judged by a part of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Statement = Mapping[str, Any]
_KNOWN = {"Sid", "Effect", "Action", "Resource", "Condition"}


@dataclass(frozen=True)
class Request:
    """One action on one resource."""

    action: str
    resource: str
    context: Mapping[str, str | Sequence[str]] = field(default_factory=dict[str, str | Sequence[str]])
    """Condition key -> value, or values of a key that has several."""


def allows(identity: Sequence[Statement], request: Request, boundary: Sequence[Statement] | None = None) -> bool:
    """Whether the identity's policies, and its boundary when it has one, allow the request."""
    layers = [identity, *([boundary] if boundary is not None else [])]
    if any(_applies(statement, request) for layer in layers for statement in layer if statement["Effect"] == "Deny"):
        return False
    return all(
        any(_applies(statement, request) for statement in layer if statement["Effect"] == "Allow") for layer in layers
    )


def _applies(statement: Statement, request: Request) -> bool:
    unknown = {*statement} - _KNOWN
    assert not unknown, f"the evaluator does not know {sorted(unknown)}"
    assert statement["Effect"] in ("Allow", "Deny")
    return (
        any(like(action.lower(), request.action.lower()) for action in listed(statement["Action"]))
        and any(_same_arn(pattern, request.resource) for pattern in listed(statement["Resource"]))
        and all(
            _holds(operator, key, listed(wanted), request)
            for operator, tests in statement.get("Condition", {}).items()
            for key, wanted in tests.items()
        )
    )


def _holds(operator: str, key: str, wanted: Sequence[str], request: Request) -> bool:
    quantifier, _, name = operator.rpartition(":")
    optional = name.endswith("IfExists")
    name = name.removesuffix("IfExists")
    context = {known.lower(): listed(value) for known, value in request.context.items()}
    given = context.get(key.lower())
    if name == "Null":
        return (given is None) is (wanted[0] == "true")
    test, negated = OPERATORS[name]
    if given is None:
        # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html
        return optional or negated or quantifier == "ForAllValues"
    matches = [any(test(pattern, value) for pattern in wanted) is not negated for value in given]
    if quantifier == "":
        assert len(given) == 1, f"{key} has several values: {operator} needs ForAllValues or ForAnyValue"
    return all(matches) if quantifier == "ForAllValues" else any(matches)


def like(pattern: str, value: str) -> bool:
    """Whether `value` is `pattern`, in which `*` and `?` stand for anything."""
    assert "${" not in pattern, f"the evaluator does not know policy variables: {pattern}"
    parts = (".*" if c == "*" else "." if c == "?" else re.escape(c) for c in pattern)
    return re.fullmatch("".join(parts), value, re.DOTALL) is not None


def _equal(pattern: str, value: str) -> bool:
    return pattern == value


def _equal_in_any_case(pattern: str, value: str) -> bool:
    return pattern.lower() == value.lower()


def _same_arn(pattern: str, value: str) -> bool:
    """A wildcard does not reach over the parts of an ARN, except in the last."""
    if pattern == "*" or not pattern.startswith("arn:"):
        return like(pattern, value)
    parts, values = pattern.split(":", 5), value.split(":", 5)
    return len(parts) == len(values) and all(like(p, v) for p, v in zip(parts, values, strict=True))


OPERATORS: Mapping[str, tuple[Callable[[str, str], bool], bool]] = {
    "StringEquals": (_equal, False),
    "StringNotEquals": (_equal, True),
    "StringLike": (like, False),
    "StringNotLike": (like, True),
    "ArnEquals": (_same_arn, False),
    "ArnLike": (_same_arn, False),
    "ArnNotLike": (_same_arn, True),
    "Bool": (_equal_in_any_case, False),
}
"""Operator -> its test of one wanted and one given value, and whether it is negated."""


def listed(value: Any) -> list[Any]:
    """A policy's value, which may stand alone or in a list."""
    return [value] if isinstance(value, str) else list(value)
