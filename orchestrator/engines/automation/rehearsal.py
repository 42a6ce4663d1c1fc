"""Rehearses programs for the real engine: a separate process simulates them, where they may print, hang or exit.

`python -m orchestrator.engines.automation.rehearsal QUESTION ANSWER`
"""

from __future__ import annotations

import gc
import logging
import os
import pickle
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.config.projects import Project
from orchestrator.config.stack_config import read_snapshot
from orchestrator.engines.automation.remembered import Memory, Noted
from orchestrator.engines.protocol import Asked, Rehearsal, UnitRequest
from orchestrator.engines.simulation import repeats
from orchestrator.engines.simulation.store import stack_resource
from orchestrator.errors import OperationFailedError, OrchestratorError
from orchestrator.model import Operation, Unit

if TYPE_CHECKING:
    from orchestrator.engines.simulation.programs import Simulated

log = logging.getLogger(__name__)

PATIENCE_SECONDS = 30
"""The limit for all programs together. A simulation takes about a second."""

StackOutputs = tuple[Mapping[str, Any], Sequence[str]]
"""Outputs of a stack, and the names of the secret ones."""


@dataclass(frozen=True, kw_only=True)
class Program:
    """An update whose program is rehearsed."""

    asked: Asked
    project: Project
    reference_name: str


@dataclass(frozen=True, kw_only=True)
class Question:
    """The programs of a run, in the order of their updates."""

    programs: Sequence[Program]
    stacks: Mapping[str, StackOutputs]
    """Outputs of existing stacks by reference name."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """The rehearsals up to the first refusal, and what the programs read."""

    found: dict[Unit, Rehearsal] = field(default_factory=dict[Unit, Rehearsal])
    noted: dict[Unit, Noted] = field(default_factory=dict[Unit, Noted])


def rehearse(question: Question) -> Answer:
    """Rehearse the programs in this process, up to the first refusal."""
    answer = Answer()
    stacks = dict(question.stacks)
    with tempfile.TemporaryDirectory(prefix="orchestrator-") as folder:
        for program in question.programs:
            request = _request(program.asked, Path(folder))
            rehearsal, simulated = _rehearsed(program, request, stacks)
            answer.found[program.asked.unit] = rehearsal
            if rehearsal.refusal is not None:
                break
            if simulated is not None:
                noted = Noted(trace=simulated.trace, references=simulated.references)
                answer.noted[program.asked.unit] = noted
                # AWS assigned the real values: of an existing stack only new outputs are invented.
                known, secret = stacks.get(program.reference_name, ({}, ()))
                merged = {**simulated.outputs, **known}
                stacks[program.reference_name] = (merged, tuple(sorted({*simulated.secret_outputs, *secret})))
    return answer


def _request(asked: Asked, folder: Path) -> UnitRequest:
    file = None
    if asked.config is not None:
        file = folder / asked.unit.project / f"Pulumi.{asked.unit.stack}.yaml"
        file.parent.mkdir(exist_ok=True)
        file.write_text(asked.config, encoding="utf-8")
    return UnitRequest(unit=asked.unit, operation=Operation.UP, config_file=file)


def _rehearsed(
    program: Program, request: UnitRequest, stacks: Mapping[str, StackOutputs]
) -> tuple[Rehearsal, Simulated | None]:
    from orchestrator.engines.simulation.programs import simulate_project

    try:
        simulated = simulate_project(program.project, request, prior={}, stacks=stacks)
    except OrchestratorError as error:
        return _failed(program, request, error), None
    return Rehearsal(resources=_resources(simulated)), simulated


def _resources(simulated: Simulated) -> tuple[Any, ...]:
    return tuple(stack_resource(urn, kept) for urn, kept in simulated.resources.items())


def _failed(program: Program, request: UnitRequest, error: OrchestratorError) -> Rehearsal:
    from orchestrator.engines.simulation.verdict import is_refusal

    cause = error.__cause__
    if cause is None or not isinstance(error, OperationFailedError):
        return Rehearsal(skipped=error.message)
    secret = read_snapshot(program.project, request.unit.stack, request.config_file).secret_keys
    said = str(cause) or type(cause).__name__
    if any(key.partition(":")[2] in said for key in secret):  # an encrypted value is not known here
        return Rehearsal(skipped=f"an encrypted value is needed: {said}")
    if not is_refusal(cause):
        return Rehearsal(skipped=f"{type(cause).__name__}: {said}")
    trace = "".join(traceback.format_exception(cause)).rstrip()
    return Rehearsal(refusal=type(error)(error.message, error.hint), traceback=trace)


def rehearse_apart(question: Question, memory: Path | None = None) -> dict[Unit, Rehearsal]:
    """The same in a separate process. Programs that hang or end the process are not rehearsed.

    `memory` is a folder with the rehearsals of earlier runs, which count while their programs would read the same.
    """
    kept = _memory(question, memory) if memory else None
    known = kept.load() if kept else None
    if known is not None:
        return known
    answer = _asked_apart(question)
    if kept is not None:
        kept.save(answer.found, answer.noted)
    return answer.found


def _memory(question: Question, folder: Path) -> Memory | None:
    """The memory of the question's programs; None when the configuration of one cannot be read."""
    try:
        with tempfile.TemporaryDirectory(prefix="orchestrator-") as place:
            given = {
                each.asked.unit: repeats.given_to(each.project, _request(each.asked, Path(place)))
                for each in question.programs
            }
    except OrchestratorError:  # the rehearsal says why
        return None
    return Memory(folder, given, question.stacks)


def _asked_apart(question: Question) -> Answer:
    with tempfile.TemporaryDirectory(prefix="orchestrator-") as folder:  # readable by this user only
        asked, answered = Path(folder) / "question", Path(folder) / "answer"
        asked.write_bytes(pickle.dumps(question))
        reason = "the program ended the process"
        try:
            subprocess.run(
                [sys.executable, "-m", __name__, str(asked), str(answered)],
                env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=PATIENCE_SECONDS,
                check=False,
            )
            return pickle.loads(answered.read_bytes())
        except subprocess.TimeoutExpired:
            reason = f"the program did not end within {PATIENCE_SECONDS} seconds"
        except (OSError, EOFError, pickle.UnpicklingError) as error:
            log.debug("the programs were not rehearsed: %s", error)
    return Answer(found={program.asked.unit: Rehearsal(skipped=reason) for program in question.programs})


def main(asked: Path, answered: Path) -> None:
    """Read the question from one file and write the answer to another."""
    gc.disable()  # as in `cli.main.run`: the process lives for a second, and loads thousands of classes
    found = rehearse(pickle.loads(asked.read_bytes()))
    answered.write_bytes(pickle.dumps(found))


if __name__ == "__main__":
    from orchestrator.engines.automation import rehearsal  # pickled objects name this module

    # As in the command line: a process of a second does not look for garbage, also not when it ends.
    gc.disable()
    rehearsal.main(Path(sys.argv[1]), Path(sys.argv[2]))
    gc.freeze()
