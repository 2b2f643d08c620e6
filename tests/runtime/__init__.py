"""Tests of the native runtime."""
