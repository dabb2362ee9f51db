"""The HTTP door: versions, authentication, replies; it translates and decides nothing."""
