"""The plugin makes what a program in Python makes, and says in the caller's words what it cannot."""

from __future__ import annotations

from importlib import metadata
from typing import Any

import pulumi
import pytest

from pulumi_django import AdHocApp, AdHocAppArgs, AdHocBase, AdHocBaseArgs, contract
from pulumi_django.deploying.aws_access import AwsAccess
from pulumi_django.program import own_state
from pulumi_django.testing import simulate
from pulumi_django.testing.simulate import SimulationResult
from tests.pulumi_django.provider.calls import APP, BASE, CONFIG, OF_APP, OF_BASE, Caller

ZONES = ["eu-central-1a", "eu-central-1b"]


def run(program: Any, **options: Any) -> SimulationResult:
    return simulate(program, config=CONFIG, **options)


def refused(program: Any) -> str:
    with pytest.raises(pulumi.RunError) as caught:
        run(program)
    return str(caught.value)


async def native() -> None:
    base = AdHocBase(
        "shared",
        AdHocBaseArgs(region="eu-central-1", account_zones=ZONES, domain_name="example.com", hosted_zone_id="Z1"),
    )
    args = AdHocAppArgs(
        base=base.contract,
        backend_image="example.com/shop:1",
        settings_module="shop.settings",
        aws=AwsAccess(region="eu-central-1"),
        **await own_state.routing(),
    )
    contract.export(AdHocApp("alpha", args).outputs)


async def remote() -> None:
    for name, value in (await Caller().both()).items():
        pulumi.export(name, value)


def registered(result: SimulationResult) -> dict[str, tuple[Any, ...]]:
    return {
        each.urn: (
            each.inputs,
            each.secret_inputs,
            each.additional_secret_outputs,
            each.protect,
            each.hooks,
            sorted(each.dependencies),
        )
        for each in result.resources
    }


def test_the_resources_are_those_of_a_program_in_python() -> None:
    one, other = run(native), run(remote)
    assert registered(one) == registered(other)
    assert any(secret for _, secret, *_ in registered(other).values())
    assert one.hooks == other.hooks
    assert "alpha-release" in other.hooks


def test_the_outputs_have_the_names_of_the_caller_and_the_same_values() -> None:
    one, other = run(native), run(remote)
    assert other.outputs["logGroups"] == one.outputs["log_groups"]
    assert other.outputs["url"] == "https://alpha.example.com"
    assert len(one.outputs) == len(other.outputs)


def test_a_preview_of_a_new_base_and_its_environment_has_every_resource() -> None:
    assert len(run(remote, preview=True).resources) == len(run(native, preview=True).resources)


def test_the_contract_of_a_base_is_an_output() -> None:
    async def program() -> None:
        _, outputs = await Caller().make(BASE, "shared", OF_BASE)
        pulumi.export("contract", outputs["contract"])

    found = run(program).outputs["contract"]
    assert found["region"] == "eu-central-1"
    assert found["vpcId"].startswith("vpc-")
    assert found["kind"] == "ad-hoc"


async def base_of_the_plugin() -> None:
    _, outputs = await Caller().make(BASE, "shared", OF_BASE)
    pulumi.export("contract", outputs["contract"])


def base_in_python() -> None:
    args = AdHocBaseArgs(region="eu-central-1", domain_name="example.com", hosted_zone_id="Z1")
    contract.export(AdHocBase("shared", args).contract)


@pytest.mark.parametrize("base", [base_of_the_plugin, base_in_python])
def test_an_environment_runs_on_the_base_of_another_stack(base: Any) -> None:
    async def app() -> None:
        inputs = {**OF_APP, "baseStack": "organization/shop/base"}
        _, outputs = await Caller().make(APP, "alpha", inputs)
        pulumi.export("url", outputs["url"])

    found = run(app, stacks={"organization/shop/base": run(base)})
    assert found.outputs["url"] == "https://alpha.example.com"


@pytest.mark.parametrize(
    ("inputs", "says"),
    [
        ({"base": None}, "base and baseStack are both missing"),
        ({"baseStack": "a/b/c"}, "base and baseStack are both set"),
        ({"base": None, "baseStack": "dev"}, "baseStack is 'dev': it must be organization/project/stack"),
        ({"base": "urn:x"}, "base is not an AdHocBase or ProdBase of this program"),
        ({"backend_image": "x"}, "backend_image is not a key here: did you mean backendImage?"),
        ({"architecture": "x86"}, 'architecture is "x86": it must be one of X86_64, ARM64'),
        ({"redis": {}, "cache": {}}, "redis and cache are both set"),
        ({"web": {"cpuUnits": 1.5}}, "web.cpuUnits is 1.5: it must be a whole number"),
        ({"workers": {"default": {"queue": "x"}}}, "workers.default.queue is not a key here: did you mean queues?"),
        ({"without": ["web"]}, "without has web, which cannot be none"),
        ({"without": ["beat"], "beat": {}}, "without has beat, which is also set"),
        ({"without": "beat"}, 'without is "beat": it must be a list of inputs'),
    ],
)
def test_an_error_is_one_sentence_in_the_words_of_the_caller(inputs: dict[str, Any], says: str) -> None:
    async def program() -> None:
        caller = Caller()
        urn, _ = await caller.make(BASE, "shared", OF_BASE)
        given = {"base": urn, **OF_APP, **inputs}
        await caller.make(APP, "alpha", {key: value for key, value in given.items() if value is not None})

    said = refused(program)
    assert said.startswith(f"AdHocApp alpha: {says}")
    assert "\n" not in said
    assert "Traceback" not in said


def test_several_problems_are_one_error() -> None:
    said = refused(lambda: Caller().both(app={"backendImage": 1, "web": {"cpuUnits": "x"}}))
    assert said.splitlines() == [
        "AdHocApp alpha:",
        "  settingsModule is missing",
        '  web.cpuUnits is "x": it must be a whole number',
    ]


def test_a_secret_value_that_must_be_plain_is_refused_and_not_shown() -> None:
    said = refused(lambda: Caller().both(app={**OF_APP, "extraEnv": {"KEY": pulumi.Output.secret("hunter2")}}))
    assert said.startswith("AdHocApp alpha: extraEnv.KEY is secret")
    assert "hunter2" not in said


def test_an_output_that_is_known_serves_as_a_plain_value_and_an_unknown_one_is_refused() -> None:
    async def program() -> None:
        image = pulumi.Output.from_input("example.com/shop:2")
        outputs = await Caller().both(app={**OF_APP, "backendImage": image})
        pulumi.export("url", outputs["url"])

    async def unknown() -> None:
        caller = Caller()
        urn, _ = await caller.make(BASE, "shared", OF_BASE)
        contract_of_base: Any = caller.provider.bases[urn]
        await caller.make(APP, "alpha", {**OF_APP, "base": urn, "backendImage": contract_of_base.vpc_id})

    assert "example.com/shop:2" in str(
        run(program).one("aws:ecs/taskDefinition:TaskDefinition", "alpha-gunicorn-task").inputs
    )
    with pytest.raises(pulumi.RunError, match="backendImage is not known yet"):
        run(unknown, preview=True)


def test_a_component_with_a_provider_of_its_own_names_the_access_of_the_release() -> None:
    async def program(inputs: dict[str, Any]) -> None:
        caller = Caller()
        urn, _ = await caller.make(BASE, "shared", OF_BASE)
        provider = pulumi.ProviderResource("aws", "mine", {})
        options = pulumi.ResourceOptions(providers={"aws": provider})
        await caller.make(APP, "alpha", {**OF_APP, "base": urn, **inputs}, options)

    assert refused(lambda: program({})).startswith(
        "AdHocApp alpha: aws is missing: the component has a provider of its own"
    )
    run(lambda: program({"aws": {"profile": "prod", "region": "eu-central-1"}}))


def test_a_base_takes_the_region_of_the_stack_and_says_when_there_is_none() -> None:
    async def program() -> None:
        await Caller().make(BASE, "shared", OF_BASE)

    assert run(program).one("aws:ec2/instance:Instance")
    with pytest.raises(pulumi.RunError, match="AdHocBase shared: region is missing"):
        simulate(program)


def test_an_unknown_component_is_refused() -> None:
    said = refused(lambda: Caller().make("pulumi-django:ecs:WebService", "web", {}))
    assert said.startswith("pulumi-django:ecs:WebService is not a component of this plugin, version ")


def test_a_program_with_a_newer_sdk_learns_that_the_plugin_is_too_old() -> None:
    said = refused(lambda: Caller().make(BASE, "shared", {**OF_BASE, "inputOfTheNextVersion": True}))
    assert "inputOfTheNextVersion is not a key here" in said
    assert f"version {metadata.version('pulumi-django')}" in said
    assert said.endswith("an SDK of a newer version needs that version of the plugin)")


def test_protect_and_aliases_of_the_caller_are_those_of_the_component() -> None:
    async def program() -> None:
        options = pulumi.ResourceOptions(protect=True, aliases=["urn:pulumi:a::b::c::d"])
        await Caller().make("pulumi-django:observability:AlarmTopic", "news", {"accountId": "123456789012"}, options)

    component = run(program).one("pulumi-django:observability:AlarmTopic")
    assert component.protect
    assert list(component.aliases) == [{"urn": "urn:pulumi:a::b::c::d"}]
