"""The costs of new stacks, from a simulation of their programs.

In a process of their own (`python -m orchestrator.cost.programs QUESTION ANSWER`) programs may print, hang or exit.
"""

from __future__ import annotations

import json
import logging
import os
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.config.projects import Project
from orchestrator.cost.estimate import estimate
from orchestrator.cost.prices import PriceTable
from orchestrator.engines.protocol import UnitRequest
from orchestrator.errors import OrchestratorError
from orchestrator.model import Operation, StackResource, Unit

log = logging.getLogger(__name__)

PATIENCE_SECONDS = 60
"""The limit for all programs together. A simulation takes about a second."""


@dataclass(frozen=True, kw_only=True)
class Program:
    """A stack that does not exist yet."""

    unit: Unit
    project: Project
    reference_name: str
    config: str
    """The text of its configuration file."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """The stacks whose costs are needed."""

    programs: Sequence[Program]
    """In the order of their creation."""

    stacks: Mapping[str, tuple[Mapping[str, Any], Sequence[str]]]
    """Outputs of existing stacks by reference name, with the names of the secret outputs."""

    prices: PriceTable


def costs(question: Question) -> dict[Unit, float]:
    """US dollars a month of each stack, up to the first whose program cannot be simulated."""
    from orchestrator.engines.simulation.programs import simulate_project
    from orchestrator.engines.simulation.rehearsals import keep

    found: dict[Unit, float] = {}
    stacks = dict(question.stacks)
    with tempfile.TemporaryDirectory(prefix="orchestrator-") as folder:
        for program in question.programs:
            unit = program.unit
            file = Path(folder) / unit.project / f"Pulumi.{unit.stack}.yaml"
            file.parent.mkdir(exist_ok=True)
            file.write_text(program.config, encoding="utf-8")
            request = UnitRequest(unit=unit, operation=Operation.UP, config_file=file)
            try:
                simulated = simulate_project(program.project, request, prior={}, stacks=stacks)
            except OrchestratorError as error:
                log.debug("the cost of %s is not known: %s", unit, error.message)
                break
            keep(program.project, request, simulated, stacks.get)
            stacks[program.reference_name] = (simulated.outputs, tuple(sorted(simulated.secret_outputs)))
            resources = [
                StackResource(urn=urn, type=kept["type"], name=kept["name"], inputs=kept["inputs"])
                for urn, kept in simulated.resources.items()
            ]
            found[unit] = round(estimate(resources, question.prices).dollars_per_month, 2)
    return found


def costs_apart(question: Question) -> dict[Unit, float]:
    """The same from a separate process; an empty result if a program hangs or ends the process."""
    with tempfile.TemporaryDirectory(prefix="orchestrator-") as folder:  # readable by this user only
        asked, answered = Path(folder) / "question", Path(folder) / "answer"
        asked.write_bytes(pickle.dumps(question))
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
            known: list[tuple[str, str, float]] = json.loads(answered.read_text(encoding="utf-8"))
        except (OSError, ValueError, subprocess.TimeoutExpired) as error:
            log.debug("the costs are not known: %s", error)
            return {}
    return {Unit(project, stack): dollars for project, stack, dollars in known}


def main(asked: Path, answered: Path) -> None:
    """Read the question from one file and write the answer to another."""
    found = costs(pickle.loads(asked.read_bytes()))
    rows = [(unit.project, unit.stack, dollars) for unit, dollars in found.items()]
    answered.write_text(json.dumps(rows), encoding="utf-8")


if __name__ == "__main__":
    from orchestrator.cost import programs  # pickled objects name this module

    programs.main(Path(sys.argv[1]), Path(sys.argv[2]))
