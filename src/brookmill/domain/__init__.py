"""The things Brookmill manages and the rules they obey: frozen structs and pure functions, no I/O."""
