"""Commands that run after the start of every service: `release.after_command`, and once `on_create`."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.local.folder import StateFolder
from orchestrator.local.processes import Supervisor
from orchestrator.local.programs import LocalContainer, Programs
from orchestrator.local.tasks import Step, Tasks
from orchestrator.operations.events import Note, Observer


@dataclass(frozen=True, kw_only=True)
class LocalStep:
    """A step on this machine."""

    step: Step
    container: LocalContainer


def local(tasks: Tasks, programs: Programs) -> tuple[LocalStep, ...]:
    """Return the steps of an environment. Raises RefusedError when a program is not installed."""
    found = [(step, programs.task(step.task)) for step in tasks.steps]
    return tuple(LocalStep(step=step, container=container) for step, container in found if container is not None)


async def run(steps: Sequence[LocalStep], supervisor: Supervisor, folder: StateFolder, observer: Observer) -> None:
    """Run the steps that are due. A failed one is reported, and the services keep running, as on AWS."""
    done = folder.read(folder.done) or {}
    for each in steps:
        name, command = each.step.setting, shlex.join(each.container.program.words)
        if each.step.once and name in done:
            continue
        observer(Note(text=f"{name}   {command}"))
        process = await supervisor.finish(each.container.program)
        if process.code:
            text = f"the command of {name} failed (`{command}`): the services keep running, and the next start runs it again"
            observer(Note(text=text, severity="warning"))
        elif each.step.once:
            done = {**done, name: True}
            folder.write(folder.done, done)
