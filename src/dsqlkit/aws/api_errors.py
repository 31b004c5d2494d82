"""What a failed call of an AWS API means: each failure as an error of dsqlkit.

The codes are those of botocore's service model for DSQL, and of AWS's common errors for
credentials. botocore has tried a call again where that helps before any of this is said.
"""

import re
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from dsqlkit.credential_chain import ChainFailed
from dsqlkit.errors import ConnectionFailed, DsqlkitError, OutcomeUnknown

if TYPE_CHECKING:
    from botocore.exceptions import BotoCoreError, ClientError

_CREDENTIALS: Final = frozenset(
    {
        "UnrecognizedClientException",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "SignatureDoesNotMatch",
        "MissingAuthenticationTokenException",
        "IncompleteSignature",
        "ExpiredTokenException",
        "ExpiredToken",
        "RequestExpired",
    }
)
_MISSING_ACTION: Final = re.compile(r"not authorized to perform: (?P<action>[a-z0-9-]+:\w+)")
_SIGN_IN: Final = "Run `aws configure` or `aws sso login`, set AWS_PROFILE, or give `profile`."


class AccessDenied(DsqlkitError):
    """The credentials are good, but their policy does not allow the call."""

    code = "access_denied"


class ClusterNotFound(DsqlkitError):
    """There is no such cluster in this account and region."""

    code = "cluster_not_found"


class QuotaExceeded(DsqlkitError):
    """The account has as many clusters in this region as it may."""

    code = "quota_exceeded"


class Throttled(DsqlkitError):
    """AWS answered that calls come too fast, to the last of several attempts."""

    code = "throttled"


class ServiceFailed(DsqlkitError):
    """AWS answered with an error of its own (5xx), to the last of several attempts."""

    code = "service_failed"


@dataclass(frozen=True, slots=True)
class _Meaning:
    error: type[DsqlkitError]
    message: str
    hint: str


_BAD_CREDENTIALS: Final = _Meaning(ConnectionFailed, "AWS did not take the credentials", _SIGN_IN)
_FAILED: Final = _Meaning(ServiceFailed, "AWS failed at {operation}", "Try again in a minute.")
_REFUSED: Final = _Meaning(DsqlkitError, "AWS refused {operation}", "Mend what it names.")
_MEANINGS: Final = {
    "AccessDeniedException": _Meaning(
        AccessDenied,
        "AWS denied {action} in {region}",
        "Allow {action} in the policy of these credentials, or give `profile`.",
    ),
    "ResourceNotFoundException": _Meaning(
        ClusterNotFound,
        "No such cluster in {region}",
        "`dsqlkit cluster list --region {region}` lists what is there.",
    ),
    "ServiceQuotaExceededException": _Meaning(
        QuotaExceeded,
        "The account's quota of clusters in {region} is used up",
        "Delete a cluster, take another region, or ask AWS for more (Service Quotas).",
    ),
    "ThrottlingException": _Meaning(
        Throttled,
        "AWS takes no more calls of {operation} for the moment",
        "Try again in a minute.",
    ),
}


@contextmanager
def explained(operation: str, region: str) -> Generator[None, None, None]:
    """Call the API inside: what it raises is one of dsqlkit's errors.

    Raises ConnectionFailed when there are no credentials or no way to AWS, OutcomeUnknown when the
    answer was lost after the call may have arrived, and otherwise DsqlkitError or one of this
    module's errors.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        raise of_answer(error, operation, region) from error
    except BotoCoreError as error:
        raise of_attempt(error, operation, region) from error
    except (ChainFailed, RuntimeError) as error:
        # RuntimeError is what botocore raises of credentials that have expired.
        raise _no_credentials(str(error).rstrip(".")) from error
    except ValueError as error:
        # botocore's own, of a setting that it read: it checks none of them before.
        raise ConnectionFailed(
            f"A setting for AWS cannot be used: {str(error).rstrip('.')}.",
            hint="Check the AWS_ variables of the environment, and ~/.aws/config.",
        ) from error


def of_answer(error: "ClientError", operation: str, region: str) -> DsqlkitError:
    """The error for an answer of the API."""
    answer = error.response.get("Error", {})
    code = answer.get("Code", "")
    words = (answer.get("Message") or code).rstrip(".")
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    denied = _MISSING_ACTION.search(words)
    names = {
        "region": region,
        "operation": operation,
        # A call may need another action than its own: one that sets tags needs dsql:TagResource.
        "action": denied["action"] if denied else f"dsql:{operation}",
    }
    meaning = _FAILED if status >= 500 else _MEANINGS.get(code, _REFUSED)
    if code in _CREDENTIALS:
        meaning = _BAD_CREDENTIALS
    message = f"{meaning.message.format(**names)}: {words}."
    return meaning.error(message, hint=meaning.hint.format(**names))


def of_attempt(error: "BotoCoreError", operation: str, region: str) -> DsqlkitError:
    """The error for a call that got no answer, or was never sent."""
    from botocore import exceptions as failures

    words = str(error).rstrip(".")
    lost = isinstance(error, failures.ReadTimeoutError | failures.ConnectionClosedError)
    if lost and not operation.startswith(("Get", "List")):
        return OutcomeUnknown(
            f"The answer to {operation} was lost: it may or may not have happened.",
            hint=f"`dsqlkit cluster list --region {region}` lists what is there.",
        )
    if isinstance(error, failures.HTTPClientError | failures.ConnectionError):
        return ConnectionFailed(
            f"No way to AWS in {region}: {words}.",
            hint="Check the network, the region's spelling, and AWS_ENDPOINT_URL if it is set.",
        )
    return _no_credentials(words)


def _no_credentials(why: str) -> ConnectionFailed:
    return ConnectionFailed(f"No usable AWS credentials: {why}.", hint=_SIGN_IN)
