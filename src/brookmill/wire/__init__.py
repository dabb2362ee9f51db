"""The MongoDB wire protocol, as a server speaks it: messages and logins. No I/O, bytes in and bytes out."""
