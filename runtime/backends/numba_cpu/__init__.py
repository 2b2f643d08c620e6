"""Compiles generated kernel modules with Numba for the CPU; imported only when a program is not in the cache."""
