"""Annotated documents to a model folder, and its evaluation. Needs the `train` extra."""
