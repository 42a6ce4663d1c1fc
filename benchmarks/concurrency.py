"""Create eight environments at the same time on the real engine with a stand-in provider, in three ways.

* `local`: the orchestrator's way, with local programs; each engine has its own session and writes its output into files
* `inline`: the Automation API's inline programs, in eight threads of one process
* `children`: inline programs, in one process for each environment

Only local programs finish when the parent process dies. Inline programs and children stop with it. Needs the Pulumi CLI on PATH.
"""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.measure import both_times
from tests.support.engines import BASE, ROOT, Workshop

NAMES = [f"env{number}" for number in range(8)]
ROUNDS = int(sys.argv[1]) if len(sys.argv) > 1 else 3


def setenv(name: str, value: str) -> None:
    os.environ[name] = value


def program() -> None:
    """The program of the fixture's environment, as an inline program."""
    import pulumi
    import pulumi_aws as aws

    arn = pulumi.StackReference("organization/fixture-base/dev").require_output("arn")
    topic = aws.sns.Topic("topic", display_name=arn)
    aws.sns.Topic("last", display_name=topic.arn)
    pulumi.export("url", "https://example.com")


def up_inline(folder: str, name: str) -> None:
    from pulumi import automation

    work = Path(folder) / f"work-{name}"
    work.mkdir()
    stack: Any = automation.create_or_select_stack(
        name, "fixture-app", program, automation.LocalWorkspaceOptions(work_dir=str(work))
    )
    stack.up()


def local(shop: Workshop) -> None:
    words = ["create-env", *NAMES, "--base", "dev", "--engine", "pulumi", "--parallel", "8", "--no-cost", "--quiet"]
    subprocess.run([sys.executable, "-m", "orchestrator", *words], cwd=shop.folder, check=True, capture_output=True)


def inline(shop: Workshop) -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); import pulumi_aws; pulumi_aws.sns.Topic\n"
        "from concurrent.futures import ThreadPoolExecutor\n"
        "from benchmarks.concurrency import NAMES, up_inline\n"
        f"list(ThreadPoolExecutor(8).map(lambda name: up_inline({str(shop.folder)!r}, name), NAMES))\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True)


def children(shop: Workshop) -> None:
    def one(name: str) -> None:
        code = (
            f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
            f"from benchmarks.concurrency import up_inline; up_inline({str(shop.folder)!r}, {name!r})\n"
        )
        subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True)

    list(ThreadPoolExecutor(8).map(one, NAMES))


def main() -> None:
    path = os.environ["PATH"]
    ways = {"local": local, "inline": inline, "children": children}
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, way in ways.items():
            os.environ["PATH"] = path
            with tempfile.TemporaryDirectory() as folder:
                shop = Workshop(Path(folder), "pulumi", setenv)
                shop.configure(BASE, domain_name="example.com")
                shop.run(BASE)
                del shop.engine
                gc.collect()  # ends its starter of hosts, which the benchmark would wait for
                times[name].append(both_times(lambda way=way, shop=shop: way(shop)))
    for name, taken in times.items():
        seconds, processor = zip(*taken, strict=True)
        print(f"{name:9} {_shown(seconds)} s, processor time {_shown(processor)} s (min, median, max of {ROUNDS})")
    print(f"load {os.getloadavg()[0]:.0f} at the end")


def _shown(values: Sequence[float]) -> str:
    return f"{min(values):.2f} {median(values):.2f} {max(values):.2f}"


if __name__ == "__main__":
    main()
