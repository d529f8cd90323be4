# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One way to fail: every AWS error becomes a paragraph that a person can act on.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

try:
    from botocore.exceptions import (
        BotoCoreError,
        ChecksumError,
        ClientError,
        ConnectionError,
        HTTPClientError,
        NoCredentialsError,
        PartialCredentialsError,
        WaiterError,
    )
except ImportError:
    # AnsibleAWSModule reports the missing library before any of this is used.
    BotoCoreError = ChecksumError = ClientError = ConnectionError = HTTPClientError = Exception  # type: ignore[assignment,misc]
    NoCredentialsError = PartialCredentialsError = WaiterError = Exception  # type: ignore[assignment,misc]

ACCESS_DENIED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "UnauthorizedException"})
BAD_CREDENTIALS = frozenset(
    {
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
# Where the caller's clock is off, AWS says that the signature is of another time.
CLOCK_IS_OFF = frozenset({"RequestExpired", "RequestTimeTooSkewed", "RequestInTheFuture"})
THROTTLED = frozenset(
    {
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
RETRYABLE = THROTTLED | {
    "InternalFailure",
    "InternalServerError",
    "RequestTimeout",
    "RequestTimeoutException",
    "ServiceUnavailable",
    "TransactionConflictException",
    "TransactionInProgressException",
}
# What stands between, a load balancer for example, answers without AWS's codes. botocore tries these again, too.
RETRYABLE_STATUSES = frozenset({500, 502, 503, 504})

_DENIED_ACTION = re.compile(r"not authorized to perform:? (?P<action>[\w:-]+)(?: on resource:? (?P<resource>\S+))?")

# What DynamoDB says of an item without quoting its values: names of attributes and indexes, types and sizes alone.
_QUOTING_NOTHING = re.compile(
    r"(?:One or more parameter values (?:were invalid|are not valid)[:.] )?"
    r"(?:Type mismatch for (?:Index )?[Kk]ey \S+,? [Ee]xpected: [A-Z]+,? [Aa]ctual: [A-Z]+(?:,? IndexName: \S+)?"
    r"|A value specified for a secondary index key is not supported\. The AttributeValue for a key attribute cannot "
    r"contain an empty \w+ value\. IndexName: \S+, IndexKey: \S+"
    r"|(?:Item size(?: to update)?|Size of (?:hash|range)key|Aggregated size of all range keys) has exceeded the "
    r"(?:maximum )?(?:allowed )?size(?: limit of ?\d+ bytes)?"
    r"|Collection size exceeded)\.?"
)
# botocore has no class of its own for it.
_RENEWED_IN_VAIN = "the refreshed credentials are still expired"
_AGAIN = "Mend that and run the same command again: it goes on where it stopped."
_OTHER_TIME = re.compile(r"Signature (?:expired|not yet current)")


class SealiftError(Exception):
    """A failure that names the table, the cause and the way out, in words for the user.

    :param code: AWS's error code, where AWS answered with one.
    :param retryable: whether the same request may succeed later.
    :param said: what AWS said, word for word.
    """

    def __init__(self, message: str, code: str = "", retryable: bool = False, said: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.said = said
        self.retryable = retryable

    @property
    def throttled(self) -> bool:
        """Whether AWS refused it for now because too much was asked for."""
        return self.code in THROTTLED

    @property
    def missing(self) -> bool:
        """Whether AWS said that the thing asked for does not exist."""
        return "NotFound" in self.code or "NonExistent" in self.code or self.code == "NoSuchEntity"


def _code(error: Exception) -> str:
    response: dict[str, Any] = getattr(error, "response", None) or {}
    return str(response.get("Error", {}).get("Code", ""))


def _said(error: Exception) -> str:
    response: dict[str, Any] = getattr(error, "response", None) or {}
    return " ".join(str(response.get("Error", {}).get("Message", "")).split())


def _status(error: Exception) -> int:
    response: dict[str, Any] = getattr(error, "response", None) or {}
    return int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def _retryable(error: Exception) -> bool:
    return (
        _code(error) in RETRYABLE
        or _status(error) in RETRYABLE_STATUSES
        or isinstance(error, (ChecksumError, ConnectionError, HTTPClientError))
    )


def explain(error: Exception, doing: str) -> str:
    """Say in one paragraph what failed, why, and what to do about it."""
    if isinstance(error, (NoCredentialsError, PartialCredentialsError)):
        return (
            f"Could not {doing}: no AWS credentials were found. Nothing was changed. Set profile, or access_key and "
            "secret_key, or AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment, and run "
            "the same command again."
        )
    if isinstance(error, (ConnectionError, HTTPClientError)):
        return (
            f"Could not {doing}: the endpoint does not answer ({_one_line(error)}). Check the network, region and "
            "endpoint_url, and run the same command again: it goes on where it stopped."
        )
    if isinstance(error, WaiterError):
        return f"Could not {doing} in time ({_one_line(error)}). Raise wait_timeout, or run the same command again."
    if not isinstance(error, ClientError):
        return f"Could not {doing}: {_sentence(_one_line(error))} {_AGAIN}"
    return _explain_answer(error, doing)


def _explain_answer(error: ClientError, doing: str) -> str:
    code = _code(error)
    message = _said(error)
    if code in ACCESS_DENIED:
        denied = _DENIED_ACTION.search(message)
        action = denied["action"] if denied else error.operation_name
        resource = (denied["resource"] if denied else None) or "the resource"
        return (
            f"Could not {doing}: access denied. The caller may not perform {action} on {resource.rstrip('.,')}. Allow "
            "it in the caller's policy (or the resource's, or the key's) and run the same command again. "
            f"AWS said: {message}"
        )
    if code in CLOCK_IS_OFF or _OTHER_TIME.search(message):
        return (
            f"Could not {doing}: AWS refused the request's time, so the clock of this machine is off. Set it (ntpd or "
            "chronyd keeps it right) and run the same command again: it goes on where it stopped. "
            f"AWS said: {message}"
        )
    if code in BAD_CREDENTIALS:
        return (
            f"Could not {doing}: AWS refused the credentials ({code}). Renew them (aws sts get-caller-identity tells "
            "whether they work) and run the same command again: it goes on where it stopped."
        )
    if code in THROTTLED:
        return f"Could not {doing}: AWS throttled the calls ({code}: {message}). Run the same command again later."
    return f"Could not {doing}: {_sentence(f'{code}: {message}')} {_AGAIN}"


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text.rstrip(':')}."


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def _told(error: Exception, what: str) -> SealiftError:
    return SealiftError(explain(error, what), _code(error), _retryable(error), _said(error))


@contextmanager
def _renewal(what: str) -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        if _RENEWED_IN_VAIN not in str(error):
            raise
        raise SealiftError(
            f"Could not {what}: the credentials were renewed, and the new ones have expired already. Set this "
            "machine's clock (ntpd or chronyd keeps it right), or see to it that what gives the credentials gives "
            "newer ones, and run the same command again: it goes on where it stopped."
        ) from error


@contextmanager
def doing(what: str) -> Iterator[None]:
    """Turn any AWS error of the block into a SealiftError that says what was being done.

    :param what: completes "Could not …", for example "describe table users".
    """
    try:
        with _renewal(what):
            yield
    except (ClientError, BotoCoreError) as error:
        raise _told(error, what) from error


def without_values(error: SealiftError, what: str) -> SealiftError:
    """Return an error that does not repeat AWS's words where they may quote a value."""
    known = ACCESS_DENIED | BAD_CREDENTIALS | CLOCK_IS_OFF
    if error.retryable or error.missing or error.code in known or _QUOTING_NOTHING.fullmatch(error.said):
        return error
    return SealiftError(
        f"Could not {what}: AWS refused it ({error.code or 'invalid request'}). Its own words are left out here, since "
        "they may quote values. CloudTrail has them, or the same change by hand.",
        error.code,
    )


@contextmanager
def handling_values(what: str) -> Iterator[None]:
    """Turn any AWS error of the block, whose requests hold items or other secrets, into one that quotes no value."""
    try:
        with _renewal(what):
            yield
    except (NoCredentialsError, PartialCredentialsError) as error:
        raise _told(error, what) from error
    except (ClientError, BotoCoreError) as error:
        # Without the cause, which quotes them, too.
        raise without_values(_told(error, what), what) from None
