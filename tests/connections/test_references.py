"""References to secrets kept elsewhere: what they may name, what stands for them, what failing tells."""

from __future__ import annotations

import http.server
import json
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from brookmill.config import Settings
from brookmill.connections.https import Https
from brookmill.connections.kafka import Authentication, Kafka
from brookmill.connections.references import LONGEST, PROVIDERS, resolved
from brookmill.connections.schema_registry import SchemaRegistry
from brookmill.domain.secret import Secret
from brookmill.errors import ConnectionFailed

CANARY = "canary-5ecret"


def header(text: str) -> Https:
    return Https(id="1", name="it", url="https://example.com/in", headers={"Authorization": text})


def read(text: str, **settings: Any) -> str:
    """What stands in the place of a header value."""
    now = resolved(header(text), Settings(**settings))
    assert isinstance(now.headers, dict)
    return now.headers["Authorization"]


def failure(text: str, **settings: Any) -> ConnectionFailed:
    with pytest.raises(ConnectionFailed) as caught:
        read(text, **settings)
    assert CANARY not in str(caught.value)
    assert str(caught.value).startswith("headers.Authorization: ")
    assert (caught.value.code, caught.value.name) == (420, "StreamProcessorInvalidOptions")
    return caught.value


@pytest.fixture(autouse=True)
def _variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APP_TOKEN", CANARY)
    monkeypatch.setenv("OTHER_TOKEN", CANARY)
    monkeypatch.setenv("BROOKMILL_MASTER_KEY", CANARY)


def test_while_no_list_is_set_a_reference_is_text_like_any_other() -> None:
    for text in ("${env:APP_TOKEN}", "${file:/etc/passwd}", "${vault:a/b#c}"):
        assert read(text) == text


def test_a_part_of_a_text() -> None:
    settings = {"references_env": "X_, APP_"}
    assert read("Bearer ${env:APP_TOKEN}", **settings) == f"Bearer {CANARY}"
    assert read("${env:APP_TOKEN}:${env:APP_TOKEN}", **settings) == f"{CANARY}:{CANARY}"
    for other in ("${else:APP_TOKEN}", "$env:APP_TOKEN", "{env:APP_TOKEN}", "${env:APP{TOKEN}"):
        assert read(other, **settings) == other


def test_every_member_that_is_text_but_not_the_name() -> None:
    login = Authentication(
        mechanism="PLAIN", username="${env:APP_TOKEN}", password=Secret("${env:APP_TOKEN}")
    )
    kafka = Kafka(
        name="${env:APP_TOKEN}",
        bootstrap_servers="a:1",
        authentication=login,
        config={"client.id": "${env:APP_TOKEN}"},
    )
    now = resolved(kafka, Settings(references_env="APP_"))
    assert now.authentication == Authentication(mechanism="PLAIN", username=CANARY, password=Secret(CANARY))
    assert (now.name, now.config) == ("${env:APP_TOKEN}", {"client.id": CANARY})
    registry = SchemaRegistry(name="r", schema_registry_urls=("https://h/${env:APP_TOKEN}",))
    assert resolved(registry, Settings(references_env="APP_")).schema_registry_urls == (
        f"https://h/{CANARY}",
    )


def test_what_it_stands_for_must_be_right_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APP_TOKEN", f"{CANARY}\r\nX-Other: 1")
    with pytest.raises(
        ConnectionFailed, match="connection it refers to makes it wrong: Invalid headers"
    ) as e:
        read("${env:APP_TOKEN}", references_env="APP_")
    assert CANARY not in str(e.value)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("OTHER_TOKEN", "not allowed; the setting references_env"),
        ("BROOKMILL_MASTER_KEY", "not allowed"),
        ("", "not allowed"),
        ("APP_NONE", "the server's environment has no variable APP_NONE"),
    ],
)
def test_variables_that_are_not_there_for_connections(name: str, text: str) -> None:
    error = failure(f"${{env:{name}}}", references_env="APP_,BROOKMILL_")
    assert text in str(error)
    assert not error.retry


def test_one_list_turns_on_all_but_allows_nothing_else() -> None:
    assert "references_file" in str(failure("${file:/etc/passwd}", references_env="APP_"))
    assert "references_vault" in str(failure("${vault:a/b#c}", references_env="APP_"))
    assert "references_env" in str(failure("${env:APP_TOKEN}", references_env=" , ", references_file="/"))


# --- files


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    """A directory as container platforms mount it: the files are links into a versioned one."""
    version, mounted = tmp_path / "mount" / "..1", tmp_path / "mount"
    version.mkdir(parents=True)
    (version / "token").write_text(CANARY + "\n")
    (mounted / "..data").symlink_to("..1")
    (mounted / "token").symlink_to("..data/token")
    (tmp_path / "outside").write_text(CANARY)
    (mounted / "away").symlink_to(tmp_path / "outside")
    (mounted / "loop").symlink_to("loop")
    return mounted


def test_a_file_is_read_when_a_worker_is_started(secrets: Path) -> None:
    settings = {"references_file": f"/nowhere,{secrets}"}
    assert read(f"${{file:{secrets}/token}}", **settings) == CANARY
    (secrets / "..1" / "token").write_text("rotated\r\n")
    assert read(f"${{file:{secrets}/token}}", **settings) == "rotated"
    assert read(f"${{file:{secrets}/token}}", references_file=str(secrets / "token")) == "rotated"


@pytest.mark.parametrize(
    "path",
    ["{}/away", "{}/../outside", "{}-other/x", "{}/loop", "token", "", "{}/a\0b", "/proc/self/environ"],
)
def test_links_and_dots_lead_nowhere_else(secrets: Path, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(secrets)
    error = failure(f"${{file:{path.format(secrets)}}}", references_file=str(secrets))
    assert "not allowed; the setting references_file" in str(error)


def test_what_is_no_text_is_not_read(secrets: Path) -> None:
    settings = {"references_file": str(secrets)}
    os.mkfifo(secrets / "pipe")
    (secrets / "long").write_text("x" * (LONGEST + 1))
    (secrets / "bytes").write_bytes(b"\xff\xfe")
    for name in ("pipe", "long", "bytes", "..1"):
        assert "cannot be read as text" in str(failure(f"${{file:{secrets}/{name}}}", **settings))
    missing = failure(f"${{file:{secrets}/missing}}", **settings)
    assert f"there is no file {secrets}/missing" in str(missing)
    assert missing.retry, "it may still be mounted"


def test_the_data_directory_is_nobodys_secret(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "master.key").write_text(CANARY)
    settings = {"references_file": str(tmp_path), "data_dir": str(tmp_path / "data")}
    assert "not allowed" in str(failure(f"${{file:{tmp_path}/data/master.key}}", **settings))


# --- the vault


@dataclass
class Vault:
    """Speaks the part of HashiCorp Vault's HTTP API that reads from a KV engine of version 2 named ``kv``."""

    address: str = ""
    token: str = "s.token"
    namespace: str | None = None
    status: int | None = None
    body: bytes | None = None
    secrets: dict[str, dict[str, Any]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def answer(self, path: str, headers: Any) -> tuple[int, bytes]:
        self.asked.append(path)
        if self.status is not None:
            return self.status, b'{"errors":["' + CANARY.encode() + b'"]}'
        if self.body is not None:
            return 200, self.body
        if headers["X-Vault-Token"] != self.token or headers["X-Vault-Namespace"] != self.namespace:
            return 403, b'{"errors":["permission denied"]}'
        secret = self.secrets.get(path.removeprefix("/v1/kv/data/"))
        if secret is None:
            return 404, b'{"errors":[]}'
        metadata = {"version": 1, "destroyed": False, "deletion_time": ""}
        return 200, json.dumps({"data": {"data": secret, "metadata": metadata}}).encode()


@pytest.fixture
def vault() -> Iterator[Vault]:
    vault = Vault(secrets={"app/kafka": {"password": CANARY, "port": 9092}})

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = vault.answer(self.path, self.headers)
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        vault.address = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield vault
        server.shutdown()
        thread.join()


@pytest.fixture
def known(vault: Vault) -> dict[str, Any]:
    """Settings that lead to the vault, by default; addresses of connections may not be private."""
    return {
        "references_vault": "kv/app/",
        "vault_address": vault.address,
        "vault_token": vault.token,
        "allow_private": False,
    }


def test_a_secret_of_the_vault(vault: Vault, known: dict[str, Any], tmp_path: Path) -> None:
    assert read("Bearer ${vault:kv/app/kafka#password}", **known) == f"Bearer {CANARY}"
    assert vault.asked == ["/v1/kv/data/app/kafka"]
    vault.secrets["app/kafka"]["password"] = "rotated"
    vault.namespace = "team"
    (tmp_path / "token").write_text(vault.token + "\n")
    file = known | {"vault_token": None, "vault_token_file": str(tmp_path / "token")}
    assert read("${vault:kv/app/kafka#password}", **file, vault_namespace="team") == "rotated"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("kv/app/none#password", "the vault has no secret kv/app/none"),
        ("kv/app/kafka#none", "kv/app/kafka of the vault has no text in its field none"),
        ("kv/app/kafka#port", "has no text in its field port"),
        ("kv/other/kafka#password", "not allowed; the setting references_vault"),
        ("kv/app/../other#password", "has the form"),
        ("kv/app/./kafka#password", "has the form"),
        ("kv/app/kafka?version=1#password", "has the form"),
        ("kv/app/kafka", "has the form"),
        ("sys/seal#x", "not allowed"),
    ],
)
def test_what_the_vault_does_not_tell(vault: Vault, known: dict[str, Any], name: str, text: str) -> None:
    error = failure(f"${{vault:{name}}}", **known)
    assert text in str(error)
    assert not error.retry
    assert all(path.startswith("/v1/kv/data/app/") for path in vault.asked)


@pytest.mark.parametrize(
    ("status", "text", "retry"),
    [
        (403, "denies the server's token", False),
        (400, "does not understand", False),
        (503, "does not serve kv/app/kafka at the moment", True),
        (429, "at the moment", True),
        (307, "at the moment", True),
    ],
)
def test_what_the_vault_refuses(
    vault: Vault, known: dict[str, Any], status: int, text: str, retry: bool
) -> None:
    vault.status = status
    error = failure("${vault:kv/app/kafka#password}", **known)
    assert text in str(error)
    assert error.retry is retry


@pytest.mark.parametrize(
    "body", [b"no JSON", b"{}", b'{"data":{}}', b'{"data":{"data":[]}}', b"x" * 2_000_000]
)
def test_what_is_no_vault(vault: Vault, known: dict[str, Any], body: bytes) -> None:
    vault.body = body
    assert "not that of a KV engine" in str(failure("${vault:kv/app/kafka#password}", **known))


@pytest.mark.parametrize(
    ("changed", "text", "retry"),
    [
        ({"vault_address": None}, "vault_address is missing", False),
        ({"vault_token": None}, "vault_token or vault_token_file", False),
        ({"vault_token": None, "vault_token_file": "/nowhere"}, "cannot be read", True),
        ({"vault_token": "wrong"}, "denies the server's token", False),
        ({"vault_address": "http://127.0.0.1:1"}, "the connection was refused", True),
        ({"vault_address": "http://169.254.169.254"}, "link-local", False),
        ({"vault_address": "http://[::1"}, "vault_address is no URL", True),
    ],
)
def test_a_vault_that_cannot_be_asked(
    known: dict[str, Any], changed: dict[str, Any], text: str, retry: bool
) -> None:
    error = failure("${vault:kv/app/kafka#password}", **(known | changed))
    assert text in str(error)
    assert error.retry is retry


def test_the_token_is_no_setting_to_be_shown(known: dict[str, Any]) -> None:
    assert "s.token" not in repr(Settings(**known))
    assert "s.token" not in repr(Settings(**known).outside)


def test_all_ways_are_known() -> None:
    assert set(PROVIDERS) == {"env", "file", "vault"}
