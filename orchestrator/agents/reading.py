"""The tools that read. None of them changes anything, in AWS or on this machine."""

from __future__ import annotations

from typing import Annotated, Any

from mcp.server.mcpserver.tools import Tool
from pydantic import Field

from orchestrator.agents.answers import READS, tool
from orchestrator.agents.opened import Opening
from orchestrator.model import Scope
from orchestrator.operations.facade import Operations
from orchestrator.rendering import document, operation_documents, release_documents

Name = Annotated[str, Field(description="Environment or base; `base/NAME` when both have the name.")]
Environment = Annotated[str, Field(description="Environment.")]
Services = Annotated[list[str] | None, Field(description="Services; null for all services.")]

MOST_LINES = 2000
"""Most log lines of one answer, so that an answer stays readable for a model."""


class ReadingTools:
    """The state of bases and environments: stacks, tasks, logs, checks, costs and releases."""

    def __init__(self, opening: Opening) -> None:
        self._opening = opening

    def tools(self) -> list[Tool]:
        """The tools, each with the schema of the command of its name."""
        described = {
            "list": self.list_stacks,
            "show": self.show_stack,
            "outputs": self.read_outputs,
            "graph": self.draw_graph,
            "cost": self.estimate_cost,
            "ps": self.list_tasks,
            "agent-logs": self.read_logs,
            "doctor": self.check_machine,
            "smoke": self.check_environment,
            "releases": self.list_releases,
            "diff": self.compare_releases,
            "log": self.list_operations,
            "report": self.find_drift,
            "orphans": self.find_orphans,
            "reap": self.find_expired,
        }
        return [tool(function, name, READS) for name, function in described.items()]

    def list_stacks(self) -> dict[str, Any]:
        """List bases and environments with state, owner, url, expiry and monthly cost."""
        orchestrator = self._opening.orchestrator()
        return document.listing(orchestrator.list(with_cost=True), orchestrator.engine.notice)

    def show_stack(self, name: Name) -> dict[str, Any]:
        """Show one base or environment: stacks, state, outputs without secrets, and the running release."""
        orchestrator = self._opening.orchestrator()
        found = orchestrator.show(name)
        running = orchestrator.operations.releases.running(name) if found.scope is Scope.ENVIRONMENT else None
        return document.deployment(found, orchestrator.engine.notice, running)

    def read_outputs(self, name: Name) -> dict[str, Any]:
        """Read the outputs of one base or environment. Secret values are masked."""
        orchestrator = self._opening.orchestrator()
        return document.named_outputs(name, orchestrator.outputs(name), orchestrator.engine.notice)

    def draw_graph(
        self,
        name: Annotated[str | None, Field(description="Base or environment; null for the graph of all stacks.")] = None,
    ) -> dict[str, Any]:
        """Return stacks, or the resources of one base or environment, with what they depend on."""
        orchestrator = self._opening.orchestrator()
        return document.graph(orchestrator.graph(name), orchestrator.engine.notice)

    def estimate_cost(
        self,
        name: Annotated[str | None, Field(description="Base or environment; null for all.")] = None,
    ) -> dict[str, Any]:
        """Estimate the monthly cost without traffic, in US dollars."""
        orchestrator = self._opening.orchestrator()
        return document.cost(orchestrator.cost(name), orchestrator.prices, orchestrator.engine.notice)

    def list_tasks(self, name: Environment, services: Services = None) -> dict[str, Any]:
        """List the ECS services and tasks of an environment: versions, health, last events, last stop."""
        operations, notice = self._operations()
        found = operations.ps(name, services or ())
        return operation_documents.outcome(name, found, operations.calls if notice else None, notice)

    def read_logs(
        self,
        name: Environment,
        services: Services = None,
        since: Annotated[str, Field(description="How far back, for example 30m or 2h.")] = "1h",
        grep: Annotated[str | None, Field(description="Only lines that match this regular expression.")] = None,
        previous: Annotated[bool, Field(description="Read the last ended task of each service instead.")] = False,
        lines: Annotated[int, Field(description="The newest lines to return.", ge=1, le=MOST_LINES)] = 200,
    ) -> dict[str, Any]:
        """Read log lines of an environment, all services interleaved by time, oldest first."""
        operations, notice = self._operations()
        found = list(operations.logs(name, services or (), since=since, grep=grep, previous=previous))
        return operation_documents.log_lines(name, found, lines, notice)

    def check_machine(
        self,
        name: Annotated[str | None, Field(description="Also check what this base or environment needs in AWS.")] = None,
    ) -> dict[str, Any]:
        """Check programs, state backend, credentials and AWS resources. Each failed check has a hint."""
        operations, notice = self._operations()
        return operation_documents.doctor(name, list(operations.doctor(name)), notice)

    def check_environment(self, name: Environment) -> dict[str, Any]:
        """Check that an environment works: URL, certificate, services, migrations, workers, files and more."""
        operations, notice = self._operations()
        found = list(operations.smoke(name))
        return document.plain(operation_documents.smoke(name, found, operations.calls if notice else None, notice))

    def list_releases(
        self, name: Environment, limit: Annotated[int, Field(description="The newest releases.", ge=1, le=500)] = 20
    ) -> dict[str, Any]:
        """List the releases of an environment: images, commit, result."""
        operations, notice = self._operations()
        return release_documents.releases(operations.releases.list(name, limit), notice)

    def compare_releases(
        self,
        name: Environment,
        before: Annotated[int, Field(description="Number of a release.")],
        after: Annotated[int, Field(description="Number of a later release.")],
    ) -> dict[str, Any]:
        """Compare two releases: commit, images and configuration."""
        operations, notice = self._operations()
        return release_documents.comparison(operations.releases.compare(name, before, after), notice)

    def list_operations(
        self,
        names: Annotated[list[str] | None, Field(description="Bases and environments; null for all.")] = None,
        limit: Annotated[int, Field(description="The newest operations.", ge=1, le=500)] = 50,
    ) -> dict[str, Any]:
        """List operations on bases and environments, newest first: user, time, result."""
        operations, notice = self._operations()
        return release_documents.log(operations.releases.log(names or (), limit=limit), notice)

    def find_drift(self, names: Annotated[list[str], Field(description="Bases and environments.")]) -> dict[str, Any]:
        """Compare AWS with the state. Nothing is changed."""
        return document.report(self._opening.orchestrator().drift(names))

    def find_orphans(
        self, base: Annotated[str | None, Field(description="Base; null for all bases.")] = None
    ) -> dict[str, Any]:
        """Find resources in AWS with tags of these stacks that no stack contains. Nothing is deleted."""
        return document.orphans(self._opening.orchestrator().orphans(base), ())

    def find_expired(self) -> dict[str, Any]:
        """Find environments that have expired or expire soon. Nothing is destroyed."""
        orchestrator = self._opening.orchestrator()
        return document.reaping(orchestrator.reap(), None, orchestrator.engine.notice)

    def _operations(self) -> tuple[Operations, str | None]:
        orchestrator = self._opening.orchestrator()
        return orchestrator.operations, orchestrator.engine.notice
