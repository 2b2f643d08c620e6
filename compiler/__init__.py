"""Graph in, program out: the IR, the operations, the passes, lowering and code generation."""
