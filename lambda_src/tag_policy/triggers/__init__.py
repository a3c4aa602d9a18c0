"""What wakes the function: each event read into what it asks for."""
