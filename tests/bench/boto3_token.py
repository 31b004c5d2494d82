"""The token as AWS's documentation makes it."""

import os

import boto3

client = boto3.client("dsql")
print(client.generate_db_connect_admin_auth_token(os.environ["BENCH_HOST"]))
