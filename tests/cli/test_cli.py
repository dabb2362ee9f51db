"""The command line as its users meet it: output, messages, exit status."""

from __future__ import annotations

import contextlib
import json
import shlex
import sqlite3
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from commanded import Run, done, failed

from brookmill.testing import server


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command in this process, in a directory of its own."""
    monkeypatch.chdir(tmp_path)
    return Run(tmp_path / "data", monkeypatch, capsys)


def test_it_is_a_program() -> None:
    command = [sys.executable, "-m", "brookmill", "clusters", "list", "--database", "mysql://h/d"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 3
    assert ended.stdout == ""
    assert ended.stderr.startswith("brookmill: ")


def test_help_and_version(run: Run) -> None:
    shown = done(run("--help"))
    for command in ("access", "audit", "clusters", "env", "keys", "peerings", "serve", "version"):
        assert command in shown
    assert done(run("version")) == done(run("--version"))


WRONG = [
    (("nonsense",), 2, "nonsense"),
    (("clusters", "add"), 2, "requires an argument"),
    (("serve", "--tls", "maybe"), 2, "maybe"),
    (("serve", "--http", "8080"), 2, "the flag --http: '8080' is not HOST:PORT"),
    (("env",), 3, "no server runs on the data directory"),
    (("clusters", "remove", "c"), 1, "there is no cluster 'c'"),
    (("clusters", "add", "c", "http://h/"), 1, "must be mongodb://"),
    (("peerings", "request", "p"), 1, "no project is named 'p'"),
    (("peerings", "request", "p", "--region", "MARS"), 1, "'MARS' is no region"),
    (("access", "delete", "x"), 1, "there is no key and no account 'x'"),
    (("access", "create-key", "k"), 1, "name the organization with --org"),
    (("access", "create-key", "k", "--org", "a", "--role", "KING"), 1, "'KING' is no role"),
    (("access", "create-key", "k", "--org", "a", "--role", "GROUP_OWNER"), 1, "'GROUP_OWNER' is no role"),
    (("access", "create-key", "k", "--org", "a", "--role", "GROUP_OWNER@p"), 1, "has no project 'p'"),
    (("access", "list", "--database", "mysql://h/d"), 3, "mysql"),
]


@pytest.mark.parametrize(("arguments", "status", "text"), WRONG, ids=[" ".join(w[0]) for w in WRONG])
def test_errors_are_one_line_and_a_status(
    run: Run, arguments: tuple[str, ...], status: int, text: str
) -> None:
    failed(run(*arguments), status, text)


def test_a_refused_command_changes_nothing(run: Run) -> None:
    failed(run("access", "create-key", "k", "--org", "new", "--role", "KING"), 1, "no role")
    failed(run("access", "create-key", "k"), 1, "it is made when it is new")


def test_settings_come_from_the_environment_too(run: Run) -> None:
    failed(run("serve", BROOKMILL_HTTP="8080"), 2, "the environment variable BROOKMILL_HTTP: '8080'")
    failed(run("access", "list", "--config", "none.toml"), 2, "none.toml: No such file")


def test_clusters_never_show_a_password(run: Run) -> None:
    assert done(run("clusters", "add", "a", "mongodb://user:hush@h1:1,h2:2/?replicaSet=x")) == ""
    assert done(run("clusters", "add", "b", "-", stdin="mongodb+srv://user:hush@h3/\n")) == ""
    table = done(run("clusters", "list"))
    assert table.splitlines() == ["name  hosts", "a     h1:1,h2:2", "b     h3"]
    assert json.loads(done(run("clusters", "list", "-o", "json"))) == [
        {"name": "a", "hosts": "h1:1,h2:2"},
        {"name": "b", "hosts": "h3"},
    ]
    refused = run("clusters", "add", "c", "mongodb://user:hu@sh@h/")
    failed(refused, 1, "no MongoDB URI")
    assert "hu@sh" not in refused.stderr
    done(run("clusters", "remove", "a"))
    assert json.loads(done(run("clusters", "list", "-o", "json")))[0]["name"] == "b"


def test_peerings_are_asked_for_in_place_of_a_cloud(run: Run, tmp_path: Path) -> None:
    with server(tmp_path / "data") as running:
        project = running.environment["MONGODB_ATLAS_PROJECT_ID"]
        asked = json.loads(
            done(run("peerings", "request", project, "--account", "417601102659", "-o", "json"))
        )
        assert (asked[0]["requesterAccountId"], asked[0]["region"]) == ("417601102659", "VIRGINIA_USA")
        assert (asked[0]["localStatus"], asked[0]["cloudStatus"]) == ("NONE", "pending-acceptance")
        keys = [running.environment[f"MONGODB_ATLAS_{k}_API_KEY"] for k in ("PUBLIC", "PRIVATE")]
        peering = f"/api/atlas/v2/groups/{project}/streams/vpcPeeringConnections/{asked[0]['name']}"
        accepted = httpx.post(
            f"{running.base}{peering}:accept",
            json={n: asked[0][n] for n in ("requesterAccountId", "requesterVpcId")},
            headers={"Accept": "application/vnd.atlas.2023-02-01+json"},
            auth=httpx.DigestAuth(*keys),
        )
        assert (accepted.status_code, accepted.json()) == (202, {})
    listed = done(run("peerings", "list", project))
    assert asked[0]["name"] in listed
    end = json.loads(done(run("audit", "check", "-o", "json")))[0]
    since = f"{end['number']}:{end['hash']}"
    assert end["number"] == 1, "of the acceptance"
    done(run("audit", "check", "--since", since))
    failed(run("audit", "check", "--since", f"2:{end['hash']}"), 1, "does not have the record 2:")
    failed(run("audit", "check", "--since", "x"), 1, "does not have the record x")
    with contextlib.closing(sqlite3.connect(tmp_path / "data" / "brookmill.db")) as database:
        database.execute("UPDATE audit_records SET record = replace(record, 'accept', 'reject')")
        database.commit()
    failed(run("audit", "check"), 1, "the audit log was changed at record 1")
    assert "pending-acceptance" not in listed or "REQUEST_ACCEPT" in listed


def test_keys_and_accounts(run: Run) -> None:
    key = json.loads(done(run("access", "create-key", "deploy", "--org", "Acme", "-o", "json")))[0]
    roles = ("--role", "ORG_READ_ONLY", "--role", "ORG_MEMBER")
    account = json.loads(done(run("access", "create-account", "ci", *roles, "-o", "json")))[0]
    assert account["orgId"] == key["orgId"]
    listed = run("access", "list", "-o", "json")
    assert json.loads(done(listed)) == [
        {
            "kind": "key",
            "id": key["publicKey"],
            "name": "deploy",
            "organization": "Acme",
            "roles": ["ORG_OWNER"],
        },
        {
            "kind": "account",
            "id": account["clientId"],
            "name": "ci",
            "organization": "Acme",
            "roles": ["ORG_MEMBER", "ORG_READ_ONLY"],
        },
    ]
    assert key["privateKey"] not in listed.stdout
    assert account["clientSecret"] not in listed.stdout
    done(run("access", "delete", key["publicKey"]))
    done(run("access", "delete", account["clientId"]))
    assert json.loads(done(run("access", "list", "-o", "json"))) == []


def test_keys_rotate(run: Run) -> None:
    done(run("clusters", "add", "a", "mongodb://h1/"))
    before = done(run("keys", "rotate"))
    assert before.startswith("1 secrets sealed with key ")
    assert done(run("keys", "rotate")) != before
    assert "h1" in done(run("clusters", "list"))


def test_env_is_what_clients_read(run: Run, tmp_path: Path) -> None:
    with server(tmp_path / "data") as it:
        lines = done(run("env")).splitlines()
        read = dict(
            word.split("=", 1) for line in lines for word in shlex.split(line.removeprefix("export "))
        )
        assert read == it.environment
        assert read["MONGODB_ATLAS_BASE_URL"] == it.base
        assert read["MONGODB_ATLAS_OPS_MANAGER_URL"] == f"{it.base}/"


def test_env_without_dev_says_so(run: Run, tmp_path: Path) -> None:
    with server(tmp_path / "data", dev=False):
        failed(run("env"), 1, "the server never ran with --dev")


def test_credentials_of_the_command_line_open_the_door(run: Run, tmp_path: Path) -> None:
    with server(tmp_path / "data", dev=False) as it:
        key = json.loads(done(run("access", "create-key", "k", "--org", "Acme", "-o", "json")))[0]
        done(run("access", "list"))
        answer = httpx.get(
            f"{it.base}/api/atlas/v2/orgs",
            auth=httpx.DigestAuth(key["publicKey"], key["privateKey"]),
            headers={"Accept": "application/vnd.atlas.2023-01-01+json"},
        )
        assert answer.status_code == 200, answer.text
        assert [org["id"] for org in answer.json()["results"]] == [key["orgId"]]
