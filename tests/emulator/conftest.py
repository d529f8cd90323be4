# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The emulator is tested with the fixtures that it offers."""

from tests.emulator.fixtures import (
    cloud,
    dynamodb_local,
    emulator,
    name,
    no_aws_configuration,
    shared_dynamodb_local,
    shared_emulator,
    shared_slow_emulator,
    slow_cloud,
    slow_emulator,
)

__all__ = [
    "cloud",
    "dynamodb_local",
    "emulator",
    "name",
    "no_aws_configuration",
    "shared_dynamodb_local",
    "shared_emulator",
    "shared_slow_emulator",
    "slow_cloud",
    "slow_emulator",
]
