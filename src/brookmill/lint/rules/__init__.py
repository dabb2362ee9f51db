"""The rules, one file per chapter; each function is one."""
