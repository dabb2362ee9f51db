"""Atlas Stream Processing on your own machine."""

from importlib.metadata import version

__version__ = version("brookmill")
