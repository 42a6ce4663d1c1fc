"""Ends the process groups of an environment when the orchestrator is gone, however it ended. Runs as a process of its own.

It reads `+GROUP SIGNAL` for each group that starts and `-GROUP` for each that ended. Standard input ends when the orchestrator
does: then every group gets its signal, and SIGKILL a little later. It imports nothing of this package, so it starts at once.
"""

import os
import signal
import sys
import time

PATIENCE_SECONDS = 5.0
PAUSE_SECONDS = 0.05


def send(group: int, number: int) -> bool:
    """Send a signal to a group; return whether the group exists."""
    try:
        os.killpg(group, number)
    except OSError:
        return False
    return True


def main() -> None:
    """Follow the groups until standard input ends, then end them."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    groups: dict[int, int] = {}
    for line in sys.stdin:
        group, _, number = line[1:].strip().partition(" ")
        if line[:1] == "+":
            groups[int(group)] = int(number)
        else:
            groups.pop(int(group), None)
    left = [group for group, number in groups.items() if send(group, number)]
    until = time.monotonic() + PATIENCE_SECONDS
    while left and time.monotonic() < until:
        time.sleep(PAUSE_SECONDS)
        left = [group for group in left if send(group, 0)]
    for group in left:
        send(group, signal.SIGKILL)


if __name__ == "__main__":
    main()
