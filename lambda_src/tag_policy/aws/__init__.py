"""How AWS is talked to: clients, errors, pace, clock, deadline."""
