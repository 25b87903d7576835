"""Tell when a product's stock falls below its threshold: the entry point, here and on a cluster."""

import sys

from alerting import jvm, run

if __name__ == "__main__":
    status = run.main()
    # On a cluster, Flink takes any exit of the script, 0 too, for a failure to submit the job.
    if status or not jvm.on_cluster():
        sys.exit(status)
