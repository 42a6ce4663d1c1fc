"""The delivery pipeline: its parts, the order of its stages, and refused arguments."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from pulumi_django import (
    DeliveryPipeline,
    PipelineBuildOptions,
    PipelineNoticeOptions,
    PipelineSourceOptions,
    PipelineStageOptions,
    PipelineToolsOptions,
)
from pulumi_django.testing import simulate
from tests.support.delivery import (
    CHAT,
    DEPLOY,
    LIVE,
    PLAN,
    ROLES,
    TASKS,
    arguments,
    buildspec,
    commands,
    pipeline,
    project,
    usual,
    variables,
)

PIPELINE, BUCKET = "aws:codepipeline/pipeline:Pipeline", "aws:s3/bucket:Bucket"
ROLE, TOPIC = "aws:iam/role:Role", "aws:sns/topic:Topic"
CONNECTION = "aws:codeconnections/connection:Connection"
EXISTING = "arn:aws:codeconnections:us-east-1:123456789012:connection/1234abcd-12ab-34cd-56ef-1234567890ab"


def actions() -> list[tuple[str, int, str]]:
    """Stage, order and name of every action."""
    stages = usual().one(PIPELINE).inputs["stages"]
    return [(stage["name"], each.get("runOrder", 1), each["name"]) for stage in stages for each in stage["actions"]]


def action(name: str) -> dict[str, Any]:
    stages = usual().one(PIPELINE).inputs["stages"]
    return next(each for stage in stages for each in stage["actions"] if each["name"] == name)


def test_the_pipeline_has_exactly_these_resources() -> None:
    made = {(r.type, r.name) for r in usual().resources if not r.type.startswith("pulumi:") and not r.read}
    assert made == {
        ("pulumi-django:delivery:DeliveryPipeline", "shop"),
        ("pulumi-django:encryption:EncryptionKey", "shop-key"),
        ("aws:kms/key:Key", "shop-key"),
        ("pulumi-django:observability:AlarmTopic", "shop-topic"),
        (TOPIC, "shop-topic"),
        ("aws:sns/topicPolicy:TopicPolicy", "shop-topic-policy"),
        (BUCKET, "shop-artifacts"),
        ("aws:s3/bucketOwnershipControls:BucketOwnershipControls", "shop-artifacts-owner"),
        (
            "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
            "shop-artifacts-encryption",
        ),
        ("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock", "shop-artifacts-private"),
        ("aws:s3/bucketPolicy:BucketPolicy", "shop-artifacts-tls"),
        ("aws:s3/bucketVersioning:BucketVersioning", "shop-artifacts-versions"),
        ("aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration", "shop-artifacts-expiry"),
        (CONNECTION, "shop"),
        *((ROLE, f"shop-{role}") for role in ROLES),
        *(("aws:iam/rolePolicy:RolePolicy", f"shop-{role}") for role in ROLES),
        *(("aws:cloudwatch/logGroup:LogGroup", f"shop-{task}") for task in TASKS),
        *(("aws:codebuild/project:Project", f"shop-{task}") for task in TASKS),
        *(("aws:cloudwatch/metricAlarm:MetricAlarm", f"shop-{task}-failed") for task in TASKS),
        (PIPELINE, "shop"),
    }


def test_two_pipelines_of_one_stack_do_not_collide() -> None:
    def program() -> None:
        DeliveryPipeline("shop", arguments())
        DeliveryPipeline("blog", arguments(source=PipelineSourceOptions(repository="acme/blog")))

    names = [r.inputs["name"] for r in simulate(program).of_type(PIPELINE)]
    assert sorted(names) == ["blog", "shop"]


def test_a_push_goes_through_staging_the_plan_and_an_approval_to_production() -> None:
    assert actions() == [
        ("Source", 1, "Source"),
        ("Build", 1, "build"),
        ("Staging", 1, "staging"),
        ("Staging", 2, "plan"),
        ("Production", 1, "approval"),
        ("Production", 2, "production"),
    ]


def test_production_gets_the_plan_with_the_images_of_the_build_and_nothing_else() -> None:
    artifacts = {name: action(name).get("inputArtifacts") for name in TASKS}
    assert artifacts == {
        "build": ["Source"],
        "staging": ["Source", "Images"],
        "plan": ["Source", "Images"],
        "production": ["Source", "Plan"],
    }
    assert (action("build")["outputArtifacts"], action("plan")["outputArtifacts"]) == (["Images"], ["Plan"])
    assert not any("--image" in command or "--build" in command for command in commands(usual(), "production"))


def test_the_pipeline_is_of_the_second_version_and_newer_runs_overtake_older_ones() -> None:
    inputs = usual().one(PIPELINE).inputs
    assert (inputs["pipelineType"], inputs["executionMode"]) == ("V2", "SUPERSEDED")
    assert pipeline(execution_mode="queued").one(PIPELINE).inputs["executionMode"] == "QUEUED"


def test_only_pushes_to_the_branch_start_a_run() -> None:
    (trigger,) = usual().one(PIPELINE).inputs["triggers"]
    assert trigger == {
        "providerType": "CodeStarSourceConnection",
        "gitConfiguration": {"sourceActionName": "Source", "pushes": [{"branches": {"includes": ["main"]}}]},
    }
    assert action("Source")["configuration"]["DetectChanges"] == "false"
    source = PipelineSourceOptions(repository="acme/shop", file_paths=["backend/**"], ignored_file_paths=["docs/**"])
    (filtered,) = pipeline(source=source).one(PIPELINE).inputs["triggers"]
    assert filtered["gitConfiguration"]["pushes"] == [
        {
            "branches": {"includes": ["main"]},
            "filePaths": {"includes": ["backend/**"], "excludes": ["docs/**"]},
        }
    ]


def test_the_approval_names_the_commit_and_the_log_of_the_plan() -> None:
    inputs = action("approval")
    assert inputs["timeoutInMinutes"] == 7 * 24 * 60
    text = inputs["configuration"]["CustomData"]
    assert "#{Source.CommitId}" in text
    assert "#{Plan.PLAN_LOG}" in text
    # https://docs.aws.amazon.com/codepipeline/latest/userguide/limits.html: at most 1000 characters, with the values
    assert len(text) + 300 < 1000
    assert action("Source")["namespace"] == "Source"
    assert action("plan")["namespace"] == "Plan"
    assert buildspec(usual(), "plan")["env"]["exported-variables"] == ["PLAN_LOG"]
    assert inputs["configuration"]["NotificationArn"] == usual().one(TOPIC).outputs["arn"]


def test_only_the_build_of_images_has_all_rights_on_its_machine() -> None:
    assert [task for task in TASKS if project(usual(), task)["environment"].get("privilegedMode")] == ["build"]


def test_buildah_builds_without_these_rights() -> None:
    result = pipeline(
        build=PipelineBuildOptions(privileged=False, images=["backend"], docker_hub_secret="secretsmanager:hub"),
        tools=PipelineToolsOptions(image="registry.example.com/ci:1"),
    )
    assert not any(project(result, task)["environment"]["privilegedMode"] for task in TASKS)
    assert any(
        "orchestrator build backend --push" in each and "--builder buildah" in each
        for each in commands(result, "build")
    )
    assert any("buildah login docker.io" in command for command in commands(result, "build"))
    assert variables(result, "build")["BUILDAH_ISOLATION"] == ("PLAINTEXT", "chroot")
    assert "runtime-versions" not in buildspec(result, "build")["phases"]["install"]


def test_secrets_are_references_which_codebuild_resolves() -> None:
    result = pipeline(
        secrets={
            "PULUMI_CONFIG_PASSPHRASE": "ssm:/shop/passphrase",
            "PULUMI_ACCESS_TOKEN": "secretsmanager:pulumi:token",
        },
        build=PipelineBuildOptions(docker_hub_secret="secretsmanager:hub", secrets={"PIP_INDEX_URL": "ssm:pip"}),
    )
    for task in ("staging", "plan", "production"):
        found = variables(result, task)
        assert found["PULUMI_CONFIG_PASSPHRASE"] == ("PARAMETER_STORE", "/shop/passphrase")
        kind, value = found["PULUMI_ACCESS_TOKEN"]
        assert (kind, value.partition(":secret:")[2].split(":")[1:]) == ("SECRETS_MANAGER", ["token", "", ""])
        assert not {"DOCKER_HUB_PASSWORD", "PIP_INDEX_URL"} & set(found)
    build = variables(result, "build")
    assert {build[name][0] for name in ("DOCKER_HUB_USERNAME", "DOCKER_HUB_PASSWORD")} == {"SECRETS_MANAGER"}
    assert build["PIP_INDEX_URL"] == ("PARAMETER_STORE", "pip")
    assert not {"PULUMI_CONFIG_PASSPHRASE", "PULUMI_ACCESS_TOKEN", "PULUMI_BACKEND_URL"} & set(build)


def test_a_parameter_by_its_arn_is_read_by_its_name() -> None:
    arn = "arn:aws:ssm:us-east-1:123456789012:parameter/shop/passphrase"
    assert variables(pipeline(secrets={"X": arn}), "plan")["X"] == ("PARAMETER_STORE", "/shop/passphrase")


def test_every_task_assumes_the_role_of_its_stage_and_the_build_none() -> None:
    assumed = {task: variables(usual(), task).get("DEPLOY_ROLE_ARN", ("", None))[1] for task in TASKS}
    assert assumed == {"build": None, "staging": DEPLOY, "plan": PLAN, "production": LIVE}


def test_logs_expire_and_logs_and_artifacts_are_encrypted_with_the_pipelines_key() -> None:
    key = usual().one("aws:kms/key:Key").outputs["arn"]
    for log in usual().of_type("aws:cloudwatch/logGroup:LogGroup"):
        assert (log.inputs["retentionInDays"], log.inputs["kmsKeyId"]) == (365, key)
    (store,) = usual().one(PIPELINE).inputs["artifactStores"]
    assert store["encryptionKey"] == {"id": key, "type": "KMS"}
    assert {project(usual(), task)["encryptionKey"] for task in TASKS} == {key}
    (rule,) = usual().one("aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration").inputs["rules"]
    assert rule["expiration"] == {"days": 30}


def test_failures_and_approvals_reach_mail_and_chat() -> None:
    result = pipeline(notices=PipelineNoticeOptions(emails=["ops@example.com"], chat_arns=[CHAT]))
    topic = result.one(TOPIC).outputs["arn"]
    assert result.one("aws:sns/topicSubscription:TopicSubscription").inputs["endpoint"] == "ops@example.com"
    for alarm in result.of_type("aws:cloudwatch/metricAlarm:MetricAlarm"):
        assert (alarm.inputs["metricName"], alarm.inputs["statistic"]) == ("FailedBuilds", "Sum")
        assert alarm.inputs["alarmActions"] == [topic]
    rule = result.one("aws:codestarnotifications/notificationRule:NotificationRule").inputs
    assert rule["targets"] == [{"address": CHAT, "type": "AWSChatbotSlack"}]
    assert "codepipeline-pipeline-manual-approval-needed" in rule["eventTypeIds"]
    assert usual().of_type("aws:codestarnotifications/notificationRule:NotificationRule") == ()


def test_an_existing_connection_is_used_and_a_new_one_has_the_pipelines_name() -> None:
    result = pipeline(source=PipelineSourceOptions(repository="group/team/shop", connection_arn=EXISTING))
    assert result.of_type(CONNECTION) == ()
    first = result.one(PIPELINE).inputs["stages"][0]["actions"][0]
    assert (first["configuration"]["ConnectionArn"], first["configuration"]["FullRepositoryId"]) == (
        EXISTING,
        "group/team/shop",
    )
    assert usual().one(CONNECTION).inputs == {"name": "shop", "providerType": "GitHub"}


@pytest.mark.parametrize(
    ("architecture", "kind", "archive"),
    [("X86_64", "LINUX_CONTAINER", "linux-x64"), ("ARM64", "ARM_CONTAINER", "linux-arm64")],
)
def test_machine_image_and_archive_are_for_the_processor(architecture: str, kind: str, archive: str) -> None:
    result = pipeline(architecture=architecture)
    environment = project(result, "staging")["environment"]
    assert environment["type"] == kind
    assert {"X86_64": "x86_64", "ARM64": "aarch64"}[architecture] in environment["image"]
    assert any(f"-{archive}.tar.gz" in command for command in commands(result, "staging"))


def test_a_stage_on_a_production_base_says_so() -> None:
    def prod(result: Any) -> bool:
        return any("--allow-prod" in command for command in commands(result, "staging"))

    assert not prod(usual())
    assert prod(pipeline(staging=PipelineStageOptions(environment="stage", deploy_role_arn=DEPLOY, allow_prod=True)))


def test_a_given_hash_of_the_cli_is_compared_before_it_is_unpacked() -> None:
    result = pipeline(tools=PipelineToolsOptions(pulumi_version="3.200.0", pulumi_sha256="a" * 64))
    (install,) = [command for command in commands(result, "plan") if "get.pulumi.com" in command]
    assert install.index("curl") < install.index("sha256sum --check") < install.index("tar --extract")
    assert variables(result, "plan")["PULUMI_SHA256"] == ("PLAINTEXT", "a" * 64)
    assert not any("sha256sum" in command for command in commands(usual(), "plan"))


def stage(**values: Any) -> PipelineStageOptions:
    usual: dict[str, Any] = {"environment": "live", "deploy_role_arn": LIVE}
    return PipelineStageOptions(**{**usual, **values})


def source(**values: Any) -> PipelineSourceOptions:
    usual: dict[str, Any] = {"repository": "acme/shop"}
    return PipelineSourceOptions(**{**usual, **values})


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: source(repository="shop"), ["source.repository is 'shop'", "acme/shop"]),
        (lambda: source(repository="https://github.com/acme/shop"), ["source.repository"]),
        (lambda: source(branch="release/*"), ["source.branch is 'release/*'", "without patterns"]),
        (lambda: source(branch=""), ["source.branch is ''"]),
        (lambda: source(branch="-x"), ["source.branch"]),
        (lambda: source(branch="a" * 256), ["source.branch has 256 characters", "255"]),
        (lambda: source(file_paths=["a"] * 9), ["source.file_paths has 9 patterns", "8"]),
        (lambda: source(file_paths="backend/**"), ["source.file_paths", "a list"]),
        (lambda: source(ignored_file_paths=["/docs"]), ["source.ignored_file_paths has '/docs'"]),
        (lambda: source(connection_arn="shop"), ["source.connection_arn has 'shop'"]),
        (lambda: stage(environment="Live"), ["'Live' cannot name an environment"]),
        (lambda: stage(deploy_role_arn="deploy"), ["deploy_role_arn has 'deploy'"]),
        (lambda: arguments(plan_role_arn="plan"), ["plan_role_arn has 'plan'"]),
        (lambda: arguments(staging=stage()), ["staging and production are both 'live'"]),
        (lambda: arguments(repository_arns=[]), ["repository_arns is []", "at least one"]),
        (lambda: arguments(repository_arns=["shop-backend"]), ["repository_arns has 'shop-backend'"]),
        (lambda: arguments(backend_url="file:///state"), ["backend_url is 'file:///state'", "lost"]),
        (lambda: arguments(folder="../x"), ["folder is '../x'"]),
        (lambda: arguments(folder="$(id)"), ["folder is '$(id)'"]),
        (lambda: arguments(secrets={"AWS_PROFILE": "ssm:x"}), ["secrets has the variable 'AWS_PROFILE'"]),
        (lambda: arguments(secrets={"CODEBUILD_X": "ssm:x"}), ["secrets has the variable 'CODEBUILD_X'"]),
        (lambda: arguments(secrets={"TOKEN": "hunter2 !"}), ["a text of 9 characters is not a reference"]),
        (lambda: arguments(secret_key_arns=["alias/x"]), ["secret_key_arns"]),
        (lambda: arguments(approval_hours=0), ["approval_hours is 0", "1440"]),
        (lambda: arguments(approval_hours=1441), ["approval_hours is 1441"]),
        (lambda: arguments(artifact_days=7), ["artifact_days is 7", "approval_hours is 168"]),
        (lambda: arguments(log_retention_days=2), ["log_retention_days is 2"]),
        (lambda: arguments(build=PipelineBuildOptions(privileged=False)), ["build.privileged is off", "tools.image"]),
        (lambda: PipelineBuildOptions(images=["$(id)"]), ["build.images has '$(id)'"]),
        (lambda: PipelineBuildOptions(minutes=4), ["build.minutes is 4", "5 to 2160"]),
        (lambda: PipelineBuildOptions(docker_hub_secret="ssm:/hub"), ["build.docker_hub_secret is 'ssm:/hub'"]),
        (lambda: PipelineBuildOptions(docker_hub_secret="secretsmanager:hub:x"), ["build.docker_hub_secret"]),
        (lambda: PipelineToolsOptions(image="a b"), ["tools.image is 'a b'"]),
        (lambda: PipelineToolsOptions(package="--index-url=x"), ["tools.package is '--index-url=x'"]),
        (lambda: PipelineToolsOptions(pulumi_version="latest"), ["pulumi_version is 'latest'"]),
        (lambda: PipelineToolsOptions(pulumi_version="3.2.0", pulumi_sha256="x"), ["pulumi_sha256 is 'x'"]),
        (lambda: PipelineToolsOptions(pulumi_sha256="a" * 64), ["pulumi_sha256 needs pulumi_version"]),
        (lambda: PipelineToolsOptions(commands="make"), ["tools.commands is 'make'"]),
        (lambda: PipelineNoticeOptions(emails=["ops"]), ["notices.emails has 'ops'"]),
        (lambda: PipelineNoticeOptions(chat_arns=["slack"]), ["notices.chat_arns has 'slack'"]),
        (lambda: pipeline("Shop"), ["'Shop' cannot name a pipeline"]),
        (lambda: pipeline("a" * 33), ["1 to 32"]),
    ],
)  # fmt: skip
def test_a_value_that_aws_refuses_is_refused_with_its_name(make: Callable[[], object], words: list[str]) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        make()
    for word in words:
        assert word in str(refused.value)


def test_a_secret_in_the_wrong_place_is_not_repeated() -> None:
    with pytest.raises(ValueError, match="not a reference") as refused:
        arguments(secrets={"PASSWORD": "correct horse battery staple!"})
    assert "horse" not in str(refused.value)


def test_buildspecs_are_json_without_tabs_and_within_the_limit_of_codebuild() -> None:
    for task in TASKS:
        text = project(usual(), task)["source"]["buildspec"]
        assert json.loads(text)["version"] == 0.2
        # https://docs.aws.amazon.com/codebuild/latest/userguide/limits.html: 65,536 bytes
        assert len(text) < 65_536
        assert "\t" not in text
