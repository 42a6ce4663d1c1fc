"""A pull request as the forge describes it now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

DeploymentState = Literal["in_progress", "success", "failure", "inactive"]


@dataclass(frozen=True, kw_only=True)
class Change:
    """A pull request of GitHub, or a merge request of GitLab. Its texts come from outside: escape them."""

    number: int
    branch: str
    """Name of its branch, in the repository that it comes from."""

    commit: str
    """Full hash of the newest commit of the branch."""

    is_open: bool
    draft: bool
    fork: bool
    """Whether the branch is in another repository. Its code is never built or run."""

    labels: frozenset[str]
    author: str


class Forge(Protocol):
    """The few calls to the forge's API. All raise `OrchestratorError`."""

    name: str
    """`GitHub` or `GitLab`, for messages."""

    def change(self, number: int) -> Change:
        """The pull request. Raises UnknownChangeError."""
        ...

    def open_numbers(self) -> frozenset[int]:
        """The numbers of all open pull requests."""
        ...

    def files(self, number: int) -> Sequence[str]:
        """The paths of the files that the pull request changes."""
        ...

    def comment(self, number: int, marker: str, text: str, *, create: bool = True) -> str | None:
        """Write the one comment that contains `marker`, and return its address.

        A comment that was deleted is written again, except without `create`: then the result is None.
        """
        ...

    def deployment(self, change: Change, environment: str, state: DeploymentState, url: str | None) -> None:
        """Set the state of the deployment entry of an environment; `inactive` also removes the entry."""
        ...

    def entries(self) -> Sequence[str]:
        """The names of the environments that have a deployment entry."""
        ...
