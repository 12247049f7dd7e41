"""Labels over HTTP. Nothing is imported here: the processes that label need no FastAPI."""
