"""Looking at what processors put out: samples of those that run, and processors that run to be looked at."""

from __future__ import annotations

import msgspec
from msgspec import UNSET

from brookmill.domain.names import new_id
from brookmill.domain.options import DLQ, Options, options_text
from brookmill.domain.processor import Processor, State
from brookmill.domain.tier import Tier, exceeds, tier_limits
from brookmill.domain.workspace import Workspace
from brookmill.errors import ConnectionFailed
from brookmill.mql.encoding import faithful
from brookmill.mql.values import Document
from brookmill.operations import Call
from brookmill.operations.body import Body
from brookmill.operations.processors import check, connections_in
from brookmill.operations.refusal import fail
from brookmill.operations.shell import named, workspace_of
from brookmill.runtime.sample import Sample


class TrialOptions(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The options of ``sp.process``."""

    dlq: DLQ = DLQ()
    stream_meta_field_name: str = ""
    tier: Tier | None = None


def sample(call: Call, name: str, limit: int | None) -> Sample:
    """What leaves the processor from now on; ``limit``: documents, None for any number.

    Raises UserError when it does not run.
    """
    workspace = workspace_of(call)
    ephemeral = call.supervisor.ephemerals.find(workspace.id, name)
    made = Sample(call.clock, limit, glance=True)
    if ephemeral is not None:
        ephemeral.join(made)
        return made
    _, processor = named(call, name)
    if processor.state != State.STARTED or not call.supervisor.sample(processor.id, made):
        fail(processor, "stream processor is not started, so there is nothing to sample")
    return made


def process(call: Call, pipeline: list[Document], options: Document) -> tuple[str, Sample]:
    """Run a processor that nobody keeps: its name, and what comes of it. It may lack a sink.

    It ends with ``drop``, when nobody fetches the sample any more, and after ten minutes. Raises UserError.
    """
    workspace = workspace_of(call)
    sent = Body.parse(faithful(options)).into(TrialOptions)
    processor = _made(call, workspace, faithful(pipeline).decode(), sent)
    with call.store.read() as session:
        connections = connections_in(session, workspace)
    check(processor, workspace, connections, tier_limits(call.settings.tiers), sinkless=True)
    made = Sample(call.clock)
    try:
        call.supervisor.ephemerals.begin(processor, made)
    except ConnectionFailed as e:
        fail(processor, str(e), wire_code=e.code)
    return processor.name, made


def _made(call: Call, workspace: Workspace, pipeline: str, sent: TrialOptions) -> Processor:
    now = call.clock.now()
    id = new_id(now)
    options = Options(
        dlq=UNSET if sent.dlq == DLQ() else sent.dlq,
        stream_meta_field_name=sent.stream_meta_field_name or UNSET,
    )
    tier = sent.tier or workspace.config.tier
    processor = Processor(
        id=id,
        workspace_id=workspace.id,
        name=f"ephemeral-{id[8:]}",
        pipeline=pipeline,
        options=options_text(options),
        tier=tier,
        effective_tier=tier,
        state=State.STARTED,
        state_changed=now,
        created=now,
        has_started=True,
    )
    most = workspace.config.max_tier_size
    if exceeds(tier, most):
        fail(processor, f"tier {tier} is larger than the maximum tier size {most} of the workspace")
    return processor
