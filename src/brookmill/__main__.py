"""``python -m brookmill``."""

from brookmill.cli import main

main()
