"""Moving every sealed value to another master key while everything runs."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path

import msgspec
from sqlalchemy import func, select, update

from brookmill.store import Store
from brookmill.store.seal import write_keys
from brookmill.store.session import Session
from brookmill.store.vault import SHELVES, Shelf

Progress = Callable[[int, int], None]


class Rotation(msgspec.Struct, frozen=True):
    """What ``rotate`` did. ``key_id``: the key all is sealed with now. ``rows``: values moved to it.

    ``resumed``: an earlier rotation had begun it. ``retired``: ids of keys that were taken out of our own key
    file; keys from the settings or an operator's file are his to take away.
    """

    key_id: str
    rows: int
    resumed: bool
    retired: tuple[str, ...]


def rotate(store: Store, progress: Progress = lambda _done, _total: None) -> Rotation:
    """Seal every value with the first key of the ring; ``progress`` hears of rows done and rows in all.

    When the only key is the one in the file that Brookmill made itself, a new one is made first. To rotate
    keys of your own, put the new key before the old one in the setting or the file and restart the servers
    first. Every row is a transaction of its own, and running servers seal with the new key from the first one
    on. Killed at any point, a second call carries on where the first stopped. Raises SealError, StoreError.
    """
    keyring = store.keyring
    keyring.reload()
    resumed = len(keyring.ids) > 1 and _sealed_with(store) == keyring.ids[0]
    own = keyring.path if keyring.own else None
    if own is not None and len(keyring.ids) == 1:
        write_keys(own, [secrets.token_bytes(32), *keyring.texts])
        keyring.reload()
    target = keyring.ids[0]
    with store.write() as session:
        session.vault.choose(target)
    rows = _move_all(store, target, progress)
    return Rotation(target, rows, resumed, _retire(store, own, target))


def _sealed_with(store: Store) -> str | None:
    with store.read() as session:
        return session.vault.current()


def _move_all(store: Store, target: str, progress: Progress) -> int:
    with store.read() as session:
        total = sum(_left(session, shelf, target) for shelf in SHELVES)
    done = 0
    for shelf in SHELVES:
        while _move_one(store, shelf, target):
            done += 1
            progress(done, max(done, total))
    return done


def _left(session: Session, shelf: Shelf, target: str) -> int:
    counted = select(func.count()).select_from(shelf.table).where(shelf.table.c.key_id != target)
    return int(session.transaction.execute(counted).scalar_one())


def _move_one(store: Store, shelf: Shelf, target: str) -> bool:
    """Re-seal one row that is not under ``target``; False when there is none left."""
    t = shelf.table
    with store.write() as session:
        found = shelf.rows.where(t.c.key_id != target).order_by(t.c.serial).limit(1)
        row = session.transaction.execute(found).mappings().first()
        if row is None:
            return False
        sealed = session.vault.seal(shelf, row, session.vault.open(shelf, row))
        session.transaction.execute(update(t).where(t.c.serial == row["serial"]).values(sealed))
    return True


def _retire(store: Store, own: Path | None, target: str) -> tuple[str, ...]:
    """Take the old keys out of our own file, where nothing can need them any more."""
    if own is None:
        return ()
    retired = tuple(id for id in store.keyring.ids if id != target)
    write_keys(own, store.keyring.texts[:1])
    return retired
