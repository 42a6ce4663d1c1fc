"""Start-up time and memory of `orchestrator local up` with the shop: `python -m benchmarks.local [ENVIRONMENT]`.

The first start creates the database. Memory is the proportional share (PSS) of each process, so shared pages count once.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from orchestrator.local.addresses import free_port

SHOP = Path(__file__).parents[1] / "examples" / "shop"
PATIENCE_SECONDS = 180


def main(environment: str = "alpha") -> None:
    """Start the shop twice. Print seconds, processor seconds and seconds of the stop for each start, then the memory."""
    state = Path(tempfile.mkdtemp(prefix="local-"))
    state.chmod(0o755)
    try:
        for name in ("first start", "next start"):
            seconds, processor, memory, stop = _run(environment, state)
            print(f"| {name} | {seconds:.1f} s | {processor:.1f} s | {stop:.1f} s |")
            if name == "next start":
                for program, mib in sorted(memory.items(), key=lambda each: -each[1]):
                    print(f"| {program} | {mib:.0f} MiB |")
                print(f"| total | {sum(memory.values()):.0f} MiB |")
    finally:
        shutil.rmtree(state, ignore_errors=True)


def _run(environment: str, state: Path) -> tuple[float, float, dict[str, float], float]:
    """Seconds and processor time until the address is printed, memory by program, and seconds until everything ended."""
    log = state / "output"
    words = ["local", "up", environment, "--port", str(free_port("127.0.0.1")), "--python", sys.executable]
    with log.open("w", encoding="utf-8") as output:
        began = time.monotonic()
        process = subprocess.Popen(
            [sys.executable, "-m", "orchestrator", *words],
            cwd=SHOP / "infrastructure",
            env={**os.environ, "XDG_STATE_HOME": str(state), "PYTHONPATH": str(SHOP.parents[1])},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            while "\nurl " not in log.read_text(encoding="utf-8"):
                if process.poll() is not None or time.monotonic() > began + PATIENCE_SECONDS:
                    raise SystemExit(log.read_text(encoding="utf-8"))
                time.sleep(0.02)
            seconds = time.monotonic() - began
            processor = sum(map(_processor, (process.pid, *_below(process.pid))))
            time.sleep(5)  # workers load their code after the address is known
            memory = _memory(process.pid)
            began = time.monotonic()
            process.send_signal(signal.SIGINT)
            process.wait()
            return seconds, processor, memory, time.monotonic() - began
        finally:
            process.kill()


def _memory(pid: int) -> dict[str, float]:
    """MiB by program of the process and everything below it."""
    found: dict[str, float] = {}
    for each in (pid, *_below(pid)):
        try:
            rollup = Path(f"/proc/{each}/smaps_rollup").read_text(encoding="utf-8")
            command = Path(f"/proc/{each}/cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        words = " ".join(word.decode("utf-8", "replace") for word in command)
        pss = next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
        name = next((known for known in _PROGRAMS if known in words), "other")
        found[_PROGRAMS.get(name, name)] = found.get(_PROGRAMS.get(name, name), 0) + pss / 1024
    return found


_PROGRAMS = {
    "local up": "orchestrator, with the front door",
    "guard.py": "guard",
    "moto.server": "moto's server",
    "postgres": "PostgreSQL",
    "redis-server": "Redis",
    "gunicorn": "gunicorn",
    " beat ": "beat",
    " worker ": "worker",
}


def _processor(pid: int) -> float:
    """Seconds of processor time of a process and of its children that have ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return 0
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def _below(pid: int) -> list[int]:
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8").split()
    except OSError:
        return []
    return [each for child in map(int, children) for each in (child, *_below(child))]


if __name__ == "__main__":
    main(*sys.argv[1:])
