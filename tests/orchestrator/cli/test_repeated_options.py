"""An option that gives a value to a name is refused when it names the same one twice."""

from __future__ import annotations

import pytest

from tests.support.command_line import Here


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["--set", "tags={}", "--set", "tags={a: b}"], "--set tags is given more than once"),
        (["--set", "web.port=1", "--set", "host=x", "--set", "web.port=1"], "--set web.port is given more than once"),
        (["--image", "backend=a:1", "--image", "backend=b:1"], "--image backend is given more than once"),
    ],
)
@pytest.mark.parametrize(
    "command", [["create-env", "beta", "--base", "dev"], ["preview-env", "beta"], ["update-env", "alpha"]]
)
def test_a_value_that_is_given_twice_is_refused(here: Here, command: list[str], words: list[str], problem: str) -> None:
    answer = here(*command, *words)
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.splitlines()[0] == f"error: {problem}"
    assert not (here.folder / ".orchestrator").exists()


@pytest.mark.parametrize("command", [["create-base", "dev"], ["preview-base", "dev"], ["update-base", "dev"]])
def test_a_value_of_a_base_that_is_given_twice_is_refused(here: Here, command: list[str]) -> None:
    answer = here(*command, "--set", "tags={}", "--set", "tags={}")
    assert (answer.code, answer.err.splitlines()[0]) == (2, "error: --set tags is given more than once")
