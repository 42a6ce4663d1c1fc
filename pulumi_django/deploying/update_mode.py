"""Options of a single update. They are environment variables, because they do not belong to the stack's
configuration. Pure."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

RELEASE_VARIABLE = "PULUMI_DJANGO_RELEASE"
"""`skip`: no release command and no database task before the services take new code."""

ROLLOUT_VARIABLE = "PULUMI_DJANGO_ROLLOUT"
"""`detach`: do not wait for rollouts. The next update that waits checks them."""

SKIP, DETACH = "skip", "detach"


@dataclass(frozen=True, kw_only=True)
class UpdateMode:
    """The parts that one update runs."""

    release: bool = True
    """Run the release before services take new code."""

    wait: bool = True
    """Wait until every changed service is steady on its requested task definition."""

    def to_environment(self) -> dict[str, str]:
        """Return the environment variables that pass the mode to the program."""
        variables = {
            RELEASE_VARIABLE: SKIP if not self.release else "",
            ROLLOUT_VARIABLE: DETACH if not self.wait else "",
        }
        return {name: value for name, value in variables.items() if value}

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> UpdateMode:
        """Return the mode that the variables describe. Raises ValueError for other values, so a typing error never
        skips a release."""
        found = os.environ if environment is None else environment
        for name, word in ((RELEASE_VARIABLE, SKIP), (ROLLOUT_VARIABLE, DETACH)):
            if found.get(name, "") not in ("", word):
                raise ValueError(f"{name} is {found[name]!r}: it must be {word!r} or unset")
        return cls(release=not found.get(RELEASE_VARIABLE), wait=not found.get(ROLLOUT_VARIABLE))
