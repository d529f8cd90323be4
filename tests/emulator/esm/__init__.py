# Copyright: Contributors to the Sealift project
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine of event source mappings on DynamoDB streams, with Lambda's semantics.

A mapping has one `Poller` (poller.py) that reads the stream and deals its records to lanes by their keys; a `Lane`
(lane.py) forms batches and invokes the function, one batch after the other. What an invocation's result means is
decided in batch.py, without threads or AWS.
"""
