"""Tag Policy Engine for AWS: keeps EC2 instances tagged as an organisation's rules say.

Data flows one way through the modules of this package::

    handler -> settings -> events -> sweep | named | config_run -> run
    run     -> rules -> inventory -> policy -> attribution -> creators -> limits
            -> enforcement -> telling
    telling -> report, page -> archive, notify
    aws     -> lean_parser, inventory -> prefetch; enforcement -> refusal; all calls -> pace

``sweep`` is about every instance of the VPCs, ``named`` about those that events name
(``event_queue``, ``instance_event``), ``config_run`` about those that AWS Config asks about
(``config_rule``); ``run`` is what all three do alike.

Only ``enforcement`` changes instances, only ``notify`` publishes, only ``archive`` writes into a
bucket, and only ``event_history`` asks CloudTrail, for ``launch_search``; ``policy``, ``mark``,
``values``, ``lookup_plan``, ``launch_event``, ``instance_event``, ``identity``, ``creator_tag``,
``creators``, ``limits``, ``schedule``, ``summary``, ``report`` and ``page`` are pure. There are no
third-party packages beside the boto3 of the Lambda runtime, because this code holds the right to
terminate instances.
"""

__version__ = "0.1.0"
