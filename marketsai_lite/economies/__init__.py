"""The economies of the book, one file per model."""
