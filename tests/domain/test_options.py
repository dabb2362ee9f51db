"""Options of processors: dead letter queue and autoscaling."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from msgspec import UNSET

from brookmill.domain.options import (
    DLQ,
    Autoscaling,
    Options,
    dlq_problem,
    options_of,
    options_text,
    scaled,
    scaling_problem,
    with_dlq,
)

QUEUE = DLQ(connection_name="c", db="d", coll="e")


def test_kept_as_text() -> None:
    assert options_text(Options()) is None
    assert options_of(None) == Options()
    options = Options(dlq=QUEUE)
    text = options_text(options)
    assert text == '{"dlq":{"coll":"e","connectionName":"c","db":"d"}}'
    assert options_of(text) == options


def test_dead_letter_queue() -> None:
    kept = with_dlq(Options(), QUEUE)
    assert kept.dlq == QUEUE
    assert with_dlq(kept, UNSET) == kept
    assert with_dlq(kept, DLQ()) == Options()
    assert dlq_problem(kept) is None
    assert dlq_problem(Options()) is None
    assert dlq_problem(Options(dlq=DLQ(db="d", coll=""))) == "dlq requires connectionName, coll"


ON = {"enabled": True, "minTier": "SP5", "maxTier": "SP30"}


@pytest.mark.parametrize(
    ("kept", "sent", "now"),
    [
        (None, {"enabled": True}, {"enabled": True, "minTier": "SP5", "maxTier": "SP50"}),
        (None, {"minTier": "SP2"}, None),
        (None, {"enabled": False, "minTier": "SP2"}, None),
        (ON, None, ON),
        (ON, {}, ON),
        (ON, {"enabled": None}, None),
        (ON, {"enabled": False}, None),
        (ON, {"maxTier": "SP10"}, ON | {"maxTier": "SP10"}),
        (ON, {"maxTier": None}, ON | {"maxTier": "SP50"}),
        (ON, {"minTier": None, "enabled": True}, ON | {"minTier": "SP5"}),
    ],
)
def test_autoscaling(kept: Any, sent: Any, now: Any) -> None:
    options = Options() if kept is None else Options(autoscaling=msgspec.convert(kept, Autoscaling))
    asked = UNSET if sent is None else msgspec.convert(sent, Autoscaling)
    result = scaled(options, asked, tier="SP5", workspace="SP10", most="SP50").autoscaling
    assert (None if result is UNSET else msgspec.to_builtins(result)) == now


@pytest.mark.parametrize(
    ("least", "most", "tier", "wrong"),
    [
        ("SP5", "SP30", "SP10", False),
        ("SP30", "SP5", "SP10", True),
        ("SP5", "SP50", "SP10", True),
        ("SP5", "SP30", "SP2", True),
        ("SP2", "SP10", "SP30", True),
    ],
)
def test_bounds(least: Any, most: Any, tier: str, wrong: bool) -> None:
    options = Options(autoscaling=Autoscaling(enabled=True, min_tier=least, max_tier=most))
    assert (scaling_problem(options, tier, "SP30") is not None) == wrong
