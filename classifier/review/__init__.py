"""A person labels the segments that matter most: picked, shown on a local page, kept on disk, exchanged with other tools."""
