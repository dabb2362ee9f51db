"""References to files on the server's machine, such as those that a container platform mounts."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from brookmill.config import Settings
from brookmill.connections.references import LONGEST, PROVIDERS, listed, unresolved

_REFUSED = "the reference to a file is not allowed; the setting references_file says which are"


@PROVIDERS("file")
def content(name: str, settings: Settings) -> str:
    """The text of the file, without one line end at its end.

    A prefix of the list is a file, or a directory with all in it; links lead nowhere else, and never into the
    data directory.
    """
    try:
        path = Path(name).resolve()
        inside = [Path(prefix).resolve() for prefix in listed(settings.references_file)]
    except (OSError, ValueError, RuntimeError):  # a NUL, a loop of links
        raise unresolved(_REFUSED) from None
    data = Path(settings.data_dir).resolve()
    if not Path(name).is_absolute() or not any(map(path.is_relative_to, inside)) or path.is_relative_to(data):
        raise unresolved(_REFUSED)
    try:
        return _read(path).removesuffix("\n").removesuffix("\r")
    except FileNotFoundError:
        raise unresolved(f"there is no file {name}", retry=True) from None
    except (OSError, ValueError):
        raise unresolved(f"the file {name} cannot be read as text of up to {LONGEST} bytes") from None


def _read(path: Path) -> str:
    """Raises OSError, ValueError. A pipe would keep us waiting for ever, so only plain files are read."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ValueError
        data = file.read(LONGEST + 1)
    if len(data) > LONGEST:
        raise ValueError
    return data.decode()
