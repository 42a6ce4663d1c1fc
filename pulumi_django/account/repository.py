"""Repositories of container images."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from pulumi_django.rules import image_expiry

# https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_CreateRepository.html
REPOSITORY_NAME_LIMIT = 256
REPOSITORY_NAME_RULE = (
    "2 to 256 lower-case letters and digits, in groups joined by single '.', '_', '-' or '/', beginning with a letter"
)
_REPOSITORY_NAME = re.compile(r"[a-z][a-z0-9]*(?:(?:[._/-]|__)[a-z0-9]+)*")


def check_repository_name(name: str) -> str:
    """Return the name. Raises ValueError with the rule for a name that ECR does not allow."""
    if not _REPOSITORY_NAME.fullmatch(name) or not 2 <= len(name) <= REPOSITORY_NAME_LIMIT:
        raise ValueError(f"{name!r} cannot name a repository: a name has {REPOSITORY_NAME_RULE}")
    return name


@dataclass(frozen=True, kw_only=True)
class RepositoryOptions:
    immutable_tags: bool = True
    """Whether a tag always stays with its first image, so that a deployed tag never names another image. A pipeline that moves
    `latest` needs it off."""

    keep_images: int = 100
    """Number of the newest tagged images to keep, 1 to 100000. A rollback needs its image."""

    untagged_days: int = 7
    """Days to keep images without a tag, 1 to 3650."""


@dataclass(frozen=True, kw_only=True)
class ImageRepositoryArgs(RepositoryOptions):
    repository_name: str
    """Name of the repository in ECR, such as `shop-backend`."""

    force_destroy: bool = False
    """Whether deleting the repository deletes its images. Without it a repository with images cannot be deleted."""

    def __post_init__(self) -> None:
        check_repository_name(self.repository_name)
        if not 1 <= self.keep_images <= 100_000:
            raise ValueError(f"keep_images is {self.keep_images}: it must be 1 to 100000")
        if not 1 <= self.untagged_days <= 3650:
            raise ValueError(f"untagged_days is {self.untagged_days}: it must be 1 to 3650")


class ImageRepository(pulumi.ComponentResource):
    """An encrypted ECR repository that scans pushed images and deletes old ones."""

    repository_url: pulumi.Output[str]
    """Name of images without the tag: `<account>.dkr.ecr.<region>.amazonaws.com/<name>`."""

    repository_arn: pulumi.Output[str]
    """ARN of the repository."""

    def __init__(self, name: str, args: ImageRepositoryArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("pulumi-django:account:ImageRepository", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        repository = aws.ecr.Repository(
            name,
            name=args.repository_name,
            image_tag_mutability="IMMUTABLE" if args.immutable_tags else "MUTABLE",
            image_scanning_configuration=aws.ecr.RepositoryImageScanningConfigurationArgs(scan_on_push=True),
            encryption_configurations=[aws.ecr.RepositoryEncryptionConfigurationArgs(encryption_type="AES256")],
            force_delete=args.force_destroy,
            opts=child,
        )
        expiry = image_expiry.policy(keep_images=args.keep_images, untagged_days=args.untagged_days)
        aws.ecr.LifecyclePolicy(f"{name}-expiry", repository=repository.name, policy=expiry, opts=child)
        self.repository_url, self.repository_arn = repository.repository_url, repository.arn
        self.register_outputs({"repository_url": self.repository_url, "repository_arn": self.repository_arn})
