"""Rules about connections as they are defined."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from brookmill.connections.kafka.client import CONSUMER_KEYS, PRODUCER_KEYS
from brookmill.connections.presumed import defined
from brookmill.lint import Hit, Hits, rule
from brookmill.lint.changes import Remove, Rename, Replace, fix
from brookmill.lint.content import Definition
from brookmill.lint.marks import Path

#: Members that hold secrets, wherever they stand in a definition.
_SECRET = {"password", "clientSecret", "sslKey", "sslKeyPassword"}
_LOGIN = re.compile(r"(?i)^(authorization|proxy-authorization|cookie|(x-)?(api-?key|auth-token|secret))$")
#: References that are resolved when a connection is opened.
_REFERENCE = re.compile(r"\$\{[a-z]+:[^}]*\}")
_MECHANISMS = {
    "SCRAM-SHA-256": "SCRAM-256",
    "SCRAM-SHA-512": "SCRAM-512",
    "SCRAM_256": "SCRAM-256",
    "SCRAM_512": "SCRAM-512",
}
#: Keys that upstream lets through and this engine decides itself.
_OWN = {"transactional.id", "max.poll.interval.ms"}


@rule("connection-error", "error", "The connection would be refused")
def connection_error(definition: Definition) -> Hits:
    """Creating it would be answered with this text: the type is unknown, a member is missing, unknown or
    wrong.
    """
    try:
        defined({"name": definition.name, **definition.spec})
    except ValueError as e:
        yield Hit((), str(e))


@rule("unused-connection", "info", "No pipeline uses this connection")
def unused_connection(definition: Definition) -> Hits:
    """Looked at are the pipelines of all files together, and the dead letter queues of their processors."""
    if definition.used is False and not definition.test:
        yield Hit((), f"{definition.name} is in no pipeline that was looked at")


@rule("secret-in-clear", "warning", "A secret stands in the file")
def secret_in_clear(definition: Definition) -> Hits:
    """Files are copied, committed and sent. Write a reference that is resolved when the connection is opened:
    `${env:NAME}` or `${file:PATH}`.
    """
    if definition.test:
        return
    for path, value in _texts(definition.spec, ()):
        header = "headers" in path[:-1] and _LOGIN.match(str(path[-1]))
        if (path[-1] in _SECRET or header) and value and not _REFERENCE.search(value):
            yield Hit(path, f"{path[-1]} stands here in clear")


def _texts(value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    if isinstance(value, str):
        yield path, value
    pairs = value.items() if isinstance(value, dict) else enumerate(value if isinstance(value, list) else ())
    for name, member in pairs:
        yield from _texts(member, (*path, name))


@rule("login-in-url", "warning", "A login stands in a URL")
def login_in_url(definition: Definition) -> Hits:
    """URLs are shown, logged and repeated in errors. Use `headers` or the members for logins."""
    for path, value in _texts(definition.spec, ()):
        if re.match(r"[a-z+]{2,20}://[^/@\s]*:[^/@\s]+@", value) and not _REFERENCE.search(value):
            yield Hit(path, "this URL holds a user and a password")


@rule("ignored-config", "warning", "A setting of the Kafka client has no effect")
def ignored_config(definition: Definition) -> Hits:
    """Of `config` only the keys of a list reach the client, in their spelling with dots; all others are
    silently left out.
    """
    config = definition.get("config")
    known = PRODUCER_KEYS.keys() | CONSUMER_KEYS.keys() | _OWN
    for key in config if definition.get("type") == "Kafka" and isinstance(config, dict) else ():
        if key not in known:
            right = key.replace("_", ".").lower()
            at = ("config", key)
            possible = right in known and right not in config
            made = fix(f"write {right}", Rename(at, right)) if possible else None
            yield Hit(at, f"{key} is not passed on" + (f"; {right} is" if right in known else ""), made)


@rule("plaintext-login", "warning", "A login goes over the network in clear")
def plaintext_login(definition: Definition) -> Hits:
    """With the protocol `SASL_PLAINTEXT` everybody on the way can read the documents, and with `PLAIN` the
    password. Use `SASL_SSL`.
    """
    protocol = definition.get("security", "protocol")
    login = definition.get("type") == "Kafka" and definition.get("authentication") is not None
    if login and protocol in ("SASL_PLAINTEXT", "PLAINTEXT"):
        yield Hit(("security", "protocol"), f"{protocol} is not encrypted")


@rule("http-url", "warning", "The endpoint is not encrypted")
def http_url(definition: Definition) -> Hits:
    """Over `http://` everybody on the way can read headers and documents, and change the answers."""
    for path, value in _texts(definition.spec, ()):
        if value.startswith("http://") and not re.match(r"http://(localhost|127\.|\[::1\])", value):
            yield Hit(path, "http:// is not encrypted")


@rule("mechanism-name", "error", "The mechanism is called otherwise here")
def mechanism_name(definition: Definition) -> Hits:
    """Kafka's own names are `SCRAM-SHA-256` and `SCRAM-SHA-512`; the Admin API writes `SCRAM-256` and
    `SCRAM-512`.
    """
    mechanism = definition.get("authentication", "mechanism")
    if isinstance(mechanism, str) and mechanism in _MECHANISMS:
        at, right = ("authentication", "mechanism"), _MECHANISMS[mechanism]
        yield Hit(at, f"{mechanism} is written {right}", fix(f"write {right}", Replace(at, right)))


@rule("bootstrap-servers-array", "error", "bootstrapServers is one text")
def bootstrap_servers_array(definition: Definition) -> Hits:
    """Several servers stand in one text, with commas between them."""
    servers = definition.get("bootstrapServers")
    if isinstance(servers, list) and all(isinstance(server, str) for server in servers):
        at = ("bootstrapServers",)
        yield Hit(at, "an array is refused", fix("join them by commas", Replace(at, ",".join(servers))))


@rule("single-bootstrap-server", "info", "Only one broker to begin with")
def single_bootstrap_server(definition: Definition) -> Hits:
    """If it is down, the processor cannot start, though the others would serve it. Name two or three."""
    servers = definition.get("bootstrapServers")
    if isinstance(servers, str) and "," not in servers and not definition.test:
        yield Hit(("bootstrapServers",), "name more than one broker")


@rule("server-without-port", "warning", "A broker without a port")
def server_without_port(definition: Definition) -> Hits:
    """The client then takes 9092, which is seldom the port of an encrypted listener."""
    servers = definition.get("bootstrapServers")
    for server in servers.split(",") if isinstance(servers, str) else ():
        if server.strip() and not re.search(r":\d+$", server.strip()):
            yield Hit(("bootstrapServers",), f"{server.strip()} has no port")


@rule("admin-role", "info", "The connection may do anything on the cluster")
def admin_role(definition: Definition) -> Hits:
    """Everything that processors read and write is done in the role of `dbRoleToExecute`.
    `readWriteAnyDatabase`, or a custom role for one database, is enough for most.
    """
    if definition.get("dbRoleToExecute", "role") == "atlasAdmin":
        yield Hit(("dbRoleToExecute", "role"), "atlasAdmin may do more than a processor needs")


@rule("test-bucket-missing", "info", "Nobody tries the bucket before it is written to")
def test_bucket_missing(definition: Definition) -> Hits:
    """With `aws.testBucket` the role is tried when the connection is created, not first by a processor."""
    if definition.get("type") == "S3" and definition.get("aws", "testBucket") is None and not definition.test:
        yield Hit(("aws",), "without testBucket the role is not tried")


@rule("own-server-settings", "info", "Members that only a server fills")
def own_server_settings(definition: Definition) -> Hits:
    """`id` and `state` belong to the connection that exists, not to its definition."""
    for name in ("id", "state"):
        if name in definition.spec:
            yield Hit((name,), f"{name} is filled by the server", fix("take it out", Remove((name,))))
