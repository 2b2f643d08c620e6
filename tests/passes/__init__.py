"""Tests of the passes and the pipeline."""
