"""The MongoDB wire protocol: the door for shells and drivers, and underneath messages and logins."""

from __future__ import annotations
