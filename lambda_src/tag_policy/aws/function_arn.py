"""Where the function runs and what it is called, as the ARN says by which it was invoked."""

from dataclasses import dataclass

from tag_policy.model.target import Target


@dataclass(frozen=True, slots=True)
class FunctionArn:
    """The parts of the ARN of a function; whoever sends it events cannot write them."""

    home: Target
    name: str

    @classmethod
    def parse(cls, arn: str) -> "FunctionArn":
        """Return the parts of ``arn:aws:lambda:eu-west-1:123456789012:function:tag-policy``.

        A version or an alias may follow the name.
        """
        _, partition, _, region, account_id, _, name, *_ = arn.split(":")
        return cls(Target(partition, region, account_id), name)
