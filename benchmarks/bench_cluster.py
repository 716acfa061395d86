"""A dask frame on three worker processes: rows an hour through its one sender, and its memory."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from common import PLENTY, Place, Report, in_child, peak_bytes, place, prompts

if TYPE_CHECKING:
    import pandas as pd

FEW, MANY, PARTITION = 2_000, 8_000, 200
WORKERS = 3
MIB = 1024**2


def cluster(where: Place, rows: int) -> tuple[float, float]:
    """Send a table from three workers; give the sender's rows a second, and its peak in MiB."""
    import dask.dataframe as dd
    import distributed

    with (
        where.configure(),
        distributed.LocalCluster(
            n_workers=WORKERS,
            threads_per_worker=1,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
        ) as workers,
        distributed.Client(workers),
    ):
        frame = dd.from_pandas(prompts(rows), npartitions=rows // PARTITION)
        began = time.perf_counter()
        done = frame.pruna.generate("prompt", progress=False)["status"].compute()
        taken = time.perf_counter() - began
    assert (done == "succeeded").all()  # noqa: S101 - what follows is about nothing otherwise
    return rows / taken, peak_bytes() / MIB


def alone(where: Place, rows: int) -> tuple[float, float]:
    """Send the same table from a frame of pandas, in one process."""
    with where.configure():
        frame = prompts(rows)
        began = time.perf_counter()
        frame.pruna.generate("prompt", progress=False)
        return rows / (time.perf_counter() - began), peak_bytes() / MIB


def wide_part(number: int) -> pd.DataFrame:
    """Make a partition of 100 rows with 51 MB beside their prompts."""
    import numpy as np

    values = np.random.default_rng(number)
    beside = {f"vector_{each}": list(values.random((100, 8000))) for each in range(8)}
    return prompts(100, f"a lighthouse, {number},").assign(**beside)


def larger_than_memory(where: Place) -> tuple[float, bool]:
    """Send a table of 1 GB from two workers of 500 MB; give the larger peak, and if both lived."""
    import dask.dataframe as dd
    import distributed

    with (
        where.configure(),
        distributed.LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            memory_limit="500MB",
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
        ) as workers,
        distributed.Client(workers) as client,
    ):
        before = client.run(os.getpid)
        frame = dd.from_map(wide_part, range(20), meta=wide_part(0).iloc[:0])
        done = frame.pruna.generate("prompt", progress=False)[["status"]].compute()
        assert (done["status"] == "succeeded").all()  # noqa: S101 - as above
        return max(client.run(peak_bytes).values()) / MIB, client.run(os.getpid) == before


def main() -> None:
    """Measure both on an emulator without a limit."""
    with Report(__file__) as report:
        figures = []
        for measured, rows in ((alone, FEW), (cluster, FEW), (cluster, MANY)):
            with place(limits={"p-image": PLENTY}, latency=0) as (where, service):
                figures.append(in_child(measured, where, rows))
                charged, refused = service.charged, service.refused
        (one, one_mib), (few, few_mib), (many, many_mib) = figures
        report.add(
            f"{MANY:,} rows in partitions of {PARTITION}, {WORKERS} workers, no limit: rows/hour",
            ours=f"{many * 3600:,.0f} rows an hour",
            beside=f"the largest limit 15,000; pandas in one process {one * 3600:,.0f}",
            ratio=many * 3600 / 15_000,
            at_least=4,
            also={"each charged once": charged == MANY, "refused 0": refused == 0},
        )
        with place(limits={"p-image": PLENTY}, latency=0) as (where, _):
            peak, both_lived = in_child(larger_than_memory, where)
        report.add(
            "a table of 1 GB through two workers of 500 MB: a worker's peak / its limit",
            ours=f"{peak:.0f} MiB",
            beside="477 MiB allowed",
            ratio=peak / 477,
            at_most=0.95,
            also={"no worker was restarted": both_lived},
        )
        report.add(
            f"the sender's memory, {MANY:,} rows / {FEW:,} rows",
            ours=f"{many_mib:.0f} MiB",
            beside=f"{FEW:,} rows {few_mib:.0f} MiB at {few:,.0f} rows/s; pandas {one_mib:.0f} MiB",
            ratio=many_mib / few_mib,
            at_most=1.5,
        )


if __name__ == "__main__":
    main()
