"""The sample that the engine descends from, as its blog post describes it, in Python 3.

A call for each tag, and a look-up for each instance:
https://aws.amazon.com/blogs/compute/managing-your-aws-resources-through-a-serverless-policy-engine/
"""

import json
import os
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3

ec2, cloudtrail = boto3.client("ec2"), boto3.client("cloudtrail")
dynamodb, sns = boto3.client("dynamodb"), boto3.client("sns")


def launching_user(instance_id: str) -> str:
    """Return who launched an instance, as far as one page of events tells."""
    found = cloudtrail.lookup_events(
        LookupAttributes=[{"AttributeKey": "ResourceName", "AttributeValue": instance_id}],
        StartTime=datetime.now(UTC) - timedelta(days=90),
    )
    for event in found["Events"]:
        if event["EventName"] == "RunInstances":
            return event["Username"]
    return "Undefined"


def value_of(rule: dict[str, Any], instance_id: str) -> str:
    """Return the value that a rule gives its tag."""
    match rule["Action"]["S"]:
        case "UserLookup":
            return launching_user(instance_id)
        case "Function":
            return datetime.now(UTC).date().isoformat()
        case _:
            return rule["Default"]["S"]


def main() -> None:
    """Enforce the rules, one instance and one tag after the other."""
    rules = dynamodb.scan(TableName=os.environ["TAG_POLICY_RULES_TABLE"])["Items"]
    report: list[str] = []
    filters = [{"Name": "vpc-id", "Values": [os.environ["BENCH_VPC_ID"]]}]
    pages = ec2.get_paginator("describe_instances").paginate(
        Filters=filters, PaginationConfig={"PageSize": 1000}
    )
    for page in pages:
        for instance in (i for r in page["Reservations"] for i in r["Instances"]):
            instance_id = instance["InstanceId"]
            tags = {tag["Key"]: tag["Value"] for tag in instance.get("Tags", [])}
            if not tags:
                ec2.terminate_instances(InstanceIds=[instance_id])
                report.append(f"{instance_id} terminated")
                continue
            for rule in rules:
                key = rule["TagKey"]["S"]
                if not tags.get(key):
                    value = value_of(rule, instance_id)
                    ec2.create_tags(Resources=[instance_id], Tags=[{"Key": key, "Value": value}])
                    report.append(f"{instance_id} {key}={value}")
    sns.publish(TopicArn=os.environ["TAG_POLICY_TOPIC_ARN"], Message=json.dumps(report)[:200_000])


main()
