"""Tables fit the width of a terminal and break between words only."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest

from orchestrator.cost.estimate import CostLine, Estimate
from orchestrator.cost.prices import packaged
from orchestrator.lifecycle.registry import Deployment
from orchestrator.model import ChangeCounts, Kind, OutputValue, Record, Scope, StackStatus, StackSummary, Unit
from orchestrator.operations.releases.history import LoggedOperation
from orchestrator.rendering import release_text, tables
from orchestrator.rendering.columns import Column, aligned, count, table

NOW = datetime(2026, 11, 20, tzinfo=UTC)
ARN = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:alpha/django/pushed-AbCdEf"


def deployment(name: str) -> Deployment:
    record = Record(
        kind=Kind.AD_HOC,
        base="development",
        owner="ada.lovelace",
        created=NOW - timedelta(days=3),
        expires=NOW + timedelta(days=2, hours=5),
    )
    stack = StackSummary(
        unit=Unit("app", name),
        status=StackStatus.READY,
        resource_count=117,
        last_update=NOW,
        record=record,
        outputs={"url": OutputValue(value=f"https://{name}.dev.example.com")},
    )
    return Deployment(
        name=name, scope=Scope.ENVIRONMENT, stacks=(stack,), record=record, recorded=True, monthly_cost=31.2
    )


def words(text: str) -> set[str]:
    return set(text.split())


@pytest.mark.parametrize(
    ("width", "headings"),
    [
        (None, "NAME SCOPE KIND BASE STATUS OWNER AGE EXPIRES RESOURCES $/MONTH URL"),
        (200, "NAME SCOPE KIND BASE STATUS OWNER AGE EXPIRES RESOURCES $/MONTH URL"),
        (120, "NAME SCOPE KIND BASE STATUS AGE EXPIRES $/MONTH URL"),
        (60, "NAME KIND BASE STATUS EXPIRES $/MONTH"),
        (80, "NAME SCOPE KIND BASE STATUS AGE EXPIRES $/MONTH"),
    ],
)
def test_a_list_drops_columns_by_rule(width: int | None, headings: str) -> None:
    text = tables.listing([deployment("alpha"), deployment("feature-42")], NOW, width)
    lines = text.splitlines()
    assert lines[0].split() == headings.split()
    assert width is None or max(map(len, lines)) <= width
    assert words(text.partition("not shown")[0]) <= words(
        tables.listing([deployment("alpha"), deployment("feature-42")], NOW)
    )


def test_the_dropped_columns_are_named() -> None:
    text = tables.listing([deployment("alpha"), deployment("feature-42")], NOW, 80)
    note = " ".join(text[text.index("not shown") :].split())
    assert note == "not shown: OWNER, RESOURCES, URL (a wider terminal or --json shows them)"


@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_last_column_continues_between_words(width: int) -> None:
    reason = "(service alpha-gunicorn) was unable to place a task because no container instance met all requirements"
    text = aligned([("2m ago", "gunicorn", reason), ("1h ago", "worker", "stopped")], "  ", width)
    assert max(map(len, text.splitlines())) <= width
    assert text.split() == f"2m ago gunicorn {reason} 1h ago worker stopped".split()
    assert text.splitlines()[1].startswith(" " * 20) or width == 120


def test_a_word_that_is_too_long_stays_whole_on_a_line_of_its_own() -> None:
    text = aligned([("database_secret_arn", ARN), ("url", "https://example.com")], width=80)
    assert text == f"database_secret_arn\n    {ARN}\nurl                  https://example.com\n"


def test_a_column_that_stays_is_whole_before_others_are_shown() -> None:
    columns = (
        Column(title="RELEASE"),
        Column(title="WHO", dropped=1),
        Column(title="IMAGES", shortened=True),
        Column(title="TIME", dropped=2),
    )
    row = ("12", "Ada Lovelace", "backend 1.4.2, frontend 2.0.1", "40 s")
    text = table(columns, [row], 50)
    assert "backend 1.4.2, frontend 2.0.1" in text, "the tags are what the table is for"
    assert "not shown: WHO" in text
    assert "TIME" in text.splitlines()[0]


def test_an_image_loses_its_middle_where_no_dropped_column_makes_the_room() -> None:
    columns = (Column(title="SERVICE"), Column(title="HEALTHY", dropped=1), Column(title="IMAGE", shortened=True))
    image = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/shop/backend:2026-11-20"
    (_, row) = table(columns, [("gunicorn", "1", image)], 60).splitlines()
    assert len(row) == 60
    assert row.startswith("gunicorn  1        123456789012.")
    assert row.endswith("/shop/backend:2026-11-20")


def test_without_a_width_nothing_is_left_out() -> None:
    assert ARN in table((Column(title="ARN", dropped=1, shortened=True),), [(ARN,)])


@pytest.mark.parametrize(
    ("projects", "names"), [(("app", "base"), ["alpha", "dev"]), (("app", "extras"), ["app/alpha", "extras/alpha"])]
)
def test_the_log_has_one_name_for_one_thing_and_counts_as_results_do(
    projects: tuple[str, ...], names: list[str]
) -> None:
    stacks = [name.rpartition("/")[2] for name in names]
    found = [
        LoggedOperation(
            project=project,
            name=stack,
            number=1,
            kind="update",
            command="create-env",
            operator="ada",
            started=NOW,
            duration_seconds=1.0,
            result="succeeded",
            reason=None,
            commit=None,
            changes=ChangeCounts(create=91, same=4),
        )
        for project, stack in zip(projects, stacks, strict=True)
    ]
    rows = release_text.log(found).splitlines()[1:]
    assert [row.split("  ")[3] for row in map(_single_gaps, rows)] == names
    assert all("91 created" in row for row in rows)


def _single_gaps(row: str) -> str:
    return re.sub(r" {3,}", "  ", row)


@pytest.mark.parametrize(("number", "text"), [(0, "0 stacks"), (1, "1 stack"), (2, "2 stacks")])
def test_counts_agree_with_their_noun(number: int, text: str) -> None:
    assert count(number, "stack") == text


def estimate(name: str, dollars: float) -> Estimate:
    line = CostLine(type="aws:a:B", name=name, dollars_per_month=dollars, detail=f"{name} at ${dollars:g} a month")
    return Estimate(lines=(line,), unpriced=(), by_use=("logs: $0.5 for each GB written",))


def test_costs_have_a_total_and_amounts_are_aligned_on_the_right() -> None:
    costs = {"base/dev": estimate("gateway", 97.5), "alpha": estimate("tasks", 8.25)}
    assert tables.cost(costs, packaged(), lines=False).splitlines()[:3] == [
        "dev     97.50",
        "alpha    8.25",
        "total  105.75",
    ]


def test_one_cost_needs_no_total() -> None:
    text = tables.cost({"alpha": estimate("tasks", 8.25)}, packaged(), lines=True, width=80)
    assert text.splitlines()[:4] == [
        "alpha    8.25",
        "  tasks  8.25  tasks at $8.25 a month",
        "in addition, by use",
        "  logs: $0.5 for each GB written",
    ]
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("x", "x"),
        (True, "true"),
        (None, "-"),
        ([1, 2], "1, 2"),
        (["ä", {}], '["ä", {}]'),
        (["a", "b"], "a, b"),
        ({"a": [1, None]}, '{"a": [1, null]}'),
        ([{"a": 1}], '[{"a": 1}]'),
    ],
)
def test_values_are_never_shown_as_python(value: object, text: str) -> None:
    assert tables.values({"name": value}) == f"name  {text}\n"
