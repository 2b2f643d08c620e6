"""One module for each family of programs; `tests.soundness.corpus` gathers them."""
