"""``brookmill audit``: whether the audit log is what it was."""

from __future__ import annotations

from cyclopts import App

from brookmill.cli import Refused, show
from brookmill.cli.flags import HERE, Output, Place

app = App(name="audit", help="The audit log.")


@app.command
def check(place: Place = HERE, *, since: str | None = None, output: Output = "table") -> None:
    """Go through the whole chain and show where it ends; fails where it was tampered with.

    Parameters
    ----------
    since
        What an earlier check has shown, NUMBER:HASH, kept elsewhere: the log must still have it. Nothing
        else shows that a whole older database was put back.
    """
    with place.store() as store, store.read() as session:
        head = session.audit.check()
        if since is not None:
            number, _, hash = since.partition(":")
            if not number.isdecimal() or session.audit.hash_of(int(number)) != hash:
                raise Refused(f"the audit log does not have the record {since}")
    show.rows([{"number": head.number, "hash": head.hash}], output)
