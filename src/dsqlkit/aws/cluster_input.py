"""How a person names a cluster, tags it, and tells one creation from another.

The patterns are those of botocore's service model for DSQL, so that what AWS would refuse is
found before it is contacted.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from dsqlkit.cluster_names import CLUSTER_ID, check_region, region_of
from dsqlkit.endpoint import LOCAL
from dsqlkit.errors import UsageError

_ARN: Final = re.compile(
    r"arn:aws[a-z-]*:dsql:(?P<region>[a-z0-9-]+):[0-9]{12}:cluster/(?P<id>[^/]+)"
)
_TAG_TEXT: Final = re.compile(r"[a-zA-Z0-9_.:/=+\-@ ]*")
_CLIENT_TOKEN: Final = re.compile(r"[!-~]{1,128}")
_MOST_TAGS: Final = 200


@dataclass(frozen=True, slots=True)
class ClusterName:
    """A cluster as a person names it; the region is None where the name does not say it."""

    id: str
    region: str | None = None


def parse_name(text: str) -> ClusterName:
    """A cluster's id, its endpoint `<id>.dsql.<region>.on.aws`, or its ARN.

    Raises UsageError for anything else.
    """
    if text == LOCAL:
        raise UsageError(
            "The local cluster is none of an AWS account.", hint="See `dsqlkit local --help`."
        )
    arn = _ARN.fullmatch(text)
    region = arn["region"] if arn else region_of(text)
    identifier = arn["id"] if arn else text.partition(".")[0] if region else text
    if not CLUSTER_ID.fullmatch(identifier):
        raise UsageError(
            f"{text!r} is not a cluster.",
            hint="Give its id (26 letters and digits), its endpoint or its ARN.",
        )
    if region is not None:
        check_region(region, "the region in the cluster's name")
    return ClusterName(identifier, region)


def parse_tags(texts: Sequence[str]) -> dict[str, str]:
    """Tags from KEY=VALUE texts; the value may be empty, and may hold more `=`.

    Raises UsageError for one that AWS would refuse, and for a key given twice.
    """
    tags: dict[str, str] = {}
    for text in texts:
        key, separator, value = text.partition("=")
        if not separator or not key:
            raise UsageError(f"{text!r} is not a tag.", hint="Write `tags=KEY=VALUE`.")
        if len(key) > 128 or len(value) > 256 or not _TAG_TEXT.fullmatch(key + value):
            raise UsageError(
                f"{text!r} cannot be a tag.",
                hint="A key has up to 128 characters, a value up to 256: letters, digits, spaces "
                "and _ . : / = + - @",
            )
        if key.lower().startswith("aws:"):
            raise UsageError(f"{text!r} cannot be a tag.", hint="Keys with aws: are AWS's own.")
        if key in tags:
            raise UsageError(f"The tag {key} is given twice.", hint="Give each key once.")
        tags[key] = value
    if len(tags) > _MOST_TAGS:
        raise UsageError(f"{len(tags)} tags are too many.", hint=f"Give at most {_MOST_TAGS}.")
    return tags


def check_client_token(token: str) -> None:
    """Raises UsageError for a token that AWS would refuse."""
    if not _CLIENT_TOKEN.fullmatch(token):
        raise UsageError(
            f"{token!r} is not a client token.", hint="Use 1 to 128 visible ASCII characters."
        )
