"""A transfer as one would write it by hand: a token, verified TLS, two updates."""

import os
from decimal import Decimal

import botocore.session
import botocore.signers
import psycopg
import typer
from botocore.model import ServiceId


def main() -> None:
    host = os.environ["BENCH_HOST"]
    session = botocore.session.get_session()
    credentials = session.get_credentials()
    assert credentials is not None
    region = os.environ["AWS_DEFAULT_REGION"]
    signer = botocore.signers.RequestSigner(
        ServiceId("dsql"),
        region,
        "dsql",
        "v4",
        credentials,
        session.get_component("event_emitter"),
    )
    url = signer.generate_presigned_url(
        {
            "method": "GET",
            "url": f"https://{host}/?Action=DbConnectAdmin",
            "headers": {},
            "body": {},
            "context": {},
        },
        operation_name="DbConnectAdmin",
        region_name=region,
        expires_in=900,
    )
    amount = Decimal("0.01")
    with psycopg.connect(
        host=host,
        port=os.environ["BENCH_PORT"],
        user="admin",
        dbname="postgres",
        password=url.removeprefix("https://"),
        sslmode="verify-full",
    ) as connection:
        debit = "UPDATE accounts SET balance = balance - %s WHERE id = 1 RETURNING balance"
        row = connection.execute(debit, [amount]).fetchone()
        assert row is not None
        assert row[0] >= 0
        credit = "UPDATE accounts SET balance = balance + %s WHERE id = 2"
        assert connection.execute(credit, [amount]).rowcount == 1
    print(row[0])


if __name__ == "__main__":
    typer.run(main)
