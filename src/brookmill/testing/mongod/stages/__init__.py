"""Stages that a database server has and a stream processor has not, or has in another shape."""
