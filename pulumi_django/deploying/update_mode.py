"""How one update goes, which is nothing that a stack is: told by environment variables, never by configuration. Pure."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

RELEASE_VARIABLE = "PULUMI_DJANGO_RELEASE"
"""`skip`: no release command and no database task before the services take new code."""

ROLLOUT_VARIABLE = "PULUMI_DJANGO_ROLLOUT"
"""`detach`: do not wait for rollouts; the next update that waits sees to them."""

SKIP, DETACH = "skip", "detach"


@dataclass(frozen=True, kw_only=True)
class UpdateMode:
    """What one update leaves out."""

    release: bool = True
    """Run the release before services take new code."""

    wait: bool = True
    """Wait until every changed service is steady on what was asked for."""

    def to_environment(self) -> dict[str, str]:
        """The variables that tell it to the program."""
        told = {RELEASE_VARIABLE: SKIP if not self.release else "", ROLLOUT_VARIABLE: DETACH if not self.wait else ""}
        return {name: value for name, value in told.items() if value}

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> UpdateMode:
        """What the variables tell. ValueError for words that mean nothing: a release is not left out by a mistake."""
        found = os.environ if environment is None else environment
        for name, word in ((RELEASE_VARIABLE, SKIP), (ROLLOUT_VARIABLE, DETACH)):
            if found.get(name, "") not in ("", word):
                raise ValueError(f"{name} is {found[name]!r}: it is {word!r} or not set")
        return cls(release=not found.get(RELEASE_VARIABLE), wait=not found.get(ROLLOUT_VARIABLE))
