"""The policy evaluator decides as AWS documents."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.iam_policies import Request, allows


def statement(
    effect: str = "Allow", action: str = "s3:GetObject", resource: str = "*", **condition: Any
) -> dict[str, Any]:
    return {"Effect": effect, "Action": action, "Resource": resource, **({"Condition": condition} if condition else {})}


def read(**context: Any) -> Request:
    return Request(
        "s3:GetObject", "arn:aws:s3:::a/b", {key.replace("__", ":"): value for key, value in context.items()}
    )


def test_nothing_is_allowed_that_no_statement_allows_and_a_denial_wins() -> None:
    assert not allows([], read())
    assert allows([statement()], read())
    assert not allows([statement(), statement("Deny", "s3:*")], read())


def test_a_boundary_limits_and_gives_nothing() -> None:
    assert allows([statement()], read(), [statement(action="s3:*")])
    assert not allows([statement()], read(), [statement(action="ec2:*")])
    assert not allows([], read(), [statement(action="*")])


@pytest.mark.parametrize(
    ("pattern", "allowed"),
    [("arn:aws:s3:::a/*", True), ("arn:aws:s3:::?/b", True), ("arn:aws:s3:::b/*", False), ("arn:aws:*:::a/b", True)],
)
def test_resources_are_compared_part_by_part(pattern: str, allowed: bool) -> None:
    assert allows([statement(resource=pattern)], read()) is allowed


@pytest.mark.parametrize(
    ("operator", "wanted", "context", "allowed"),
    [
        ("StringEquals", "x", {"k": "x"}, True),
        ("StringEquals", "x", {"k": "X"}, False),
        ("StringEquals", "x", {}, False),
        ("StringEquals", ["x", "y"], {"k": "y"}, True),
        ("StringEqualsIfExists", "x", {}, True),
        ("StringNotEquals", "x", {}, True),
        ("StringNotEquals", ["x", "y"], {"k": "y"}, False),
        ("StringLike", "x*", {"k": "xyz"}, True),
        ("StringEquals", "x*", {"k": "xyz"}, False),
        ("Bool", "true", {"k": "True"}, True),
        ("Null", "true", {}, True),
        ("Null", "true", {"k": "x"}, False),
        ("ForAllValues:StringEquals", ["x", "y"], {"k": ["x", "z"]}, False),
        ("ForAllValues:StringEquals", ["x", "y"], {}, True),
        ("ForAnyValue:StringEquals", ["x", "y"], {"k": ["x", "z"]}, True),
        ("ForAnyValue:StringEquals", ["x", "y"], {}, False),
    ],
)
def test_a_condition_is_evaluated_as_iam_does(
    operator: str, wanted: Any, context: dict[str, Any], allowed: bool
) -> None:
    assert allows([statement(**{operator: {"k": wanted}})], read(**context)) is allowed


def test_every_condition_of_a_statement_must_hold() -> None:
    both = statement(StringEquals={"a": "1", "b": "2"})
    assert allows([both], read(a="1", b="2"))
    assert not allows([both], read(a="1"))


@pytest.mark.parametrize(
    "unknown",
    [
        {"Effect": "Allow", "NotAction": "s3:*", "Resource": "*"},
        statement(resource="arn:aws:s3:::${aws:username}/*"),
    ],
)
def test_what_it_does_not_know_is_refused_loudly(unknown: dict[str, Any]) -> None:
    with pytest.raises(AssertionError, match="the evaluator does not know"):
        allows([unknown], read())
