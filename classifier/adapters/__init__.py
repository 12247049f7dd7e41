"""Ways in from other programs: each module is thin, and imports its library when it is imported itself."""
