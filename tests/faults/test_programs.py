"""Programs that misbehave: endless logs, output, hanging, exiting, hidden failures."""

from __future__ import annotations

import json
import signal
import time

import pytest

from tests.support.arena import CREATE, TOPICS, Arena, until

pytestmark = pytest.mark.engine


def add(arena: Arena, text: str) -> str:
    """Add lines to the environment's program; returns what it was."""
    program = arena.program("app")
    before = program.read_text(encoding="utf-8")
    program.write_text(f"{before}\n{text}\n", encoding="utf-8")
    return before


def test_thousands_of_log_lines_stop_nothing(arena: Arena) -> None:
    add(
        arena,
        "for number in range(4000):\n    pulumi.log.info(f'line {number}')\n    print(f'printed {number} ' + 'x' * 200)",
    )
    done = arena.run(*CREATE)
    assert done.code == 0
    assert "line 3999" in done.text
    assert "printed 3999" in done.text
    assert arena.broken(TOPICS) == []


def test_the_output_of_a_program_is_reported_outside_the_results(arena: Arena) -> None:
    add(arena, "print('hello from the program')")
    done = arena.run(*CREATE, "--json")
    assert done.code == 0
    assert "alpha: hello from the program" in done.told.splitlines()
    assert json.loads(done.results)["exit_code"] == 0
    assert "hello from the program" not in done.results


def test_a_program_that_hangs_is_stopped_by_an_interrupt(arena: Arena) -> None:
    before = add(arena, "import time\ntime.sleep(3600)")
    process = arena.start(*CREATE)
    until(lambda: "five" in arena.cloud.names() or "one" in arena.cloud.names() or arena.processes("pulumi"))
    until(lambda: any("chaos-app" in str(path) for path in arena.locks()))
    time.sleep(3)
    process.send_signal(signal.SIGINT)
    assert arena.end(process).code == 130
    assert arena.locks() == []
    arena.program("app").write_text(before, encoding="utf-8")
    assert arena.run(*CREATE).code == 0
    assert arena.broken(TOPICS) == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("raise SystemExit(3)", "alpha failed: "),
        ("import os\nos._exit(3)", "alpha failed: "),
        ("one.arn.apply(lambda arn: 1 / 0)", "alpha failed: ZeroDivisionError: division by zero"),
        ("pulumi.export('x', one.arn.apply(lambda arn: {}['gone']))", "alpha failed: KeyError: 'gone'"),
        ("raise pulumi.RunError('set color: it is red or blue')", "alpha failed: set color: it is red or blue"),
        ("import nowhere", "alpha failed: ModuleNotFoundError: No module named 'nowhere'"),
        ("def broken(:", "alpha failed: SyntaxError: invalid syntax"),
    ],
)
def test_a_failed_program_is_reported_in_one_sentence_and_finishes_once_it_is_fixed(
    arena: Arena, text: str, told: str
) -> None:
    before = add(arena, text)
    failed = arena.run(*CREATE)
    assert failed.code == 1
    assert told in failed.text
    assert arena.broken(arena.cloud.names()) == []
    arena.program("app").write_text(before, encoding="utf-8")
    assert arena.run(*CREATE).code == 0
    assert arena.broken(TOPICS) == []
