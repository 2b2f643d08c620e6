"""Native code without Numba: compile LLVM IR, load object code from the cache, the thread pool and Python entries."""
