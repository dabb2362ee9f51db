"""What users import in their own tests: a real server on a free port, gone at the end."""

from brookmill.testing.server import Server, server

__all__ = ["Server", "server"]
