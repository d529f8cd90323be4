# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The variables that make boto3, and so every Ansible module, talk to an emulator and to nothing else."""

import functools
import os
from collections.abc import Mapping
from typing import Any

ACCOUNT = "123456789012"
REGION = "eu-west-1"
# Not as short as ministack's own "test": Ansible would blot that word out of every output.
# DynamoDB Local takes letters and digits only.
ACCESS_KEY = "EmulatorAccessKeyWithoutMeaning"
# A key of twelve digits is that of an account's root.
OTHER_ACCOUNT = "210987654321"
OTHER_REGION = "us-east-1"
SECRET_KEY = "EmulatorSecretKeyWithoutMeaning"
# The id of an application that looks on: it meets no fault.
OBSERVER = "observer"

QUIET = {
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}


class Endpoint:
    """Something that listens where AWS would."""

    def __init__(self, region: str, access_key: str = ACCESS_KEY) -> None:
        self.region = region
        self.access_key = access_key
        self.endpoint = ""

    def variables(self) -> dict[str, str]:
        return {
            **QUIET,
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "NO_PROXY": "127.0.0.1,localhost",
            "no_proxy": "127.0.0.1,localhost",
        }

    def environment(self, base: Mapping[str, str] | None = None) -> dict[str, str]:
        """A whole environment for a child: the base (default: this process's own) without any other AWS variable."""
        inherited = os.environ if base is None else base
        return {name: value for name, value in inherited.items() if not name.startswith("AWS_")} | self.variables()

    @functools.cached_property
    def _session(self) -> Any:
        # Not above: the server imports this package too, and starts faster without boto3.
        import boto3

        return boto3.session.Session(
            aws_access_key_id=self.access_key, aws_secret_access_key=SECRET_KEY, region_name=self.region
        )

    def client(self, service: str, **options: Any) -> Any:
        """A client that does not retry, so that a test sees each error; `config=` says otherwise."""
        from botocore.config import Config

        options.setdefault("config", Config(retries={"mode": "standard", "total_max_attempts": 1}, read_timeout=60))
        return self._session.client(service, endpoint_url=self.endpoint, **options)

    def observer(self, service: str) -> Any:
        """A client that meets none of the faults that were injected, for who looks on while others meet them."""
        from botocore.config import Config

        return self.client(service, config=Config(user_agent_extra=f"app/{OBSERVER}", retries={"mode": "standard"}))

    def elsewhere(self, account: str | None = None, region: str | None = None) -> "Endpoint":
        """The same for another account, as its root, or another Region, or both."""
        other = Endpoint(region or self.region, account or self.access_key)
        other.endpoint = self.endpoint
        return other
