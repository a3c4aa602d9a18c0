"""Limits of EC2's tags.

https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html#tag-restrictions
"""

MAX_TAG_KEY_LENGTH = 127
MAX_TAG_VALUE_LENGTH = 256
