"""The actions of the live page as typed requests."""

from __future__ import annotations

from typing import Annotated

import msgspec

from orchestrator.errors import UsageError

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class Action(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="action", kw_only=True):
    """An action on one environment or base."""

    name: Name

    @property
    def kind(self) -> str:
        """The name of the action, such as `sleep`."""
        return str(self.__struct_config__.tag)


class Extend(Action, frozen=True, tag="extend"):
    """Let an environment expire later."""

    ttl: Annotated[str, msgspec.Meta(max_length=50)]


class Pin(Action, frozen=True, tag="pin"):
    """Keep an environment after it expires."""


class Unpin(Action, frozen=True, tag="unpin"):
    """Let an environment expire again."""


class Sleep(Action, frozen=True, tag="sleep"):
    """Put an environment to sleep, or stop a base's database server."""


class Wake(Action, frozen=True, tag="wake"):
    """Wake an environment or start a base's database server."""


class Deploy(Action, frozen=True, tag="deploy"):
    """Deploy images to an environment."""

    images: Annotated[dict[str, str], msgspec.Meta(min_length=1, max_length=10)]


class Apply(Action, frozen=True, tag="apply"):
    """Carry out a saved plan of an agent or of this machine; its name is that of the environment or base."""

    plan: Annotated[str, msgspec.Meta(max_length=300)]


class Destroy(Action, frozen=True, tag="destroy"):
    """Destroy an environment or a base. `typed` is its name once more."""

    typed: str


Actions = Extend | Pin | Unpin | Sleep | Wake | Deploy | Apply | Destroy


def read(body: bytes) -> Actions:
    """The action in the body of a request. Raises UsageError."""
    try:
        return msgspec.json.decode(body, type=Actions)
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError) as error:
        raise UsageError(f"the action cannot be read: {error}") from None
