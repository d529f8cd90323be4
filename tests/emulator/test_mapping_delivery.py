# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Batches, windows, lanes, and where a mapping begins and resumes."""

import itertools
import time

from tests.emulator.aws import Cloud, wait_until

TAKE_NOTES = "def handler(event, context):\n  note(ids=ids(event), at=time.time())"


def test_batch_size_is_the_most_that_one_invocation_gets(cloud: Cloud) -> None:
    cloud.table(view="KEYS_ONLY")
    cloud.put(*"abcdefg")
    function = cloud.function(TAKE_NOTES)
    cloud.mapping(function, BatchSize=3)
    function.wait_seen("g")
    assert function.seen() == [["a", "b", "c"], ["d", "e", "f"], ["g"]]


def test_the_window_gathers_records(cloud: Cloud) -> None:
    cloud.table(view="KEYS_ONLY")
    function = cloud.function(TAKE_NOTES)
    cloud.mapping(function, BatchSize=1000, MaximumBatchingWindowInSeconds=1).wait_settled()
    begun = time.time()
    cloud.put("a")
    cloud.put("b")
    cloud.put("c")
    function.wait_seen("abc")
    assert function.seen() == [["a", "b", "c"]]
    assert function.notes()[0]["at"] - begun >= 0.95


def test_a_full_batch_does_not_wait_for_its_window(cloud: Cloud) -> None:
    cloud.table(view="KEYS_ONLY")
    cloud.put(*"abc")
    function = cloud.function(TAKE_NOTES)
    begun = time.time()
    cloud.mapping(function, BatchSize=3, MaximumBatchingWindowInSeconds=60)
    function.wait_seen("abc")
    assert time.time() - begun < 30


def test_a_batch_is_at_most_6_mb(cloud: Cloud) -> None:
    cloud.table(view="NEW_IMAGE")
    keys = [f"{number:02}" for number in range(18)]
    for key in keys:
        cloud.put(key, filling={"S": "x" * 390_000})
    function = cloud.function(
        "def handler(event, context):\n  note(ids=ids(event), bytes=len(json.dumps(event, separators=(',', ':'))))"
    )
    cloud.mapping(function, BatchSize=100, MaximumBatchingWindowInSeconds=1)
    function.wait_seen(keys)
    sizes = [note["bytes"] for note in function.notes()]
    assert len(sizes) == 2
    assert max(sizes) <= 6 * 1024 * 1024 + 100
    assert function.seen_ids() == keys


def test_lanes_run_at_once_and_keep_each_keys_order(cloud: Cloud) -> None:
    cloud.table(view="NEW_IMAGE")
    keys = [f"key-{number}" for number in range(7)]
    for version, key in itertools.product(range(5), keys):
        cloud.put(key, version={"N": str(version)})
    function = cloud.function(
        """
def handler(event, context):
    began = time.time()
    time.sleep(0.05)
    changes = [(r["dynamodb"]["Keys"]["id"]["S"], r["dynamodb"]["NewImage"]["version"]["N"]) for r in event["Records"]]
    note(ids=ids(event), changes=changes, began=began, ended=time.time())
"""
    )
    cloud.mapping(function, BatchSize=4, ParallelizationFactor=4)
    wait_until(lambda: len(function.seen_ids()) >= 35)
    notes = function.notes()
    for key in keys:
        mine = [note for note in notes if key in note["ids"]]
        versions = [version for note in mine for changed, version in note["changes"] if changed == key]
        assert versions == ["0", "1", "2", "3", "4"]
        assert all(former["ended"] <= later["began"] for former, later in itertools.pairwise(mine))
    overlaps = [
        (one, other)
        for one, other in itertools.combinations(notes, 2)
        if one["began"] < other["ended"] and other["began"] < one["ended"]
    ]
    assert overlaps


def test_one_lane_runs_one_batch_at_a_time(cloud: Cloud) -> None:
    cloud.table(view="KEYS_ONLY")
    cloud.put(*"abcdef")
    function = cloud.function(
        "def handler(event, context):\n  b = time.time(); time.sleep(.02); note(ids=ids(event), b=b, e=time.time())"
    )
    cloud.mapping(function, BatchSize=1)
    function.wait_seen("f")
    notes = function.notes()
    assert all(former["e"] <= later["b"] for former, later in itertools.pairwise(notes))


def test_the_checkpoint_waits_for_the_slowest_lane(cloud: Cloud) -> None:
    cloud.table(view="KEYS_ONLY")
    keys = [f"key-{number}" for number in range(20)]
    cloud.put(*keys)
    function = cloud.function(
        """
def handler(event, context):
    note(ids=ids(event))
    if "key-0" in ids(event) and not os.path.exists(os.environ["NOTES"] + ".repaired"):
        raise RuntimeError("on purpose")
"""
    )
    mapping = cloud.mapping(function, BatchSize=1, ParallelizationFactor=10)
    wait_until(lambda: len(set(function.seen_ids())) > 10)
    mapping.update(Enabled=False)
    function.notes_path.with_name(function.notes_path.name + ".repaired").touch()
    before = len(function.seen())
    mapping.update(Enabled=True)
    # key-0 was first in the stream and never succeeded: everything from there on comes again, nothing is lost.
    wait_until(lambda: set(keys) <= {key for batch in function.seen()[before:] for key in batch})


def test_no_mapping_waits_behind_another_ones_slow_function(cloud: Cloud) -> None:
    cloud.table(view="KEYS_ONLY")
    slow = cloud.function(
        "def handler(event, context):\n  note(ids=ids(event)); time.sleep(8)", name=f"{cloud.name}-slow"
    )
    fast = cloud.function(TAKE_NOTES, name=f"{cloud.name}-fast")
    cloud.mapping(slow)
    cloud.mapping(fast).wait_settled()
    cloud.put("a")
    slow.wait_seen("a")
    begun = time.monotonic()
    cloud.put("b")
    fast.wait_seen("ab")
    assert time.monotonic() - begun < 8
    assert slow.seen_ids() == ["a"]


def test_trim_horizon_sees_what_was_there_and_latest_does_not(cloud: Cloud) -> None:
    cloud.table(view="KEYS_ONLY")
    cloud.put("before")
    old = cloud.function(TAKE_NOTES, name=f"{cloud.name}-old")
    new = cloud.function(TAKE_NOTES, name=f"{cloud.name}-new")
    cloud.mapping(old)
    asked = cloud.mapping(
        new, StartingPosition="LATEST", MetricsConfig={"Metrics": ["EventCount"]}, FunctionResponseTypes=[]
    )
    # An empty poll says that the poller is at work.
    wait_until(lambda: cloud.metric("PolledEventCount", {"EventSourceMappingUUID": asked.uuid}, "SampleCount"))
    cloud.put("after")
    old.wait_seen(["before", "after"])
    new.wait_seen(["after"])
    assert new.seen_ids() == ["after"]


def test_latest_begins_when_polling_does_and_misses_what_came_before(cloud: Cloud) -> None:
    cloud.emulator.configure(poller_start_seconds=1.0)
    cloud.table(view="KEYS_ONLY")
    function = cloud.function(TAKE_NOTES)
    mapping = cloud.mapping(function, StartingPosition="LATEST", MetricsConfig={"Metrics": ["EventCount"]})
    assert mapping.wait_settled() == "Enabled"
    cloud.put("missed although the mapping was Enabled")
    wait_until(lambda: cloud.metric("PolledEventCount", {"EventSourceMappingUUID": mapping.uuid}, "SampleCount"))
    cloud.put("seen")
    function.wait_seen(["seen"])
    assert function.seen_ids() == ["seen"]


def test_disabled_and_enabled_again_it_resumes_where_it_was(cloud: Cloud) -> None:
    cloud.table(view="KEYS_ONLY")
    cloud.put("a")
    function = cloud.function(TAKE_NOTES)
    mapping = cloud.mapping(function)
    mapping.wait_result("OK")
    mapping.update(Enabled=False)
    cloud.put("b", "c")
    assert function.seen_ids() == ["a"]
    mapping.update(Enabled=True)
    function.wait_seen("bc")
    assert function.seen_ids() == ["a", "b", "c"]


def test_a_mapping_created_disabled_begins_at_the_horizon_once_it_is_enabled(cloud: Cloud) -> None:
    cloud.table(view="KEYS_ONLY")
    function = cloud.function(TAKE_NOTES)
    mapping = cloud.mapping(function, Enabled=False)
    assert mapping.wait_settled() == "Disabled"
    cloud.put("a", "b")
    assert mapping.get()["LastProcessingResult"] == "No records processed"
    mapping.update(Enabled=True)
    function.wait_seen("ab")
    assert function.seen_ids() == ["a", "b"]


def test_a_disabled_stream_is_read_to_its_end(cloud: Cloud) -> None:
    cloud.table(view="KEYS_ONLY")
    function = cloud.function(TAKE_NOTES)
    mapping = cloud.mapping(function, Enabled=False)
    mapping.wait_settled()
    cloud.put("a", "b")
    cloud.dynamodb.update_table(TableName=cloud.name, StreamSpecification={"StreamEnabled": False})
    cloud.wait_active()
    mapping.update(Enabled=True)
    function.wait_seen("ab")


def test_a_deleted_tables_stream_is_read_to_its_end(cloud: Cloud) -> None:
    cloud.table(view="KEYS_ONLY")
    function = cloud.function(TAKE_NOTES)
    mapping = cloud.mapping(function, Enabled=False)
    mapping.wait_settled()
    cloud.put("a", "b")
    cloud.dynamodb.delete_table(TableName=cloud.name)
    cloud.dynamodb.get_waiter("table_not_exists").wait(TableName=cloud.name, WaiterConfig={"Delay": 1})
    mapping.update(Enabled=True)
    function.wait_seen("ab")


def test_filters_let_only_their_records_through(cloud: Cloud) -> None:
    cloud.table(view="NEW_IMAGE")
    cloud.put("a", kind={"S": "good"})
    cloud.put("b", kind={"S": "bad"})
    cloud.put("c", kind={"S": "good"})
    function = cloud.function(TAKE_NOTES)
    pattern = '{"dynamodb": {"NewImage": {"kind": {"S": ["good"]}}}}'
    mapping = cloud.mapping(function, FilterCriteria={"Filters": [{"Pattern": pattern}]})
    function.wait_seen("ac")
    assert function.seen_ids() == ["a", "c"]
    assert mapping.get()["FilterCriteria"]["Filters"][0]["Pattern"] == pattern


def test_changed_settings_take_effect(cloud: Cloud) -> None:
    cloud.table(view="KEYS_ONLY")
    function = cloud.function(TAKE_NOTES)
    mapping = cloud.mapping(function, BatchSize=1)
    mapping.wait_settled()
    mapping.update(BatchSize=10, MaximumBatchingWindowInSeconds=1)
    cloud.put(*"abc")
    function.wait_seen("abc")
    assert function.seen() == [["a", "b", "c"]]
