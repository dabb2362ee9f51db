"""``brookmill keys``: the master key that seals secrets in the store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from cyclopts import App

from brookmill.cli.flags import HERE, Place

app = App(name="keys", help="The key that seals secrets in the store.")


@app.command
def rotate(place: Place = HERE) -> None:
    """Seal every secret anew under a new key. Servers may run meanwhile; when killed, run it again.

    A key file that Brookmill made gets a new key and, when all is moved, loses the old one. To move to a key
    of your own, put it before the old one in the setting or the file, restart the servers, then rotate.
    """
    from brookmill.store.rotation import rotate as rotate_store

    with place.store() as store, _bar() as progress:
        done = rotate_store(store, progress)
    print(f"{done.rows} secrets sealed with key {done.key_id}" + (" (resumed)" if done.resumed else ""))


@contextmanager
def _bar() -> Iterator[Callable[[int, int], None]]:
    """A progress bar on standard error when that is a terminal."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task("sealing", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
