"""The builder of this machine: docker buildx, podman or buildah."""

from __future__ import annotations

import shutil

from orchestrator.building.builders import INSTALL_HINT, NAMES, Builder, UnusableError
from orchestrator.building.buildx import Buildx
from orchestrator.building.container_tools import ContainerTool
from orchestrator.errors import EngineUnavailableError, UsageError


def find(wanted: str | None = None) -> Builder:
    """The first builder that works, or the wanted one. Raises EngineUnavailableError, UsageError."""
    if wanted is not None and wanted not in NAMES:
        raise UsageError(f"there is no builder {wanted}", f"builders are {', '.join(NAMES)}")
    problems: list[str] = []
    for name in NAMES if wanted is None else (wanted,):
        if shutil.which(name) is None:
            problems.append(f"{name} is not installed")
            continue
        try:
            return Buildx.find() if name == "docker" else ContainerTool.find(name)
        except UnusableError as error:
            problems.append(f"{name} is not usable: {error}")
    raise EngineUnavailableError(f"no image can be built: {'; '.join(problems)}", INSTALL_HINT)
