"""The tools that change: a preview makes a plan, and `apply_plan` or `destroy` carries out exactly that plan."""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import replace
from typing import Annotated, Any

from anyio import from_thread, lowlevel
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.tools import Tool
from pydantic import Field

from orchestrator.agents.answers import CHANGES, PLANS, tool
from orchestrator.agents.opened import Opening
from orchestrator.api import Orchestrator
from orchestrator.config.assignments import make_assignments
from orchestrator.errors import RefusedError
from orchestrator.events import Event, PlanReady, ResourceEvent, UnitFinished, UnitStarted
from orchestrator.lifecycle import DestroyBase, DestroyEnv, Job, PreviewBase, PreviewEnv, destroy, saved_plan
from orchestrator.lifecycle.reviewed_plans import AGAIN, DestructionPlan, SavedPlans
from orchestrator.model import ChangeOp, Kind, RunReport, Scope
from orchestrator.rendering import document

_SILENT = (ChangeOp.SAME, ChangeOp.READ, ChangeOp.REFRESH)


Values = Annotated[
    dict[str, Any] | None,
    Field(description='Configuration values by key, such as {"web.desired_count": 2}; saved when the plan is applied.'),
]
Caller = Context[Any, Any]
Plan = Annotated[str, Field(description="The `plan` of a preview.")]


class ChangingTools:
    """Creates, updates, deploys and destructions, each in two steps: preview, then carry out the plan."""

    def __init__(self, opening: Opening) -> None:
        self._opening = opening
        self._destructions: dict[str, DestructionPlan] = {}
        # Programs run in this process, one run at a time.
        self._one_run = threading.Lock()

    def tools(self) -> list[Tool]:
        """The tools, with their hints."""
        previews = (self.preview_environment, self.preview_base, self.preview_destroy)
        return [
            *(tool(function, "agent-plan", PLANS) for function in previews),
            *(tool(function, "report", CHANGES) for function in (self.apply_plan, self.destroy)),
        ]

    def preview_environment(
        self,
        caller: Caller,
        name: Annotated[str, Field(description="Environment; it need not exist.")],
        base: Annotated[str | None, Field(description="Base; null for the configured one.")] = None,
        images: Annotated[
            dict[str, str] | None,
            Field(description='Images to deploy, by name, such as {"backend": "registry.example.com/shop:1.4"}.'),
        ] = None,
        values: Values = None,
    ) -> dict[str, Any]:
        """Preview the creation, update or deploy of an environment, and return a plan for `apply_plan`.

        A deploy is an update with `images`. The base is created too when it is configured and does not exist yet.
        """
        assignments = make_assignments(values)
        return self._preview(caller, PreviewEnv(name=name, base=base, images=images or {}, assignments=assignments))

    def preview_base(
        self,
        caller: Caller,
        name: Annotated[str, Field(description="Base; it need not exist.")],
        values: Values = None,
    ) -> dict[str, Any]:
        """Preview the creation or update of a base, and return a plan for `apply_plan`."""
        return self._preview(caller, PreviewBase(name=name, assignments=make_assignments(values)))

    def preview_destroy(
        self,
        name: Annotated[str, Field(description="Environment or base; `base/NAME` when both have the name.")],
        cascade: Annotated[bool, Field(description="For a base, destroy its environments first.")] = False,
    ) -> dict[str, Any]:
        """Show what a destruction would delete, and return a plan for `destroy`. It is valid until this server ends."""
        with self._one_run:
            orchestrator = self._opening.orchestrator()
            found = orchestrator.show(name)
            plain = found.name
            request = (
                DestroyEnv(names=(plain,))
                if found.scope is Scope.ENVIRONMENT
                else DestroyBase(names=(plain,), cascade=cascade)
            )
            job = orchestrator.prepare(request)
            report, plan = destroy.dry_run(job), DestructionPlan.of(plain, request, job)
            if report.exit_code:
                return document.preview(None, report)
            self._destructions[plan.identity] = plan
            return document.preview(plan.identity, report)

    def apply_plan(self, caller: Caller, plan: Plan) -> dict[str, Any]:
        """Carry out exactly the plan of `preview_environment` or `preview_base`.

        Refused when program, configuration or state changed since the preview. A plan that was cut off continues.
        """
        with self._one_run:
            orchestrator = self._opening.orchestrator(Progress(caller))
            job = orchestrator.prepare_apply(_plans(orchestrator).find(plan))
            return self._reported(orchestrator, orchestrator.run_job(job))

    def destroy(
        self,
        caller: Caller,
        plan: Annotated[str, Field(description="The `plan` of `preview_destroy`.")],
        name: Annotated[str, Field(description="The name of the environment or base again, to confirm.")],
    ) -> dict[str, Any]:
        """Destroy an environment or a base, with its data, by the plan of `preview_destroy`. It cannot be undone."""
        with self._one_run:
            known = self._destructions.get(plan)
            if known is None:
                raise RefusedError(
                    f"there is no plan {plan}", "call preview_destroy, review the resources, and pass its plan"
                )
            if name != known.name:
                raise RefusedError(f"the plan destroys {known.name}, not {name}", AGAIN)
            orchestrator = self._opening.orchestrator(Progress(caller))
            job = orchestrator.prepare(known.request)
            known.check(job)
            return self._reported(orchestrator, orchestrator.run_job(job))

    def _preview(self, caller: Caller, request: PreviewEnv | PreviewBase) -> dict[str, Any]:
        with self._one_run:
            orchestrator = self._opening.orchestrator(Progress(caller))
            plans = _plans(orchestrator)
            scope = Scope.BASE if isinstance(request, PreviewBase) else Scope.ENVIRONMENT
            folder = plans.folder_of(scope, request.name)
            job = orchestrator.prepare(request)
            _refuse_production(job)
            saved_plan.prepare_folder(folder)
            job = replace(job, plans=folder.absolute())
            report = orchestrator.run_job(job)
            saved = orchestrator.save_plan(job, request, report)
            return document.preview(plans.identity(folder) if saved else None, report, orchestrator.plan_costs(report))

    def _reported(self, orchestrator: Orchestrator, report: RunReport) -> dict[str, Any]:
        return document.report(report, orchestrator.plan_costs(report))


def _plans(orchestrator: Orchestrator) -> SavedPlans:
    return SavedPlans(folder=orchestrator.settings.state_dir / "plans")


def _refuse_production(job: Job) -> None:
    production = [step.unit.stack for step in job.steps if step.runs and step.kind is Kind.PROD]
    if production:
        raise RefusedError(
            f"{', '.join(production)} is production, which agents do not change",
            "a person previews and applies it: `orchestrator preview-env NAME --save-plan DIR`",
        )


class Progress:
    """An observer that counts finished resources and names the stacks. Create it in the thread of the tool."""

    def __init__(self, context: Context[Any, Any]) -> None:
        self._context = context
        self._loop = from_thread.run_sync(lowlevel.current_token)
        self._done = 0

    def __call__(self, event: Event) -> None:
        match event:
            case PlanReady():
                self._send(f"{event.operation.value}: {', '.join(str(unit) for unit in event.units)}")
            case UnitStarted():
                self._send(f"{event.unit}: {event.operation.value} starts")
            case ResourceEvent() if event.phase != "started":
                self._done += 1
                if event.phase == "failed" or event.op not in _SILENT:
                    self._send(f"{event.unit}: {event.op.value} {event.name} {event.phase}")
            case UnitFinished():
                self._send(f"{event.result.unit}: {event.result.status.value}")
            case _:
                pass

    def _send(self, message: str) -> None:
        # A client that has left, or a connection that broke, does not disturb the run.
        with suppress(Exception):
            from_thread.run(self._context.report_progress, self._done, None, message, token=self._loop)
