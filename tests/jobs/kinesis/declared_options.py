"""The options that each line of the connector declares, as its sources have them.

https://github.com/apache/flink-connector-aws, paths below flink-connector-aws/: for connector-4 (tag v4.3.0-rc2)
flink-connector-kinesis/…/config/ConsumerConfigConstants.java, whose `flink.` is `scan.` for a table and whose
`initpos.timestamp` is `initpos-timestamp` there (…/table/KinesisConsumerOptionsUtil.java); for the others (v5.1.0 and
v6.0.1-rc1, the same) flink-connector-aws-kinesis-streams/…/source/config/KinesisSourceConfigOptions.java. The sink's
are in …/table/KinesisConnectorOptions.java, in AsyncClientOptionsUtils.java, and in Flink's AsyncSinkConnectorOptions.
"""

_TRIES = ("maxretries", "backoff.base", "backoff.max", "backoff.expconst")
_SINK = {
    "sink.batch.max-size",
    "sink.requests.max-inflight",
    "sink.requests.max-buffered",
    "sink.flush-buffer.size",
    "sink.flush-buffer.timeout",
    "sink.partitioner",
    "sink.partitioner-field-delimiter",
    "sink.fail-on-error",
    "sink.http-client.max-concurrency",
    "sink.http-client.read-timeout",
    "sink.http-client.protocol.version",
}
_COMMON = _SINK | {"aws.region", "aws.endpoint"}
_LATER = _COMMON | {
    "stream.arn",
    "source.init.position",
    "source.init.timestamp",
    "source.init.timestamp.format",
    "source.shard.discovery.interval",
    "source.shard.get-records.max-record-count",
    "source.reader.type",
    "source.reader.empty-records-fetch-interval",
    "source.efo.lifecycle",
    "source.efo.consumer.name",
    "source.efo.subscription.timeout",
    "source.efo.describe.retry-strategy.delay.min",
    "source.efo.describe.retry-strategy.delay.max",
    "source.efo.describe.retry-strategy.attempts.max",
    "source.efo.deregister.timeout",
}
DECLARED = {
    "connector-4": _COMMON
    | {
        "stream",
        "scan.shard-assigner",
        "scan.stream.recordpublisher",
        "scan.stream.efo.consumername",
        "scan.stream.efo.registration",
        "scan.stream.efo.consumerarn.",
        "scan.stream.efo.http-client.max-concurrency",
        "scan.stream.efo.http-client.read-timeout",
        "scan.stream.initpos",
        "scan.stream.initpos-timestamp",
        "scan.stream.initpos-timestamp-format",
        "scan.stream.registerstreamconsumer.timeout",
        "scan.stream.deregisterstreamconsumer.timeout",
        "scan.shard.subscribetoshard.timeout",
        "scan.shard.consumer.error.recoverable",
        "scan.shard.getrecords.maxrecordcount",
        "scan.shard.getrecords.intervalmillis",
        "scan.shard.discovery.intervalmillis",
        "scan.shard.adaptivereads",
        "scan.shard.idle.interval",
    }
    | {
        f"scan.{request}.{end}"
        for request in (
            "stream.describe",
            "list.shards",
            "stream.describestreamconsumer",
            "stream.registerstreamconsumer",
            "stream.deregisterstreamconsumer",
            "shard.subscribetoshard",
            "shard.getrecords",
            "shard.getiterator",
        )
        for end in _TRIES
    },
    "connector-5": _LATER,
    "flink-2.2": _LATER,
}
"""Line → names. One that ends in a dot is followed by the name of a stream.

Not here, since a table does not use them: scan.watermark.*, the deprecated sink.producer.*, and the later lines'
source.shard-assigner, which nothing reads, and retry-strategy.*, which a table refuses.
"""
