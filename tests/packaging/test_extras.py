"""What `pip install dsqlkit` brings, and what only an extra does."""

import re
from importlib import metadata


def names_of(requirements: list[str], *, extra: bool) -> set[str]:
    chosen = [line for line in requirements if ("extra ==" in line) == extra]
    return {re.split(r"[^\w.-]", line, maxsplit=1)[0].lower() for line in chosen}


def test_cdk_comes_with_its_extra_and_with_nothing_else() -> None:
    required = metadata.requires("dsqlkit") or []
    assert names_of(required, extra=True) == {"aws-cdk-lib", "constructs"}
    assert all("extra == 'cdk'" in line for line in required if "extra ==" in line)
    seen: set[str] = set()
    waiting = names_of(required, extra=False)
    while waiting:
        name = waiting.pop()
        seen.add(name)
        try:
            found = metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            continue  # for another system or Python than this one
        waiting |= names_of(found, extra=False) - seen
    assert {"boto3", "botocore", "psycopg"} <= seen
    assert not [name for name in seen if "cdk" in name or name in {"jsii", "constructs"}]
