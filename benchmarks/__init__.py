"""Benchmarks of tracegraph against NumPy, its own eager execution and, where installed, PyTorch and JAX: `python -m benchmarks`."""
