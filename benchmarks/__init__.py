"""What Brookmill promises in figures: a benchmark is a module with ``run() -> list[Figure]``."""
