# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a mapping still delivers when nobody expects it: while it is being disabled, and old batches once more."""

import time

import pytest

from tests.emulator.aws import Cloud, Function, Mapping, wait_until
from tests.emulator.launcher import EmulatorError

TAKE_NOTES = "def handler(event, context):\n  note(ids=ids(event), at=time.time())"


def _delivered(cloud: Cloud, *ids: str, batch: int = 1) -> tuple[Function, Mapping]:
    cloud.table(view="KEYS_ONLY")
    cloud.put(*ids)
    function = cloud.function(TAKE_NOTES)
    mapping = cloud.mapping(function, BatchSize=batch)
    function.wait_seen(ids)
    mapping.wait_settled()
    # What the function has noted is not yet what Lambda has noted.
    wait_until(lambda: cloud.emulator.delivered(mapping.uuid) * batch == len(ids))
    return function, mapping


def _disable(cloud: Cloud, mapping: Mapping) -> None:
    cloud.functions.update_event_source_mapping(UUID=mapping.uuid, Enabled=False)


def test_disabling_takes_its_time_and_delivers_meanwhile(cloud: Cloud) -> None:
    cloud.emulator.configure(mapping_stop_seconds=2)
    function, mapping = _delivered(cloud, "a")
    begun = time.monotonic()
    _disable(cloud, mapping)
    assert mapping.get()["State"] == "Disabling"
    cloud.put("late")
    function.wait_seen(["late"])
    assert mapping.get()["State"] == "Disabling"
    assert mapping.wait_settled() == "Disabled"
    assert time.monotonic() - begun > 1.9
    # Enabling is as quick as ever.
    begun = time.monotonic()
    mapping.update(Enabled=True)
    assert time.monotonic() - begun < 1.5


def test_the_last_batch_is_delivered_again(cloud: Cloud) -> None:
    function, mapping = _delivered(cloud, "a", "b", "c")
    cloud.emulator.redeliver(mapping.uuid)
    wait_until(lambda: function.seen_ids() == ["a", "b", "c", "c"])
    cloud.put("d")
    wait_until(lambda: function.seen_ids() == ["a", "b", "c", "c", "d"])


def test_an_older_batch_comes_with_all_that_followed_it(cloud: Cloud) -> None:
    function, _unused = _delivered(cloud, *"abcdef", batch=2)
    assert function.seen() == [["a", "b"], ["c", "d"], ["e", "f"]]
    cloud.emulator.redeliver(function.name, batches=2)
    wait_until(lambda: len(function.seen_ids()) >= 10)
    assert function.seen_ids() == [*"abcdef", *"cdef"]


def test_a_mapping_that_is_being_disabled_may_deliver_again(cloud: Cloud) -> None:
    cloud.emulator.configure(mapping_stop_seconds=60)
    function, mapping = _delivered(cloud, "a", "b")
    _disable(cloud, mapping)
    cloud.emulator.redeliver(mapping.uuid, batches=2)
    wait_until(lambda: function.seen_ids() == ["a", "b", "a", "b"])
    assert mapping.get()["State"] == "Disabling"


def test_a_disabled_mapping_has_nothing_to_deliver_again(cloud: Cloud) -> None:
    function, mapping = _delivered(cloud, "a")
    with pytest.raises(EmulatorError, match="has not delivered 2 batches"):
        cloud.emulator.redeliver(mapping.uuid, batches=2)
    with pytest.raises(EmulatorError, match="0 mappings"):
        cloud.emulator.redeliver("another")
    mapping.update(Enabled=False)
    with pytest.raises(EmulatorError, match="does not poll"):
        cloud.emulator.redeliver(mapping.uuid)
    assert function.seen_ids() == ["a"]


def test_a_batch_that_failed_is_none_that_was_delivered(cloud: Cloud) -> None:
    cloud.table(view="KEYS_ONLY")
    cloud.put("a")
    function = cloud.function("def handler(event, context):\n  note(ids=ids(event)); raise RuntimeError('on purpose')")
    mapping = cloud.mapping(function)
    mapping.wait_result("PROBLEM: Function call failed")
    with pytest.raises(EmulatorError, match="has not delivered 1 batches"):
        cloud.emulator.redeliver(mapping.uuid)
