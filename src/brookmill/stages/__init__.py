"""Pipeline stages: one file per stage."""
