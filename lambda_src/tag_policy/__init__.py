"""Tag Policy Engine for AWS: keeps EC2 instances tagged as an organisation's rules say.

The rooms of this package, and which may import which: an arrow means "may import"::

    handler -> triggers, runs -> rules, resources, creators, reporting -> aws -> model, settings

``triggers`` reads what wakes the function, ``runs`` does the work: ``sweep`` is about every
instance of the VPCs, ``event_run`` about those that events name, ``config_run`` about those that
AWS Config asks about; ``engine`` is what all three do alike.

Only ``writing``, ``ending`` and ``marks`` of ``resources`` change instances, in the order that
``resources.remediation`` gives them; only ``reporting.sns`` publishes, only ``reporting.archive``
writes into a bucket, only ``runs.memory`` into the state table, and only ``creators.cloudtrail``
asks CloudTrail.
``model`` and, but for the reading of the table, ``rules`` are pure. There are no third-party
packages beside the boto3 of the Lambda runtime, because this code holds the right to terminate
instances.
"""

__version__ = "0.1.0"
