"""Every command with a real driver: what it answers, what it refuses and how."""

from __future__ import annotations

import datetime as dt
from typing import Any
from uuid import uuid4

import pymongo
import pytest
from bson import Code, Int64, Regex
from servers import Endpoint, wait_until
from wired import PASSWORD, SAMPLE, Wire, refused

from brookmill.domain.database_user import DatabaseRole
from brookmill.wire.commands import COMMANDS, LOGIN

UNKNOWN = "nobody"


def name() -> str:
    return f"p{uuid4().hex[:8]}"


def created(admin: Any, *pipeline: Any, **more: Any) -> str:
    made = name()
    assert admin.command("createStreamProcessor", made, pipeline=list(pipeline), **more) == {"ok": 1.0}
    return made


def listed(admin: Any, **filter: Any) -> list[Any]:
    reply = admin.command("listStreamProcessors", 1, filter=filter)
    return list(reply["streamProcessors"])


def test_a_processor_lives_from_create_to_drop(admin: Any, sink: Any, endpoint: Endpoint) -> None:
    made = created(admin, SAMPLE, sink)
    [document] = listed(admin, name=made)
    assert (document["state"], document["errorMsg"], document["tier"]) == ("CREATED", "", "SP10")
    assert document["pipeline"] == [SAMPLE, sink]
    assert admin.command("startStreamProcessor", made) == {"ok": 1.0}
    wait_until(lambda: endpoint.requests, what="documents")
    stats = wait_until(
        lambda: (s := admin.command("getStreamProcessorStats", made)["stats"])["outputMessageCount"] and s
    )
    assert (stats["state"], stats["status"], stats["name"]) == ("STARTED", "running", made)
    assert type(stats["inputMessageCount"]) is Int64
    assert admin.command("stopStreamProcessor", made) == {"ok": 1.0}
    stopped = admin.command("getStreamProcessorStats", made)["stats"]
    assert (stopped["state"], stopped["status"]) == ("STOPPED", "stopped")
    assert stopped["outputMessageCount"] >= stats["outputMessageCount"]
    assert admin.command("dropStreamProcessor", made) == {"ok": 1.0}
    assert listed(admin, name=made) == []


def test_ok_is_what_the_shell_can_read_and_nothing_stands_beside_it(admin: Any, sink: Any) -> None:
    reply = admin.command("createStreamProcessor", made := name(), pipeline=[SAMPLE, sink])
    assert type(reply["ok"]) is float
    for command in ("startStreamProcessor", "stopStreamProcessor", "dropStreamProcessor"):
        assert list(admin.command(command, made)) == ["ok"]


@pytest.mark.slow
def test_statistics_come_in_any_state_scaled_and_verbose(admin: Any, sink: Any) -> None:
    made = created(admin, SAMPLE, sink)
    reply = admin.command("getStreamProcessorStats", made)
    assert list(reply)[:4] == ["ok", "ns", "stats", "pipeline"]
    assert reply["stats"]["state"] == "CREATED"
    assert reply["ns"].endswith(f".{made}")
    admin.command("startStreamProcessor", made)
    wait_until(lambda: admin.command("getStreamProcessorStats", made)["stats"]["inputMessageCount"] > 10)
    plain = admin.command("getStreamProcessorStats", made)["stats"]
    assert "operatorStats" not in plain
    verbose = admin.command("getStreamProcessorStats", made, options={"verbose": True, "scale": 1024})[
        "stats"
    ]
    assert verbose["scaleFactor"] == 1024
    assert verbose["memoryUsageBytes"] < plain["memoryUsageBytes"] / 500
    assert len(verbose["operatorStats"]) == 2
    at_top = admin.command("getStreamProcessorStats", made, verbose=True, scale=2)["stats"]
    assert at_top["scaleFactor"] == 2
    assert at_top["operatorStats"]
    admin.command("dropStreamProcessor", made)


def test_drivers_drafts_find_what_they_read(admin: Any, sink: Any) -> None:
    made = created(admin, SAMPLE, sink, options={"tier": "SP5", "streamMetaFieldName": "_meta"})
    reply = admin.command("getStreamProcessor", made)
    assert reply["result"] == {k: v for k, v in reply.items() if k not in ("ok", "result")}
    assert (reply["name"], reply["tier"], reply["state"]) == (made, "SP5", "CREATED")
    assert reply["streamMetaFieldName"] == "_meta"
    assert (reply["hasStarted"], reply["pipelineVersion"], reply["errorMsg"]) == (False, 0, "")
    assert isinstance(reply["lastStateChange"], dt.datetime)
    assert reply["stats"]["inputMessageCount"] == 0


def test_the_list_is_filtered_by_the_query_language(admin: Any, sink: Any, wire: Wire) -> None:
    first, second = created(admin, SAMPLE, sink), created(admin, SAMPLE, sink)
    names = {one["name"] for one in listed(admin, name={"$in": [first, second]})}
    assert names == {first, second}
    assert [one["name"] for one in listed(admin, name=Regex(f"^{first}$"), state="CREATED")] == [first]
    assert listed(admin, name=first, state={"$ne": "CREATED"}) == []
    assert admin.command("listStreamProcessors", 1, filter=None)["streamProcessors"]
    assert admin.command("listStreamProcessors", 1)["streamProcessors"]
    code, named, _ = refused(admin, "listStreamProcessors", 1, filter={"name": {"$foo": 1}})
    assert (code, named) == (2, "BadValue")
    assert "stats" not in listed(admin, name=first)[0], "it would stand in the way of the handle's method"


def test_connections_and_defaults(admin: Any, sink: Any) -> None:
    found = admin.command("listStreamConnections", 1, filter={"type": "inmemory"})["connections"]
    assert found == [{"name": "sample_stream_solar", "type": "inmemory"}]
    https = admin.command("listStreamConnections", 1, filter={"name": sink["$https"]["connectionName"]})
    assert https["connections"] == [{"name": sink["$https"]["connectionName"], "type": "https"}]
    assert admin.command("listWorkspaceDefaults", 1) == {
        "ok": 1.0,
        "defaultTierSize": "SP10",
        "maxTierSize": "SP50",
    }


def test_a_pipeline_keeps_the_order_and_the_types_of_its_values(admin: Any, sink: Any) -> None:
    stage = {
        "$addFields": {
            "z": {"$literal": Int64(5)},
            "a": {"$literal": 5},
            "m": {"$literal": 5.0},
            "d": {"$literal": dt.datetime(2024, 1, 2, tzinfo=dt.UTC)},
            "big": {"$literal": Int64(2**40)},
            "f": {"$function": {"body": Code("function() { return 1; }"), "args": [], "lang": "js"}},
        }
    }
    made = created(admin, SAMPLE, stage, sink)
    kept = admin.command("getStreamProcessor", made)["pipeline"][1]["$addFields"]
    assert list(kept) == ["z", "a", "m", "d", "big", "f"]
    assert [type(kept[k]["$literal"]) for k in ("z", "a", "m", "big")] == [Int64, int, float, Int64]
    assert kept["d"]["$literal"].replace(tzinfo=dt.UTC) == dt.datetime(2024, 1, 2, tzinfo=dt.UTC)
    assert type(kept["f"]["$function"]["body"]) is Code


def test_modify_changes_what_it_names_and_renames(admin: Any, sink: Any) -> None:
    made, other = created(admin, SAMPLE, sink), name()
    changed = [SAMPLE, {"$match": {"a": 1}}, sink]
    assert admin.command("modifyStreamProcessor", made, pipeline=changed, tier="SP2") == {"ok": 1.0}
    now = admin.command("getStreamProcessor", made)
    assert (now["pipeline"], now["tier"], now["pipelineVersion"]) == (changed, "SP2", 1)
    assert now["modifiedBy"].startswith("u")
    assert admin.command("modifyStreamProcessor", made, name=other, resumeFromCheckpoint=False) == {"ok": 1.0}
    assert refused(admin, "getStreamProcessor", made)[0] == 72
    assert admin.command("getStreamProcessor", other)["pipeline"] == changed
    admin.command("startStreamProcessor", other, tier="SP5")
    code, named, text = refused(admin, "modifyStreamProcessor", other, tier="SP10")
    assert (code, named) == (125, "CommandFailed")
    assert text == "stream processor must be stopped before it can be modified"
    assert admin.command("getStreamProcessor", other)["effectiveTier"] == "SP5"
    admin.command("dropStreamProcessor", other)


def test_states_are_minded(admin: Any, sink: Any) -> None:
    made = created(admin, SAMPLE, sink)
    assert refused(admin, "stopStreamProcessor", made)[2] == "stream processor is not started"
    assert refused(admin, "startSampleStreamProcessor", made)[0] == 125
    admin.command("startStreamProcessor", made, options={"clearCheckpoints": True})
    assert refused(admin, "startStreamProcessor", made)[2] == "stream processor is already started"
    code, _, text = refused(admin, "createStreamProcessor", made, pipeline=[SAMPLE, sink])
    assert (code, text) == (72, f"A Stream processor with the name {made} already exists.")
    assert admin.command("dropStreamProcessor", made, force=True) == {"ok": 1.0}


def test_who_may_do_what(wire: Wire) -> None:
    reader = wire.client(wire.user(DatabaseRole.READ_ANY_DATABASE)).admin
    assert reader.command("listStreamProcessors", 1)["ok"] == 1.0
    code, named, text = refused(reader, "createStreamProcessor", "x", pipeline=[])
    assert (code, named) == (13, "Unauthorized")
    missing = "not authorized: missing privilege for action createStreamProcessor on resource"
    assert text == f"{missing} {wire.workspace.name}"
    for command, spec in COMMANDS.items():
        if spec.needs not in (None, LOGIN) and ("get" not in command and "list" not in command.lower()):
            expected = (72,) if command == "startSampleStreamProcessor" else (13,)
            assert refused(reader, command, UNKNOWN)[0] in expected, command
    writer = wire.client(wire.user(DatabaseRole.READ_WRITE_ANY_DATABASE)).admin
    assert refused(writer, "dropStreamProcessor", UNKNOWN)[0] == 72


def test_strangers_get_nothing(wire: Wire) -> None:
    stranger = wire.client("").admin
    for command, spec in COMMANDS.items():
        if spec.needs is not None:
            assert refused(stranger, command, 1)[:2] == (13, "Unauthorized"), command
    assert refused(stranger, "fooBar", 1)[:2] == (13, "Unauthorized")
    assert stranger.command("ping")["ok"] == 1.0


def test_commands_are_for_the_database_admin(wire: Wire) -> None:
    code, named, text = refused(wire.client().test, "listStreamProcessors", 1)
    assert (code, named) == (13, "Unauthorized")
    assert text == "listStreamProcessors may only be run against the admin database."


def test_a_user_who_is_removed_may_do_nothing_any_more(wire: Wire) -> None:
    user = wire.user()
    admin = wire.client(user).admin
    assert admin.command("listStreamProcessors", 1)["ok"]
    with wire.served.store.write() as session:
        session.database_users.remove(user)
    assert refused(admin, "listStreamProcessors", 1)[0] == 13


def test_plumbing_that_shells_ask_for(wire: Wire, admin: Any) -> None:
    client: Any = admin.client
    assert client.server_info()["version"].startswith("brookmill-")
    assert client.list_database_names() == []
    assert client.test.list_collection_names() == []
    assert list(client.test.things.aggregate([{"$sample": {"size": 10}}])) == []
    assert client.test.things.find_one() is None
    [line] = admin.command("getLog", "startupWarnings")["log"]
    assert "It is not MongoDB" in line
    assert admin.command("whatsmyuri")["you"] == "127.0.0.1"
    assert admin.command("connectionStatus")["authInfo"]["authenticatedUserRoles"] == [
        {"role": "atlasAdmin", "db": "admin"}
    ]
    assert refused(admin, "atlasVersion", 1)[:2] == (59, "CommandNotFound")
    assert refused(admin, "getParameter", 1, featureCompatibilityVersion=1)[0] == 59
    assert refused(client.test, "getMore", Int64(5), collection="x")[:2] == (43, "CursorNotFound")
    assert refused(client.test, "insert", "x", documents=[{}])[0] == 59


@pytest.mark.parametrize(
    "options", [{"loadBalanced": True, "directConnection": False}, {"directConnection": False}]
)
def test_every_topology_of_drivers(wire: Wire, options: Any) -> None:
    assert wire.client(**options).admin.command("listWorkspaceDefaults", 1)["ok"] == 1.0


def test_several_seeds_and_compression_and_a_stable_api(wire: Wire) -> None:
    from pymongo.server_api import ServerApi

    uri = f"mongodb://{wire.address[0]}:{wire.address[1]},127.0.0.1:1/?compressors=zlib"
    user = wire.user()
    client: Any = pymongo.MongoClient(
        uri, username=user, password=PASSWORD, server_api=ServerApi("1"), serverSelectionTimeoutMS=5000
    )
    with client:
        assert client.admin.command("listWorkspaceDefaults", 1)["ok"] == 1.0


def test_what_is_made_here_is_in_the_admin_api_and_the_other_way_round(
    wire: Wire, admin: Any, sink: Any
) -> None:
    api = wire.api()
    here = created(admin, SAMPLE, sink, options={"streamMetaFieldName": "_m"})
    shown = api.get(f"/processor/{here}").json()
    assert (shown["state"], shown["pipeline"]) == ("CREATED", [SAMPLE, sink])
    there = name()
    assert api.post("/processor", json={"name": there, "pipeline": [SAMPLE, sink]}).status_code == 200
    [document] = listed(admin, name=there)
    assert document["id"] == api.get(f"/processor/{there}").json()["_id"]
    admin.command("startStreamProcessor", there)
    assert api.get(f"/processor/{there}").json()["state"] == "STARTED"
    assert api.post(f"/processor/{there}:stop").status_code == 200
    assert listed(admin, name=there)[0]["state"] == "STOPPED"
    changed = [SAMPLE, {"$match": {"a": 1}}, sink]
    assert admin.command("modifyStreamProcessor", there, pipeline=changed, tier="SP2") == {"ok": 1.0}
    assert api.get(f"/processor/{there}").json()["pipeline"] == changed
    connection = {"type": "Https", "name": f"c{there}", "url": "https://example.com"}
    assert api.post("/connections", json=connection).status_code == 200
    found = admin.command("listStreamConnections", 1, filter={"name": connection["name"]})["connections"]
    assert found == [{"name": connection["name"], "type": "https"}]
    assert api.delete(f"/processor/{here}").status_code == 204
    assert listed(admin, name=here) == []
