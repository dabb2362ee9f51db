"""A schema registry in small: what the documented REST API answers about Avro schemas, nothing else."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

USER, PASSWORD = "registrar", "reg1strar:s3cret"

Answer = tuple[int, Any]


@dataclass
class SchemaRegistryServer:
    """``subjects``: ids by subject, in the order of versions. ``frozen``: subjects that take no other schema.

    ``login``: what it wants to hear; None: it lets everybody in. ``status``: what it answers to everything,
    0: as it should. ``asked``: method and path of every request.
    """

    url: str = ""
    login: tuple[str, str] | None = None
    status: int = 0
    schemas: list[dict[str, Any]] = field(default_factory=list)
    subjects: dict[str, list[int]] = field(default_factory=dict)
    frozen: set[str] = field(default_factory=set)
    asked: list[tuple[str, str]] = field(default_factory=list)

    def add(self, subject: str, schema: Any, **more: Any) -> int:
        """Its id. ``more``: ``schemaType`` and ``references``."""
        text = schema if isinstance(schema, str) else json.dumps(schema)
        kept = {"schema": text, **{name: value for name, value in more.items() if value}}
        if kept not in self.schemas:
            self.schemas.append(kept)
        number = self.schemas.index(kept) + 1
        versions = self.subjects.setdefault(subject, [])
        if number not in versions:
            versions.append(number)
        return number

    def answer(self, method: str, path: str, authorization: str, body: dict[str, Any]) -> Answer:
        self.asked.append((method, path))
        if self.status:
            return self.status, {"error_code": self.status, "message": "not now"}
        if self.login is not None:
            wanted = base64.b64encode(":".join(self.login).encode()).decode()
            if authorization != f"Basic {wanted}":
                return 401, {"error_code": 401, "message": f"Unauthorized: {authorization}"}
        match [method, *map(unquote, path.strip("/").split("/"))]:
            case ["GET", "schemas", "types"]:
                return 200, ["AVRO"]
            case ["GET", "schemas", "ids", number]:
                return self._by_id(int(number))
            case ["GET", "subjects", subject, "versions", version]:
                return self._version(subject, version)
            case ["POST", "subjects", subject, "versions"]:
                return self._register(subject, body)
            case ["POST", "subjects", subject]:
                return self._lookup(subject, body)
        return 404, {"error_code": 404, "message": "HTTP 404 Not Found"}

    def _by_id(self, number: int) -> Answer:
        if not 1 <= number <= len(self.schemas):
            return 404, {"error_code": 40403, "message": f"Schema {number} not found"}
        return 200, self.schemas[number - 1]

    def _version(self, subject: str, version: str) -> Answer:
        versions = self.subjects.get(subject, [])
        version = str(len(versions)) if version == "latest" else version
        if not version.isdigit() or not 1 <= int(version) <= len(versions):
            return 404, {"error_code": 40402, "message": f"Version {version} not found."}
        number = versions[int(version) - 1]
        named = {"subject": subject, "version": int(version), "id": number}
        return 200, named | self.schemas[number - 1]

    def _register(self, subject: str, body: dict[str, Any]) -> Answer:
        try:
            json.loads(body["schema"])
        except ValueError:
            return 422, {"error_code": 42201, "message": "Invalid schema"}
        known = [self.schemas[number - 1]["schema"] for number in self.subjects.get(subject, [])]
        if subject in self.frozen and body["schema"] not in known:
            return 409, {"error_code": 409, "message": "Schema being registered is incompatible"}
        more = {name: body.get(name) for name in ("schemaType", "references")}
        number = self.add(subject, body["schema"], **more)
        return 200, {"id": number, "version": self.subjects[subject].index(number) + 1} | body

    def _lookup(self, subject: str, body: dict[str, Any]) -> Answer:
        if subject not in self.subjects:
            return 404, {"error_code": 40401, "message": f"Subject '{subject}' not found."}
        for version, number in enumerate(self.subjects[subject], 1):
            if json.loads(self.schemas[number - 1]["schema"]) == json.loads(body["schema"]):
                return 200, {"subject": subject, "id": number, "version": version} | self.schemas[number - 1]
        return 404, {"error_code": 40403, "message": "Schema not found"}


@contextmanager
def schema_registry() -> Iterator[SchemaRegistryServer]:
    """A new registry on a free port."""
    here = SchemaRegistryServer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.do_POST()

        def do_POST(self) -> None:
            length = int(self.headers.get("content-length", 0))
            body = json.loads(self.rfile.read(length) or b"{}")
            path = urlsplit(self.path).path
            status, found = here.answer(self.command, path, self.headers.get("authorization", ""), body)
            text = json.dumps(found).encode()
            self.send_response(status)
            self.send_header("content-type", "application/vnd.schemaregistry.v1+json")
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    here.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield here
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
