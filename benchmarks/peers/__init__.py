"""The other sides: the book, PyTorch, and code as one writes it first."""
