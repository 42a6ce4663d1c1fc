"""`orchestrator mcp` with the SDK's own client: over standard input and output, and in process."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from mcp import Client, StdioServerParameters
from mcp_types import CallToolResult

from orchestrator.agents.opened import Opening
from orchestrator.agents.server import server
from orchestrator.cli.main import main as orchestrator

ROOT = Path(__file__).parents[3]
READING = {
    *("list_stacks", "show_stack", "read_outputs", "draw_graph", "estimate_cost", "list_tasks", "read_logs"),
    *("check_machine", "check_environment", "list_releases", "compare_releases", "list_operations"),
    *("find_drift", "find_orphans", "find_expired"),
}
PLANNING = {"preview_environment", "preview_base", "preview_destroy"}
CHANGING = {"apply_plan", "destroy"}
SECRET = "a-value-that-stays-here"
IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/shop:2.0.0"


class Agent:
    """A client whose calls fail the test when the tool fails, unless an error is expected."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.progress: list[str] = []

    async def call(self, tool: str, /, **arguments: Any) -> dict[str, Any]:
        result = await self.client.call_tool(tool, arguments, progress_callback=self._hear)
        assert not result.is_error, result.content
        assert isinstance(result.structured_content, dict)
        assert json.loads(_text(result)) == result.structured_content
        return result.structured_content

    async def refused(self, tool: str, /, **arguments: Any) -> str:
        result = await self.client.call_tool(tool, arguments)
        assert result.is_error
        assert isinstance(result.structured_content, dict)
        return result.structured_content["error"]["message"]

    async def names(self) -> list[str]:
        """The names of all bases and environments."""
        return [found["name"] for found in (await self.call("list_stacks"))["deployments"]]

    async def _hear(self, _done: float, _total: float | None, message: str | None) -> None:
        self.progress.append(message or "")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The example projects, whose programs the simulation runs."""
    shutil.copy(ROOT / "orchestrator.toml", tmp_path)
    shutil.copytree(ROOT / "projects", tmp_path / "projects", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def change(folder: Path, *words: str) -> None:
    """A command of another user."""
    assert orchestrator([*words, "--project-dir", str(folder), "--engine", "simulation", "--quiet"]) == 0


def _text(result: CallToolResult) -> str:
    (content,) = result.content
    return getattr(content, "text")  # noqa: B009


def with_agent(where: Path, work: Callable[[Agent], Awaitable[None]], *, read_only: bool = False) -> None:
    async def main() -> None:
        opened = server(Opening(where=where, engine="simulation"), read_only=read_only)
        async with Client(opened) as client:
            await work(Agent(client))

    asyncio.run(main())


async def created(agent: Agent, name: str = "alpha") -> None:
    planned = await agent.call("preview_environment", name=name, base="dev")
    applied = await agent.call("apply_plan", plan=planned["plan"])
    assert applied["exit_code"] == 0


def test_an_agent_creates_deploys_reads_and_destroys_over_standard_input_and_output(folder: Path) -> None:
    arguments = ["-m", "orchestrator", "mcp", "--project-dir", str(folder), "--engine", "simulation"]
    parameters = StdioServerParameters(command=sys.executable, args=arguments, env=dict(os.environ))

    async def main() -> None:
        async with Client(parameters) as client:
            agent = Agent(client)
            await created(agent)
            assert any("alpha" in message and "succeeded" in message for message in agent.progress)
            deploy = await agent.call("preview_environment", name="alpha", images={"backend": IMAGE})
            changed = [change["name"] for unit in deploy["report"]["units"] for change in unit["changes"]]
            assert changed
            assert (await agent.call("apply_plan", plan=deploy["plan"]))["exit_code"] == 0
            releases = (await agent.call("list_releases", name="alpha"))["releases"]
            assert [image["reference"] for image in releases[0]["images"] if image["name"] == "backend"] == [IMAGE]
            assert (await agent.call("read_logs", name="alpha", lines=1))["left_out"] > 0
            plan = (await agent.call("preview_destroy", name="alpha"))["plan"]
            assert (await agent.call("destroy", plan=plan, name="alpha"))["exit_code"] == 0
            assert await agent.names() == ["dev"]

    asyncio.run(main())


def test_every_tool_has_hints_descriptions_and_the_schema_of_its_answer(folder: Path) -> None:
    async def work(agent: Agent) -> None:
        tools = {tool.name: tool for tool in (await agent.client.list_tools()).tools}
        assert set(tools) == READING | PLANNING | CHANGING
        for name, tool in tools.items():
            assert tool.description
            assert tool.annotations is not None
            assert tool.annotations.read_only_hint is (name in READING)
            assert bool(tool.annotations.destructive_hint) is (name in CHANGING)
            assert all("description" in given for given in tool.input_schema["properties"].values()), name
            assert tool.output_schema is not None
            assert tool.output_schema["type"] == "object"
        await created(agent)
        calls: dict[str, dict[str, Any]] = {
            "list_stacks": {},
            "show_stack": {"name": "alpha"},
            "read_outputs": {"name": "alpha"},
            "draw_graph": {"name": "alpha"},
            "estimate_cost": {},
            "list_tasks": {"name": "alpha"},
            "read_logs": {"name": "alpha"},
            "check_machine": {},
            "check_environment": {"name": "alpha"},
            "list_releases": {"name": "alpha"},
            "list_operations": {},
            "find_drift": {"names": ["alpha"]},
            "find_expired": {},
            "preview_base": {"name": "dev"},
            "preview_destroy": {"name": "alpha"},
        }
        for name, arguments in calls.items():
            jsonschema.validate(await agent.call(name, **arguments), tools[name].output_schema)

    with_agent(folder, work)


def test_read_only_offers_no_tool_that_changes_or_plans(folder: Path) -> None:
    async def work(agent: Agent) -> None:
        assert {tool.name for tool in (await agent.client.list_tools()).tools} == READING

    with_agent(folder, work, read_only=True)


def test_a_plan_is_carried_out_once_reviewed_and_never_after_a_newer_preview_or_a_change(folder: Path) -> None:
    async def work(agent: Agent) -> None:
        first = (await agent.call("preview_environment", name="alpha", base="dev"))["plan"]
        second = (await agent.call("preview_environment", name="alpha", base="dev", values={"extra_env.A": "b"}))[
            "plan"
        ]
        assert await agent.refused("apply_plan", plan=first) == f"a newer preview has replaced the plan {first}"
        assert (await agent.call("apply_plan", plan=second))["exit_code"] == 0
        third = (await agent.call("preview_environment", name="alpha", values={"extra_env.A": "c"}))["plan"]
        await asyncio.to_thread(change, folder, "update-env", "alpha", "--set", "extra_env.A=d", "--yes")
        assert "the plan no longer fits" in await agent.refused("apply_plan", plan=third)

    with_agent(folder, work)


@pytest.mark.parametrize("plan", ["", "../../etc", "environment-alpha-000000000000", "destroy-alpha-000000000000"])
def test_a_plan_that_does_not_exist_is_refused(plan: str, folder: Path) -> None:
    async def work(agent: Agent) -> None:
        assert await agent.refused("apply_plan", plan=plan) == f"there is no plan {plan}"
        assert await agent.refused("destroy", plan=plan, name="alpha") == f"there is no plan {plan}"

    with_agent(folder, work)


def test_destroy_wants_the_name_and_the_state_of_the_review(folder: Path) -> None:
    async def work(agent: Agent) -> None:
        await created(agent)
        plan = (await agent.call("preview_destroy", name="alpha"))["plan"]
        assert await agent.refused("destroy", plan=plan, name="dev") == "the plan destroys alpha, not dev"
        await asyncio.to_thread(change, folder, "update-env", "alpha", "--set", "extra_env.A=d", "--yes")
        assert "changed since the preview" in await agent.refused("destroy", plan=plan, name="alpha")
        base = await agent.refused("preview_destroy", name="dev")
        assert base == "the base dev was not destroyed: the environment alpha is on it"
        plan = (await agent.call("preview_destroy", name="dev", cascade=True))["plan"]
        assert (await agent.call("destroy", plan=plan, name="dev"))["exit_code"] == 0
        assert await agent.names() == []

    with_agent(folder, work)


def test_production_is_never_changed(folder: Path) -> None:
    async def work(agent: Agent) -> None:
        message = await agent.refused("preview_base", name="prod")
        assert message == "prod is production, which agents do not change"
        assert not folder.joinpath(".orchestrator/plans").exists()
        await asyncio.to_thread(change, folder, "create-base", "prod", "--allow-prod", "--yes")
        assert await agent.names() == ["prod"]
        assert "production" in await agent.refused("preview_destroy", name="prod")

    with_agent(folder, work)


def test_the_value_of_a_secret_is_in_no_answer(folder: Path) -> None:
    program = folder / "projects" / "base" / "__main__.py"
    export = 'import pulumi\n\npulumi.export("token", pulumi.Output.secret("' + SECRET + '"))\n'
    program.write_text(f"{program.read_text()}\n{export}")

    async def work(agent: Agent) -> None:
        planned = await agent.call("preview_environment", name="alpha", base="dev")
        applied = await agent.call("apply_plan", plan=planned["plan"])
        outputs = await agent.call("read_outputs", name="dev")
        assert "token" in outputs["outputs"]
        shown = await agent.call("show_stack", name="dev")
        assert SECRET not in json.dumps([planned, applied, outputs, shown])

    with_agent(folder, work)


def test_pages_and_schemas_are_resources(folder: Path) -> None:
    async def work(agent: Agent) -> None:
        found = {str(resource.uri): resource for resource in (await agent.client.list_resources()).resources}
        assert {"docs://agents.md", "docs://reference/cli.md", "schema://documents/report"} <= set(found)
        assert found["docs://agents.md"].description == "Agents"
        page = await agent.client.read_resource("docs://agents.md")
        assert getattr(page.contents[0], "text").startswith("# Agents")  # noqa: B009
        for uri in ("schema://documents/list", "schema://files/settings", "schema://files/base", "schema://files/app"):
            content = (await agent.client.read_resource(uri)).contents[0]
            jsonschema.Draft202012Validator.check_schema(json.loads(getattr(content, "text")))  # noqa: B009

    with_agent(folder, work)


def test_the_command_wants_a_client_and_readable_settings(folder: Path) -> None:
    command = [sys.executable, "-m", "orchestrator", "mcp"]
    script = shutil.which("script")
    if script:
        quoted = f"{' '.join(command)} --project-dir {folder}"
        on_terminal = subprocess.run([script, "-qec", quoted, "/dev/null"], capture_output=True, text=True, timeout=300)
        assert on_terminal.returncode == 2
        assert "standard input is a terminal" in on_terminal.stdout
    folder.joinpath("orchestrator.toml").write_text("engine = 3\n")
    broken = subprocess.run(
        [*command, "--project-dir", str(folder)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert broken.returncode == 1
    assert "orchestrator.toml" in broken.stderr
    assert "Traceback" not in broken.stderr
