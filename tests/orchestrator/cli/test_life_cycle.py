"""Plans, expiry, drift and locks from the command line."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.support.command_line import NOTICE, Here


@pytest.fixture
def running(here: Here) -> Here:
    assert here("create-env", "alpha", "--ttl", "3h", "--owner", "ada").code == 0
    return here


def test_a_saved_plan_is_applied_and_a_stale_one_refused(here: Here, tmp_path: Path) -> None:
    plan = tmp_path / "plan"
    preview = here("preview-env", "alpha", "--save-plan", str(plan))
    assert preview.code == 0
    assert preview.err.endswith(f"the plan is saved in {plan}: `orchestrator apply {plan}` carries it out\n")
    assert here("apply", str(plan)).out.startswith("\n dev    base         created  3 created  0.0 s\n")
    program = here.folder / "app" / "__main__.py"
    here("preview-env", "alpha", "--set", 'tags="{}"', "--save-plan", str(plan))
    program.write_text(program.read_text() + "\n# changed\n")
    stale = here("apply", str(plan))
    assert (stale.code, stale.err) == (
        1,
        "error: the plan no longer fits: __main__.py of the program app changed\n"
        "hint: preview again with --save-plan, and review the changes\n",
    )


def test_a_failed_preview_saves_no_plan(here: Here, tmp_path: Path) -> None:
    (here.folder / "app" / "__main__.py").write_text("raise RuntimeError('boom')")
    assert here("preview-env", "alpha", "--save-plan", str(tmp_path / "plan")).code == 1
    assert here("apply", str(tmp_path / "plan")).err.startswith("error: there is no plan in ")


def test_a_preview_is_one_tree_with_what_it_costs(running: Here) -> None:
    answer = running("preview-env", "alpha", "--set", 'tags="{\\"a\\": \\"b\\"}"')
    assert answer.code == 0
    assert answer.out.splitlines()[2:] == [
        "",
        "plan of 1 stack: 1 updated, 2 unchanged; $0.00 a month",
        "",
        "alpha: 1 updated, 2 unchanged; $0.00 a month",
        "    Stack fixture-app-alpha",
        "~     Topic topic (tags)",
    ]


def test_a_preview_for_a_pull_request_is_markdown(running: Here) -> None:
    answer = running("preview-env", "alpha", "--set", 'tags="{\\"a\\": \\"b\\"}"', "--format", "markdown")
    assert answer.out == (
        "### Plan: 1 updated, 2 unchanged; $0.00 a month\n"
        "\n"
        f"_{NOTICE}_\n"
        "\n"
        "| stack | create | update | replace | delete | unchanged | cost |\n"
        "|---|--:|--:|--:|--:|--:|---|\n"
        "| `alpha` | 0 | 1 | 0 | 0 | 2 | $0.00 a month |\n"
        "\n"
        "<details><summary><code>alpha</code>: 1 updated, 2 unchanged</summary>\n"
        "\n"
        "```diff\n"
        "    Stack fixture-app-alpha\n"
        "!     Topic topic (tags)\n"
        "```\n"
        "\n"
        "</details>\n"
    )


def test_list_shows_when_an_environment_expires(running: Here) -> None:
    row = running("list").out.splitlines()[2].split()
    assert row[:6] == ["alpha", "environment", "ad-hoc", "dev", "ready", "ada"]
    # Minutes may pass on a busy machine.
    assert re.search(r" in 2h 5\dm ", running("list").out)
    assert running("pin", "alpha").out.endswith("  pinned: `reap` does not destroy it\n")
    assert " pinned " in running("list").out


def test_reap_shows_its_plan_and_asks_before_it_destroys(running: Here) -> None:
    assert re.fullmatch(r"alpha  expires in 2h 5\dm\n", running("reap").out)
    running("extend", "alpha", "--ttl", "1s")
    while "--execute destroys it" not in running("reap").out:
        pass
    answer = running("reap", "--execute")
    assert answer.code == 1
    assert "hint: alpha will be destroyed and cannot be restored: pass --yes to confirm" in answer.err
    assert running("reap", "--execute", "--yes").code == 0
    assert json.loads(running("list", "--json").out)["deployments"][0]["name"] == "dev"
    assert running("reap").out == "nothing has expired\n"


def test_drift_ends_with_0_when_there_is_none(running: Here) -> None:
    answer = running("drift", "alpha", "dev", "--fail")
    assert answer.code == 0
    assert " alpha  environment  unchanged  3 unchanged" in answer.out


def test_invalid_input_is_one_sentence(running: Here) -> None:
    assert running("extend", "alpha", "--ttl", "soon").err.startswith("error: 'soon' is not a duration: ")
    assert running("extend", "dev", "--ttl", "1d").err.startswith("error: dev is a base: only environments expire\n")
    assert running("unlock", "nobody").code == 1
    assert running("unlock", "alpha").out == "alpha is not locked\n"
    assert running("orphans").err == (
        "error: this engine has no orphans: it creates nothing in AWS\nhint: add --engine pulumi\n"
    )
    assert running("update-env", "alpha", "--wait", "x").code == 2


def test_the_cost_is_shown_first_except_with_no_cost(here: Here) -> None:
    program = here.folder / "base" / "__main__.py"
    program.write_text(
        program.read_text().replace("second =", 'aws.ec2.NatGateway("nat", subnet_id="subnet-1")\nsecond =')
    )
    assert "cost      dev $33 a month, alpha $0 a month (us-east-1, prices of " in here("create-env", "alpha").err
    here("destroy-base", "dev", "--cascade", "--yes")
    assert "cost" not in here("create-env", "alpha", "--no-cost").err


def test_fail_fast_starts_no_further_stack(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "orchestrator.lifecycle.rehearsal.passed", lambda job: job
    )  # it would refuse the program before
    (here.folder / "base" / "Pulumi.dev.yaml").write_text("config:\n  fixture-base:domain_name: example.com\n")
    (here.folder / "app" / "__main__.py").write_text("raise RuntimeError('boom')")
    answer = here("create-env", "alpha", "beta", "--base", "dev", "--parallel", "1", "--fail-fast")
    assert answer.code == 1
    assert "beta   environment  skipped" in answer.out
    assert "not started: alpha failed, and --fail-fast was given" in answer.err


def test_prices_are_refreshed_on_request(running: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    class PriceList:
        """A price list without products."""

        def get_products(self, **parameters: Any) -> dict[str, list[str]]:
            asked.append(str(parameters["ServiceCode"]))
            return {"PriceList": []}

        def get_paginator(self, _operation: str) -> PriceList:
            return self

        def paginate(self, **parameters: Any) -> list[dict[str, list[str]]]:
            return [self.get_products(**parameters)]

    monkeypatch.setattr("orchestrator.cost.refresh.price_list", lambda _access: PriceList())
    answer = running("cost", "--refresh", "--region", "eu-west-1")
    assert answer.code == 0
    assert "0 prices of us-east-1 fetched" in answer.err
    assert "warning: the price of rds db.t4g.micro is unchanged: " in answer.err
    assert len(asked) > 20
    assert running("cost", "--region", "eu-west-1").err.startswith("error: --region needs --refresh")


def test_a_graph_can_be_a_picture(running: Here) -> None:
    assert running("graph", "--format", "svg").out.startswith("<?xml")


def test_list_shows_which_environments_are_asleep(running: Here) -> None:
    file = running.folder / "app" / "Pulumi.alpha.yaml"
    file.write_text(f"{file.read_text()}  fixture-app:asleep: true\n")
    assert running("list").out.splitlines()[2].split()[4] == "asleep"
    assert json.loads(running("list", "--json").out)["deployments"][1]["asleep"] is True


def test_show_has_the_states_that_list_has(running: Here) -> None:
    file = running.folder / "app" / "Pulumi.alpha.yaml"
    file.write_text(f"{file.read_text()}  fixture-app:asleep: true\n  fixture-app:maintenance:\n    since: today\n")
    shown = json.loads(running("show", "alpha", "--json").out)
    listed = json.loads(running("list", "--json").out)["deployments"][1]
    assert (shown["asleep"], shown["maintenance"]) == (True, "today")
    assert {key: shown[key] for key in listed if key != "monthly_cost"} == {
        key: value for key, value in listed.items() if key != "monthly_cost"
    }
