"""Clients from npm, of one version each, fetched once and kept for all runs to come."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

#: Beside the virtual environment.
KEPT = Path(__file__).parents[1] / ".jars"


def directory(name: str, version: str) -> Path:
    """Where the package is, once ``unavailable`` has answered None."""
    return KEPT / f"{name}-{version}" / "node_modules" / name


@cache
def unavailable(name: str, version: str) -> str | None:
    """Why the package cannot be had here; None when it can. Fetches it."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        return f"{name} needs Node and npm"
    if directory(name, version).is_dir():
        return None
    KEPT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=KEPT) as fresh:
        command = ["npm", "install", "--prefix", fresh, "--no-package-lock", "--no-audit", "--no-fund"]
        command += ["--ignore-scripts", "--loglevel=error", f"{name}@{version}"]
        try:
            ran = subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)
        except subprocess.TimeoutExpired:
            return f"{name} could not be fetched in time"
        if ran.returncode:
            return f"{name} could not be fetched: {ran.stderr.strip()[-200:]}"
        kept = KEPT / f"{name}-{version}"
        try:
            Path(fresh).rename(kept)
        except OSError:
            if not kept.is_dir():  # somebody else was faster
                raise
        else:
            Path(fresh).mkdir()
    return None
