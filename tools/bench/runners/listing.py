"""The least that any tool must do: boto3 lists the instances, and drops them."""

import os

import boto3

filters = [{"Name": "vpc-id", "Values": [os.environ["BENCH_VPC_ID"]]}]
pages = (
    boto3.client("ec2")
    .get_paginator("describe_instances")
    .paginate(Filters=filters, PaginationConfig={"PageSize": 1000})
)
print(sum(len(reservation["Instances"]) for page in pages for reservation in page["Reservations"]))
