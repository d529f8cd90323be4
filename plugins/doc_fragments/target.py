# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the target is, the same in every module that works on it."""

from __future__ import annotations


class ModuleDocFragment:
    """The target's account and Region, where they are not the source's."""

    DOCUMENTATION = r"""
options:
  target_region:
    description: Region of the target; the source's by default.
    type: str
    version_added: 0.3.0
  target_role_arn:
    description:
      - ARN of an IAM role in the target's account, which the caller takes on for everything that is done there. Without
        it the target is in the source's account.
      - Its sessions are renewed before they end.
    type: str
    version_added: 0.3.0
"""
