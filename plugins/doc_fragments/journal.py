# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The journal option, the same in every module that reads or writes it."""

from __future__ import annotations


class ModuleDocFragment:
    """Where a migration's state lives."""

    DOCUMENTATION = r"""
options:
  journal:
    description:
      - Name of the DynamoDB table, in the source's account and Region, in which the stages write down what they did.
      - It is created on first use, on demand, encrypted and with point-in-time recovery.
    type: str
    default: sealift-journal
"""
