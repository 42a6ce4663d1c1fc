"""The JSON Schema of every document that `--json` prints and of the lines of `--events`, from the documents' dataclasses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import GenericAlias
from typing import Any

from pydantic import ConfigDict, TypeAdapter

from orchestrator.operations.database.databases import DatabaseResult
from orchestrator.operations.database.shell import DatabaseShellResult
from orchestrator.operations.execute import Shell
from orchestrator.operations.notices import Notice
from orchestrator.operations.open_url import Page
from orchestrator.operations.ps import TasksResult
from orchestrator.operations.releases.approvals import DecisionResult
from orchestrator.operations.run import CommandResult
from orchestrator.operations.secrets import SecretEntry
from orchestrator.operations.tunnel import Tunnel
from orchestrator.rendering import document_types as documents
from orchestrator.rendering import local_results, release_documents
from orchestrator.rendering import operation_documents as operations
from orchestrator.rendering import pull_request_documents as pull_requests
from orchestrator.rendering.build_documents import BuildDocument
from orchestrator.rendering.dashboard_document import DashboardDocument
from orchestrator.rendering.onboarding_report import InitDocument
from orchestrator.rendering.operation_documents import OutcomeDocument

DIALECT = "https://json-schema.org/draft/2020-12/schema"


@dataclass(frozen=True)
class Published:
    """A document that has a schema."""

    description: str
    types: tuple[Any, ...]
    """The definitions of its variants."""

    commands: tuple[str, ...] = ()
    """The commands that print it."""


_RUNS = (
    *("create-env", "create-base", "update-env", "update-base", "preview-env", "preview-base", "apply"),
    *("destroy-env", "destroy-base", "drift", "refresh"),
)
_DATABASE_COMMANDS = ("create", "drop", "reset", "clone", "dump", "restore", "shell")

SCHEMAS: Mapping[str, Published] = {
    "report": Published("The result of a run.", (documents.Report, operations.SmokedReport), _RUNS),
    "list": Published("Bases and environments.", (documents.ListDocument,), ("list",)),
    "show": Published("One base or environment.", (documents.ShownDeployment,), ("show",)),
    "outputs": Published("The outputs of one base or environment.", (documents.OutputsDocument,), ("outputs",)),
    "cost": Published("US dollars a month, by name.", (documents.CostDocument,), ("cost",)),
    "dashboard": Published(
        "Everything that exists, with releases, costs and problems: dashboard.json.",
        (DashboardDocument,),
        ("dashboard",),
    ),
    "graph": Published("Stacks or resources, and what they depend on.", (documents.GraphDocument,), ("graph",)),
    "life": Published(
        "The lifetimes of environments after a change.", (documents.LifetimesDocument,), ("extend", "pin", "unpin")
    ),
    "unlock": Published("Locks that were removed.", (documents.UnlockDocument,), ("unlock",)),
    "reap": Published("Environments that have expired, expire soon, or stay.", (documents.ReapDocument,), ("reap",)),
    "idle": Published(
        "Environments without requests, and those that stay awake: `reap --sleep-after`.", (documents.IdleDocument,)
    ),
    "orphans": Published("Resources in AWS that belong to no stack.", (documents.OrphansDocument,), ("orphans",)),
    "deploy": Published(
        "A deploy: the run, and the services afterwards.",
        (OutcomeDocument[operations.Deployed], OutcomeDocument[operations.SmokedDeploy]),
        ("deploy",),
    ),
    "build": Published(
        "Images that were built, that exist already, or that were only named.", (BuildDocument,), ("build",)
    ),
    "run": Published("A command that ran in a task of its own.", (OutcomeDocument[CommandResult],), ("run",)),
    "exec": Published("The task in which a shell opens.", (OutcomeDocument[Shell],), ("exec",)),
    "logs": Published(
        "One line of a log. In the simulation a last document has the calls.",
        (operations.LoggedLine, OutcomeDocument[None]),
        ("logs", "local up", "local logs"),
    ),
    "ps": Published("Services and tasks.", (OutcomeDocument[TasksResult],), ("ps",)),
    "open": Published("The address of an environment.", (OutcomeDocument[Page],), ("open",)),
    "scale": Published("New numbers of tasks.", (operations.ScaleDocument,), ("scale",)),
    "sleep": Published("Environments and database servers that sleep.", (operations.RestDocument,), ("sleep",)),
    "wake": Published("Environments and database servers that wake.", (operations.RestDocument,), ("wake",)),
    "tunnel": Published("A tunnel to a database.", (OutcomeDocument[Tunnel],), ("tunnel",)),
    "doctor": Published(
        "Checks of this machine and of a base or environment.", (operations.DoctorDocument,), ("doctor",)
    ),
    "smoke": Published(
        "Checks of one environment, and the load that followed.",
        (operations.SmokeDocument, operations.LoadedSmoke),
        ("smoke",),
    ),
    "db": Published(
        "The result of work on a database.",
        (OutcomeDocument[DatabaseResult], OutcomeDocument[DatabaseShellResult]),
        tuple(f"db {name}" for name in _DATABASE_COMMANDS),
    ),
    "secrets": Published(
        "Keys that are stored, or that `secrets list` finds. Never a value.",
        (operations.SecretsDocument, OutcomeDocument[tuple[SecretEntry, ...]]),
        ("secrets push", "secrets set", "secrets list"),
    ),
    "releases": Published("Releases of one environment.", (release_documents.ReleasesDocument,), ("releases",)),
    "diff": Published("Two releases of one environment.", (release_documents.ComparisonDocument,), ("diff",)),
    "rollback": Published(
        "A rollback: the release, and the update.", (OutcomeDocument[release_documents.RolledBack],), ("rollback",)
    ),
    "approval": Published(
        "A decision about deployments that waited for it.",
        (OutcomeDocument[DecisionResult],),
        ("approve", "reject"),
    ),
    "maintenance": Published(
        "An environment that entered or left maintenance.",
        (release_documents.MaintenanceDocument,),
        ("maintenance on", "maintenance off"),
    ),
    "log": Published("Operations on bases and environments.", (release_documents.LogDocument,), ("log",)),
    "local-ps": Published(
        "An environment that runs on this machine.", (local_results.LocalStateDocument,), ("local ps",)
    ),
    "local-run": Published("A command that ran on this machine.", (local_results.LocalRunDocument,), ("local run",)),
    "local-compose": Published(
        "An environment as a compose file.", (local_results.LocalComposeDocument,), ("local compose",)
    ),
    "local-down": Published(
        "An environment that was stopped on this machine.", (local_results.LocalDownDocument,), ("local down",)
    ),
    "init": Published("A repository that was surveyed, and the files of its stacks.", (InitDocument,), ("init",)),
    "pr": Published(
        "Environments of pull requests.",
        (
            pull_requests.SyncDocument,
            pull_requests.PrReapDocument,
            pull_requests.PreviewsDocument,
            pull_requests.CommentDocument,
        ),
        ("pr sync", "pr close", "pr reap", "pr status", "pr comment"),
    ),
    "ci": Published("The files of a pipeline.", (pull_requests.PipelineDocument,), ("ci init",)),
    "agent-plan": Published(
        "A preview by an agent's tool, and the plan that carries it out.", (documents.PreviewDocument,)
    ),
    "agent-logs": Published("The newest lines of a log, for an agent's tool.", (operations.LogLinesDocument,)),
    "event": Published(
        "One line of `--events`.",
        (
            documents.PlanEvent,
            documents.StartedEvent,
            documents.ResourceChanged,
            documents.MessageEvent,
            documents.FinishedEvent,
        ),
    ),
    "notice": Published("The body of a webhook of `[notify]` with the format `json`.", (Notice,)),
    "error": Published("An error: any command prints it in place of its document.", (documents.ErrorDocument,)),
}
"""By name of the document."""


_AS_WRITTEN = ConfigDict(
    extra="forbid", json_schema_serialization_defaults_required=True, use_attribute_docstrings=True
)


def schema(name: str) -> dict[str, Any]:
    """The schema of one document. KeyError for an unknown name."""
    published = SCHEMAS[name]
    # The configuration reaches dataclasses only through another type; the tuple lists the variants.
    listed: Any = GenericAlias(tuple, published.types)
    found = TypeAdapter[Any](listed, config=_AS_WRITTEN).json_schema(mode="serialization")
    variants = found["prefixItems"]
    return {
        "$schema": DIALECT,
        "title": f"orchestrator {name}",
        "description": published.description,
        **(variants[0] if len(variants) == 1 else {"anyOf": variants}),
        "$defs": found["$defs"],
    }
