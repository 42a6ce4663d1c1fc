"""Services beside web and frontend, and the volumes that tasks share."""

from __future__ import annotations

import functools
import json
from typing import Any

import pulumi
import pytest

from pulumi_django import (
    AdHocApp,
    AdHocAppArgs,
    BaseContract,
    BeatOptions,
    FrontendOptions,
    Kind,
    Mount,
    ProdApp,
    ProdFrontendOptions,
    ProdServiceOptions,
    ProdVolumeOptions,
    ProdWebOptions,
    ProdWorkerOptions,
    QueueStep,
    QueueSteps,
    ReleaseOptions,
    Scaling,
    ScheduledCommandOptions,
    ServiceOptions,
    Sidecar,
    Ulimit,
    VolumeOptions,
    WebOptions,
    contract,
)
from pulumi_django.app.maintenance import MaintenanceOptions
from pulumi_django.testing import SimulationResult, simulate
from tests.pulumi_django.app.environment import (
    ALARM,
    BASE,
    RULE,
    TARGET,
    TARGET_GROUP,
    TASK_DEFINITION,
    containers,
    environment,
    prod,
    prod_arguments,
    service,
    statements,
)

FILES = "aws:efs/fileSystem:FileSystem"
MEDIA = {"media": Mount(path="/app/media")}
CHANNELS = ProdServiceOptions(
    paths=["/ws/*"],
    command=["daphne", "-b", "0.0.0.0", "-p", "9000", "shop.asgi:application"],
    port=9000,
    memory_mib=1024,
    mounts=MEDIA,
    ulimits={"nofile": Ulimit(soft=100000)},
    sidecars={
        "nginx": Sidecar(image="nginx:1", port=8080, env={"BUCKET": "{S3_BUCKET_NAME}"}, secrets={"KEY": "ssm:/key"})
    },
)


@functools.cache
def shop() -> SimulationResult:
    return prod(services={"channels": CHANNELS}, volumes={"media": ProdVolumeOptions()})


def ad_hoc(**changes: Any) -> SimulationResult:
    base = BaseContract(**{**BASE, "kind": Kind.AD_HOC, "redis_host": None, "kms_key_arn": None})
    values: dict[str, Any] = {"base": base, "backend_image": "app:v1", "settings_module": "shop.settings", **changes}
    return simulate(
        lambda: contract.export(AdHocApp("shop", AdHocAppArgs(**values)).outputs), project="django-app", stack="shop"
    )


def test_a_service_has_its_own_command_size_limits_and_sidecars_and_djangos_variables() -> None:
    own, nginx = containers(shop(), "channels")
    assert own["command"][0] == "daphne"
    assert own["portMappings"][0]["containerPort"] == 9000
    assert own["ulimits"] == [{"name": "nofile", "softLimit": 100000, "hardLimit": 100000}]
    assert environment(shop(), "channels") == environment(shop(), "gunicorn")
    assert {item["name"]: item["value"] for item in nginx["environment"]}["BUCKET"] == "prod-assets"
    assert nginx["secrets"][0]["valueFrom"].endswith(":parameter/key")
    definition = next(r for r in shop().of_type(TASK_DEFINITION) if r.inputs["family"] == "shop-channels")
    assert (definition.inputs["cpu"], definition.inputs["memory"]) == ("256", "1024")
    assert definition.inputs["taskRoleArn"] == shop().one("aws:iam/role:Role", "shop-task").outputs["arn"]


def test_requests_reach_a_service_by_its_paths_before_the_service_for_every_path() -> None:
    rules = {rule.name: rule for rule in shop().of_type(RULE)}
    channels, frontend = rules["shop-channels-rule-ws"], rules["shop-web-ui-rule-all"]
    assert channels.inputs["conditions"][1]["pathPattern"]["values"] == ["/ws/*"]
    assert channels.inputs["priority"] < frontend.inputs["priority"]
    group = shop().one(TARGET_GROUP, "shop-channels")
    assert (group.inputs["name"], group.inputs["port"]) == ("shop-channels", 9000)
    assert service(shop(), "channels").inputs["loadBalancers"][0]["containerPort"] == 9000
    admitted = {r.inputs["fromPort"] for r in shop().resources if r.name.startswith("shop-tasks-web-")}
    assert admitted == {8000, 3000, 9000}


def test_a_service_is_in_the_outputs_the_alarms_and_the_dashboard() -> None:
    outputs = shop().outputs
    assert outputs["service_names"][:3] == ["shop-gunicorn", "shop-web-ui", "shop-channels"]
    assert outputs["log_groups"]["channels"] == "/ecs/shop/channels"
    assert "shop-channels" in outputs["task_families"]
    alarms = {alarm.name for alarm in shop().of_type(ALARM)}
    assert {"shop-alarms-channels-errors", "shop-alarms-channels-cpu", "shop-alarms-channels-unhealthy"} <= alarms
    (dashboard,) = shop().of_type("aws:cloudwatch/dashboard:Dashboard")
    assert "shop-channels" in dashboard.inputs["dashboardBody"]


def test_production_scales_a_service_and_an_ad_hoc_environment_runs_one_task() -> None:
    target = next(r for r in shop().of_type(TARGET) if r.name.startswith("shop-channels"))
    assert (target.inputs["minCapacity"], target.inputs["maxCapacity"]) == (2, 5)
    small = ad_hoc(services={"channels": ServiceOptions(paths=["/ws/*"])})
    assert service(small, "channels").inputs["desiredCount"] == 1
    assert service(small, "channels").inputs["capacityProviderStrategies"][0]["capacityProvider"] == "FARGATE_SPOT"
    assert "command" not in containers(small, "channels")[0]


def test_a_sleeping_service_has_no_task() -> None:
    asleep = ad_hoc(services={"channels": ServiceOptions(paths=["/ws/*"])}, asleep=True)
    assert service(asleep, "channels").inputs["desiredCount"] == 0


def test_a_service_with_hosts_of_its_own_gets_their_records() -> None:
    made = ad_hoc(services={"admin": ServiceOptions(hosts=["admin.example.com"])})
    assert "admin.example.com" in {r.inputs["name"] for r in made.of_type("aws:route53/record:Record")}


def test_the_maintenance_page_answers_the_hosts_of_a_service_too() -> None:
    service = {"admin": ServiceOptions(hosts=["admin.example.com"])}
    made = ad_hoc(services=service, maintenance=MaintenanceOptions())
    rule = made.one(RULE, "shop-maintenance")
    assert "admin.example.com" in rule.inputs["conditions"][0]["hostHeader"]["values"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"services": {"channels": ServiceOptions()}},
            "web.paths and services.channels.paths both have '/*': keep it in one of them, or give the services different "
            "hosts",
        ),
        (
            {"services": {"gunicorn": ServiceOptions(paths=["/ws/*"])}},
            "two tasks of shop have one name: web.service and services.gunicorn are both gunicorn; give each its own name",
        ),
        (
            {"services": {"default": ServiceOptions(paths=["/ws/*"])}},
            "two tasks of shop have one name: services.default and workers.default are both default; give each its own name",
        ),
        (
            {"services": {"Channels": ServiceOptions(paths=["/ws/*"])}},
            "services.Channels: 'Channels' cannot name a service: a name has ",
        ),
        (
            {"services": {"a": ServiceOptions(paths=["/ws/*"], hosts=["x.y.example.org/"])}},
            "services.a.hosts is 'x.y.example.org/': it must be a host name without scheme and path",
        ),
        (
            {"services": {"a_b": ServiceOptions(paths=["/a/*"]), "a-b": ServiceOptions(paths=["/b/*"])}},
            "a-b and a_b would share the target group shop-a-b: give one another name",
        ),
        (
            {"services": {"a": ServiceOptions(paths=["/a/*"], mounts=MEDIA)}},
            "services.a.mounts has 'media', and the volumes are none: name one of them",
        ),
        ({"volumes": {"tmp": VolumeOptions()}}, "volumes has 'tmp', a name that tasks use themselves: give it another"),
        ({"volumes": {"_x": VolumeOptions()}}, "volumes: '_x' cannot name a volume: a name has "),
    ],
)
def test_services_and_volumes_that_cannot_work_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        ad_hoc(**changes)
    assert str(refused.value).startswith(message)


def test_a_service_cannot_scale_by_the_depth_of_a_queue() -> None:
    steps = Scaling(min_tasks=0, max_tasks=4, queue_steps=QueueSteps(steps=[QueueStep(at_least=1, change=1)]))
    with pytest.raises(ValueError, match="channels of shop has scaling by queue_steps and works on no queue"):
        ad_hoc(services={"channels": ServiceOptions(paths=["/ws/*"], scaling=steps)})


# volumes


def test_tasks_may_use_exactly_their_file_system_through_its_access_point() -> None:
    found = statements(shop(), "shop-task-policy")
    files = shop().one(FILES).outputs["arn"]
    point = shop().one("aws:efs/accessPoint:AccessPoint").outputs["arn"]
    for sid, action in (
        ("Volumes", "elasticfilesystem:ClientMount"),
        ("VolumesWrite", "elasticfilesystem:ClientWrite"),
    ):
        assert (found[sid]["Action"], found[sid]["Resource"]) == ([action], [files])
        assert found[sid]["Condition"] == {"StringEquals": {"elasticfilesystem:AccessPointArn": [point]}}
    assert (
        "elasticfilesystem" not in shop().one("aws:iam/rolePolicy:RolePolicy", "shop-execution-policy").inputs["policy"]
    )


def test_without_a_mount_that_writes_no_task_may_write() -> None:
    mount = {"media": Mount(path="/app/media", read_only=True)}
    made = prod(web=ProdWebOptions(paths=["/api/*"], mounts=mount), volumes={"media": ProdVolumeOptions()})
    assert "VolumesWrite" not in statements(made, "shop-task-policy")
    assert containers(made, "gunicorn")[0]["mountPoints"][0]["readOnly"] is True


def test_workers_scheduled_commands_and_the_release_mount_volumes_too() -> None:
    made = prod(
        volumes={"media": ProdVolumeOptions()},
        workers={"default": ProdWorkerOptions(mounts=MEDIA)},
        release=ReleaseOptions(mounts=MEDIA),
        scheduled_commands={
            "tidy": ScheduledCommandOptions(
                schedule="rate(1 day)", command=["python", "manage.py", "tidy"], mounts=MEDIA
            )
        },
    )
    for name in ("default", "backend_update", "tidy"):
        assert containers(made, name)[0]["mountPoints"][0]["sourceVolume"] == "media"
    assert "mountPoints" not in containers(made, "gunicorn")[0]


def test_beat_and_sidecars_mount_volumes_and_their_tasks_may_use_them() -> None:
    nginx = Sidecar(image="nginx:1", port=8080, mounts={"media": Mount(path="/media", read_only=True)})
    channels = {"channels": ServiceOptions(paths=["/ws/*"], sidecars={"nginx": nginx})}
    beat = BeatOptions(mounts={"schedule": Mount(path="/var/schedule")}, ulimits={"nofile": Ulimit(soft=1000)})
    made = ad_hoc(services=channels, beat=beat, volumes={"media": VolumeOptions(), "schedule": VolumeOptions()})

    assert containers(made, "beat")[0]["mountPoints"][0]["containerPath"] == "/var/schedule"
    assert containers(made, "beat")[0]["ulimits"][0]["name"] == "nofile"
    own, sidecar = containers(made, "channels")
    assert "mountPoints" not in own
    assert sidecar["mountPoints"] == [{"sourceVolume": "media", "containerPath": "/media", "readOnly": True}]
    found = statements(made, "shop-task-policy")
    files = {r.name: r.outputs["arn"] for r in made.of_type(FILES)}
    assert sorted(found["Volumes"]["Resource"]) == sorted(files.values())
    assert found["VolumesWrite"]["Resource"] == [files["shop-schedule-files"]]


def test_production_beat_and_sidecars_mount_volumes_too() -> None:
    nginx = Sidecar(image="nginx:1", port=8080, mounts={"media": Mount(path="/media")})
    made = prod(
        volumes={"media": ProdVolumeOptions()},
        beat=BeatOptions(mounts=MEDIA),
        web=ProdWebOptions(paths=["/api/*"], sidecars={"nginx": nginx}, proxy="nginx"),
    )
    assert containers(made, "beat")[0]["mountPoints"][0]["sourceVolume"] == "media"
    assert containers(made, "gunicorn")[1]["mountPoints"][0]["containerPath"] == "/media"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"web": WebOptions(sidecars={"nginx": Sidecar(image="nginx:1", mounts=MEDIA)})},
            "web.sidecars.nginx.mounts has 'media', and the volumes are none: name one of them",
        ),
        (
            {"beat": BeatOptions(mounts=MEDIA)},
            "beat.mounts has 'media', and the volumes are none: name one of them",
        ),
        (
            {
                "frontend_image": "ui:1",
                "frontend": FrontendOptions(sidecars={"nginx": Sidecar(image="nginx:1", mounts=MEDIA)}),
                "web": WebOptions(paths=["/api/*"]),
                "volumes": {"media": VolumeOptions()},
            },
            "frontend.sidecars.nginx.mounts is set: only tasks with Django's image have rights on volumes",
        ),
    ],
)
def test_mounts_of_beat_and_sidecars_that_cannot_work_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        ad_hoc(**changes)
    assert str(refused.value) == message


def test_only_the_environments_own_tasks_reach_a_volume() -> None:
    rule = shop().one("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", "shop-media-files-from-tasks").inputs
    assert rule["referencedSecurityGroupId"] == shop().one("aws:ec2/securityGroup:SecurityGroup", "shop-tasks").id
    assert rule["fromPort"] == 2049


def test_services_start_when_their_volumes_can_be_mounted() -> None:
    targets = {r.urn for r in shop().of_type("aws:efs/mountTarget:MountTarget")}
    assert targets <= set(service(shop(), "channels").dependencies)


def test_production_protects_and_backs_volumes_up_and_uses_the_bases_key() -> None:
    assert shop().one(FILES).protect is True
    assert shop().one(FILES).inputs["kmsKeyId"] == BASE["kms_key_arn"]
    assert shop().one("aws:efs/backupPolicy:BackupPolicy").inputs["backupPolicy"] == {"status": "ENABLED"}
    small = ad_hoc(volumes={"media": VolumeOptions()})
    assert not small.one(FILES).protect
    assert not small.of_type("aws:efs/backupPolicy:BackupPolicy")
    assert small.one(FILES).inputs["encrypted"] is True


def test_a_volume_stays_when_no_service_mounts_it() -> None:
    assert len(prod(volumes={"media": ProdVolumeOptions()}).of_type(FILES)) == 1


def test_a_frontend_mounts_nothing_because_it_has_no_rights() -> None:
    with pytest.raises(ValueError, match=r"frontend\.mounts is set: only tasks with Django's image have rights"):
        prod(volumes={"media": ProdVolumeOptions()}, frontend=ProdFrontendOptions(mounts=MEDIA))


def test_a_base_of_an_older_version_is_updated_first() -> None:
    def made(**known: Any) -> SimulationResult:
        def program() -> None:
            subnets = pulumi.Output.from_input(["subnet-2"])  # as a StackReference reads them
            volumes = {"media": ProdVolumeOptions()}
            ProdApp("shop", prod_arguments({"private_subnet_ids": subnets, **known}, volumes=volumes))

        return simulate(program, project="django-app", stack="shop")

    with pytest.raises(
        contract.ContractError, match="does not export private_subnet_count; run `orchestrator update-base prod`"
    ):
        made()
    targets = made(private_subnet_count=1.0).of_type("aws:efs/mountTarget:MountTarget")
    assert [target.inputs["subnetId"] for target in targets] == ["subnet-2"]


def test_a_volume_that_comes_changes_no_revision_of_the_other_tasks() -> None:
    before = {
        r.inputs["family"]: json.dumps(dict(r.inputs), sort_keys=True, default=str)
        for r in prod().of_type(TASK_DEFINITION)
    }
    after = {
        r.inputs["family"]: json.dumps(dict(r.inputs), sort_keys=True, default=str)
        for r in prod(volumes={"media": ProdVolumeOptions()}).of_type(TASK_DEFINITION)
    }
    assert before == after
