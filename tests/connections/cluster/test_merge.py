"""``$merge``: what becomes of stored and of new documents, in every mode; order, targets, refusals."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from bson import Int64, ObjectId, Regex
from clusters import Client, Opened

from brookmill.clock import VirtualClock
from brookmill.errors import ConnectionFailed
from brookmill.testing.mongod import Mongod
from brookmill.testing.mongod.commands import writing
from brookmill.testing.mongod.errors import CommandError
from brookmill.testing.mongod.write import Outcome, update

OLD = {"_id": 1, "z": 0, "n": 1}
NEW = [{"_id": 1, "n": 5, "b": 1}, {"_id": 2, "n": 6, "b": 1}]
ADDING = [{"$set": {"n": {"$add": ["$n", "$$new.n"]}}}]


def merge(**more: Any) -> dict[str, Any]:
    into = {"connectionName": "c", "db": "shop", "coll": "out"} | more.pop("into", {})
    return {"$merge": {"into": into, **more}}


@pytest.mark.parametrize(
    ("matched", "not_matched", "stored"),
    [
        ("merge", "insert", [{"_id": 1, "z": 0, "n": 5, "b": 1}, {"_id": 2, "b": 1, "n": 6}]),
        ("merge", "discard", [{"_id": 1, "z": 0, "n": 5, "b": 1}]),
        ("replace", "insert", NEW),
        ("replace", "discard", NEW[:1]),
        ("keepExisting", "insert", [OLD, {"_id": 2, "b": 1, "n": 6}]),
        ("keepExisting", "discard", [OLD]),
        ("delete", "insert", [{"_id": 2, "b": 1, "n": 6}]),
        ("delete", "discard", []),
        (ADDING, "insert", [{"_id": 1, "z": 0, "n": 6}, NEW[1]]),
        (ADDING, "discard", [{"_id": 1, "z": 0, "n": 6}]),
    ],
)
@pytest.mark.parametrize("dynamic", [False, True])
def test_every_mode(
    server: Mongod, opened: Opened, matched: Any, not_matched: str, stored: Any, dynamic: bool
) -> None:
    server.insert("shop.out", dict(OLD))
    modes = {"whenMatched": matched, "whenNotMatched": not_matched}
    if dynamic:
        modes = {name: m if isinstance(m, list) else {"$ifNull": ["$no", m]} for name, m in modes.items()}
    sink = opened.sink(merge(**modes))
    assert sink.write(*NEW) == []
    assert server.documents("shop.out") == stored


def test_inserts_by_merge_have_their_fields_in_lexical_order_and_replacements_keep_theirs(
    server: Mongod, opened: Opened
) -> None:
    document = {"z": 1, "_id": 7, "a": {"y": 1, "b": 2}}
    opened.sink(merge()).write(document)
    opened.sink(merge(whenMatched="replace", into={"coll": "kept"})).write(document)
    assert [list(d) for d in server.documents("shop.out")] == [["_id", "a", "z"]]
    assert [list(d) for d in server.documents("shop.kept")] == [["_id", "z", "a"]]
    assert list(server.documents("shop.kept")[0]["a"]) == ["y", "b"]


def test_types_survive(server: Mongod, opened: Opened) -> None:
    values = {"_id": Int64(1), "a": 1, "b": 1.0, "r": Regex("a", 2), "big": 2**70, "u": uuid.UUID(int=5)}
    opened.sink(merge(whenMatched="replace")).write(values)
    (stored,) = server.documents("shop.out")
    assert [type(v) for v in stored.values()] == [Int64, int, float, Regex, float, uuid.UUID]
    assert stored["big"] == float(2**70)


def test_documents_of_one_key_are_merged_in_their_order(server: Mongod, opened: Opened) -> None:
    switch = {"$switch": {"branches": [{"case": "$gone", "then": "delete"}], "default": "replace"}}
    sink = opened.sink(merge(whenMatched=switch))
    steps: list[dict[str, Any]] = [
        {"n": 1},
        {"gone": True},
        {"n": 2},
        {"n": 3},
        {"gone": True},
        {"gone": True},
        {"n": 4},
    ]
    assert sink.write(*[{"_id": 1} | step for step in steps]) == []
    # The second delete in a row finds nothing, so it inserts; the last replaces that.
    assert server.documents("shop.out") == [{"_id": 1, "n": 4}]
    assert sink.write(*[{"_id": 1, **step} for step in ({"gone": True}, {"gone": True})]) == []
    assert server.documents("shop.out") == [{"_id": 1, "gone": True}]


@pytest.mark.parametrize("parallelism", [1, 4])
def test_parallel_writing_keeps_the_order_of_each_key(
    server: Mongod, opened: Opened, parallelism: int
) -> None:
    listing = [{"$set": {"seen": {"$concatArrays": ["$seen", "$$new.seen"]}}}]
    sink = opened.sink(merge(whenMatched=listing, parallelism=parallelism))
    # 1 and 1.0 are the same key to the server, so they are to us.
    documents = [{"_id": key if n % 2 else float(key), "seen": [n]} for n in range(40) for key in range(8)]
    assert sink.write(*documents[:160]) == []
    assert sink.write(*documents[160:]) == []
    stored = server.documents("shop.out")
    assert len(stored) == 8
    assert all(d["seen"] == list(range(40)) for d in stored)


def test_a_write_put_off_for_a_moment_is_not_overtaken_by_later_ones_of_its_key(
    server: Mongod, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    conflicts = [{"_id": 1, "n": 0}]

    def put_off(*where: Any) -> Outcome:
        if where[3]["u"] in conflicts:
            conflicts.remove(where[3]["u"])
            raise CommandError("WriteConflict", 112)
        return update(*where)

    monkeypatch.setattr(writing, "update", put_off)
    sink = opened.sink(merge(whenMatched="replace"), VirtualClock())
    assert sink.write({"_id": 1, "n": 0}, {"_id": 2, "n": 1}, {"_id": 1, "n": 2}) == []
    assert not conflicts
    stored = sorted(server.documents("shop.out"), key=lambda document: int(document["_id"]))
    assert stored == [{"_id": 1, "n": 2}, {"_id": 2, "n": 1}]


def test_variables_of_let_and_the_new_document(server: Mongod, opened: Opened) -> None:
    server.insert("shop.out", {"_id": 1, "n": 1})
    pipeline = [{"$set": {"n": {"$add": ["$n", "$$plus"]}, "none": {"$type": "$$gone"}, "c": "$$new.c"}}]
    let = {"plus": {"$multiply": ["$by", 2]}, "gone": "$nowhere"}
    assert opened.sink(merge(whenMatched=pipeline, let=let)).write({"_id": 1, "by": 5, "c": "x"}) == []
    assert server.documents("shop.out") == [{"_id": 1, "n": 11, "none": "null", "c": "x"}]


def test_without_an_id_documents_get_one(server: Mongod, opened: Opened) -> None:
    assert opened.sink(merge()).write({"a": 1}, {"a": 1}) == []
    assert opened.sink(merge()).write({"_id": None, "a": 1}, {"_id": None, "a": 2}) == []
    ids = [document["_id"] for document in server.documents("shop.out")]
    assert [type(one) for one in ids] == [ObjectId, ObjectId, type(None)]


def test_keys_other_than_the_id(server: Mongod, opened: Opened, client: Client) -> None:
    client.shop.out.create_index([("b.c", 1), ("a", -1)], unique=True)
    sink = opened.sink(merge(on=["a", "b.c"], whenMatched="replace"))
    letters = sink.write(
        {"a": 1, "b": {"c": 1}, "n": 1},
        {"a": 1, "b": {"c": 1}, "n": 2},
        {"a": 1},
        {"a": [1], "b": {"c": 1}},
        {"a": 1, "b": [{"c": 1}]},
    )
    assert [(d["a"], d["b"], d["n"]) for d in server.documents("shop.out")] == [(1, {"c": 1}, 2)]
    assert [reason for reason, _, _ in letters] == [
        "$merge write error: 'on' field 'b.c' cannot be missing",
        "$merge write error: 'on' field 'a' cannot be an array",
        "$merge write error: 'on' field 'b.c' cannot be an array",
    ]


@pytest.mark.parametrize(
    "index",
    [
        {},
        {"keys": [("a", 1)]},
        {"keys": [("a", 1), ("b", 1)], "unique": True},
        {"keys": [("a", 1)], "unique": True, "partialFilterExpression": {"b": 1}},
    ],
)
def test_keys_need_a_unique_index(
    server: Mongod, opened: Opened, client: Client, index: dict[str, Any]
) -> None:
    if index:
        client.shop.out.create_index(index.pop("keys"), **index)
    with pytest.raises(ConnectionFailed, match="join fields will be unique: a in shop") as failure:
        opened.sink(merge(on="a"))
    assert (failure.value.retry, failure.value.code) == (False, 51183)
    letters = opened.sink(merge(on="a", into={"coll": "$to"})).write({"a": 1, "to": "out"})
    assert "join fields will be unique" in letters[0][0]


def test_what_the_server_refuses_is_a_dead_letter_with_its_words(
    server: Mongod, opened: Opened, client: Client
) -> None:
    client.shop.create_collection("out", validator={"n": {"$gte": 0}})
    client.shop.out.create_index("u", unique=True)
    documents = [{"_id": i, "n": n, "u": u} for i, (n, u) in enumerate([(1, 1), (-1, 2), (2, 1), (3, 3)])]
    letters = opened.sink(merge()).write(*documents)
    assert [document["_id"] for document in server.documents("shop.out")] == [0, 3]
    (invalid, first, meta), (twice, second, _) = letters
    assert (first, meta, second) == (documents[1], {"source": {"n": 1}}, documents[2])
    assert invalid == "Document failed validation"
    assert "E11000 duplicate key" in twice


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"_id": 1, "a": "x" * (17 << 20)}, "too large: "),
        ({"_id": 1, "a\0b": 1}, "cannot be stored: "),
        ({"_id": 1, "$a": 1}, "dollar"),
    ],
    ids=["size", "null byte", "dollar"],
)
def test_what_cannot_be_stored_is_a_dead_letter(
    server: Mongod, opened: Opened, document: dict[str, Any], words: str
) -> None:
    ((reason, refused, _),) = opened.sink(merge()).write(document, {"_id": 2})
    assert words in reason.lower()
    assert refused is document
    assert [d["_id"] for d in server.documents("shop.out")] == [2]


def test_a_document_that_looks_like_an_update_is_none(server: Mongod, opened: Opened) -> None:
    server.insert("shop.out", {"_id": 1, "kept": True})
    opened.sink(merge(whenMatched="replace")).write({"_id": 1, "$set": {"kept": False}})
    assert server.documents("shop.out") in ([{"_id": 1, "kept": True}], [{"_id": 1, "$set": {"kept": False}}])
    opened.sink(merge(on="_id")).write({"_id": {"$gt": 0}, "hit": True})
    assert "hit" not in server.documents("shop.out")[0]


def test_a_key_that_is_a_regex_is_a_value(server: Mongod, opened: Opened) -> None:
    server.insert("shop.out", {"_id": "abc"})
    opened.sink(merge(whenMatched="delete", whenNotMatched="discard")).write({"_id": Regex("a")})
    assert server.documents("shop.out") == [{"_id": "abc"}]


@pytest.mark.parametrize(
    ("to", "words"),
    [
        ({"db": 5, "coll": "x"}, "db must be the name of a database"),
        ({"coll": "x"}, "db must be the name of a database"),
        ({"db": "a.b", "coll": "x"}, "db cannot be 'a.b'"),
        ({"db": "a", "coll": ""}, "coll must be the name of a collection"),
        ({"db": "a", "coll": "a$b"}, "coll cannot be 'a$b'"),
        ({"db": "a", "coll": "system.views"}, "coll cannot be 'system.views'"),
        ({"db": "a", "coll": "x" * 300}, "coll cannot be"),
    ],
)
def test_targets_of_bad_names_are_dead_letters(
    server: Mongod, opened: Opened, to: dict[str, Any], words: str
) -> None:
    sink = opened.sink(merge(into={"db": "$to.db", "coll": "$to.coll"}))
    letters = sink.write({"_id": 1, "to": to}, {"_id": 2, "to": {"db": "a", "coll": "b"}})
    assert [(words in reason, document["_id"]) for reason, document, _ in letters] == [(True, 1)]
    assert server.namespaces == ["a.b"]


def test_a_sink_writes_to_a_thousand_collections_at_most(opened: Opened, monkeypatch: Any) -> None:
    monkeypatch.setattr("brookmill.connections.cluster.namespace.MOST_TARGETS", 3)
    sink = opened.sink(merge(into={"coll": "$to"}))
    letters = sink.write(*[{"_id": n, "to": f"c{n % 4}"} for n in range(8)])
    assert [document["to"] for _, document, _ in letters] == ["c3", "c3"]


@pytest.mark.parametrize(("name", "value"), [("whenMatched", "fail"), ("whenNotMatched", None)])
def test_a_mode_that_is_none_is_a_dead_letter(opened: Opened, name: str, value: Any) -> None:
    sink = opened.sink(merge(**{name: "$mode"}))
    ((reason, _, _),) = sink.write({"_id": 1, "mode": value})
    assert reason.startswith(f"{name} must give one of ")


@pytest.mark.parametrize("way", ["error", "close"])
@pytest.mark.parametrize("after", [False, True])
def test_a_write_that_fails_for_a_moment_is_tried_again(
    server: Mongod, opened: Opened, way: Any, after: bool
) -> None:
    clock = VirtualClock()
    sink = opened.sink(merge(), clock)
    server.fail("update", way, code=91, times=2, after=after)
    assert sink.write(*NEW) == []
    assert [d["_id"] for d in server.documents("shop.out")] == [1, 2]
    assert clock.monotonic() > 0


def test_a_cluster_that_stays_away_fails_the_processor_which_may_try_again(
    server: Mongod, opened: Opened
) -> None:
    sink = opened.sink(merge(), VirtualClock())
    server.fail("update", "close", times=None)
    with pytest.raises(ConnectionFailed, match=r"Could not write to shop\.out: the connection was lost") as e:
        sink.write(*NEW)
    assert e.value.retry


def test_a_command_that_fails_for_one_document_is_cut_until_only_that_one_is_refused(
    server: Mongod, opened: Opened
) -> None:
    sink = opened.sink(merge(whenMatched="replace"))
    server.fail("update", code=2, message="that is bad", when={"updates.u.bad": True}, times=None)
    letters = sink.write(*[{"_id": n} | ({"bad": True} if n == 5 else {}) for n in range(8)])
    assert [(reason, document["_id"]) for reason, document, _ in letters] == [("that is bad", 5)]
    assert [document["_id"] for document in server.documents("shop.out")] == [0, 1, 2, 3, 4, 6, 7]


def test_a_closed_sink_takes_no_document_for_bad(opened: Opened) -> None:
    sink = opened.sink(merge(), VirtualClock())
    sink.close()
    with pytest.raises(ConnectionFailed, match="after close"):
        sink.write(*NEW)
