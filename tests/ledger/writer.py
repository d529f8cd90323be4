# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The application as a process: writes at a steady rate, from several threads, until it is told to end.

Says `writing` once each thread does. At its end (SIGTERM) it writes a report to a file: see report.py.
"""

import argparse
import json
import os
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from tests.ledger.book import Book
from tests.ledger.client import Client
from tests.ledger.mix import Mix
from tests.ledger.pointer import Pointer
from tests.ledger.report import PROGRESS
from tests.ledger.samples import key
from tests.ledger.sender import Sender
from tests.ledger.values import Item, items, key_text


def main() -> None:
    arguments = _parse()
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    # A write that botocore itself tried again would meet its own first try.
    options = Config(
        max_pool_connections=arguments.threads,
        parameter_validation=False,
        retries={"mode": "standard", "total_max_attempts": 1},
    )
    try:
        clients = _clients(arguments, boto3.client("dynamodb", config=options), stop)
        with ThreadPoolExecutor(len(clients)) as pool:
            running = [pool.submit(client.run) for client in clients]
            _wait(stop, clients, arguments.report.with_suffix(PROGRESS))
        for future in running:
            future.result()
    except (BotoCoreError, ClientError) as error:
        sys.exit(f"The application can't go on: {error}")
    finally:
        stop.set()
    arguments.report.write_text(json.dumps([client.book.as_json() for client in clients]), encoding="utf-8")


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.ledger.writer", description=__doc__)
    parser.add_argument("--pointer", required=True, help="the SSM parameter that holds the table's name")
    parser.add_argument("--keys", type=int, required=True, help="how many keys to choose from")
    parser.add_argument("--first-key", type=int, default=0, help="the number of the first of them (%(default)s)")
    parser.add_argument("--rate", type=float, required=True, help="writes a second")
    parser.add_argument("--seed", type=int, required=True, help="of the random items and writes")
    parser.add_argument("--threads", type=int, default=4, help="(%(default)s)")
    parser.add_argument("--mix", type=Mix.from_json, default=Mix(), help="what to write how often, as JSON")
    parser.add_argument("--report", type=Path, required=True, help="the file to write at the end")
    arguments = parser.parse_args()
    arguments.threads = min(arguments.threads, arguments.keys)
    return arguments


def _clients(arguments: argparse.Namespace, dynamodb: Any, stop: threading.Event) -> list[Client]:
    """Return the threads' clients; every key belongs to one, which knows what the table holds by now."""
    pointer = Pointer(boto3.client("ssm"), arguments.pointer)
    schema = _key_schema(dynamodb, pointer.table())
    found = dict(items(dynamodb, pointer.table()))
    clients = []
    for place in range(arguments.threads):
        numbers = range(arguments.first_key + place, arguments.first_key + arguments.keys, arguments.threads)
        keys = [key(schema, number) for number in numbers]
        texts = [key_text(each, list(schema)) for each in keys]
        book = Book(list(schema), {text: found.get(text) for text in texts})
        sender = Sender(dynamodb, pointer, book, stop)
        random = Random(f"{arguments.seed}/{place}")
        rate = arguments.rate / arguments.threads
        clients.append(Client(sender, book, keys, arguments.mix, random, rate, stop))
    return clients


def _key_schema(dynamodb: Any, table: str) -> Item:
    described = dynamodb.describe_table(TableName=table)["Table"]
    types = {each["AttributeName"]: each["AttributeType"] for each in described["AttributeDefinitions"]}
    schema = sorted(described["KeySchema"], key=lambda part: part["KeyType"])
    return {part["AttributeName"]: types[part["AttributeName"]] for part in schema}


def _wait(stop: threading.Event, clients: list[Client], progress: Path) -> None:
    """Wait for the end, also for that of a parent that could not say so; keep telling how many were acknowledged."""
    parent = os.getppid()
    announced = False
    while not stop.wait(0.1):
        if not announced and all(client.book.times for client in clients):
            print("writing", flush=True)
            announced = True
        _tell(progress, sum(len(client.book.times) for client in clients))
        if os.getppid() != parent:
            stop.set()


def _tell(path: Path, acknowledged: int) -> None:
    """Leave no moment in which half of it could be read."""
    new = path.with_suffix(".new")
    new.write_text(str(acknowledged), encoding="utf-8")
    new.replace(path)


if __name__ == "__main__":
    main()
