# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
import pytest
from botocore.exceptions import ClientError, NoCredentialsError, ParamValidationError

from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError, handling_values

SAID_OF_AN_ITEM = (
    "One or more parameter values were invalid: Type mismatch for Index Key text Expected: N Actual: S IndexName: odd",
    "One or more parameter values were invalid: Type mismatch for key id expected: S actual: N",
    "One or more parameter values are not valid. A value specified for a secondary index key is not supported. The "
    "AttributeValue for a key attribute cannot contain an empty string value. IndexName: by-text, IndexKey: text",
    "One or more parameter values were invalid: Size of hashkey has exceeded the maximum size limit of2048 bytes",
    "Item size has exceeded the maximum allowed size",
)
QUOTING = (
    "The parameter cannot be converted to a numeric value: secret",
    "One or more parameter values were invalid: Input collection [secret, secret] contains duplicates.",
    "Item size has exceeded the maximum allowed size: secret",
    "1 validation error detected: Value 'secret' at 'requestItems' failed to satisfy constraint",
)


def told(error: Exception) -> str:
    with pytest.raises(SealiftError) as raised, handling_values("write table users"):
        raise error
    return str(raised.value)


def refusal(said: str) -> ClientError:
    return ClientError({"Error": {"Code": "ValidationException", "Message": said}}, "BatchWriteItem")


@pytest.mark.parametrize("said", SAID_OF_AN_ITEM)
def test_what_quotes_no_value_is_told(said: str) -> None:
    assert said in told(refusal(said))


@pytest.mark.parametrize("said", QUOTING)
def test_what_may_quote_a_value_is_not(said: str) -> None:
    message = told(refusal(said))
    assert "secret" not in message
    assert "write table users: AWS refused it (ValidationException)" in message


def test_the_cause_that_quotes_a_value_goes_too() -> None:
    with pytest.raises(SealiftError) as raised, handling_values("write table users"):
        raise refusal(QUOTING[0])
    assert raised.value.__suppress_context__


def test_what_botocore_says_of_a_request_is_not_told() -> None:
    assert "secret" not in told(ParamValidationError(report="Invalid type for parameter Item.a.S, value: secret"))


def test_an_error_that_says_already_what_was_wrong_is_left_as_it_is() -> None:
    assert told(SealiftError("Could not take on the role.")) == "Could not take on the role."


def test_missing_credentials_are_told() -> None:
    assert "no AWS credentials were found" in told(NoCredentialsError())


def test_credentials_that_are_renewed_in_vain_are_told() -> None:
    # botocore's own words; tests/engines/test_sessions.py hears them from botocore.
    said = RuntimeError("Credentials were refreshed, but the refreshed credentials are still expired.")
    assert "Could not write table users: the credentials were renewed, and the new ones have expired" in told(said)


def test_another_error_of_the_program_is_not_taken_for_one_of_aws() -> None:
    with pytest.raises(RuntimeError, match="a defect"), handling_values("write table users"):
        raise RuntimeError("a defect")
