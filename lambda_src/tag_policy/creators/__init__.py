"""Who launched an instance, and how that is written into a tag."""
