"""Who may take a role by GitHub's OIDC: subjects of workflow tokens. Pure."""

from __future__ import annotations

import re

# https://docs.github.com/actions/reference/openid-connect-reference: repo:OWNER/REPOSITORY:WHAT; newer organizations have
# `@<id>` after both names.
_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?(?:@[0-9]+)?"
_SUBJECT = re.compile(rf"repo:{_NAME}/{_NAME}:(?P<what>.+)")
_WHAT = re.compile(r"pull_request|ref:refs/(heads|tags)/\S+|environment:\S.*")
RULE = "'repo:OWNER/REPOSITORY:' and then 'environment:NAME', 'ref:refs/heads/BRANCH', 'ref:refs/tags/TAG' or 'pull_request'"


def check_subject(subject: str) -> str:
    """The subject itself; ValueError when it is none, or stands for more than one."""
    if any(wildcard in subject for wildcard in "*?"):
        raise ValueError(
            f"subjects has {subject!r}: a wildcard lets workflows take the role that are not named; write each subject out, "
            f"as in {RULE}"
        )
    match = _SUBJECT.fullmatch(subject)
    if not match or not _WHAT.fullmatch(match["what"]):
        raise ValueError(f"subjects has {subject!r}: a subject is {RULE}")
    return subject
