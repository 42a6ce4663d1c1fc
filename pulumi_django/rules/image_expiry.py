"""The images that a repository keeps, as a life cycle policy of ECR. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

KEEP_IMAGES = 100
"""Number of the newest tagged images that are kept by default."""

UNTAGGED_DAYS = 7
"""Days for which images without a tag are kept by default."""


def policy(*, keep_images: int, untagged_days: int) -> str:
    """The policy. https://docs.aws.amazon.com/AmazonECR/latest/userguide/LifecyclePolicies.html"""
    untagged = {
        "tagStatus": "untagged",
        "countType": "sinceImagePushed",
        "countUnit": "days",
        "countNumber": untagged_days,
    }
    tagged = {
        "tagStatus": "tagged",
        "tagPatternList": ["*"],
        "countType": "imageCountMoreThan",
        "countNumber": keep_images,
    }
    rules = [_rule(1, "images without a tag", untagged), _rule(2, "old images", tagged)]
    return json.dumps({"rules": rules})


def _rule(priority: int, description: str, selection: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "rulePriority": priority,
        "description": description,
        "selection": selection,
        "action": {"type": "expire"},
    }
