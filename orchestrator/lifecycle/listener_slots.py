"""Listener slots: each environment of a base has its own block of rule priorities on the base's load balancer.

`prepare` chooses a slot; `base_marks` confirms it under a lock of the base, so two commands never assign the same slot.
"""

from __future__ import annotations

from collections.abc import Iterable

from orchestrator.config.stack_config import StackConfig
from orchestrator.errors import RefusedError, SettingsError
from orchestrator.model import StackResource, StackSummary
from pulumi_django.rules.priorities import PRIORITIES_PER_SLOT, SLOTS, stable_slot
from pulumi_django.rules.text import as_written

LISTENER_RULE = "aws:lb/listenerRule:ListenerRule"


def choose(config: StackConfig, stack: StackSummary | None, taken: dict[int, str], base: str) -> tuple[int, bool]:
    """The slot that a stack has, else a free one, and whether it is a free one; marks the slot as `taken`.

    `taken` holds the name of an environment by slot. Raises SettingsError, RefusedError.
    """
    name, configured = config.stack, configured_slot(config)
    if configured is None and config.get("listener_slot") is not None:
        raise SettingsError(
            f"{config.path}: {config.project.name}:listener_slot is {as_written(config.get('listener_slot'))}: "
            f"a load balancer has the slots 0 to {SLOTS - 1}",
            "remove the key: the orchestrator then takes a free slot",
        )
    if configured is not None:
        holder = taken.get(configured, name)
        if holder != name:
            raise RefusedError(
                f"{config.path.name} assigns the listener slot {configured} to {name}: {holder} has it on the base {base}",
                f"set another one, such as {free_slot(taken, base)}, or remove the key",
            )
        taken[configured] = name
        return configured, False
    known = stack.record.listener_slot if stack and stack.record else None
    if stack and stack.resource_count:
        return (stable_slot(name) if known is None else known), False
    slot = known if known is not None and taken.get(known, name) == name else free_slot(taken, base)
    taken[slot] = name
    return slot, True


def configured_slot(config: StackConfig) -> int | None:
    """The listener slot in a configuration, which Pulumi may have written as text; None for an invalid value."""
    value = config.get("listener_slot")
    text = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 and int(text) < SLOTS else None


def free_slot(taken: Iterable[int], base: str) -> int:
    """The lowest free listener slot. Raises RefusedError when the base has none left."""
    used = set(taken)
    for slot in range(SLOTS):
        if slot not in used:
            return slot
    raise RefusedError(
        f"the base {base} has no listener slot left: all {SLOTS} are taken",
        "destroy an environment, or use another base",
    )


def slot_of_rules(resources: Iterable[StackResource]) -> int | None:
    """The slot whose block of priorities contains the listener rules of a stack."""
    for resource in resources:
        priority = resource.inputs.get("priority")
        if resource.type == LISTENER_RULE and isinstance(priority, int | float) and priority >= 1:
            return min((int(priority) - 1) // PRIORITIES_PER_SLOT, SLOTS - 1)
    return None
