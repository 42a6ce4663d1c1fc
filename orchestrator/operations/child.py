"""A program of this machine whose output is shown while it runs."""

from __future__ import annotations

import os
import signal
import subprocess
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from orchestrator.model import SECRET_MASK

LAST_LINES = 20
_SECONDS_TO_END = 10.0
_SHORTEST_SECRET = 4
"""A shorter value would mask ordinary text."""

Tell = Callable[[str], None]
"""Receives each line of the output."""


@dataclass(frozen=True)
class Ended:
    """The end of a program."""

    code: int
    last: tuple[str, ...]
    """The last lines of its output."""


def run(
    words: Sequence[str], tell: Tell, *, masked: Sequence[str] = (), given: Mapping[str, str] | None = None
) -> Ended:
    """Run a program to its end. Secret values (`masked`) are masked in its output; `given` are more variables.

    When this process is interrupted, the program gets SIGINT, has 10 s to end, and is killed. Raises OSError.
    """
    child = subprocess.Popen(
        list(words),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, **(given or {})},
        # Ctrl-C reaches the program exactly once: from here.
        start_new_session=True,
    )
    secrets = sorted((each for each in masked if len(each) >= _SHORTEST_SECRET), key=len, reverse=True)
    last: deque[str] = deque(maxlen=LAST_LINES)
    try:
        assert child.stdout is not None
        for raw in child.stdout:
            line = raw.decode(errors="replace").rstrip()
            for secret in secrets:
                line = line.replace(secret, SECRET_MASK)
            if line:
                last.append(line)
                tell(line)
        return Ended(child.wait(), tuple(last))
    except BaseException:  # also an interrupt: the program must not go on alone
        _stop(child)
        raise
    finally:
        if child.stdout is not None:
            child.stdout.close()


def ask(words: Sequence[str], *, typed: str | None = None, seconds: float = 60) -> subprocess.CompletedProcess[str]:
    """Run a program without showing its output; `typed` is its standard input. Raises OSError, TimeoutExpired."""
    return subprocess.run(
        list(words),
        input=typed or "",
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        timeout=seconds,
    )


def _stop(child: subprocess.Popen[bytes]) -> None:
    for number, seconds in ((signal.SIGINT, _SECONDS_TO_END), (signal.SIGKILL, None)):
        try:
            os.killpg(child.pid, number)
        except (ProcessLookupError, PermissionError):
            child.kill()
        try:
            child.wait(seconds)
            return
        except (subprocess.TimeoutExpired, KeyboardInterrupt):  # a second Ctrl-C does not wait
            continue
