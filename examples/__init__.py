"""Training programs as one writes them for PyTorch, with the import lines changed; see README.md in this folder."""
