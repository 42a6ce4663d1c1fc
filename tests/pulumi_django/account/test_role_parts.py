"""Subjects of workflows that can assume the deploy role."""

from __future__ import annotations

import pytest

from pulumi_django.account.role_parts import RULE, check_subject


@pytest.mark.parametrize(
    "subject",
    [
        "repo:example/shop:environment:production",
        "repo:example/shop:ref:refs/heads/main",
        "repo:example/shop:pull_request",
        "repo:my-org/my.repo_1:pull_request",
        "repo:example@123456/shop@456789:ref:refs/heads/main",
    ],
)
def test_a_subject_that_names_one_repository_is_taken(subject: str) -> None:
    assert check_subject(subject) == subject


@pytest.mark.parametrize(
    "subject",
    [
        "*",
        "repo:*",
        "repo:*:*",
        "repo:*/*:*",
        "repo:example/*",
        "repo:example/*:*",
        "repo:example/*:ref:refs/heads/main",
        "repo:example*/shop:pull_request",
        "repo:example/shop*:pull_request",
        "repo:example/shop?:pull_request",
        "repo:example/shop:*",
        "repo:example/shop:environment:*",
        "repo:example/shop:ref:refs/heads/release/*",
        "repo:example/shop:ref:refs/tags/v?",
    ],
)
def test_a_subject_with_a_wildcard_is_refused(subject: str) -> None:
    with pytest.raises(ValueError, match="a wildcard would let further workflows assume the role") as refused:
        check_subject(subject)
    assert str(refused.value) == (
        f"subjects has {subject!r}: a wildcard would let further workflows assume the role; write each subject in full, "
        f"as {RULE}"
    )


@pytest.mark.parametrize(
    "subject",
    [
        "",
        "example/shop",
        "repo:example",
        "repo:example/shop",
        "repo:example/shop:",
        "repo:example/shop:refs/heads/main",
    ],
)
def test_what_is_no_subject_is_refused(subject: str) -> None:
    with pytest.raises(ValueError, match="a subject is") as refused:
        check_subject(subject)
    assert str(refused.value) == f"subjects has {subject!r}: a subject is {RULE}"
