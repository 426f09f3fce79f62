"""The only creator of streams, consumers and buckets: `python -m libs.runtime.provision`.

Services bind to what is made here, so that they run without the broker's admin rights. Running it again changes a
stream to what `libs.contracts.streams` says and loses nothing.
"""

import asyncio
import os
import re
import sys

from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js import JetStreamManager
from nats.js.api import AckPolicy, ConsumerConfig, DiscardPolicy, RetentionPolicy, StorageType, StreamConfig
from nats.js.errors import NotFoundError

from libs.contracts.streams import BUCKETS, CONSUMERS, EVENTS, STREAMS, Bucket, Consumer, Stream

OLDEST_BROKER = (2, 14, 7)  # older ones silently ignore newer fields


class UnfitBroker(Exception):
    """The broker cannot keep what Deskbus promises; the message says why."""


def check_version(version: str) -> None:
    """Refuse a broker that is too old.

    Raises:
        UnfitBroker: with the version that is needed.
    """
    numbers = tuple(int(number) for number in re.findall(r"\d+", version)[:3])
    if numbers < OLDEST_BROKER:
        needed = ".".join(map(str, OLDEST_BROKER))
        raise UnfitBroker(f"nats-server {version} is too old: Deskbus needs {needed} or later")


async def provision(client: Client) -> list[str]:
    """Make or update all streams, buckets and consumers; give their names."""
    check_version(str(client.connected_server_version))
    manager = JetStreamManager(client)
    for stream in STREAMS:
        await _put_stream(manager, _stream_config(stream))
    for bucket in BUCKETS:
        await _put_stream(manager, _bucket_config(bucket))
    for consumer in CONSUMERS:
        await manager.add_consumer(EVENTS.name, _consumer_config(consumer))  # pyright: ignore[reportUnknownMemberType]
    made = [stream.name for stream in STREAMS] + [bucket.stream for bucket in BUCKETS]
    return made + [consumer.durable for consumer in CONSUMERS]


async def _put_stream(manager: JetStreamManager, config: StreamConfig) -> None:
    try:
        await manager.stream_info(config.name or "")
    except NotFoundError:
        await manager.add_stream(config)  # pyright: ignore[reportUnknownMemberType]
    else:
        await manager.update_stream(config)  # pyright: ignore[reportUnknownMemberType]


def _stream_config(stream: Stream) -> StreamConfig:
    return StreamConfig(
        name=stream.name,
        description=stream.description,
        subjects=stream.subjects,
        retention=RetentionPolicy.LIMITS,
        storage=StorageType.FILE,
        discard=DiscardPolicy.NEW,
        max_age=stream.max_age_s,
        max_bytes=stream.max_bytes,
        duplicate_window=stream.duplicate_window_s,
        allow_direct=True,
    )


def _bucket_config(bucket: Bucket) -> StreamConfig:
    return StreamConfig(
        name=bucket.stream,
        description=bucket.description,
        subjects=bucket.subjects,
        retention=RetentionPolicy.LIMITS,
        storage=StorageType.FILE,
        discard=DiscardPolicy.NEW,
        max_bytes=bucket.max_bytes,
        allow_rollup_hdrs=True,
        allow_direct=True,
    )


def _consumer_config(consumer: Consumer) -> ConsumerConfig:
    return ConsumerConfig(
        durable_name=consumer.durable,
        description=consumer.description,
        filter_subject=consumer.filter_subject,
        ack_policy=AckPolicy.EXPLICIT,
        ack_wait=consumer.ack_wait_s,
        max_deliver=consumer.max_deliver,
    )


async def _main(url: str) -> list[str]:
    client = Client()
    await client.connect(url.split(","), name="deskbus-provision", max_reconnect_attempts=5, connect_timeout=2)
    try:
        return await provision(client)
    finally:
        await client.close()


def main() -> None:
    """Provision the broker of DESKBUS_NATS_URL."""
    url = os.environ.get("DESKBUS_NATS_URL", "nats://127.0.0.1:4222")
    try:
        names = asyncio.run(_main(url))
    except (OSError, TimeoutError, NatsError, UnfitBroker) as fault:
        sys.exit(f"provisioning failed: {fault or type(fault).__name__}")
    print("provisioned: " + ", ".join(names))


if __name__ == "__main__":
    main()
