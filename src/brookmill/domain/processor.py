"""A stream processor: its definition, its states and what may follow what."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class State(StrEnum):
    """Where a processor is, as the Admin API names it. Reference: engine reference, section 3."""

    CREATED = "CREATED"
    STARTED = "STARTED"
    STOPPED = "STOPPED"
    FAILED = "FAILED"


#: What a user may ask of a processor in each state.
MAY_START = frozenset({State.CREATED, State.STOPPED, State.FAILED})
MAY_MODIFY = frozenset({State.CREATED, State.STOPPED, State.FAILED})


class Processor(msgspec.Struct, frozen=True, kw_only=True):
    """A pipeline under a name in a workspace.

    ``pipeline`` and ``options`` are the JSON texts as the user wrote them, blanks outside strings removed:
    member order and the spelling of numbers are kept, because clients compare them.
    ``tier`` is the configured tier (None: the workspace's), ``effective_tier`` the one in use.
    ``state_changed`` and ``created`` are seconds since the epoch. ``error`` is set in state FAILED.
    ``generation`` grows with every start; a worker of an older one has no say any more.
    ``modified``: seconds since the epoch, ``modified_by``: a name; None: never. ``pipeline_version`` counts
    changes of the pipeline.
    """

    id: str
    workspace_id: str
    name: str
    pipeline: str
    options: str | None = None
    tier: str | None = None
    effective_tier: str
    failover_enabled: bool | None = None
    state: State = State.CREATED
    state_changed: float
    created: float
    has_started: bool = False
    error: str | None = None
    generation: int = 0
    modified: float | None = None
    modified_by: str | None = None
    pipeline_version: int = 0
