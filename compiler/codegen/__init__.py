"""Loop IR in, the source of a Numba module out."""
