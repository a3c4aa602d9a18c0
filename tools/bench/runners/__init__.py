"""What the engine is measured beside. Each is run as a process of its own."""
