"""Starts a program that ends when its parent ends: `guarded.py {JSON} WORD...`. Replaces itself by the program.

The JSON object has `signal` (sent at the parent's end, Linux only), `parent` (its process id), and optionally `user` and `group`
(ids to run as) and `open_files` (a limit). It imports nothing of this package, so it starts at once.
"""

import ctypes
import json
import os
import resource
import signal
import sys

PR_SET_PDEATHSIG = 1
"""prctl(2)"""


def main() -> None:
    """Apply the settings, then become the program."""
    given, words = json.loads(sys.argv[1]), sys.argv[2:]
    # The other user may not be able to read Python's modules, so it is loaded before the change.
    library = ctypes.CDLL(None) if sys.platform == "linux" else None
    if given.get("open_files"):
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = given["open_files"] if hard == resource.RLIM_INFINITY else min(given["open_files"], hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    if given.get("user") is not None:
        os.setgroups([])
        os.setgid(given["group"])
        os.setuid(given["user"])
    if library is not None:
        # After the change of the user, which clears it.
        library.prctl(PR_SET_PDEATHSIG, given["signal"])
        if os.getppid() != given["parent"]:
            os.kill(os.getpid(), signal.SIGKILL)
    try:
        os.execvp(words[0], words)
    except OSError as error:
        sys.stderr.write(f"{words[0]}: {error.strerror}\n")
        sys.exit(127)


if __name__ == "__main__":
    main()
