"""Downloads: gzip under a name, for who asks for gzip."""

from __future__ import annotations

import gzip
import json

import httpx
from served import Served


def test_an_audit_log_as_upstream_sends_it(served: Served) -> None:
    workspace = served.workspace()
    client = served.client(served.bearer(), accept="application/vnd.atlas.2024-08-05+gzip")
    one = f"/groups/{served.own.id}/streams/{workspace.name}"
    connection = {"name": "it", "type": "Https", "url": "http://a"}
    made = client.post(
        f"{one}/connections",
        json=connection,
        headers={"Accept": "application/vnd.atlas.2024-08-05+json", "X-Request-ID": "mine"},
    )
    assert made.status_code == 200
    answer = client.get(f"{one}/auditLogs", params={"startDate": "0"})
    assert answer.headers["content-type"] == "application/vnd.atlas.2023-02-01+gzip"
    disposition = answer.headers["content-disposition"]
    assert disposition.startswith(f'attachment; filename="{workspace.name}_0_')
    assert disposition.endswith('_audit.log.gz"')
    (line,) = gzip.decompress(answer.content).splitlines()
    event = json.loads(line)
    assert event["api"]["operation"] == "createGroupStreamConnection"
    assert event["api"]["request"] == {"uid": "mine"}
    empty = client.get(f"{one}/auditLogs", params={"startDate": "0", "endDate": "1"})
    assert gzip.decompress(empty.content) == b""
    logs = client.get(f"{one}:downloadOperationalLogs", headers=_newest("gzip"))
    assert (logs.status_code, gzip.decompress(logs.content)) == (200, b"")


def test_who_asks_for_json_gets_none(served: Served) -> None:
    client = served.client(served.bearer(), accept="application/vnd.atlas.2024-08-05+json")
    one = f"/groups/{served.own.id}/streams/{served.workspace().name}"
    answer = client.get(f"{one}/auditLogs")
    assert (answer.status_code, answer.json()["errorCode"]) == (406, "INVALID_VERSION_DATE")
    assert client.get(f"{one}:downloadOperationalLogs", headers=_newest("json")).status_code == 406


def test_refusals_are_json(served: Served) -> None:
    client = served.client(served.bearer(), accept="application/vnd.atlas.2024-08-05+gzip")
    answer: httpx.Response = client.get(f"/groups/{served.own.id}/streams/nope/auditLogs")
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/json")


def _newest(media: str) -> dict[str, str]:
    return {"Accept": f"application/vnd.atlas.2025-03-12+{media}"}
