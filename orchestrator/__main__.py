"""`python -m orchestrator`, and the console script."""

from __future__ import annotations

import sys

INTERRUPTED = 130


def run() -> None:
    """Run the command line and end the process with its exit code, also for Ctrl-C while the modules load."""
    try:
        from orchestrator.cli.main import run as run_command
    except KeyboardInterrupt:
        sys.stderr.write("error: interrupted\n")
        sys.exit(INTERRUPTED)
    run_command()


if __name__ == "__main__":
    run()
