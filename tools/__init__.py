"""What maintainers run, mostly through make."""
