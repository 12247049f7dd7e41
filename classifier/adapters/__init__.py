"""Ways in from other programs: a thin module a library, which imports that library; a page beside it says how."""
