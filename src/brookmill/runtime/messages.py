"""What supervisor and worker say to each other over their private socket."""

from __future__ import annotations

from typing import Literal

import msgspec

from brookmill.config import Outside
from brookmill.domain.tier import Limits

LogLevel = Literal["debug", "info", "warning", "error"]
LogFormat = Literal["auto", "console", "json"]

#: Whose fault a failure is. "plan" and "memory": trying again cannot help. "connection", and "user" once the
#: processor ran: tried again within the retry budget. "internal": our own bug, tried again for ever.
FailureClass = Literal["user", "plan", "connection", "memory", "internal"]


class Message(msgspec.Struct, frozen=True, kw_only=True, tag_field="is"):
    """Tagged with its own name on the socket."""


class Start(Message, frozen=True, tag="start"):
    """The first message to a worker: everything it will ever know.

    ``connections``: those the pipeline and the dead letters name, as JSON with their secrets in plain text:
    this message is never logged nor written. ``limits``: those of its tier.
    ``clusters``: clusterName -> MongoDB URI. ``instance``: the workspace's name if its project has several,
    for dead letters. ``checkpoint``: where to go on, None from the start. ``sample_rate``: documents a second
    of a sample source. ``outside``: settings about the world. ``start_at``: BSON of where to begin without
    a checkpoint. ``started_at``: when a user last started it. ``workspace``: its name, for samples.
    ``ephemeral``: nobody keeps the processor; it may lack a sink, waits for whoever looks at its output, and
    takes no checkpoints.
    """

    processor_id: str
    name: str
    limits: Limits
    instance: str | None
    pipeline: str
    options: str | None
    connections: dict[str, bytes]
    clusters: dict[str, str]
    checkpoint: bytes | None
    checkpoint_interval: float
    sample_rate: float
    log_level: LogLevel
    log_format: LogFormat
    outside: Outside = Outside()
    start_at: bytes | None = None
    started_at: float | None = None
    workspace: str = ""
    ephemeral: bool = False

    def __repr__(self) -> str:
        return f"Start({self.processor_id})"


class Acknowledged(Message, frozen=True, tag="acknowledged"):
    """Checkpoint ``sequence`` is safe; or, not ``kept``, a newer generation runs and this worker must end."""

    sequence: int
    kept: bool


class Stop(Message, frozen=True, tag="stop"):
    """Take a checkpoint and end."""


class Sampling(Message, frozen=True, tag="sampling"):
    """Somebody looks: send samples until they are ``upto`` bytes in all; None: nobody does any more."""

    upto: int | None


class Running(Message, frozen=True, tag="running"):
    """The plan is made, source and sink are open."""


class Heartbeat(Message, frozen=True, tag="heartbeat"):
    """The worker lives. ``stats``: BSON of its statistics when they are newer than the last ones sent."""

    stats: bytes | None = None


class Samples(Message, frozen=True, tag="samples"):
    """Copies of documents that left the pipeline. ``dropped``: so many more passed since the last ones."""

    documents: list[bytes]
    form: Literal["bson", "json"]
    dropped: int = 0


class Checkpoint(Message, frozen=True, tag="checkpoint"):
    """State and source position, flushed up to there; answered by ``Acknowledged``."""

    sequence: int
    data: bytes


class Stopped(Message, frozen=True, tag="stopped"):
    """The last word of a worker that was told to stop."""


class Failed(Message, frozen=True, tag="failed"):
    """The last word of a worker that cannot go on. ``error`` is shown to users, ``trace`` only to the log."""

    error: str
    kind: FailureClass
    code: int | None = None
    name: str | None = None
    trace: str | None = None

    @property
    def final(self) -> bool:
        """Whether trying again cannot help. Reference: engine, section 3, failures and retries."""
        return self.kind in ("plan", "memory") or (self.kind == "user" and self.code in {418, 420})


ToWorker = Start | Acknowledged | Stop | Sampling
ToSupervisor = Running | Heartbeat | Samples | Checkpoint | Stopped | Failed
