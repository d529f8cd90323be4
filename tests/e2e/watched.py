# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A migration that says all that it can say, and whose items and credentials are told from everything else."""

from tests.e2e.operators import Caller
from tests.emulator import Emulator
from tests.leaks import Canaries


class Watched:
    """Runs of the playbook for one table with all their output, also in a log, and all their files in one folder.

    :param table: holds an item more from now on, all of whose values are secrets.
    :param caller: whose credentials are secrets.
    :param keep: whether modules stay in the folder, with their arguments, when they have ended; that takes longer.
    """

    def __init__(self, emulator: Emulator, table: str, caller: Caller, *, keep: bool) -> None:
        # A short name: Ansible puts a socket below it.
        self.folder = emulator.folder / table
        self.folder.mkdir()
        self._caller, self._keep = caller, keep
        canaries, of = Canaries(), f"of {table}"
        secret = {
            "owner": {"B": canaries.blob(f"key {of}")},
            "id": {"N": canaries.number(f"key's number {of}")},
            "text": {"S": canaries.text(f"text {of}")},
            "list": {"L": [{"M": {"blobs": {"BS": [canaries.blob(f"blob {of}")]}}}]},
        }
        emulator.client("dynamodb").put_item(TableName=table, Item=secret)
        # With -vvv, amazon.aws's own modules tell the access key's id, which is no secret.
        secret_parts = caller.credentials.keys() - {"AWS_ACCESS_KEY_ID"}
        canaries.add({f"{name} {of}": caller.credentials[name] for name in secret_parts})
        self.secrets = canaries.values

    @property
    def arguments(self) -> tuple[str, ...]:
        """What makes the playbook say and write all that it can."""
        files = {"plan_path": "plan.json", "template_path": "template.yml"}
        return ("-vvv", *(word for name, file in files.items() for word in ("-e", f"{name}={self.folder}/{file}")))

    @property
    def variables(self) -> dict[str, str]:
        """The environment in which all is written into the folder."""
        folder = str(self.folder)
        return self._caller.credentials | {
            "TMPDIR": folder,
            "ANSIBLE_HOME": folder,
            "ANSIBLE_REMOTE_TEMP": f"{folder}/tmp",
            "ANSIBLE_ASYNC_DIR": f"{folder}/async",
            "ANSIBLE_KEEP_REMOTE_FILES": str(int(self._keep)),
            "ANSIBLE_LOG_PATH": f"{folder}/ansible.log",
        }
