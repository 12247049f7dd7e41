"""Other people's frameworks to this library: one thin module each, which imports its framework."""
