"""Faster replacements for parts of botocore, each with botocore's own to fall back on."""
