"""The rules of AWS's pipelines for the values of arguments, each with its source. Pure.

Each check raises ValueError that names the argument, the value and the allowed values. Outputs are not checked.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from pulumi_django.rules import aws_rules
from pulumi_django.rules.text import as_written

# A connection has the name of its pipeline. https://docs.aws.amazon.com/codeconnections/latest/APIReference/API_CreateConnection.html
NAME_LIMIT = 32
_NAME = re.compile(r"[a-z](?:[a-z0-9-]*[a-z0-9])?", re.ASCII)
# https://docs.aws.amazon.com/codepipeline/latest/userguide/action-reference-CodestarConnectionSource.html: FullRepositoryId;
# projects of GitLab can be in groups of groups.
_REPOSITORY = re.compile(r"[A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.-]+)+", re.ASCII)
# https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_GitBranchFilterCriteria.html and
# https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_GitFilePathFilterCriteria.html
PATTERN_LIMIT = 255
MOST_PATTERNS = 8
# https://git-scm.com/docs/git-check-ref-format; the signs of glob patterns would let further branches deploy.
# https://docs.aws.amazon.com/codepipeline/latest/userguide/syntax-glob.html
_NOT_IN_BRANCHES = re.compile(r"[\x00-\x20\x7f~^:?*\[\]{},\\]|\.\.|@\{|//|^[/.-]|[/.]$|\.lock$")
# https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_ActionDeclaration.html: timeoutInMinutes, 5 to 86400
MOST_APPROVAL_HOURS = 1440
# https://docs.aws.amazon.com/codebuild/latest/APIReference/API_CreateProject.html: timeoutInMinutes
BUILD_MINUTES = (5, 2160)
# https://docs.aws.amazon.com/codeconnections/latest/APIReference/API_Connection.html
_CONNECTION = re.compile(
    r"arn:aws[a-z-]*:(?:codeconnections|codestar-connections):[a-z0-9-]+:[0-9]{12}:connection/[a-f0-9-]{36}", re.ASCII
)
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-arns
_ROLE = re.compile(r"arn:aws[a-z-]*:iam::[0-9]{12}:role/[\w+=,.@/-]+", re.ASCII)
# https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_Repository.html
_IMAGES = re.compile(r"arn:aws[a-z-]*:ecr:[a-z0-9-]+:[0-9]{12}:repository/[a-z0-9._/-]+", re.ASCII)
# https://docs.aws.amazon.com/chatbot/latest/adminguide/chatbot-cli-commands.html
_CHAT = re.compile(r"arn:aws[a-z-]*:chatbot::[0-9]{12}:chat-configuration/[\w/-]+", re.ASCII)
_FOLDER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_. -]*(?:/[A-Za-z0-9_][A-Za-z0-9_. -]*)*", re.ASCII)
_IMAGE_NAME = re.compile(r"[a-z][a-z0-9_-]*", re.ASCII)
# https://packaging.python.org/en/latest/specifications/dependency-specifiers
_REQUIREMENT = re.compile(r"[A-Za-z0-9][^\x00-\x1f]*", re.ASCII)
_VERSION = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+", re.ASCII)
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
# https://docs.aws.amazon.com/codebuild/latest/userguide/build-env-ref-env-vars.html: CodeBuild's own variables. The others
# are set by the pipeline.
_RESERVED = re.compile(
    r"CODEBUILD_.*|AWS_(?:PROFILE|CONFIG_FILE|REGION|DEFAULT_REGION)|ORCHESTRATOR_PROJECT_DIR|PULUMI_BACKEND_URL"
)


def check_name(name: str) -> str:
    """Return the name of a pipeline, which its projects and roles begin with."""
    if not _NAME.fullmatch(name) or len(name) > NAME_LIMIT:
        raise ValueError(
            f"{name!r} cannot name a pipeline: a name has 1 to {NAME_LIMIT} lower-case letters, digits and hyphens, beginning "
            "with a letter and not ending with a hyphen"
        )
    return name


def check_repository(argument: str, repository: str) -> None:
    """Check the full name of a repository."""
    if not _REPOSITORY.fullmatch(repository):
        raise ValueError(f"{argument} is {repository!r}: write the owner and the name, such as 'acme/shop'")


def check_branch(argument: str, branch: str) -> None:
    """Check the name of one branch."""
    if not branch or _NOT_IN_BRANCHES.search(branch):
        raise ValueError(
            f"{argument} is {branch!r}: it must be the name of one branch, such as 'main', without patterns"
        )
    if len(branch) > PATTERN_LIMIT:
        raise ValueError(f"{argument} has {len(branch)} characters: CodePipeline allows {PATTERN_LIMIT}")


def check_file_paths(argument: str, patterns: Sequence[str]) -> None:
    """Check patterns of files, which are relative to the repository."""
    if isinstance(patterns, str):
        raise ValueError(f"{argument} is {as_written(patterns)}: it must be a list of patterns")
    if len(patterns) > MOST_PATTERNS:
        raise ValueError(f"{argument} has {len(patterns)} patterns: CodePipeline allows {MOST_PATTERNS}")
    for pattern in patterns:
        if not pattern or pattern.startswith(("/", "./")) or len(pattern) > PATTERN_LIMIT:
            raise ValueError(
                f"{argument} has {pattern!r}: write a path in the repository of at most {PATTERN_LIMIT} characters, such as "
                "'backend/**'"
            )


def check_folder(argument: str, folder: str) -> None:
    """Check a folder in the repository; `.` is the repository itself."""
    if folder != "." and (not _FOLDER.fullmatch(folder) or ".." in folder.split("/")):
        raise ValueError(f"{argument} is {folder!r}: write a folder in the repository, such as 'infrastructure' or '.'")


def check_images(argument: str, names: Iterable[str]) -> None:
    """Check names of `[images]`."""
    for name in names:
        if not _IMAGE_NAME.fullmatch(name):
            raise ValueError(
                f"{argument} has {name!r}: write a name of [images] in orchestrator.toml, such as 'backend'"
            )


def check_approval_hours(argument: str, hours: int) -> None:
    """Check the time within which an approval must come."""
    if not 1 <= hours <= MOST_APPROVAL_HOURS:
        raise ValueError(f"{argument} is {aws_rules.shown(hours)}: it must be 1 to {MOST_APPROVAL_HOURS} (60 days)")


def check_minutes(argument: str, minutes: int) -> None:
    """Check the longest time of a build."""
    low, high = BUILD_MINUTES
    if not low <= minutes <= high:
        raise ValueError(f"{argument} is {aws_rules.shown(minutes)}: CodeBuild allows {low} to {high}")


def check_connection_arn(argument: str, arn: object) -> None:
    """Check the ARN of a connection."""
    _check_arn(
        argument,
        arn,
        _CONNECTION,
        "arn:aws:codeconnections:eu-west-1:123456789012:connection/1234abcd-12ab-34cd-56ef-1234567890ab",
    )


def check_role_arn(argument: str, arn: object) -> None:
    """Check the ARN of an IAM role."""
    _check_arn(argument, arn, _ROLE, "arn:aws:iam::123456789012:role/pulumi-django-deploy")


def check_repository_arns(argument: str, arns: Sequence[object]) -> None:
    """Check ARNs of image repositories. A pipeline needs at least one."""
    if isinstance(arns, str) or not arns:
        raise ValueError(
            f"{argument} is {as_written(arns)}: it must be a list with at least one ARN of a repository in ECR"
        )
    for arn in arns:
        _check_arn(argument, arn, _IMAGES, "arn:aws:ecr:eu-west-1:123456789012:repository/shop-backend")


def check_chat_arns(argument: str, arns: Sequence[object]) -> None:
    """Check ARNs of channels of Amazon Q Developer in chat applications."""
    for arn in arns:
        _check_arn(argument, arn, _CHAT, "arn:aws:chatbot::123456789012:chat-configuration/slack-channel/deploys")


def check_backend_url(argument: str, url: object) -> None:
    """Check the address of Pulumi's state, which must outlive a build."""
    if isinstance(url, str) and not re.fullmatch(r"(?:s3|https)://[^\s/?]+\S*", url):
        raise ValueError(
            f"{argument} is {url!r}: write the output `backend_url` of the bootstrap ('s3://...') or the address of Pulumi Cloud "
            "('https://...'); files of a build are lost with it"
        )


def check_requirement(argument: str, requirement: str | None) -> None:
    """Check a requirement for pip; None is the default."""
    if requirement is not None and not _REQUIREMENT.fullmatch(requirement):
        raise ValueError(f"{argument} is {requirement!r}: write a requirement for pip, such as 'pulumi-django==1.2.0'")


def check_pulumi(version: str | None, sha256: str | None) -> None:
    """Check the version of the Pulumi CLI and the hash of its archive."""
    if version is not None and not _VERSION.fullmatch(version):
        raise ValueError(f"pulumi_version is {version!r}: write a version such as '3.200.0'")
    if sha256 is not None and not _SHA256.fullmatch(sha256):
        raise ValueError(f"pulumi_sha256 is {sha256!r}: it must have 64 hexadecimal digits in lower case")
    if sha256 is not None and version is None:
        raise ValueError("pulumi_sha256 needs pulumi_version, because each version has another hash")


def check_secret_variables(argument: str, names: Iterable[str]) -> None:
    """Check names of variables that a build gets."""
    names = list(names)
    aws_rules.check_variables(argument, names)
    for name in names:
        if _RESERVED.fullmatch(name):
            raise ValueError(f"{argument} has the variable {name!r}: CodeBuild or the pipeline sets it")


def _check_arn(argument: str, arn: object, rule: re.Pattern[str], example: str) -> None:
    if isinstance(arn, str) and not rule.fullmatch(arn):
        raise ValueError(f"{argument} has {arn!r}: it must be written like {example!r}")
