# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every module of this collection supports."""

from __future__ import annotations


class ModuleDocFragment:
    """Attributes in common; a module's own text may follow in its notes."""

    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Can run in check mode and predicts the result that the real run returns.
    support: full
  diff_mode:
    description: Shows before and after under C(--diff), in check mode too.
    support: full
  platform:
    description: Runs on the controller, or any host that reaches AWS, with Python 3.11 or newer and boto3.
    platforms: posix
    support: full
"""

    ACTION_GROUP = r"""
options: {}
attributes:
  action_group:
    description: Use C(group/sealift.dynamodb.all) in C(module_defaults) for the connection's options.
    support: full
    membership:
      - sealift.dynamodb.all
      - sealift.dynamodb.dynamodb
"""
