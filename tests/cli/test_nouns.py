"""Workspaces, connections and processors of a running server, as users of the command line meet them."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from commanded import Run, done, failed
from servers import Broker, wait_until

from brookmill import cli
from brookmill.cli import api
from brookmill.operations import OPERATIONS
from brookmill.testing.server import Server
from brookmill.yaml_text import parse_yaml

KAFKA = {
    "name": "it",
    "type": "Kafka",
    "bootstrapServers": "127.0.0.1:9",
    "authentication": {"mechanism": "PLAIN", "username": "u", "password": "hush-hush"},
    "security": {"protocol": "SASL_PLAINTEXT"},
}
SAMPLE = {"$source": {"connectionName": "sample_stream_solar"}}


def connect(at: Run, workspace: str, broker: Broker) -> None:
    kafka = {"name": "k", "type": "Kafka", "bootstrapServers": broker.bootstrap}
    at.send(kafka, "connections", "create", "-w", workspace)


def pipeline(topic: str, *middle: Any) -> list[Any]:
    return [SAMPLE, *middle, {"$emit": {"connectionName": "k", "topic": topic}}]


def test_workspaces_come_and_go(at: Run) -> None:
    name = f"w{uuid4().hex[:8]}"
    made = at.json("workspaces", "create", name, "--region", "DUBLIN_IRL", "--tier", "SP30")
    assert (made["dataProcessRegion"]["region"], made["streamConfig"]["tier"]) == ("DUBLIN_IRL", "SP30")
    row = next(line for line in done(at("workspaces", "list")).splitlines() if line.startswith(name))
    assert row.split() == [name, "AWS", "DUBLIN_IRL", "SP30", made["_id"]]
    now = at.json("workspaces", "update", name, "--region", "FRANKFURT_DEU", "--tier", "SP10")
    assert (now["dataProcessRegion"]["region"], now["streamConfig"]["tier"]) == ("FRANKFURT_DEU", "SP10")
    failed(at("workspaces", "update", name), 2, "nothing to change")
    failed(at("workspaces", "create"), 2, "needs a NAME")
    failed(at("workspaces", "create", name), 1, "STREAM_TENANT_NAME_ALREADY_EXISTS")
    failed(at("workspaces", "delete", name), 2, "--force")
    assert done(at("workspaces", "delete", name, "--force")) == ""
    failed(at("workspaces", "describe", name), 1, "STREAM_TENANT_NOT_FOUND_FOR_NAME")


def test_a_connection_is_made_changed_and_brought_back(at: Run, workspace: str) -> None:
    made = at.send(KAFKA, "connections", "create", "-w", workspace)
    assert (made["name"], made["authentication"]) == ("it", {"mechanism": "PLAIN", "username": "u"})
    Path("new.yaml").write_text('bootstrapServers: "127.0.0.1:8"\n')
    now = at.json("connections", "update", "it", "-w", workspace, "--file", "new.yaml")
    assert now["bootstrapServers"] == "127.0.0.1:8"
    back = at.json("connections", "rollback", "it", "1", "-w", workspace)
    assert back["bootstrapServers"] == "127.0.0.1:9"
    table = done(at("connections", "history", "it", "-w", workspace)).splitlines()
    assert [line.split()[0] for line in table] == ["REVISION", "3", "2", "1"]
    assert table[2].split()[2:] == ["UPDATE", table[2].split()[3], "127.0.0.1", "bootstrapServers"]
    first = at.json("connections", "history", "it", "--revision", "1", "-w", workspace)
    assert first["connection"]["bootstrapServers"] == "127.0.0.1:9"
    assert done(at("connections", "delete", "it", "-w", workspace, "--force")) == ""
    assert "it" not in done(at("connections", "list", "-w", workspace))
    assert at.json("connections", "rollback", "it", "1", "-w", workspace)["id"] == made["id"]


def test_no_secret_is_shown(at: Run, workspace: str) -> None:
    at.send(KAFKA, "connections", "create", "-w", workspace)
    for command in (("list",), ("describe", "it"), ("history", "it"), ("test", "it"), ("used-by", "it")):
        for form in ("table", "json", "yaml"):
            ended = at("connections", *command, "-w", workspace, "-o", form)
            assert "hush-hush" not in ended.stdout + ended.stderr


def test_unknown_members_are_errors_that_say_what_was_meant(at: Run, workspace: str) -> None:
    wrong = json.dumps({**KAFKA, "bootstrapServer": "h:1"})
    ended = at("connections", "create", "-w", workspace, "-f", "-", stdin=wrong)
    failed(ended, 1, "bootstrapServer: is not known here; bootstrapServers is")
    wrong = json.dumps({"name": "p", "pipeline": [], "opitons": {}})
    ended = at("processors", "create", "-w", workspace, "-f", "-", stdin=wrong)
    failed(ended, 1, "opitons: is not known here; options is")


WRONG_FILES = [
    ("{", "standard input:1:2"),
    ("[1]", "an object is expected, not an array"),
    ("", "an object is expected, not nothing"),
    ('{\n\t"type": "Kafka"\n\t"name": 1}', "standard input:3:"),
]


@pytest.mark.parametrize(("text", "told"), WRONG_FILES, ids=["open", "list", "empty", "tabs"])
def test_a_broken_file_is_wrong_usage(at: Run, text: str, told: str) -> None:
    failed(at("connections", "create", "-f", "-", stdin=text), 2, told)


def test_files_that_are_not_there_are_wrong_usage(at: Run) -> None:
    failed(at("connections", "update", "it", "-f", "none.json"), 2, "none.json: No such file")


def test_a_test_of_a_connection_tells_its_steps(at: Run, workspace: str, broker: Broker) -> None:
    at.send(KAFKA, "connections", "create", "-w", workspace)
    ended = at("connections", "test", "it", "-w", workspace)
    failed(ended, 1, "does not lead there")
    assert ended.stdout.splitlines()[:2] == ["✓ settings: ok", "✓ resolve: ok"]
    assert "✗ connect: REFUSED" in ended.stdout
    unsaved = {"type": "Kafka", "bootstrapServers": broker.bootstrap}
    assert at.send(unsaved, "connections", "test", "-w", workspace)["ok"] is True
    edit = json.dumps({**unsaved, "name": "it"})
    ended = at("connections", "update", "it", "--dry-run", "-w", workspace, "-f", "-", stdin=edit)
    assert done(ended).splitlines()[-1] == "✓ authenticate: ok"
    kept = at.json("connections", "describe", "it", "-w", workspace)
    assert kept["bootstrapServers"] == "127.0.0.1:9"


def test_a_processor_lives(at: Run, workspace: str, broker: Broker) -> None:
    topic = broker.topic()
    connect(at, workspace, broker)
    inside = ("-w", workspace)
    made = at.send(pipeline(topic), "processors", "create", "p", "--start", *inside)
    assert (made["name"], made["state"]) == ("p", "STARTED")
    assert len(broker.values(topic, 5)) >= 5
    lines = done(at("processors", "sample", "p", "-n", "3", *inside)).splitlines()
    assert [json.loads(line).keys() >= {"device_id", "obs"} for line in lines] == [True] * 3
    told = wait_until(lambda: at.json("processors", "stats", "p", *inside).get("stats"), 30, "statistics")
    assert told["outputMessageCount"] >= 1
    assert "KafkaEmitOperator" in done(at("processors", "stats", "p", "-v", *inside))
    assert done(at("processors", "stats", *inside)).splitlines()[1].split()[:2] == ["p", "STARTED"]
    assert at.json("connections", "used-by", "k", *inside)["processors"][0]["name"] == "p"
    assert "pipeline.1 $emit" in done(at("connections", "used-by", "k", *inside))
    ended = at("connections", "update", "k", "-f", "-", *inside, stdin="{config: {acks: all}}")
    failed(ended, 1, "STREAM_CONNECTION_HAS_STREAM_PROCESSORS")
    failed(at("processors", "modify", "p", "--tier", "SP30", *inside), 1, "must be stopped")
    done(at("processors", "stop", "p", *inside))
    failed(at("processors", "sample", "p", *inside), 1, "not started")
    assert at.json("processors", "modify", "p", "--tier", "SP30", "--rename", "q", *inside)["name"] == "q"
    done(at("processors", "start", "q", "--no-resume", "--tier", "SP30", *inside))
    assert done(at("processors", "list", *inside)).splitlines()[1].split()[:3] == ["q", "STARTED", "SP30"]
    assert done(at("processors", "drop", "q", "--force", *inside)) == ""
    assert done(at("processors", "list", *inside)) == ""


def test_a_change_rolls_through_running_processors(at: Run, workspace: str, broker: Broker) -> None:
    topic = broker.topic()
    connect(at, workspace, broker)
    inside = ("-w", workspace)
    at.send(pipeline(topic), "processors", "create", "p", "--start", *inside)
    broker.values(topic, 1)
    arguments = ("connections", "update", "k", "--updates", "rolling", "-f", "-", *inside)
    ended = at(*arguments, "-o", "json", stdin="{config: {client.id: rolled}}")
    assert ended.status == 0, ended.stderr
    assert json.loads(ended.stdout)["config"] == {"client.id": "rolled"}
    assert ended.stderr.splitlines()[-1] == "succeeded: p switched"
    done(at("processors", "delete", "p", "--force", *inside))


def test_statistics_are_watched_with_rates(at: Run, mill: Server, workspace: str, broker: Broker) -> None:
    topic = broker.topic()
    connect(at, workspace, broker)
    at.send(pipeline(topic), "processors", "create", "p", "--start", "-w", workspace)
    broker.values(topic, 1)
    command = [sys.executable, "-m", "brookmill", "processors", "stats", "p", "--watch", "-o", "json"]
    command += ["--interval", "0.2", "-w", workspace, "--data-dir", str(mill.data_dir)]
    environ = {k: v for k, v in os.environ.items() if not k.startswith("BROOKMILL_")}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environ) as watching:
        assert watching.stdout is not None
        rates = []
        for line in watching.stdout:
            rates.append(json.loads(line)["rates"]["OUT/S"])
            if any(rates):
                break
        watching.stdout.close()  # it may be read to no end: that is none of its trouble
        assert watching.wait(30) == 0
    assert rates[0] is None
    done(at("processors", "delete", "p", "--force", "-w", workspace))


def test_a_silent_processor_is_explained(at: Run, workspace: str, broker: Broker) -> None:
    connect(at, workspace, broker)
    inside = ("-w", workspace)
    at.send(
        pipeline(broker.topic(), {"$match": {"never": 1}}), "processors", "create", "p", "--start", *inside
    )

    def held() -> Any:
        return "FILTER_DROPS_ALL" in at("processors", "explain", "p", *inside).stdout

    wait_until(held, 30, "the explanation")
    lines = done(at("processors", "explain", "p", *inside)).splitlines()
    assert lines[:2] == ["p STARTED", "FILTER_DROPS_ALL at 1.$match"]
    assert lines[3].startswith("  → ")
    assert "def run(values" in done(at("processors", "explain", "p", "--code", *inside))
    done(at("processors", "delete", "p", "--force", *inside))


def test_the_workspace_may_be_left_out_where_there_is_one(at: Run, workspace: str) -> None:
    project = f"one-{uuid4().hex[:8]}"
    org = at.json("api", "listOrgs")["results"][0]["id"]
    at.send({"name": project, "orgId": org}, "api", "createGroup")
    failed(at("connections", "list", "--project", project), 1, "there is no workspace yet")
    done(at("workspaces", "create", "only", "--project", project))
    assert done(at("connections", "list", "--project", project)) == ""
    done(at("workspaces", "create", "second", "--project", project))
    failed(at("connections", "list", "--project", project), 1, "with --workspace: only, second")
    failed(at("connections", "list", "--project", "nobody's"), 1, "nobody's")
    assert workspace in done(at("workspaces", "list"))
    assert workspace not in done(at("workspaces", "list", "--project", project))


def test_every_operation_can_be_asked_by_its_id(at: Run, workspace: str) -> None:
    assert set(OPERATIONS) <= set(api.app)
    assert at.json("api", "getGroupStreamWorkspace", "--tenantName", workspace)["name"] == workspace
    assert at.json("api", "getStreamInstance", "-w", workspace)["name"] == workspace
    made = at.send(KAFKA, "api", "createStreamConnection", "-w", workspace)
    assert made["type"] == "Kafka"
    names = ("--tenantName", workspace, "--connectionName", "it")
    assert "everything" not in done(at("api", "planGroupStreamConnectionUpdate", *names, "--delete", "true"))
    table = done(at("api", "listGroupStreamConnections", "-w", workspace, "-o", "table")).splitlines()
    assert table[0].split()[:2] == ["id", "name"]
    assert len(table) == 3
    done(at("api", "downloadGroupStreamAuditLogs", "-w", workspace, "--output-file", "a.gz"))
    assert b"createGroupStreamConnection" in gzip.decompress(Path("a.gz").read_bytes())
    failed(at("api", "nonsense"), 2, "nonsense")
    failed(at("api", "getGroupStreamConnection", "-w", workspace), 2, "--connectionName")
    failed(at("api", "listGroups", "--version", "1999-01-01"), 1, "INVALID_VERSION_DATE")


def test_answers_come_as_yaml_too(at: Run, workspace: str) -> None:
    found = parse_yaml(done(at("connections", "list", "-w", workspace, "-o", "yaml")))
    assert found == at.json("connections", "list", "-w", workspace)


def test_another_server_is_reached_by_the_variables_of_atlas_clients(
    at: Run, mill: Server, tmp_path: Path, workspace: str
) -> None:
    known = {name: value for name, value in mill.environment.items() if name.startswith("MONGODB_ATLAS_")}
    elsewhere = Run(tmp_path / "elsewhere", at.patch, at.captured)
    assert workspace in done(elsewhere("workspaces", "list", **known))
    keys = {name: value for name, value in known.items() if "CLIENT" not in name}
    assert workspace in done(elsewhere("workspaces", "list", **keys))
    base = {"MONGODB_ATLAS_BASE_URL": mill.base}
    failed(elsewhere("workspaces", "list", **base), 2, "there are no credentials")
    wrong = {**keys, "MONGODB_ATLAS_PRIVATE_API_KEY": "wrong"}
    failed(elsewhere("workspaces", "list", **wrong), 1, "credentials come from")
    wrong = {**known, "MONGODB_ATLAS_CLIENT_SECRET": "wrong"}
    failed(elsewhere("workspaces", "list", **wrong), 1, "the service account is refused")
    gone = {**known, "MONGODB_ATLAS_BASE_URL": "http://127.0.0.1:1"}
    failed(elsewhere("workspaces", "list", **gone), 3, "http://127.0.0.1:1 does not answer")
    failed(
        elsewhere("workspaces", "list", **{**known, "MONGODB_ATLAS_BASE_URL": "there"}), 2, "is no base URL"
    )
    failed(elsewhere("workspaces", "list"), 3, "no server runs on the data directory")


def test_credentials_of_one_server_go_to_no_other(at: Run, mill: Server) -> None:
    failed(at("workspaces", "list", "--base-url", "http://127.0.0.1:1"), 2, "there are no credentials")
    assert at.json("workspaces", "list", "--base-url", f"{mill.base}/") is not None


def test_help_is_quick_and_imports_late() -> None:
    code = "import sys; from brookmill import cli; cli.run(['--help']); print(*sys.modules, file=sys.stderr)"
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    loaded = set(ended.stderr.split())
    assert not loaded & {"httpx", "pymongo", "sqlalchemy", "brookmill.operations", "brookmill.store", "yaml"}
    assert "connections" in ended.stdout


@pytest.mark.parametrize("noun", [("connections",), ("processors",), ("workspaces",), ("api", "getOrg")])
def test_every_noun_has_help(at: Run, noun: tuple[str, ...]) -> None:
    assert cli.run([*noun, "--help"]) == 0
    assert "Usage: brookmill" in at.captured.readouterr().out
