"""``brookmill access``."""

from cyclopts import App

app = App(name="access", help="API keys and service accounts.")
