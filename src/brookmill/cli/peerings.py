"""``brookmill peerings``: what another account does in its cloud before a project can accept a peering."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from brookmill.cli import Refused, show
from brookmill.cli.flags import HERE, Output, Place

if TYPE_CHECKING:
    from brookmill.domain.vpc_peering import VpcPeering
    from brookmill.store import Session

app = App(name="peerings", help="VPC peerings that others ask of projects.")

Text = Annotated[str, Parameter(show_default=False)]


@app.command
def request(
    project: str,
    place: Place = HERE,
    *,
    account: Text = "111122223333",
    vpc: Text | None = None,
    cidr: Text = "10.0.0.0/16",
    region: Text = "VIRGINIA_USA",
    output: Output = "table",
) -> None:
    """Ask PROJECT for a peering as another account; accept or reject it with the Admin API.

    Parameters
    ----------
    project
        Name or id.
    account
        The asking AWS account.
    vpc
        Its network; left out, one is made up.
    cidr
        Addresses of that network.
    region
        Of the workspaces to be reached, by Atlas' name.
    """
    from brookmill.clock import SystemClock
    from brookmill.domain.names import new_id
    from brookmill.domain.region import AWS_NAMES
    from brookmill.domain.vpc_peering import VpcPeering

    if region not in AWS_NAMES:
        raise Refused(f"{region!r} is no region; write one of: {', '.join(AWS_NAMES)}")
    now = SystemClock().now()
    with place.store() as store, store.write() as session:
        peering = VpcPeering(
            id=new_id(now),
            group_id=_project(session, project),
            name=f"pcx-{_digits()}",
            region=region,
            requester_account_id=account,
            requester_vpc_id=vpc or f"vpc-{_digits()}",
            requester_cidr=cidr,
            created=now,
        )
        session.networks.add_peering(peering)
    show.rows([_row(peering, now)], output)


@app.command(name="list")
def list_(project: str, place: Place = HERE, *, output: Output = "table") -> None:
    """Show the peerings of PROJECT, whoever asked for them and whatever became of them."""
    from brookmill.clock import SystemClock

    now = SystemClock().now()
    with place.store() as store, store.read() as session:
        peerings = session.networks.peerings(_project(session, project), now)
    show.rows([_row(peering, now) for peering in peerings], output)


def _row(peering: VpcPeering, now: float) -> dict[str, object]:
    local_status, cloud_status = peering.status(now) or ("", "")
    return {
        "name": peering.name,
        "requesterAccountId": peering.requester_account_id,
        "requesterVpcId": peering.requester_vpc_id,
        "requesterCidr": peering.requester_cidr,
        "region": peering.region,
        "localStatus": local_status,
        "cloudStatus": cloud_status,
    }


def _digits() -> str:
    return secrets.token_hex(9)[:17]


def _project(session: Session, wanted: str) -> str:
    """The id of the project meant. Raises Refused."""
    matching = [group.id for group in session.groups() if wanted in (group.id, group.name)]
    if len(matching) != 1:
        what = "several projects are" if matching else "no project is"
        raise Refused(f"{what} named {wanted!r}")
    return matching[0]
