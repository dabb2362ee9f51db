"""Workspaces of a project: list, create, get, update, delete."""

from __future__ import annotations

import contextlib
import secrets
from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from brookmill.connections.sample import SOLAR, Sample
from brookmill.domain.connection import settled
from brookmill.domain.names import name_problem, new_id
from brookmill.domain.principal import PROJECT_READERS, STREAM_READERS, STREAM_WRITERS
from brookmill.domain.processor import MAY_START, State
from brookmill.domain.region import CloudProvider, is_region
from brookmill.domain.tier import Tier, exceeds
from brookmill.domain.workspace import DataProcessRegion, StreamConfig, Workspace
from brookmill.errors import UserError
from brookmill.operations import Call, Page, operation
from brookmill.operations.answer import answer
from brookmill.operations.body import Body
from brookmill.operations.lookup import find_workspace
from brookmill.operations.processor_runs import start
from brookmill.store import Session

_LIST = "/groups/{groupId}/streams"
_ONE = _LIST + "/{tenantName}"

_READ_ONLY = frozenset({"_id", "connections", "groupId", "hostnames"})

#: The domain of host names. Upstream's own stands nowhere here: nobody's password shall go there by mistake.
_DOMAIN = "a.query.brookmill.localhost"


class Config(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Upstream's ``StreamConfig`` as it is sent."""

    max_tier_size: Tier | UnsetType = UNSET
    tier: Tier | UnsetType = UNSET


class SampleConnections(msgspec.Struct, frozen=True, kw_only=True):
    """Samples to connect a new workspace to."""

    solar: bool = False


class Tenant(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Upstream's ``StreamsTenant`` as it is sent."""

    name: str
    data_process_region: DataProcessRegion
    failover_regions: tuple[DataProcessRegion, ...] = ()
    sample_connections: SampleConnections = SampleConnections()
    stream_config: Config = Config()


class ProcessorStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What to do with all processors of a workspace; ``region`` is for FAILED_OVER."""

    status: Literal["STARTED", "STOPPED", "FAILED_OVER"]
    mode: Literal["GRACEFUL", "FORCED"] | None = None
    region: str | None = None


class TenantUpdate(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Upstream's ``StreamsTenantUpdateRequest``."""

    cloud_provider: CloudProvider | UnsetType = UNSET
    failover_regions: tuple[DataProcessRegion, ...] | UnsetType = UNSET
    processor_status: ProcessorStatus | UnsetType = UNSET
    region: str | UnsetType = UNSET
    stream_config: Config = Config()


@operation(
    "listGroupStreamWorkspaces",
    f"GET {_LIST}",
    since="2023-02-01",
    roles=PROJECT_READERS,
    paged=True,
    aliases=("listStreamWorkspaces", "listStreamInstances"),
    guess="the order of the list: creation",
)
def list_workspaces(call: Call, group_id: str) -> Page:
    """All workspaces of the project."""
    with call.store.read() as session:
        page = call.page(session.workspaces(group_id))
    return Page([_shown(workspace) for workspace in page.results], page.total)


@operation(
    "createGroupStreamWorkspace",
    f"POST {_LIST}",
    since="2023-02-01",
    roles=STREAM_WRITERS,
    aliases=("createStreamWorkspace", "createStreamInstance"),
    guess="the code for a name that is taken; length and characters of names; the domain of hostnames",
)
def create_workspace(call: Call, group_id: str) -> Any:
    """Add a workspace, with the samples that ``sampleConnections`` asks for."""
    sent = Body.parse(call.body).into(Tenant, read_only=_READ_ONLY)
    return _create(call, group_id, sent, solar=sent.sample_connections.solar)


@operation(
    "withGroupStreamSampleConnections",
    f"POST {_LIST}:withSampleConnections",
    since="2024-08-05",
    roles=STREAM_WRITERS,
    aliases=("withStreamSampleConnections",),
    guess="the request body: the same as for an ordinary workspace",
)
def create_workspace_with_samples(call: Call, group_id: str) -> Any:
    """Add a workspace with a connection to every sample."""
    sent = Body.parse(call.body).into(Tenant, read_only=_READ_ONLY)
    return _create(call, group_id, sent, solar=True)


@operation(
    "getGroupStreamWorkspace",
    f"GET {_ONE}",
    since="2023-02-01",
    roles=STREAM_READERS,
    query=("includeConnections",),
    aliases=("getStreamWorkspace", "getStreamInstance"),
)
def get_workspace(call: Call, group_id: str, tenant_name: str) -> Any:
    """One workspace, with its connections when ``includeConnections`` is true."""
    whole = call.flag("includeConnections")
    with call.store.read() as session:
        workspace = find_workspace(session, group_id, tenant_name)
        connections = session.connections(workspace) if whole else []
    shown = _shown(workspace)
    if whole:
        now = call.clock.now()
        shown["connections"] = [answer(settled(connection, now)) for connection in connections]
    return shown


@operation(
    "updateGroupStreamWorkspace",
    f"PATCH {_ONE}",
    since="2023-02-01",
    roles=STREAM_WRITERS,
    aliases=("updateStreamWorkspace", "updateStreamInstance"),
    waits=True,
    guess="a region changes unless processors are started; FAILED_OVER is refused: nothing fails over here",
)
def update_workspace(call: Call, group_id: str, tenant_name: str) -> Any:
    """Change region, tiers or failover regions; ``processorStatus`` starts or stops all processors."""
    with call.store.read() as session:
        find_workspace(session, group_id, tenant_name)
    sent = Body.parse(call.body, optional=True).into(TenantUpdate, read_only=_READ_ONLY)
    if sent.processor_status is not UNSET and sent.processor_status.status == "FAILED_OVER":
        raise UserError("VALIDATION_ERROR", "The processorStatus FAILED_OVER is not supported by this server")
    with call.store.write() as session:
        kept = find_workspace(session, group_id, tenant_name)
        now = _updated(session, kept, sent)
        if now != kept:
            session.replace_workspace(now)
    if sent.processor_status is not UNSET:
        _set_all(call, now, sent.processor_status)
    return _shown(now)


@operation(
    "deleteGroupStreamWorkspace",
    f"DELETE {_ONE}",
    since="2023-02-01",
    roles=STREAM_WRITERS,
    status=202,
    aliases=("deleteStreamWorkspace", "deleteStreamInstance"),
)
def delete_workspace(call: Call, group_id: str, tenant_name: str) -> None:
    """Remove a workspace that has no processors, with its connections."""
    with call.store.write() as session:
        workspace = find_workspace(session, group_id, tenant_name)
        if session.processors(workspace):
            raise UserError("STREAM_TENANT_HAS_STREAM_PROCESSORS", tenant_name)
        session.remove_workspace(workspace)


def _create(call: Call, group_id: str, sent: Tenant, *, solar: bool) -> Any:
    if problem := name_problem("workspace", sent.name):
        raise UserError("VALIDATION_ERROR", problem, fields=[("name", problem)])
    _check_region(sent.data_process_region, "dataProcessRegion")
    _check_failover(sent.failover_regions)
    workspace = _made(call, group_id, sent)
    with call.store.write() as session:
        if session.group(group_id) is None:  # deleted since the caller was let in
            raise UserError("GROUP_NOT_FOUND", group_id)
        if session.workspace(group_id, sent.name) is not None:
            raise UserError("STREAM_TENANT_NAME_ALREADY_EXISTS", sent.name)
        session.add_workspace(workspace)
        if solar:
            region = workspace.region.region
            id = new_id(call.clock.now())
            sample = Sample(id=id, name=SOLAR, region=region, state="READY")
            session.add_connection(workspace, sample, call.author)
    return _shown(workspace)


def _made(call: Call, group_id: str, sent: Tenant) -> Workspace:
    id, created = new_id(call.clock.now()), call.clock.now()
    place = sent.data_process_region.region.lower().replace("_", "-")
    return Workspace(
        id=id,
        group_id=group_id,
        name=sent.name,
        region=sent.data_process_region,
        config=_configured(StreamConfig(), sent.stream_config),
        failover_regions=sent.failover_regions,
        hostnames=(f"atlas-stream-{id}-{secrets.token_hex(3)}.{place}.{_DOMAIN}",),
        created=created,
    )


def _updated(session: Session, kept: Workspace, sent: TenantUpdate) -> Workspace:
    now = msgspec.structs.replace(kept, config=_configured(kept.config, sent.stream_config))
    if sent.cloud_provider is not UNSET or sent.region is not UNSET:
        if sent.cloud_provider is UNSET or sent.region is UNSET:
            raise UserError(
                "MISSING_ATTRIBUTE", "cloudProvider" if sent.cloud_provider is UNSET else "region"
            )
        if sent.failover_regions is not UNSET:
            raise UserError("VALIDATION_ERROR", "failoverRegions cannot be changed together with the region")
        region = DataProcessRegion(cloud_provider=sent.cloud_provider, region=sent.region)
        _check_region(region, "region")
        now = msgspec.structs.replace(now, region=region)
    if sent.failover_regions is not UNSET and sent.failover_regions != kept.failover_regions:
        if kept.failover_regions:
            raise UserError("VALIDATION_ERROR", "failoverRegions cannot be changed once they are set")
        _check_failover(sent.failover_regions)
        now = msgspec.structs.replace(now, failover_regions=sent.failover_regions)
    if now.region != kept.region and any(p.state == State.STARTED for p in session.processors(kept)):
        raise UserError("STREAM_TENANT_HAS_STREAM_PROCESSORS", kept.name)
    return now


def _configured(kept: StreamConfig, sent: Config) -> StreamConfig:
    tier = kept.tier if sent.tier is UNSET else sent.tier
    most = kept.max_tier_size if sent.max_tier_size is UNSET else sent.max_tier_size
    if exceeds(tier, most):
        raise UserError("VALIDATION_ERROR", f"The tier {tier} is larger than the maximum tier size {most}")
    return StreamConfig(tier=tier, max_tier_size=most)


def _check_region(region: DataProcessRegion, member: str) -> None:
    if not is_region(region.cloud_provider, region.region):
        path = member if member == "region" else f"{member}.region"
        problem = f"is no region of {region.cloud_provider}"
        raise UserError("INVALID_ATTRIBUTE", path, fields=[(path, problem)])


def _check_failover(regions: tuple[DataProcessRegion, ...]) -> None:
    if len(regions) > 2:
        raise UserError("INVALID_ATTRIBUTE", "failoverRegions", fields=[("failoverRegions", "at most 2")])
    for i, region in enumerate(regions):
        _check_region(region, f"failoverRegions[{i}]")


def _set_all(call: Call, workspace: Workspace, wanted: ProcessorStatus) -> None:
    with call.store.read() as session:
        processors = session.processors(workspace)
    for processor in processors:
        if wanted.status == "STOPPED":
            call.supervisor.stop(processor.id)
        elif processor.state in MAY_START:
            with contextlib.suppress(UserError):  # its state says FAILED, or still what it was
                start(call, workspace, processor)


def _shown(workspace: Workspace) -> dict[str, Any]:
    return {
        "_id": workspace.id,
        "dataProcessRegion": answer(workspace.region),
        "failoverRegions": [answer(region) for region in workspace.failover_regions],
        "groupId": workspace.group_id,
        "hostnames": list(workspace.hostnames),
        "name": workspace.name,
        "streamConfig": _config_shown(workspace.config),
    }


def _config_shown(config: StreamConfig) -> dict[str, str]:
    shown: dict[str, str] = {"tier": config.tier}
    return shown if config.max_tier_size is None else shown | {"maxTierSize": config.max_tier_size}
