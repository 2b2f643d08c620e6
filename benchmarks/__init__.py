"""`python -m benchmarks`: traced functions against NumPy, eager execution and, where installed, PyTorch and JAX."""
