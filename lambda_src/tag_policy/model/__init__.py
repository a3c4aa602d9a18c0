"""The vocabulary of the engine: what flows from one module to the next."""
