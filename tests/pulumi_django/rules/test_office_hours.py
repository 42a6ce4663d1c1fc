"""Office hours: their text, their moments, and changes of daylight-saving time."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from pulumi_django.rules import office_hours
from pulumi_django.rules.office_hours import OfficeHours

BERLIN = ZoneInfo("Europe/Berlin")
WEEKDAYS = OfficeHours(open="Mon-Fri 08:00-18:00", timezone="Europe/Berlin")


def berlin(year: int, month: int, day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=BERLIN)


@pytest.mark.parametrize(
    ("text", "opens", "closes"),
    [
        ("Mon-Fri 08:00-18:00", ["cron(0 8 ? * MON,TUE,WED,THU,FRI *)"], ["cron(0 18 ? * MON,TUE,WED,THU,FRI *)"]),
        (
            "Mon-Thu 08:00-18:00, Fri 8:00-15:30",
            ["cron(0 8 ? * MON,TUE,WED,THU,FRI *)"],
            ["cron(30 15 ? * FRI *)", "cron(0 18 ? * MON,TUE,WED,THU *)"],
        ),
        ("mon,wed 09:00-12:00", ["cron(0 9 ? * MON,WED *)"], ["cron(0 12 ? * MON,WED *)"]),
        ("Sat 22:00-06:00", ["cron(0 22 ? * SAT *)"], ["cron(0 6 ? * SUN *)"]),
        ("Sun 22:00-06:00", ["cron(0 22 ? * SUN *)"], ["cron(0 6 ? * MON *)"]),
        ("Sun 22:00-06:00, Mon 06:00-12:00", ["cron(0 22 ? * SUN *)"], ["cron(0 12 ? * MON *)"]),
        ("Fri-Mon 00:00-24:00", ["cron(0 0 ? * FRI *)"], ["cron(0 0 ? * TUE *)"]),
    ],
)
def test_the_text_becomes_schedules_of_aws(text: str, opens: list[str], closes: list[str]) -> None:
    hours = OfficeHours(open=text)
    assert [moment.cron for moment in hours.opens()] == opens
    assert [moment.cron for moment in hours.closes()] == closes


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "it must be days and times such as 'Mon-Fri 08:00-18:00'"),
        ("Mon 8-18", "it must be days and times such as 'Mon-Fri 08:00-18:00'"),
        ("08:00-18:00", "it must be days and times such as 'Mon-Fri 08:00-18:00'"),
        ("Mon,", "it must be days and times such as 'Mon-Fri 08:00-18:00'"),
        ("Mo-Fr 08:00-18:00", "'Mo' is none of Mon, Tue, Wed, Thu, Fri, Sat, Sun"),
        ("Mon 08:00-25:00", "25:00 is not a time of day"),
        ("Mon 08:61-18:00", "08:61 is not a time of day"),
        ("Mon 08:00-18:00, Mon 17:00-19:00", "two of its times overlap"),
        ("Sun 22:00-06:00, Mon 05:00-12:00", "two of its times overlap"),
        ("Mon-Sun 00:00-24:00", "it never closes, so leave hours out"),
        ("Mon 08:00-08:10", "each open and closed time lasts 30 minutes or more"),
        ("Mon 08:00-12:00, Mon 12:10-18:00", "each open and closed time lasts 30 minutes or more"),
    ],
)
def test_a_wrong_text_is_refused(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=r"open is") as caught:
        OfficeHours(open=text)
    assert str(caught.value) == f"open is {text!r}: {why}"


def test_a_zone_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="timezone is 'Europe/Bonn': it must be a name of the tz database"):
        OfficeHours(open="Mon 08:00-18:00", timezone="Europe/Bonn")


def test_a_server_starts_earlier_even_on_the_day_before() -> None:
    hours = OfficeHours(open="Mon 00:10-12:00")
    assert [moment.cron for moment in hours.opens(20)] == ["cron(50 23 ? * SUN *)"]
    assert [moment.cron for moment in OfficeHours(open="Sun 12:00-23:55").closes(10)] == ["cron(5 0 ? * MON *)"]


@pytest.mark.parametrize(
    ("now", "is_open", "opens", "closes"),
    [
        (berlin(2026, 11, 27, 7, 59), False, berlin(2026, 11, 27, 8), berlin(2026, 11, 27, 18)),
        (berlin(2026, 11, 27, 8), True, berlin(2026, 11, 30, 8), berlin(2026, 11, 27, 18)),
        (berlin(2026, 11, 27, 18), False, berlin(2026, 11, 30, 8), berlin(2026, 11, 30, 18)),
        # Daylight-saving time begins on 2026-03-29 and ends on 2026-10-25: 08:00 stays 08:00.
        (berlin(2026, 3, 27, 20), False, berlin(2026, 3, 30, 8), berlin(2026, 3, 30, 18)),
        (berlin(2026, 10, 23, 20), False, berlin(2026, 10, 26, 8), berlin(2026, 10, 26, 18)),
    ],
)
def test_the_next_opening_and_closing(now: datetime, is_open: bool, opens: datetime, closes: datetime) -> None:
    for moment in (now, now.astimezone(UTC)):
        assert WEEKDAYS.is_open(moment) is is_open
        assert (WEEKDAYS.next_open(moment), WEEKDAYS.next_close(moment)) == (opens, closes)


def test_the_offset_changes_with_daylight_saving_time() -> None:
    before, after = WEEKDAYS.next_open(berlin(2026, 3, 26, 20)), WEEKDAYS.next_open(berlin(2026, 3, 28, 20))
    assert (before.astimezone(UTC).hour, after.astimezone(UTC).hour) == (7, 6)
    assert (before.hour, after.hour) == (8, 8)


def test_the_last_closing() -> None:
    assert WEEKDAYS.last_close(berlin(2026, 11, 30, 7)) == berlin(2026, 11, 27, 18)
    assert WEEKDAYS.last_close(berlin(2026, 11, 27, 18)) == berlin(2026, 11, 27, 18)


def test_a_span_over_the_end_of_the_week_is_open_on_both_sides() -> None:
    night = OfficeHours(open="Sun 22:00-06:00")
    sunday, monday = datetime(2026, 11, 29, 23, tzinfo=UTC), datetime(2026, 11, 30, 5, tzinfo=UTC)
    assert night.is_open(sunday)
    assert night.is_open(monday)
    assert not night.is_open(datetime(2026, 11, 30, 6, tzinfo=UTC))


def test_the_open_share_counts_the_hours_of_a_week() -> None:
    assert WEEKDAYS.share == pytest.approx(50 / 168)
    opens, closes = WEEKDAYS.opens(20), WEEKDAYS.closes(10)
    share = office_hours.open_share([moment.cron for moment in opens], [moment.cron for moment in closes])
    assert share == pytest.approx(52.5 / 168)


@pytest.mark.parametrize("schedule", ["rate(5 minutes)", "cron(0 8 * * ? *)"])
def test_a_share_of_other_schedules_is_the_whole_week(schedule: str) -> None:
    assert office_hours.open_share([schedule], ["cron(0 18 ? * MON *)"]) == 1
    assert office_hours.open_share(["cron(0 18 ? * MON *)"], [schedule]) == 1


@pytest.mark.parametrize(
    ("text", "zone", "within"),
    [
        ("Mon-Fri 08:00-18:00", "Europe/Berlin", True),
        ("Tue 09:00-10:00", "Europe/Berlin", True),
        ("Mon 07:00-18:00", "Europe/Berlin", False),
        ("Sat 09:00-10:00", "Europe/Berlin", False),
        ("Tue 09:00-10:00", "UTC", False),
    ],
)
def test_hours_lie_within_others(text: str, zone: str, within: bool) -> None:
    assert OfficeHours(open=text, timezone=zone).within(WEEKDAYS) is within


def test_the_hours_of_a_night_lie_within_those_of_a_longer_night() -> None:
    longer = OfficeHours(open="Sun 20:00-08:00")
    assert OfficeHours(open="Sun 22:00-06:00").within(longer)
    assert OfficeHours(open="Mon 01:00-06:00").within(longer)


def test_the_text_of_the_contract_is_read_again() -> None:
    assert office_hours.parse(WEEKDAYS.text) == WEEKDAYS
    with pytest.raises(ValueError, match="timezone is 'always'"):
        office_hours.parse("always")
