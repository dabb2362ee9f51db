"""Whether a case of a flow file came out as expected."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from msgspec import UNSET

from brookmill.errors import BrookmillError
from brookmill.mql import PlanError
from brookmill.testing.difference import Difference, difference, in_order_of
from brookmill.testing.flow_file import Case, Expected
from brookmill.testing.message import Message
from brookmill.testing.pipeline import run
from brookmill.testing.result import Result
from brookmill.testing.stored import StoredObject
from brookmill.testing.timeline import InvalidFlow

#: Ways to play a case that must all come out the same, as further arguments of ``run``.
WAYS: Mapping[str, Mapping[str, Any]] = {
    "straight": {},
    "in batches of one": {"batch_size": 1},
    "crashing after every batch": {"batch_size": 1, "crash_at": "every"},
}


class Verdict(NamedTuple):
    """``error``: why the pipeline was refused, or failed; None: it ran."""

    case: Case
    differences: Sequence[Difference]
    error: str | None = None

    @property
    def passed(self) -> bool:
        return not self.differences


def judge(case: Case, **options: Any) -> Verdict:
    """Run the case. ``options``: further arguments of ``run``. Raises InvalidFlow."""
    expected = Expected() if case.expect is UNSET else case.expect
    try:
        result = run(**case.arguments(), **options)
    except InvalidFlow:
        raise
    except (BrookmillError, PlanError) as e:
        return Verdict(case, list(_refused(expected, str(e))), str(e))
    differences = list(_differences(expected, result, unordered=case.unordered or expected.unordered))
    if expected.error is not UNSET:
        differences.insert(0, Difference("error", [f"- {expected.error}"]))
    return Verdict(case, differences)


def _refused(expected: Expected, error: str) -> Iterator[Difference]:
    if expected.error is UNSET:
        yield Difference("error", [f"+ {error}"])
    elif expected.error not in error:
        yield Difference("error", [f"- {expected.error}", f"+ {error}"])


def _differences(expected: Expected, result: Result, *, unordered: bool) -> Iterator[Difference]:
    def compared(part: str, wanted: Any, got: Any, *, partial: bool = False) -> Iterator[Difference]:
        if unordered and isinstance(wanted, list):
            wanted = in_order_of(got, wanted, partial=partial)
        found = difference(part, wanted, got, partial=partial)
        if found is not None:
            yield found

    if expected.output is not UNSET:
        yield from compared("output", expected.output, result.output)
    if expected.topics is not UNSET:
        for topic in expected.topics.keys() | result.topics.keys():
            wanted, got = _messages(expected.topics.get(topic, []), result.topics.get(topic, ()))
            yield from compared(f"topics.{topic}", wanted, got)
    if expected.collections is not UNSET:
        for name, documents in expected.collections.items():
            yield from compared(f"collections.{name}", documents, result.collections[name])
    if expected.objects is not UNSET:
        for place, documents in expected.objects.items():
            yield from compared(f"objects.{place}", documents, _stored(result.objects, place))
    for part in ("dead_letters", "requests", "calls", "stats"):
        wanted = getattr(expected, part)
        if wanted is not UNSET:
            got = getattr(result, part)
            got = got if part in ("dead_letters", "stats") else [one.shown() for one in got]
            yield from compared(part, wanted, got, partial=True)


def _stored(objects: Sequence[StoredObject], place: str) -> list[Any]:
    found = [one for one in objects if f"{one.bucket}/{one.key}".startswith(f"{place}/")]
    return [document for one in found for document in one.documents]


def _messages(wanted: Sequence[Any], got: Sequence[Message]) -> tuple[list[Any], list[Any]]:
    """Both as documents; as objects with further members where one of them is expected so."""
    members = {name for one in wanted if _is_message(one) for name in one}
    if not members:
        return list(wanted), [message.value for message in got]
    full = [one if _is_message(one) else {"document": one} for one in wanted]
    shown = [message.shown() for message in got]
    return full, [{name: one[name] for name in one if name in members} for one in shown]


def _is_message(one: Any) -> bool:
    return isinstance(one, dict) and "document" in one and one.keys() <= {"document", "key", "headers"}
