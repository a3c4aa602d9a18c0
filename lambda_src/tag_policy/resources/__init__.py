"""What is tagged: how it is listed, looked at again, and changed."""
