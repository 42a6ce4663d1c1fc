"""The commands of a delivery pipeline, as buildspecs of CodeBuild: the same commands as in the files of `orchestrator ci init`.

https://docs.aws.amazon.com/codebuild/latest/userguide/build-spec-ref.html. Values reach the commands as variables, never as
text of the commands. Pure.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal

Task = Literal["build", "staging", "plan", "production"]
"""Name of a project, and of the action that starts it."""

Architecture = Literal["X86_64", "ARM64"]

# Keys of artifacts contain the first characters of these names, so policies can distinguish them.
SOURCE, IMAGES, PLAN = "Source", "Images", "Plan"
INPUTS: Mapping[Task, Sequence[str]] = {
    "build": [SOURCE],
    "staging": [SOURCE, IMAGES],
    "plan": [SOURCE, IMAGES],
    "production": [SOURCE, PLAN],
}
"""Artifacts that a project reads."""

OUTPUT: Mapping[Task, str] = {"build": IMAGES, "plan": PLAN}
"""Artifact that a project writes. The build of images, which runs code of Dockerfiles, cannot write the plan."""

PROFILE = "deploy"
PROFILE_FILE = "/tmp/deploy-role"
"""File with the profile by which `orchestrator` assumes the stage's role."""

WAIT = "30m"
"""Time to wait for another operation on the same stack, as in the pipelines of `ci init`."""

_ARCHIVES: Mapping[Architecture, str] = {"X86_64": "linux-x64", "ARM64": "linux-arm64"}
_PYTHON = "3.12"
# https://docs.aws.amazon.com/sdkref/latest/guide/feature-assume-role-credentials.html: EcsContainer are the credentials of the
# build, which SDKs renew, so that a role assumed by them outlives the hour of a chained session.
_ASSUME = (
    f"printf '[profile {PROFILE}]\\nrole_arn = %s\\ncredential_source = EcsContainer\\n' \"$DEPLOY_ROLE_ARN\" "
    '> "$AWS_CONFIG_FILE"'
)
_LOGIN = """printf '%s' "$DOCKER_HUB_PASSWORD" | docker login --username "$DOCKER_HUB_USERNAME" --password-stdin"""
_GIT = 'git config --global --add safe.directory "$CODEBUILD_SRC_DIR"'
_PIP = 'python3 -m pip install --quiet "$ORCHESTRATOR_PACKAGE"'
_CHECK = """echo "$PULUMI_SHA256  /tmp/pulumi.tar.gz" | sha256sum --check --quiet"""
_LINES = (
    'python3 -c \'import json; [print(image["name"] + "=" + image["reference"]) for image in '
    'json.load(open("/tmp/built.json"))["images"]]\' > /tmp/images/images.txt'
)
_READ = f'mapfile -t images < "$CODEBUILD_SRC_DIR_{IMAGES}/images.txt"'
_GIVEN = '"${images[@]/#/--image=}"'
_LOG = 'export PLAN_LOG="$CONSOLE/build/${CODEBUILD_BUILD_ID/:/%3A}/"'


def buildspec(
    task: Task,
    *,
    architecture: Architecture = "X86_64",
    own_image: bool = False,
    checked: bool = False,
    commands: Sequence[str] = (),
    images: Sequence[str] = (),
    docker_hub: bool = False,
    privileged: bool = True,
    allow_prod: bool = False,
) -> str:
    """Return the buildspec of a project as JSON, which is YAML too.

    `own_image` is not AWS's, `checked` compares the hash of the Pulumi CLI, and `commands` run before `orchestrator`.
    """
    phases = {"install": _install(task, architecture, own_image=own_image, checked=checked, commands=commands)}
    document: dict[str, Any] = {"version": 0.2, "env": {"shell": "bash"}, "phases": phases}
    match task:
        case "build":
            phases["build"] = {"commands": _build(images, docker_hub=docker_hub, privileged=privileged)}
            document["artifacts"] = _files("/tmp/images")
        case "staging":
            prod = " --allow-prod" if allow_prod else ""
            deploy = f'{_READ} && orchestrator deploy "$ENVIRONMENT" {_GIVEN} --smoke --wait {WAIT}{prod}'
            phases["build"] = {"commands": [deploy]}
        case "plan":
            document["env"]["exported-variables"] = ["PLAN_LOG"]
            preview = (
                f'{_READ} && orchestrator preview-env "$ENVIRONMENT" {_GIVEN} --allow-prod --save-plan /tmp/plan '
                "--format markdown"
            )
            phases["build"] = {"commands": [preview, _LOG]}
            document["artifacts"] = _files("/tmp/plan")
        case "production":
            apply = f'orchestrator apply "$CODEBUILD_SRC_DIR_{PLAN}" --allow-prod --wait {WAIT}'
            phases["build"] = {"commands": [apply, 'orchestrator smoke "$ENVIRONMENT" --patience 3m']}
    return json.dumps(document, indent=2)


def _files(folder: str) -> dict[str, Any]:
    return {"base-directory": folder, "files": ["**/*"]}


def _install(
    task: Task, architecture: Architecture, *, own_image: bool, checked: bool, commands: Sequence[str]
) -> dict[str, Any]:
    # The build of images reads no state, so it needs neither a role nor the CLI.
    profile = [] if task == "build" else [_ASSUME]
    cli = [] if task == "build" else _pulumi(architecture, checked=checked)
    versions = {} if own_image else {"runtime-versions": {"python": _PYTHON}}
    return {**versions, "commands": [_GIT, *profile, _PIP, *cli, *commands]}


def _pulumi(architecture: Architecture, *, checked: bool) -> list[str]:
    url = f"https://get.pulumi.com/releases/sdk/pulumi-v$PULUMI_VERSION-{_ARCHIVES[architecture]}.tar.gz"
    fetch = f'curl --fail --silent --show-error --location --retry 3 --output /tmp/pulumi.tar.gz "{url}"'
    unpack = "tar --extract --gzip --file /tmp/pulumi.tar.gz --strip-components 1 --directory /usr/local/bin"
    steps = " && ".join([fetch, *([_CHECK] if checked else []), unpack])
    return [f"command -v pulumi || {{ {steps}; }}"]


def _build(images: Sequence[str], *, docker_hub: bool, privileged: bool) -> list[str]:
    login = [_LOGIN if privileged else _LOGIN.replace("docker login", "buildah login docker.io")] if docker_hub else []
    builder = "" if privileged else " --builder buildah"
    words = "".join(f" {name}" for name in images)
    build = f'orchestrator build{words} --push --for "$ENVIRONMENT"{builder} --json > /tmp/built.json'
    return [*login, build, "mkdir -p /tmp/images", _LINES]
