"""Pipeline text to checked, compiled Plan."""
