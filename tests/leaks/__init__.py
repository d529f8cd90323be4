# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Searches every trace that a run leaves for what must not be in it: items' contents, keys, credentials.

    from tests.leaks import Canaries, leaks

    canaries = Canaries({"secret key": SECRET_KEY})
    item = {"id": {"S": canaries.text("key of a user")}, "name": {"S": canaries.text("value of a user")}}
    …
    assert leaks(emulator, canaries) == []          # the account: logs, journal, queues, alarms, functions …
    assert leaks(folder, canaries) == []            # every file below it
    assert leaks({"output": run.output}, canaries) == []

Tables, their streams and backups hold items and are not searched; the journal is.
"""

from collections.abc import Mapping
from pathlib import Path

from tests.emulator.environment import Endpoint
from tests.leaks.canaries import Canaries, Leak
from tests.leaks.traces import of_account, of_folder

__all__ = ["Canaries", "Leak", "leaks"]


def leaks(
    where: Path | Endpoint | Mapping[str, str | bytes], canaries: Canaries, *, journals: str = "journal"
) -> list[str]:
    """Return where canaries were found, one line each.

    :param where: a folder, an emulator's account, or texts by name.
    :param journals: a table with this in its name is a journal, and searched.
    """
    if isinstance(where, Path):
        places = of_folder(where)
    elif isinstance(where, Endpoint):
        places = of_account(where, journals)
    else:
        places = ((name, text if isinstance(text, bytes) else text.encode()) for name, text in where.items())
    return [str(leak) for leak in canaries.search(places)]
