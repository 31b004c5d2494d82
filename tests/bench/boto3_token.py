"""The token as AWS's documentation makes it."""

import os
from typing import Any

import boto3

client: Any = boto3.client("dsql")
print(client.generate_db_connect_admin_auth_token(os.environ["BENCH_HOST"]))
