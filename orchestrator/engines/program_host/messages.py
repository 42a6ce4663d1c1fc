"""Messages of a host to the orchestrator, and its mark of lines."""

from __future__ import annotations

READY = b"ready\n"
"""The CLI can connect. Any other line is the reason why the CLI should use its own host."""

NO_CLI = b"none\n"
"""In place of the id of the CLI's process: none was started, and the host ends."""

FAREWELL = b"."
"""The CLI has ended, and so does the host. Without it the host was killed."""

ERRORS_MARK = "\x1e"
"""First character of a line of the program's standard error, the record separator of ASCII. The engine marks the lines of its
own hosts, and a host cannot."""
