"""Graphs in, steps out: which operations share a kernel, the loops of each kernel, and where values live in memory."""
