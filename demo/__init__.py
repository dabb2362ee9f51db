"""The main job, end to end, on real servers: ``make demo``."""
