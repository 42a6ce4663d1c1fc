"""Whole programs without an engine: the records of `simulate`, and its agreement with the engine."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
import gc
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pulumi
import pulumi_aws as aws
import pulumi_awsx as awsx
import pulumi_random as random
import pytest
from pulumi.runtime import mocks

from pulumi_django.rules.wire import UNKNOWN
from pulumi_django.testing import DuplicateUrnError, Mocks, SimulationResult, simulate
from pulumi_django.testing.monitor import RecordingMonitor

BUCKET = "aws:s3/bucket:Bucket"
TASK_DEFINITION = "aws:ecs/taskDefinition:TaskDefinition"


class Outer(pulumi.ComponentResource):
    def __init__(self, name: str, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("test:index:Outer", name, None, opts)
        self.inner = Inner(f"{name}-inner", pulumi.ResourceOptions(parent=self))
        self.register_outputs({})


class Inner(pulumi.ComponentResource):
    def __init__(self, name: str, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("test:index:Inner", name, None, opts)
        aws.s3.Bucket(name, opts=pulumi.ResourceOptions(parent=self, protect=True, ignore_changes=["tags"]))
        self.register_outputs({})


def run(program: Callable[[], object], **options: object) -> SimulationResult:
    return simulate(program, project="p", stack="dev", **options)  # type: ignore[arg-type]


def test_urns_hold_the_whole_chain_of_parent_types_as_the_engine_writes_them() -> None:
    result = run(lambda: Outer("o"))
    assert [resource.urn for resource in result.resources] == [
        "urn:pulumi:dev::p::pulumi:pulumi:Stack::p-dev",
        "urn:pulumi:dev::p::test:index:Outer::o",
        "urn:pulumi:dev::p::test:index:Outer$test:index:Inner::o-inner",
        "urn:pulumi:dev::p::test:index:Outer$test:index:Inner$aws:s3/bucket:Bucket::o-inner",
    ]


def test_options_and_parents_are_recorded() -> None:
    bucket = run(lambda: Outer("o")).one(BUCKET)
    assert bucket.parent.endswith("::o-inner")
    assert (bucket.protect, list(bucket.ignore_changes)) == (True, ["tags"])


def test_two_resources_of_one_urn_are_an_error_as_in_the_engine() -> None:
    def program() -> None:
        aws.s3.Bucket("twice")
        aws.s3.Bucket("twice")

    with pytest.raises(
        DuplicateUrnError, match=r"Duplicate resource URN 'urn:pulumi:dev::p::aws:s3/bucket:Bucket::twice'"
    ):
        run(program)


def test_an_exception_in_an_apply_is_raised_as_itself() -> None:
    class Boom(Exception):
        pass

    def boom(_value: object) -> None:
        raise Boom("in apply")

    with pytest.raises(Boom, match="in apply"):
        run(lambda: aws.s3.Bucket("b").arn.apply(boom))


def test_async_programs_and_pulumi_run_are_awaited() -> None:
    async def program() -> None:
        await asyncio.sleep(0)
        pulumi.export("answer", 42)

    assert run(program).outputs == {"answer": 42}
    assert run(lambda: pulumi.run(program)).outputs == {"answer": 42}


def test_generated_passwords_are_secret_wherever_they_flow() -> None:
    def program() -> None:
        password = random.RandomPassword("pw", length=24, special=False)
        aws.secretsmanager.SecretVersion("v", secret_id="s", secret_string=pulumi.Output.concat("x:", password.result))
        pulumi.export("password", password.result)
        pulumi.export("length", password.length)

    result = run(program)
    assert result.secret_outputs == {"password"}
    assert len(result.outputs["password"]) == 24
    version = result.one("aws:secretsmanager/secretVersion:SecretVersion")
    assert version.secret_inputs == {"secretString"}
    assert version.inputs["secretString"] == f"x:{result.outputs['password']}"


def test_preview_registers_the_same_resources_and_runs_no_apply() -> None:
    ran: list[object] = []

    def program() -> None:
        pulumi.export("arn", aws.s3.Bucket("b").arn.apply(lambda arn: ran.append(arn) or arn))

    update, preview = run(program), run(program, preview=True)
    assert [r.urn for r in preview.resources] == [r.urn for r in update.resources]
    assert preview.outputs == {"arn": UNKNOWN}
    assert preview.one(BUCKET).id == ""
    assert len(ran) == 1


def test_a_stack_reference_reads_the_result_of_another_simulation() -> None:
    def base() -> None:
        pulumi.export("vpc_id", "vpc-1")
        pulumi.export("token", pulumi.Output.secret("s3cret"))

    def app() -> None:
        reference = pulumi.StackReference("organization/base/dev")
        pulumi.export("vpc_id", reference.get_output("vpc_id"))
        pulumi.export("token", reference.get_output("token"))

    result = run(app, stacks={"organization/base/dev": run(base)})
    assert result.outputs == {"vpc_id": "vpc-1", "token": "s3cret"}
    assert result.secret_outputs == {"token"}
    assert result.one("pulumi:pulumi:StackReference").read


def test_a_missing_stack_is_an_error_that_names_what_is_known() -> None:
    with pytest.raises(LookupError, match=r'unknown stack "organization/base/dev" \(known here: none\)'):
        run(lambda: pulumi.StackReference("organization/base/dev"))


def test_the_error_for_an_unknown_function_shows_how_to_mock_it() -> None:
    with pytest.raises(Exception, match=r"no result for the function aws:ec2/getVpc:getVpc: pass Mocks\(invokes="):
        run(lambda: aws.ec2.get_vpc(id="vpc-1"))


def test_users_override_outputs_and_functions() -> None:
    def program() -> None:
        pulumi.export("arn", aws.s3.Bucket("b").arn)
        pulumi.export("vpc", aws.ec2.get_vpc(id="vpc-1").cidr_block)

    answers = Mocks(
        outputs={BUCKET: lambda _inputs: {"arn": "arn:mine"}},
        invokes={"aws:ec2/getVpc:getVpc": lambda args: {"id": args["id"], "cidrBlock": "10.9.0.0/16"}},
    )
    assert run(program, mocks=answers).outputs == {"arn": "arn:mine", "vpc": "10.9.0.0/16"}


def vpc_program() -> None:
    provider = aws.Provider("aws", region="eu-west-1", default_tags={"tags": {"team": "x"}})
    vpc = awsx.ec2.Vpc(
        "net",
        availability_zone_names=["eu-west-1a", "eu-west-1b"],
        nat_gateways={"strategy": "Single"},
        subnet_specs=[{"type": "Public"}, {"type": "Private"}],
        tags={"own": "y"},
        opts=pulumi.ResourceOptions(providers=[provider]),
    )
    pulumi.export("tables", vpc.route_tables.apply(lambda tables: [table.id for table in tables]))
    pulumi.export("private", vpc.private_subnet_ids)
    pulumi.export("cidr", vpc.vpc.cidr_block)


def test_the_vpc_component_has_the_children_of_the_real_one() -> None:
    result = run(vpc_program)
    children = [resource for resource in result.resources if "awsx:ec2:Vpc$" in resource.urn]
    assert len(children) == 20, "two zones with a single NAT gateway: reference count without endpoints"
    route = next(r for r in children if r.name == "net-private-2" and r.type == "aws:ec2/route:Route")
    assert route.urn == (
        "urn:pulumi:dev::p::awsx:ec2:Vpc$aws:ec2/vpc:Vpc$aws:ec2/subnet:Subnet"
        "$aws:ec2/routeTable:RouteTable$aws:ec2/route:Route::net-private-2"
    )
    assert route.inputs["natGatewayId"] == result.one("aws:ec2/natGateway:NatGateway").id


def test_the_vpc_components_children_live_in_the_given_provider_with_its_tags() -> None:
    subnet = run(vpc_program).one("aws:ec2/subnet:Subnet", "net-private-1")
    assert "pulumi:providers:aws::aws::" in subnet.provider
    assert subnet.outputs["tagsAll"] == {
        "team": "x",
        "own": "y",
        "Name": "net-private-1",
        "SubnetType": "Private",
    }
    assert subnet.outputs["arn"].startswith("arn:aws:ec2:eu-west-1:123456789012:subnet/subnet-0")


def test_the_vpc_components_outputs_are_resources_that_can_be_read() -> None:
    result = run(vpc_program)
    assert result.outputs["cidr"] == "10.0.0.0/16"
    assert result.outputs["tables"] == [r.id for r in result.of_type("aws:ec2/routeTable:RouteTable")]
    assert result.outputs["private"] == [r.id for r in result.of_type("aws:ec2/subnet:Subnet") if "private" in r.name]


def test_transforms_reach_the_children_of_the_vpc_component() -> None:
    def add_tag(args: pulumi.ResourceTransformArgs) -> pulumi.ResourceTransformResult | None:
        if args.type_ != "aws:ec2/subnet:Subnet":
            return None
        tags = {**(args.props.get("tags") or {}), "seen": "yes"}
        return pulumi.ResourceTransformResult({**args.props, "tags": tags}, args.opts)

    def program() -> None:
        pulumi.runtime.register_resource_transform(add_tag)
        vpc_program()

    assert all(r.inputs["tags"]["seen"] == "yes" for r in run(program).of_type("aws:ec2/subnet:Subnet"))


def test_hooks_are_recorded_with_their_moment_and_never_run() -> None:
    ran: list[str] = []

    def program() -> None:
        hook = pulumi.ResourceHook("gate", lambda args: ran.append(args.name))
        binding = pulumi.ResourceHookBinding(before_create=[hook], after_update=[hook])
        aws.s3.Bucket("b", opts=pulumi.ResourceOptions(hooks=binding))

    result = run(program)
    assert result.hooks == ("gate",)
    assert result.one(BUCKET).hooks == {"before_create": ["gate"], "after_update": ["gate"]}
    assert ran == []


def test_the_log_messages_of_the_program_are_kept() -> None:
    assert run(lambda: pulumi.log.info("hello")).logs == (("info", "hello"),)


def task_definition(image: str) -> Callable[[], None]:
    def program() -> None:
        definition = aws.ecs.TaskDefinition("web", family="alpha-web", container_definitions=f'[{{"image":"{image}"}}]')
        pulumi.export("arn", definition.arn)
        pulumi.export("id", aws.s3.Bucket("b").id)

    return program


def test_a_second_run_keeps_ids_and_a_replacement_gets_new_ones() -> None:
    first = run(task_definition("app:1"))
    prior = {resource.urn: resource for resource in first.resources}
    same, changed = run(task_definition("app:1"), prior=prior), run(task_definition("app:2"), prior=prior)
    assert same.outputs == first.outputs
    assert first.outputs["arn"].endswith("task-definition/alpha-web:1")
    assert changed.outputs["arn"].endswith("task-definition/alpha-web:2")
    assert changed.outputs["id"] == first.outputs["id"]


def test_simulations_in_several_threads_do_not_disturb_each_other() -> None:
    def one(number: int) -> dict[str, object]:
        def program() -> None:
            pulumi.export("stack", pulumi.get_stack())
            pulumi.export("name", aws.s3.Bucket(f"b{number}").bucket)
            pulumi.export("config", pulumi.Config("p").require("key"))

        result = simulate(program, project="p", stack=f"s{number}", config={"p:key": f"v{number}"})
        return {**result.outputs, "count": len(result.resources)}

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(one, range(24)))
    for number, answer in enumerate(answers):
        assert answer["stack"] == f"s{number}"
        assert str(answer["name"]).startswith(f"b{number}-")
        assert answer["config"] == f"v{number}"
        assert answer["count"] == 2


def test_a_failing_program_leaves_no_thread_behind() -> None:
    def program() -> None:
        aws.s3.Bucket("b")
        raise RuntimeError("half way")

    before = threading.active_count()
    for _ in range(3):
        with pytest.raises(RuntimeError, match="half way"):
            run(program)
    assert threading.active_count() == before


# The SDK's own test support leaves the event loop of its worker thread open. `simulate` closes it.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_mocks_serve_the_sdks_own_test_support() -> None:
    async def check() -> None:
        pulumi.runtime.set_mocks(Mocks(region="eu-west-1"), project="p", stack="s")
        repository = aws.ecr.Repository("app", name="app")
        expected = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/app"
        assert await repository.repository_url.future() == expected

    contextvars.copy_context().run(asyncio.run, check())
    gc.collect()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_only_simulated_programs_leave_out_the_lines_that_create_their_resources(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lines: list[str] = []
    register = mocks.MockMonitor.RegisterResource

    def record(self: mocks.MockMonitor, request: Any) -> object:
        lines.append(request.sourcePosition.uri)
        return register(self, request)

    async def engine() -> None:
        pulumi.runtime.set_mocks(Mocks(), project="p", stack="s")
        await aws.ecr.Repository("app", name="app").repository_url.future()

    monkeypatch.setattr(mocks.MockMonitor, "RegisterResource", record)
    monkeypatch.setattr(RecordingMonitor, "RegisterResource", record)
    run(lambda: aws.ecr.Repository("app", name="app"))
    assert set(lines) == {""}
    lines.clear()
    contextvars.copy_context().run(asyncio.run, engine())
    gc.collect()
    assert lines[-1] == Path(__file__).as_uri()


def test_a_program_runs_where_an_event_loop_runs_already_as_in_a_notebook() -> None:
    async def cell() -> SimulationResult:
        return run(lambda: aws.sns.Topic("news"))

    assert [resource.name for resource in asyncio.run(cell()).of_type("aws:sns/topic:Topic")] == ["news"]


def test_an_error_of_the_program_is_raised_where_an_event_loop_runs_already() -> None:
    def program() -> None:
        raise LookupError("no topic")

    async def cell() -> SimulationResult:
        return run(program)

    with pytest.raises(LookupError, match="no topic"):
        asyncio.run(cell())


def test_the_traceback_of_a_failing_program_has_only_its_own_error() -> None:
    def program() -> None:
        raise LookupError("no topic")

    with pytest.raises(LookupError) as caught:
        run(program)
    assert caught.value.__context__ is None
