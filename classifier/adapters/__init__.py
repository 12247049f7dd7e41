"""What other libraries' users call: thin, a module a library, each imported only by who uses it."""
