"""Pipelines and builds."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tests.support.posture.world import wrong

SECRET_NAME = re.compile(r"(PASSWORD|SECRET|TOKEN|API_KEY|PRIVATE_KEY|PASSPHRASE)")


def _plain_secrets(project: Mapping[str, Any]) -> list[str]:
    variables = project["environment"].get("environmentVariables") or ()
    return [v["name"] for v in variables if v.get("type", "PLAINTEXT") == "PLAINTEXT" and SECRET_NAME.search(v["name"])]


wrong("build-with-plain-secret", "aws:codebuild:Project", _plain_secrets)
wrong("build-with-all-rights", "aws:codebuild:Project", lambda project: project["environment"].get("privilegedMode"))
wrong("build-with-aws-key", "aws:codebuild:Project", lambda project: not project.get("encryptionKey"))
wrong("build-without-log", "aws:codebuild:Project", lambda project: not project.get("logsConfig"))
wrong(
    "pipeline-with-aws-key",
    "aws:codepipeline:Pipeline",
    lambda pipeline: not all(store.get("encryptionKey") for store in pipeline["artifactStores"]),
)
wrong(
    "pipeline-without-approval",
    "aws:codepipeline:Pipeline",
    lambda pipeline: (
        not any(action["category"] == "Approval" for stage in pipeline["stages"] for action in stage["actions"])
    ),
)
