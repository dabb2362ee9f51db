"""``brookmill keys``."""

from cyclopts import App

app = App(name="keys", help="The key that seals secrets in the store.")
