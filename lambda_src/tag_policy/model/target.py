"""Where resources are judged.

What makes one: handler.py, and runs/context.py for the run. What another would touch:
aws/clients.py, ``SERVICES`` in aws/fast/models.py, settings.py, iam.tf, main.tf, triggers.tf and
variables.tf.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Target:
    """An account and region, and the partition that both are of, such as ``aws-cn``.

    Clients are made for one, an event must be of it, and a report says which it is about. The only
    one so far is where the function itself runs. A role to act through in another account will be
    one more field of it.
    """

    partition: str
    region: str
    account_id: str
