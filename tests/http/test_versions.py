"""Version negotiation: every row is an Accept header, and what comes of it."""

from __future__ import annotations

import datetime as dt

import pytest

from brookmill.errors import UserError
from brookmill.http.versions import KNOWN, Resolved, accept_body, resolve
from brookmill.operations import Deprecated, Operation

D = dt.date.fromisoformat
TODAY = D("2026-11-23")


def vnd(version: str, media: str = "json") -> str:
    return f"application/vnd.atlas.{version}+{media}"


def an_operation(since: str = "2024-05-30", *deprecated: Deprecated, media: str = "json") -> Operation:
    return Operation("x", "GET", "/x", D(since), None, print, media=media, deprecated=deprecated)


PROCESSOR = an_operation("2024-05-30")
CLUSTER = an_operation(
    "2024-08-05",
    Deprecated(D("2023-01-01"), D("2024-08-05"), D("2026-11-23")),
    Deprecated(D("2023-02-01"), D("2024-08-05"), D("2027-07-01")),
)
LOGS = an_operation("2023-02-01", media="gzip")

ROWS: list[tuple[str | None, Operation, bool, str | int]] = [
    # exact, later, earlier
    (vnd("2024-05-30"), PROCESSOR, False, "2024-05-30"),
    (vnd("2024-08-05"), PROCESSOR, False, "2024-05-30"),
    (vnd("2025-03-12"), PROCESSOR, False, "2024-05-30"),
    (vnd("2023-11-15"), PROCESSOR, False, 406),
    (vnd("2023-11-15"), PROCESSOR, True, 406),
    # dates that were never published
    (vnd("2024-08-06"), PROCESSOR, False, 406),
    (vnd("2024-08-06"), PROCESSOR, True, "2024-05-30"),
    (vnd("2099-01-01"), PROCESSOR, False, 406),
    (vnd("2099-01-01"), PROCESSOR, True, "2024-05-30"),
    (vnd("2024-02-30"), PROCESSOR, True, 406),
    (vnd("2024-8-5"), PROCESSOR, True, 406),
    (vnd("20240805"), PROCESSOR, True, 406),
    (vnd("٢٠٢٤-٠٨-٠٥"), PROCESSOR, True, 406),
    # no version
    (None, PROCESSOR, False, 406),
    ("*/*", PROCESSOR, False, 406),
    ("application/json", PROCESSOR, False, 406),
    (None, PROCESSOR, True, "2024-05-30"),
    ("*/*", PROCESSOR, True, "2024-05-30"),
    ("application/*;q=0.1", PROCESSOR, True, "2024-05-30"),
    ("application/json", PROCESSOR, True, "2024-05-30"),
    ("text/html", PROCESSOR, True, 406),
    ("", PROCESSOR, True, 406),
    # preview and upcoming resources: there are none
    (vnd("preview"), PROCESSOR, False, 406),
    (vnd("2043-01-01.upcoming"), PROCESSOR, False, 406),
    # the media of the resource
    (vnd("2024-05-30", "gzip"), PROCESSOR, False, 406),
    (vnd("2023-02-01", "gzip"), LOGS, False, "2023-02-01"),
    (vnd("2023-02-01", "json"), LOGS, False, 406),
    ("application/json", LOGS, True, 406),
    ("application/vnd.atlas.2024-05-30", PROCESSOR, False, 406),
    ("application/vnd.other.2024-05-30+json", PROCESSOR, False, 406),
    # lists, quality, case, parameters
    (f"text/html, {vnd('2024-08-05')}, */*", PROCESSOR, False, "2024-05-30"),
    (f"{vnd('2024-08-05')};q=0", PROCESSOR, False, 406),
    (f"{vnd('2024-08-05')};q=high", PROCESSOR, False, 406),
    (f"{vnd('2024-08-05')}; charset=utf-8", PROCESSOR, False, "2024-05-30"),
    ("Application/VND.Atlas.2024-08-05+JSON", PROCESSOR, False, "2024-05-30"),
    (f"{vnd('2023-02-01')};q=0.5, {vnd('2024-08-05')}", CLUSTER, False, "2024-08-05"),
    (f"{vnd('2023-02-01')}, {vnd('2024-08-05')};q=0.5", CLUSTER, False, "2023-02-01"),
    # older versions of a resource
    (vnd("2024-08-05"), CLUSTER, False, "2024-08-05"),
    (vnd("2025-03-12"), CLUSTER, False, "2024-08-05"),
    (vnd("2023-02-01"), CLUSTER, False, "2023-02-01"),
    (vnd("2024-05-30"), CLUSTER, False, "2023-02-01"),
    (vnd("2023-01-01"), CLUSTER, False, 410),
    (f"{vnd('2023-01-01')}, {vnd('2024-08-05')};q=0.1", CLUSTER, False, "2024-08-05"),
]


@pytest.mark.parametrize(("accept", "operation", "lenient", "expected"), ROWS)
def test_negotiation(accept: str | None, operation: Operation, lenient: bool, expected: str | int) -> None:
    if isinstance(expected, str):
        resolved = resolve(accept, operation, TODAY, lenient=lenient)
        assert resolved.version == D(expected)
        assert resolved.media == operation.media
    else:
        with pytest.raises(UserError) as caught:
            resolve(accept, operation, TODAY, lenient=lenient)
        assert caught.value.status == expected
        assert caught.value.code == {406: "INVALID_VERSION_DATE", 410: "VERSION_GONE"}[expected]


@pytest.mark.parametrize("known", sorted(KNOWN))
def test_every_published_date_is_taken(known: dt.date) -> None:
    oldest = an_operation(str(min(KNOWN)))
    assert resolve(vnd(str(known)), oldest, TODAY).version == min(KNOWN)


def test_content_type_names_the_resolved_version() -> None:
    assert Resolved(D("2023-02-01"), "json").content_type == f"{vnd('2023-02-01')};charset=utf-8"
    assert Resolved(D("2023-02-01"), "gzip").content_type == vnd("2023-02-01", "gzip")


def test_only_numbered_days_are_told() -> None:
    assert resolve(vnd("2024-08-05"), CLUSTER, TODAY).headers == []
    assert resolve(vnd("2023-02-01"), CLUSTER, TODAY).headers == [
        ("Deprecation", "Mon, 5 Aug 2024 00:00:00 GMT"),
        ("Sunset", "Thu, 1 Jul 2027 00:00:00 GMT"),
    ]


@pytest.mark.parametrize(
    ("content_type", "encoding", "accepted"),
    [
        ("application/json", None, True),
        ("application/json; charset=utf-8", None, True),
        ("Application/JSON", "identity", True),
        (vnd("2023-02-01"), None, True),
        (vnd("2023-02-01") + ";charset=UTF-8", None, True),
        (vnd("preview"), None, True),
        (None, None, True),
        ("application/x-www-form-urlencoded", None, False),
        ("text/plain", None, False),
        ("", None, False),
        ("application/json, application/json", None, False),
        (vnd("2023-02-01", "gzip"), None, False),
        ("application/json", "gzip", False),
    ],
)
def test_media_types_of_bodies(content_type: str | None, encoding: str | None, accepted: bool) -> None:
    if accepted:
        accept_body(content_type, encoding)
    else:
        with pytest.raises(UserError) as caught:
            accept_body(content_type, encoding)
        assert (caught.value.status, caught.value.code) == (415, "UNSUPPORTED_MEDIA_TYPE")
