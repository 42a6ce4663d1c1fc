"""Feed bad input to the command line, the readers of files and the argument classes.

Each input must end in a result or in one clear error: no traceback, no message about a bug, at most 10 s of processor time and
500 MB more memory. Inputs run in batches, each in a process of its own, with a seed of its own, so a run can be stopped,
continued and repeated.
"""

from __future__ import annotations

import argparse
import faulthandler
import json
import os
import resource
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from hypothesis import HealthCheck, Phase, given, seed, settings

CPU_SECONDS, MEMORY_MB = 10, 500
WALL_SECONDS = 300
"""Longest time of an input, with a machine that does much else: a command that waits for ever is a failure."""

SHARES = {
    "argv": 2,
    "commands": 4,
    **dict.fromkeys(
        ["settings", "stack file", "environment", "Pulumi.yaml", "simulated state", "plan", "repository", "event"], 1
    ),
    "Pulumi state": 2,
    "dotenv": 3,
    "arguments": 3,
}
"""Batches of each target in one round. Targets that run no whole command get more."""

NAMES = list(SHARES)


class TooSlow(BaseException):
    """An input needed more processor time than allowed."""


def batch(name: str, number: int, count: int, folder: Path) -> dict[str, Any]:
    """Run one batch in this process. Returns counts, the largest time and memory, and the failures."""
    from benchmarks.fuzz_forge import serving
    from benchmarks.fuzz_targets import targets

    os.environ["GITHUB_API_URL"] = serving(number)
    target = targets(folder)[name]
    found: dict[str, Any] = {"inputs": 0, "seconds": 0.0, "mb": 0.0, "failures": []}
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    signal.signal(signal.SIGPROF, _too_slow)
    signal.signal(signal.SIGALRM, _endless)

    @seed(number)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(target.inputs)
    def one(value: Any) -> None:
        began = time.process_time()
        signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)
        signal.alarm(WALL_SECONDS)
        try:
            target.run(value)
        except (Exception, TooSlow, SystemExit) as error:
            why = "".join(traceback.format_exception(error))[-3000:]
            found["failures"].append({"target": name, "seed": number, "input": repr(value)[:2000], "why": why})
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
            signal.alarm(0)
        found["inputs"] += 1
        found["seconds"] = max(found["seconds"], time.process_time() - began)
        found["mb"] = max(found["mb"], resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 - before)
        target.restore()

    one()
    return found


def _too_slow(_number: int, _frame: Any) -> None:
    raise TooSlow(f"more than {CPU_SECONDS} s of processor time")


def _endless(_number: int, _frame: Any) -> None:
    raise TooSlow(f"no end after {WALL_SECONDS} s")


def in_child(name: str, number: int, count: int, folder: Path) -> dict[str, Any]:
    """Run one batch in a child process. A child that ends without a result is a failure."""
    answer = folder.parent / "answer.json"
    answer.unlink(missing_ok=True)
    pid = os.fork()
    if pid == 0:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        limit = (
            MEMORY_MB * 8 * 1024**2
        )  # far above the limit that is measured, so that a bomb ends before the machine does
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        try:
            answer.write_text(json.dumps(batch(name, number, count, folder)))
        except BaseException:  # the child of a fork must never return into the parent's code
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(pid, 0)
    if status or not answer.exists():
        why = f"the batch ended with status {status}"
        return {
            "inputs": count,
            "seconds": 0.0,
            "mb": 0.0,
            "failures": [{"target": name, "seed": number, "input": "?", "why": why}],
        }
    return json.loads(answer.read_text())


def _create(folder: Path) -> None:
    """Create the projects once, and load the modules that every batch needs.

    Programs run in a child: they start threads of gRPC, with which a process must not fork.
    """
    from benchmarks import fuzz_targets

    pid = os.fork()
    if pid == 0:
        try:
            fuzz_targets.targets(folder)
        except BaseException:  # the child of a fork must never return into the parent's code
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    if os.waitpid(pid, 0)[1]:
        raise SystemExit("the projects could not be created")


def run(inputs: int, start: int, names: list[str], size: int, results: Path, folder: Path) -> list[dict[str, Any]]:
    """Run batches in turn until every target has its share of the inputs. Finished batches of `results` count."""
    results.mkdir(parents=True, exist_ok=True)
    _create(folder)
    done: list[dict[str, Any]] = []
    rounds = -(-inputs // (size * sum(SHARES[name] for name in names)))
    for round_ in range(rounds):
        for name, part in [(each, part) for each in names for part in range(SHARES[each])]:
            number = start * 1_000_000 + round_ * max(SHARES.values()) + part
            file = results / f"{name.replace(' ', '-')}-{number}.json"
            if not file.exists():
                file.write_text(json.dumps({"target": name, **in_child(name, number, size, folder)}))
            done.append(json.loads(file.read_text()))
    return done


def report(done: list[dict[str, Any]], names: list[str]) -> int:
    """Print a table and every different failure. Returns the number of failures."""
    print(f"{'target':18}{'inputs':>8}{'failures':>10}{'most s':>8}{'most MB':>9}")
    total = failed = 0
    for name in names:
        own = [each for each in done if each["target"] == name]
        inputs, failures = sum(each["inputs"] for each in own), [f for each in own for f in each["failures"]]
        slow, large = max(each["seconds"] for each in own), max(each["mb"] for each in own)
        over = slow > CPU_SECONDS or large > MEMORY_MB
        print(f"{name:18}{inputs:8}{len(failures):10}{slow:8.2f}{large:9.0f}{'  over the limit' if over else ''}")
        total, failed = total + inputs, failed + len(failures) + over
        for why in {f["why"].strip().splitlines()[-1][:300]: f for f in failures}.values():
            print(f"    seed {why['seed']}: {why['input'][:300]}\n        {why['why'].strip()[-600:]}")
    print(f"{'all':18}{total:8}{failed:10}")
    return failed


def main() -> int:
    faulthandler.enable()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", type=int, default=20_000, help="number of inputs of all targets together")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--batch", type=int, default=100, help="inputs of one process")
    parser.add_argument("--only", nargs="+", choices=NAMES, default=NAMES)
    parser.add_argument("--results", type=Path, default=Path("fuzz-results"), help="folder of finished batches")
    given_ = parser.parse_args()
    for name in [name for name in os.environ if name.startswith(("PULUMI_", "ORCHESTRATOR_", "AWS_", "GITHUB_"))]:
        del os.environ[name]
    os.environ |= {
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "NO_COLOR": "1",
        "BROWSER": "true",
    }
    os.environ |= {"GITHUB_REPOSITORY": "acme/shop", "GITHUB_TOKEN": "token"}
    with tempfile.TemporaryDirectory(prefix="fuzz-") as scratch:
        # `../..` and `~` must stay in the scratch folder.
        os.environ["HOME"] = scratch
        projects = Path(scratch) / "one" / "two" / "three"
        projects.mkdir(parents=True)
        done = run(given_.inputs, given_.seed, given_.only, given_.batch, given_.results.absolute(), projects / "shop")
    return 1 if report(done, given_.only) else 0


if __name__ == "__main__":
    sys.exit(main())
