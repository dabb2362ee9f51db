"""A plan for people: where it is cut, what stands in each part, and which fields are read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from brookmill.mql.shape import Trie
from brookmill.plan.links import Link
from brookmill.plan.pipeline import Plan

JSON = dict[str, Any]


def described(plan: Plan) -> JSON:
    """``links``: the parts between which documents stand still; of each the operators of its fused code, and
    what ends it: a ``window``, which ``collects`` by an operator, or an operator that ``asks``. ``reads``:
    paths of the fields that are decoded, of the first link; None: whole documents.
    """
    parts = [_link(plan, link) for link in plan.links]
    trie = next(plan.segments()).reads
    return {
        "connections": list(plan.uses),
        "source": plan.operator(0),
        "links": parts,
        "sink": None if plan.sink is None else plan.sink.operator,
        "reads": None if trie is None else sorted(_paths(trie)),
    }


def _link(plan: Plan, link: Link) -> JSON:
    shown: JSON = {"operators": [plan.operator(step.position) for step in link.steps]}
    if link.window is not None:
        shown["window"] = plan.operator(link.window_position)
        shown["inside"] = [plan.operator(step.position) for step in link.inner]
    if link.blocking is not None and link.blocking_position != link.window_position:
        shown["collects"] = plan.operator(link.blocking_position)
    if link.ask is not None:
        shown["asks"] = plan.operator(link.sink_position)
    return shown


def _paths(trie: Trie, before: str = "") -> Iterator[str]:
    for name, below in trie.items():
        if below:
            yield from _paths(below, f"{before}{name}.")
        else:
            yield before + name
