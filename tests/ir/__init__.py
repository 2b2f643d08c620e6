"""Tests of the graph representation."""
