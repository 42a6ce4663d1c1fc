"""What is told of a program's standard error."""

from __future__ import annotations

import pytest

from orchestrator.engines.automation.stderr import Stderr

TRACEBACK = ["Traceback (most recent call last):", '  File "x.py", line 1, in <module>', "    run()"]
CHAINED = "During handling of the above exception, another exception occurred:"


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (["hello", "", "again"], ["hello", "again"]),
        ([*TRACEBACK, "KeyboardInterrupt"], []),
        (
            ["first", *TRACEBACK, "KeyboardInterrupt", CHAINED, "", *TRACEBACK, "KeyboardInterrupt: now", "last"],
            ["first", "last"],
        ),
        ([*TRACEBACK, "ValueError: no", "next"], ["\n".join([*TRACEBACK, "ValueError: no"]), "next"]),
        (
            [*TRACEBACK, "KeyError: 1", CHAINED, *TRACEBACK, "ValueError: no"],
            ["\n".join([*TRACEBACK, "KeyError: 1"]), CHAINED, "\n".join([*TRACEBACK, "ValueError: no"])],
        ),
        ([CHAINED], [CHAINED]),
    ],
)
def test_tracebacks_of_an_interrupt_are_left_out_and_all_else_is_told(lines: list[str], told: list[str]) -> None:
    stderr = Stderr()
    assert [text for line in lines if (text := stderr.told(f"{line}\n\n"))] == told
