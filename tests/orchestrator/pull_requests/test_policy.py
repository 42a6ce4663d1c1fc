"""Names of environments, and the table `[pull_requests]`."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.config import settings
from orchestrator.errors import SettingsError
from orchestrator.pull_requests.change import Change
from orchestrator.pull_requests.policy import environment_name, filled, number_of
from pulumi_django.rules.naming import check_environment_name
from tests.support.forge import sha
from tests.support.workspace import TOML, Workspace


def change(number: int = 7, branch: str = "feature/cart") -> Change:
    return Change(
        number=number,
        branch=branch,
        commit=sha(1),
        is_open=True,
        draft=False,
        fork=False,
        labels=frozenset(),
        author="ada",
    )


@given(st.integers(1, 10**9 - 1), st.text(min_size=1, max_size=200))
def test_every_branch_gives_a_valid_name_that_leads_back_to_its_number(number: int, branch: str) -> None:
    for pattern in ("pr-{number}", "pr-{number}-{branch}", "mr{number}-x"):
        name = environment_name(change(number, branch), pattern)
        assert check_environment_name(name) == name
        assert number_of(name, pattern) == number


@pytest.mark.parametrize("name", ["alpha", "pr-", "pr-x", "xpr-7", "pr-7a", "pr-7-x"])
def test_other_environments_are_not_those_of_pull_requests(name: str) -> None:
    assert number_of(name, "pr-{number}") is None


def test_an_image_reference_has_the_commit_and_a_branch_that_is_a_tag() -> None:
    assert filled("shop:{branch}-{number}@{commit}", change(7, "fix/ä b")) == f"shop:fix-b-7@{sha(1)}"


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("nme = 'x'", "pull_requests.nme is an unknown key"),
        ("name = 'preview'", "pull_requests.name is 'preview': it must begin with a letter"),
        ("name = '{branch}-{number}'", "pull_requests.name is '{branch}-{number}': it must begin with a letter"),
        ("name = 'pr-{number}-{number}'", "pull_requests.name is 'pr-{number}-{number}': it must begin"),
        ("label = 3", "pull_requests.label is not text"),
        ("paths = 'x'", "pull_requests.paths is not a list of texts"),
        ("drafts = 'yes'", "pull_requests.drafts is neither true nor false"),
        ("images = 'x'", "pull_requests.images is not a table of image references"),
        ("images = {backend = 'shop:{sha}'}", "pull_requests.images.backend contains {sha}: only {commit}"),
        ("ttl = 'soon'", "pull_requests.ttl cannot be used: 'soon' is not a duration"),
        ("most = 0", "pull_requests.most is not a whole number from 1 to 1000"),
        ("at_most = 'kill'", "pull_requests.at_most is neither sleep nor refuse"),
    ],
)
def test_a_wrong_value_of_the_table_is_refused_with_its_line(workspace: Workspace, table: str, message: str) -> None:
    file: Path = workspace.root / "orchestrator.toml"
    file.write_text(f"{TOML}\n[pull_requests]\n{table}\n")
    with pytest.raises(SettingsError, match=f"^{re.escape(str(file))}:15: {re.escape(message)}"):
        settings.load(workspace.root)
