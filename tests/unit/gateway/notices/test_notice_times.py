"""When a notice is sent: quiet hours, digests, days on which clocks are set. Truth tables."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from trainyard_gateway.notices.receiver import times_of, times_text
from trainyard_gateway.notices.timing.delivery_times import DAYS, DeliveryTimes
from trainyard_gateway.notices.timing.release import Release, quiet_until, release
from trainyard_gateway.notices.timing.wall_clock import zone
from trainyard_gateway.store.outbox.receivers import ReceiverRow

BERLIN = "Europe/Berlin"
FAILURE, TRIAL, DIGEST = "session.failure", "notice.test", "notice.digest"


def at(text: str, fold: int = 0, place: str = BERLIN) -> float:
    """An instant: 2026-11-30 21:59, as the clocks of a place show it for the first or second time."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(place), fold=fold).timestamp()


def times(place: str = BERLIN, **found: Any) -> DeliveryTimes:
    return DeliveryTimes.model_validate({"timeZone": place, **found})


def quiet(start: str, end: str, *days: str, place: str = BERLIN) -> DeliveryTimes:
    hours = {"start": start, "end": end, **({"days": list(days)} if days else {})}
    return times(place, quietHours=hours)


NIGHT, NOON = quiet("22:00", "07:00"), quiet("12:00", "13:30")
WEEKEND = quiet("00:00", "00:00", "Sat", "Sun")
FRIDAY = quiet("22:00", "07:00", "Fri")
SMALL_HOURS, SKIPPED = quiet("02:15", "02:45"), quiet("02:30", "06:00")
TO_SKIPPED, LONG = quiet("23:00", "02:30"), quiet("07:00", "07:00", *DAYS[:6])
HAVANA = quiet("23:30", "00:30", place="America/Havana")
"""In Havana clocks jump from 0:00 to 1:00, and are set back from 1:00 to 0:00."""

QUIET = [
    pytest.param(NIGHT, at("2026-11-30 21:59"), None, id="before"),
    pytest.param(NIGHT, at("2026-11-30 22:00"), at("2026-12-01 07:00"), id="at-the-start"),
    pytest.param(NIGHT, at("2026-12-01 00:00"), at("2026-12-01 07:00"), id="at-midnight"),
    pytest.param(NIGHT, at("2026-12-01 06:59"), at("2026-12-01 07:00"), id="before-the-end"),
    pytest.param(NIGHT, at("2026-12-01 07:00"), None, id="at-the-end"),
    pytest.param(NOON, at("2026-12-01 12:15"), at("2026-12-01 13:30"), id="within-a-day"),
    pytest.param(NOON, at("2026-12-01 23:00"), None, id="within-a-day-later"),
    pytest.param(FRIDAY, at("2026-12-04 23:00"), at("2026-12-05 07:00"), id="begins-on-that-day"),
    pytest.param(FRIDAY, at("2026-12-05 03:00"), at("2026-12-05 07:00"), id="over-midnight"),
    pytest.param(FRIDAY, at("2026-12-04 03:00"), None, id="of-the-day-before"),
    pytest.param(WEEKEND, at("2026-12-04 23:59"), None, id="friday"),
    pytest.param(WEEKEND, at("2026-12-05 00:00"), at("2026-12-07 00:00"), id="two-days-in-a-row"),
    pytest.param(LONG, at("2026-11-30 07:00"), at("2026-12-06 07:00"), id="six-days-in-a-row"),
    pytest.param(LONG, at("2026-12-06 07:00"), None, id="the-seventh-day"),
    pytest.param(NIGHT, at("2026-03-29 01:00"), at("2026-03-29 07:00"), id="a-night-of-8-hours"),
    pytest.param(NIGHT, at("2026-10-25 01:00"), at("2026-10-25 07:00"), id="a-night-of-10-hours"),
    pytest.param(
        SMALL_HOURS, at("2026-10-25 02:20"), at("2026-10-25 02:45", 1), id="set-back-first-time"
    ),
    pytest.param(
        SMALL_HOURS, at("2026-10-25 02:05", 1), at("2026-10-25 02:45", 1), id="set-back-between"
    ),
    pytest.param(SMALL_HOURS, at("2026-10-25 02:50", 1), None, id="set-back-after"),
    pytest.param(SMALL_HOURS, at("2026-03-29 03:05"), None, id="hours-that-are-skipped"),
    pytest.param(SKIPPED, at("2026-03-29 01:59"), None, id="before-a-skipped-start"),
    pytest.param(
        SKIPPED, at("2026-03-29 03:00"), at("2026-03-29 06:00"), id="skipped-start-is-the-jump"
    ),
    pytest.param(
        TO_SKIPPED, at("2026-03-29 01:30"), at("2026-03-29 03:00"), id="skipped-end-is-the-jump"
    ),
    pytest.param(TO_SKIPPED, at("2026-03-29 03:00"), None, id="after-a-skipped-end"),
    pytest.param(
        HAVANA,
        at("2026-03-07 23:45", place="America/Havana"),
        at("2026-03-08 01:00", place="America/Havana"),
        id="midnight-is-skipped",
    ),
    pytest.param(
        HAVANA,
        at("2026-11-01 00:45", place="America/Havana"),
        at("2026-11-01 00:30", 1, "America/Havana"),
        id="midnight-comes-twice",
    ),
    pytest.param(times(), at("2026-11-30 23:00"), None, id="no-quiet-hours"),
]


@pytest.mark.parametrize(("found", "now", "until"), QUIET)
def test_quiet_hours(found: DeliveryTimes, now: float, until: float | None) -> None:
    assert quiet_until(found, now) == until


NIGHT_HOURS = {"start": "22:00", "end": "07:00"}
HOURLY, DAILY = times(digest={"every": "hour"}), times(digest={"every": "day", "at": "08:00"})
MORNING = times(quietHours=NIGHT_HOURS, digest={"every": "quiet-hours"})
NIGHTLY = times(quietHours=NIGHT_HOURS, digest={"every": "hour"}, urgent=["failure", "budget"])
SKIPPED_DAILY = times(digest={"every": "day", "at": "02:30"})

RELEASES = [
    pytest.param(None, FAILURE, at("2026-11-30 23:00"), None, False, id="no-times"),
    pytest.param(NIGHT, FAILURE, at("2026-11-30 12:00"), None, False, id="a-day"),
    pytest.param(NIGHT, FAILURE, at("2026-11-30 23:00"), at("2026-12-01 07:00"), False, id="night"),
    pytest.param(NIGHT, TRIAL, at("2026-11-30 23:00"), None, False, id="a-trial-at-night"),
    pytest.param(HOURLY, FAILURE, at("2026-11-30 12:10"), at("2026-11-30 13:00"), True, id="hour"),
    pytest.param(HOURLY, FAILURE, at("2026-11-30 13:00"), at("2026-11-30 14:00"), True, id="full"),
    pytest.param(HOURLY, DIGEST, at("2026-11-30 13:00"), None, False, id="the-digest-itself"),
    pytest.param(HOURLY, TRIAL, at("2026-11-30 13:00"), None, False, id="a-trial"),
    pytest.param(
        HOURLY, FAILURE, at("2026-10-25 02:10"), at("2026-10-25 02:00", 1), True, id="twice-two"
    ),
    pytest.param(DAILY, FAILURE, at("2026-11-30 07:59"), at("2026-11-30 08:00"), True, id="today"),
    pytest.param(DAILY, FAILURE, at("2026-11-30 08:00"), at("2026-12-01 08:00"), True, id="next"),
    pytest.param(
        DAILY, FAILURE, at("2026-03-28 08:00"), at("2026-03-29 08:00"), True, id="in-23-hours"
    ),
    pytest.param(
        SKIPPED_DAILY, FAILURE, at("2026-03-29 01:00"), at("2026-03-29 03:00"), True, id="skipped"
    ),
    pytest.param(MORNING, FAILURE, at("2026-11-30 12:00"), None, False, id="quiet-hours-by-day"),
    pytest.param(
        MORNING, FAILURE, at("2026-11-30 23:00"), at("2026-12-01 07:00"), True, id="by-night"
    ),
    pytest.param(
        NIGHTLY, "session.phase", at("2026-11-30 21:30"), at("2026-12-01 07:00"), True, id="both"
    ),
    pytest.param(NIGHTLY, FAILURE, at("2026-11-30 23:00"), None, False, id="urgent"),
    pytest.param(NIGHTLY, "budget.spent", at("2026-11-30 23:00"), None, False, id="urgent-budget"),
    pytest.param(
        NIGHTLY, DIGEST, at("2026-11-30 23:00"), at("2026-12-01 07:00"), False, id="late-digest"
    ),
]


@pytest.mark.parametrize(("found", "kind", "now", "then", "held"), RELEASES)
def test_releases(
    found: DeliveryTimes | None, kind: str, now: float, then: float | None, held: bool
) -> None:
    assert release(found, kind, now) == Release(now if then is None else then, held)


REFUSED = [
    pytest.param({"timeZone": "Berlin"}, "no time zone", id="no-such-zone"),
    pytest.param({"timeZone": "../../etc/passwd"}, "no time zone", id="a-path"),
    pytest.param({"timeZone": "Europe"}, "no time zone", id="a-folder-of-zones"),
    pytest.param({"timeZone": "UTC+1"}, "no time zone", id="an-offset"),
    pytest.param({"quietHours": {"start": "22", "end": "07:00"}}, "pattern", id="no-minutes"),
    pytest.param({"quietHours": {"start": "24:00", "end": "07:00"}}, "pattern", id="hour-24"),
    pytest.param({"quietHours": {"start": "00:00", "end": "00:00"}}, "never end", id="always"),
    pytest.param(
        {"quietHours": {"start": "00:00", "end": "00:00", "days": list(DAYS)}},
        "never end", id="every-day",
    ),
    pytest.param(
        {"quietHours": {"start": "22:00", "end": "07:00", "days": ["Monday"]}}, "'Mon'", id="day"
    ),
    pytest.param({"digest": {"every": "day"}}, "give at", id="a-day-without-time"),
    pytest.param({"digest": {"every": "hour", "at": "08:00"}}, "give at", id="an-hour-with-time"),
    pytest.param({"digest": {"every": "quiet-hours"}}, "needs quietHours", id="no-quiet-hours"),
    pytest.param({"digest": {"every": "week"}}, "'hour'", id="no-such-digest"),
    pytest.param({"urgent": ["everything"]}, "'phase'", id="no-such-rule"),
]  # fmt: skip


@pytest.mark.parametrize(("given_", "words"), REFUSED)
def test_times_that_are_refused(given_: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        DeliveryTimes.model_validate(given_)


def test_times_of_a_row_are_read_also_if_their_zone_is_gone() -> None:
    row = ReceiverRow("r", "ada", "r", "u", "s", "own", "[]", 0, times=times_text(MORNING))
    assert times_of(row) == MORNING
    assert times_of(row._replace(times="")) is None
    gone = times_of(row._replace(times=row.times.replace(BERLIN, "Mars/Base")))
    assert gone is not None
    assert zone(gone.time_zone).utcoffset(None) == zone("UTC").utcoffset(None)
    assert release(gone, FAILURE, at("2026-11-30 23:30")).held


ZONES = (BERLIN, "UTC", "America/Havana", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia")
CLOCKS = st.builds("{:02d}:{:02d}".format, st.integers(0, 23), st.integers(0, 59))
SOME_DAYS = st.lists(st.sampled_from(DAYS), min_size=1, max_size=6, unique=True)
HOURS = st.fixed_dictionaries({"start": CLOCKS, "end": CLOCKS, "days": SOME_DAYS})
DIGESTS = st.one_of(
    st.none(),
    st.just({"every": "hour"}),
    st.just({"every": "quiet-hours"}),
    st.builds(lambda clock: {"every": "day", "at": clock}, CLOCKS),
)
ANY = st.builds(
    lambda place, hours, digest: times(place, quietHours=hours, digest=digest),
    st.sampled_from(ZONES), HOURS, DIGESTS,
)  # fmt: skip
INSTANTS = st.integers(1_767_225_600, 1_830_000_000)


@settings(max_examples=200, deadline=None)
@given(ANY, INSTANTS, st.integers(0, 200_000))
def test_what_comes_later_is_not_sent_earlier_and_nothing_in_quiet_hours(
    found: DeliveryTimes, now: int, later: int
) -> None:
    one, two = release(found, FAILURE, now), release(found, FAILURE, now + later)
    assert now <= one.at <= two.at
    assert quiet_until(found, one.at) is None
    assert one.at - now <= 9 * 86_400
