"""A registry's REST API, as far as messages need it: schemas by id, ids by schema."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

import httpx
from msgspec import UNSET

from brookmill.connections.egress.http import client
from brookmill.connections.json_reply import JSONReply, basic, json_reply
from brookmill.errors import ConnectionFailed, DocumentError, Fault

if TYPE_CHECKING:
    from brookmill.connections import Opening
    from brookmill.connections.kafka import Kafka
    from brookmill.connections.schema_registry import SchemaRegistry

_TIMEOUT = 10.0
#: Seconds for which the registry is not asked again about what it did not know.
_FORGET = 30.0
#: Deepest that schemas may refer to others.
_DEPTH = 32
_JSON = "application/vnd.schemaregistry.v1+json"


class Declaration(NamedTuple):
    """A schema as the registry keeps it. ``references``: the texts of those that it refers to, first."""

    text: str
    references: tuple[str, ...] = ()


class Registry:
    """One registry at up to ten URLs: the one that answered last is asked first."""

    def __init__(self, connection: SchemaRegistry, kafka: Kafka | None, opening: Opening) -> None:
        """``kafka``: whose login SASL_INHERIT takes; None: nobody's. Nothing is asked yet.

        Raises ConnectionFailed (420).
        """
        if not connection.schema_registry_urls:
            raise _invalid("schemaRegistryUrls is missing")
        self._urls = [url.rstrip("/") for url in connection.schema_registry_urls]
        self._headers = {"accept": f"{_JSON}, application/json", "content-type": _JSON}
        self._headers |= _login(connection, kafka)
        self._clock = opening.clock
        patience = opening.patience(_TIMEOUT)
        self._http = client(opening.outside, connect_timeout=patience, timeout=patience, connections=1)
        self._refusals: dict[tuple[str, Any], tuple[float, str]] = {}
        self._ids: dict[tuple[str, str], int] = {}

    def declaration(self, number: int) -> Declaration:
        """The schema with the id ``number``. Raises DocumentError for none, and ConnectionFailed."""
        body = self._known("GET", f"/schemas/ids/{number}", None, f"the schema {number}")
        kind = body.get("schemaType", "AVRO")
        if kind != "AVRO":
            raise DocumentError(f"the schema {number} is of type {str(kind)[:20]}; only AVRO is supported")
        texts: dict[tuple[str, int], str] = {}
        self._refer(body, texts, 0)
        return Declaration(_text(body), tuple(texts.values()))

    def _refer(self, body: dict[str, Any], texts: dict[tuple[str, int], str], depth: int) -> None:
        """The schemas that ``body`` refers to, into ``texts``, each behind those that it refers to itself."""
        if depth > _DEPTH:
            raise DocumentError("schemas refer to each other too deeply")
        for reference in body.get("references") or ():
            place = (str(reference.get("subject")), int(reference.get("version", 0)))
            if place not in texts:
                subject, version = place
                path = f"/subjects/{quote(subject, safe='')}/versions/{version}"
                found = self._known("GET", path, None, f"the schema {subject} {version}")
                self._refer(found, texts, depth + 1)
                texts[place] = _text(found)

    def id(self, subject: str, schema: str, *, register: bool) -> int:
        """The id of ``schema`` under ``subject``. ``register``: the registry takes it up if it is new.

        Raises DocumentError for one that it does not know, ConnectionFailed for one that it does not take.
        """
        key = (subject, schema)
        if key not in self._ids:
            path = f"/subjects/{quote(subject, safe='')}{'/versions' if register else ''}"
            body = self._known("POST", path, {"schema": schema}, f"the schema of the subject {subject}")
            if type(body.get("id")) is not int:
                raise ConnectionFailed("the schema registry's answer holds no id", retry=False)
            self._ids[key] = body["id"]
        return self._ids[key]

    def kinds(self) -> list[str]:
        """The kinds of schemas that it keeps. Raises ConnectionFailed, also where no registry answers."""
        reply = self._ask("GET", "/schemas/types", None)
        if reply.status in (401, 403):
            raise _shut(reply.status)
        if reply.status != 200 or not isinstance(reply.body, list):
            text = f"what answers there ({reply.status}) is no schema registry"
            raise ConnectionFailed(text, retry=False, fault="PROTOCOL")
        return [str(kind)[:20] for kind in reply.body[:10]]

    def latest(self, subject: str) -> Declaration:
        """The newest schema of ``subject``. Raises DocumentError for none, and ConnectionFailed."""
        path = f"/subjects/{quote(subject, safe='')}/versions/latest"
        body = self._known("GET", path, None, f"the subject {subject}")
        return self.declaration(int(body.get("id", 0)))

    def close(self) -> None:
        """Close its connections."""
        self._http.close()

    def _known(self, method: str, path: str, content: dict[str, str] | None, what: str) -> dict[str, Any]:
        """The answer to a question. What the registry did not know a moment ago it is not asked again."""
        key = (path, content and content["schema"])
        until, reason = self._refusals.get(key, (0.0, ""))
        if self._clock.monotonic() < until:
            raise DocumentError(reason)
        reply = self._ask(method, path, content)
        if reply.status == 404:
            reason = f"the schema registry does not know {what}"
            self._refusals[key] = (self._clock.monotonic() + _FORGET, reason)
            raise DocumentError(reason)
        if reply.status in (409, 422):
            why = {409: "is not compatible with the versions before it", 422: "is not valid"}[reply.status]
            raise ConnectionFailed(f"the schema registry refuses {what}: it {why}", retry=False)
        if reply.status in (401, 403):
            raise _shut(reply.status)
        if reply.status != 200 or not isinstance(reply.body, dict):
            raise ConnectionFailed(
                f"the schema registry answers with {reply.status}, and no JSON", retry=False
            )
        return reply.body

    def _ask(self, method: str, path: str, content: dict[str, str] | None) -> JSONReply:
        """The answer of the first URL that gives one. Raises ConnectionFailed when none does."""
        for _ in self._urls:
            request = self._http.build_request(
                method, self._urls[0] + path, json=content, headers=self._headers
            )
            try:
                reply = json_reply(self._http, request, self._clock)
            except httpx.HTTPError as e:
                trouble = type(e).__name__
            else:
                if reply.status < 500 and reply.status != 429:
                    return reply
                trouble = f"status {reply.status}"
            self._urls.append(self._urls.pop(0))
        text = f"the schema registry at {_hosts(self._urls)} does not answer: {trouble}"
        raise ConnectionFailed(text, fault="SERVER_ERROR" if trouble.startswith("status") else "NO_ANSWER")


def _shut(status: int) -> ConnectionFailed:
    fault: Fault = "CREDENTIALS" if status == 401 else "DENIED"
    return ConnectionFailed(f"the schema registry refuses the login ({status})", retry=False, fault=fault)


def _hosts(urls: list[str]) -> str:
    return ", ".join(sorted(httpx.URL(url).host for url in urls))


def _text(body: dict[str, Any]) -> str:
    if not isinstance(body.get("schema"), str):
        raise ConnectionFailed("the schema registry's answer holds no schema", retry=False)
    return str(body["schema"])


def _login(connection: SchemaRegistry, kafka: Kafka | None) -> dict[str, str]:
    given: Any = connection.schema_registry_authentication
    if given is UNSET or given.type is UNSET:
        return {}
    if given.type == "SASL_INHERIT":
        given = UNSET if kafka is None else kafka.authentication
    if given is UNSET or given.username is UNSET or given.password is UNSET:
        raise _invalid("the schema registry's login needs a username and a password, its own or Kafka's")
    return {"authorization": basic(given.username, given.password.reveal())}


def _invalid(message: str) -> ConnectionFailed:
    return ConnectionFailed(message, retry=False, code=420, name="StreamProcessorInvalidOptions")
