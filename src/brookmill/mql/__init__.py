"""The MongoDB query language: pure, no I/O."""
