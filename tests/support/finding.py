"""Finding pending creates in the stand-in provider's cloud, as `find_pending` does in AWS."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from orchestrator.engines.automation.dead_engines import Find
from orchestrator.model import Unit
from orchestrator.recovery.adoption import Adoption, Finding, NotFound, pending_creates, physical_ids
from tests.support.engines import Workshop


def in_standin(shop: Workshop) -> Find:
    """Looks in the cloud of that workshop."""
    return in_cloud_file(shop.cloud_file)


def in_cloud_file(file: Path) -> Find:
    """Looks in a stand-in provider's cloud: what has the URN and is in no state."""

    def find(_unit: Unit, latest: Mapping[str, Any]) -> tuple[Finding, ...]:
        cloud: dict[str, Any] = json.loads(file.read_text() or "{}") if file.exists() else {}
        known = {id_ for _type, id_ in physical_ids(latest)}
        found: list[Finding] = []
        for create in pending_creates(latest):
            ids = [item["id"] for item in cloud.values() if item["urn"] == create.urn and item["id"] not in known]
            if ids:
                found.append(Adoption(urn=create.urn, type=create.type, physical_id=ids[0]))
            else:
                found.append(NotFound(urn=create.urn, type=create.type, reason="nothing like it is there"))
        return tuple(found)

    return find
