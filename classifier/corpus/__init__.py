"""Files of documents in, files out. Knows nothing of labels."""
