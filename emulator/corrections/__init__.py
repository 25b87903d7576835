"""What moto lacks or does differently from AWS, corrected in the process that serves it."""


def apply(limit_reads: bool = False) -> None:
    """Correct the moto of this process; call it before the server starts. A second call changes nothing.

    Args:
        limit_reads: whether to refuse more than five reads a second of a shard of Kinesis, as AWS does.
    """
    from emulator.corrections import kinesis, mappings, resources, sns, stacks

    kinesis.apply(limit_reads=limit_reads)
    for correction in (mappings, stacks, resources, sns):
        correction.apply()
