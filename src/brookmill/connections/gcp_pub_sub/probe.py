"""The test of a Pub/Sub connection: the endpoint, the login, a topic that may be published to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
from msgspec import UNSET

from brookmill.connections import Opening
from brookmill.connections.egress.http import client
from brookmill.connections.egress.trouble import failed
from brookmill.connections.gcp_pub_sub.endpoint import (
    CONNECT,
    TIMEOUT,
    account_of,
    base_url,
    topic_url,
    words,
)
from brookmill.connections.gcp_pub_sub.login import Login
from brookmill.connections.gcp_pub_sub.options import PubSubProbe
from brookmill.connections.json_reply import JSONReply, json_reply
from brookmill.connections.ladder import Ladder
from brookmill.connections.reach import place_of, reach
from brookmill.errors import ConnectionFailed, Fault

if TYPE_CHECKING:
    from brookmill.connections.gcp_pub_sub import GCPPubSub

_PUBLISH = "pubsub.topics.publish"
_FAULTS: dict[int, Fault] = {401: "CREDENTIALS", 403: "DENIED", 404: "NOT_FOUND", 429: "THROTTLED"}


def probe(connection: GCPPubSub, options: PubSubProbe, opening: Opening, ladder: Ladder) -> None:
    """Nothing is published: Google is asked for the right to. Raises ConnectionFailed."""
    with ladder.step("settings") as seen:
        if options.topic is not UNSET and options.project_id is UNSET:
            raise ConnectionFailed("topic needs projectId", retry=False, code=420)
        base = base_url(opening.outside, options.region or None)
        place = place_of(base)
        seen["login"] = "none" if opening.outside.gcp_credentials_file is None else "service account"
    reach([place], opening, ladder)
    connect, timeout = opening.patience(CONNECT), opening.patience(TIMEOUT)
    with client(opening.outside, connect_timeout=connect, timeout=timeout) as http:
        with ladder.step("authenticate"):
            login = Login(account_of(connection.gcp), opening.outside, http)
        if options.topic is not UNSET:
            with ladder.step("authorize") as seen:
                url = topic_url(base, str(options.project_id), options.topic)
                _check_right(http, login, url, options.topic, opening)
                seen["topic"] = options.topic


def _check_right(http: httpx.Client, login: Login, url: str, topic: str, opening: Opening) -> None:
    """Google gives no rights on a topic that is not there, so only then is the topic itself asked for."""
    what = f"Could not look at the Pub/Sub topic {topic}"

    def ask(method: str, url: str, content: Any) -> JSONReply:
        request = http.build_request(method, url, json=content, headers=login.headers())
        try:
            reply = json_reply(http, request, opening.clock)
        except httpx.TransportError as e:
            raise failed(what, e) from e
        if reply.status != 200:
            fault = _FAULTS.get(reply.status) or ("SERVER_ERROR" if reply.status >= 500 else "FAILED")
            raise ConnectionFailed(f"{what}: {words(reply)}", retry=reply.status >= 500, fault=fault)
        return reply

    body = ask("POST", f"{url}:testIamPermissions", {"permissions": [_PUBLISH]}).body
    if isinstance(body, dict) and _PUBLISH in (body.get("permissions") or ()):
        return
    ask("GET", url, None)
    text = f"the login lacks the right {_PUBLISH} on the topic {topic}"
    raise ConnectionFailed(text, retry=False, fault="DENIED")
