"""Create eight environments at the same time on the real engine with a stand-in provider, in three ways.

* `local`: the orchestrator's way, with local programs; each engine has its own session and writes its output into files
* `inline`: the Automation API's inline programs, in eight threads of one process
* `children`: inline programs, in one process for each environment

Only local programs finish when the parent process dies. Inline programs and children stop with it. Needs the Pulumi CLI on PATH.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.support.engines import ROOT, Workshop

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
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, way in ways.items():
            os.environ["PATH"] = path
            with tempfile.TemporaryDirectory() as folder:
                shop = Workshop(Path(folder), "pulumi", setenv)
                from tests.support.engines import BASE

                shop.configure(BASE, domain_name="example.com")
                shop.run(BASE)
                began = time.perf_counter()
                way(shop)
                times[name].append(time.perf_counter() - began)
    for name, seconds in times.items():
        print(
            f"{name:9} {min(seconds):6.2f} {median(seconds):6.2f} {max(seconds):6.2f} s (min, median, max of {ROUNDS})"
        )


if __name__ == "__main__":
    main()
