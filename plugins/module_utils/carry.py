# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which settings a clone is to carry: the user's list, with what it leaves out.

This module util is PRIVATE to the collection. It can have breaking changes at any time.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ansible_collections.sealift.dynamodb.plugins.module_utils.errors import SealiftError

ALL = "all"


def chosen(
    carry: Sequence[str], required: Collection[str], optional: Collection[str], on_request: Collection[str]
) -> frozenset[str]:
    """Return the settings that are carried.

    :param carry: names; ``all`` for every setting but those on request; a name after a minus is left out.
    :param required: settings without which there is no table of the source's kind.
    :param on_request: settings that are only carried where they are named.
    """
    excluded = {name[1:] for name in carry if name.startswith("-")}
    included = [name for name in carry if not name.startswith("-")]
    known = {*required, *optional, *on_request}
    _refuse_unknown(sorted((excluded | set(included) - {ALL}) - known), known)
    _refuse_required(sorted(excluded & set(required)))
    # Who only says what to leave out wants all the rest.
    everything = ALL in included or not included
    named = {name for name in included if name != ALL}
    return frozenset((set(required) | (set(optional) if everything else set()) | named) - excluded)


def _refuse_unknown(unknown: Sequence[str], known: Collection[str]) -> None:
    if unknown:
        raise SealiftError(
            f"There is no setting {', '.join(unknown)} to carry (option carry, playbook: clone_carry). Nothing was "
            f"changed. There are: {ALL}, {', '.join(sorted(known))}; a leading minus leaves one out. Correct the list "
            "and run the same command again."
        )


def _refuse_required(left_out: Sequence[str]) -> None:
    if left_out:
        raise SealiftError(
            f"The setting {', '.join(left_out)} can't be left out (option carry, playbook: clone_carry): every table "
            "has it. Nothing was changed. Set another value in overrides (playbook: clone_overrides) if the clone "
            "shall differ, take it out of the list, and run the same command again."
        )
