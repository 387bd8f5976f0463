"""Tools that run, export and check the book."""
