"""`make bench`: every network on every installed engine; a table and a CSV under out/bench/.

python -m benchmarks [NAME ...] [--threads 1,2] [--batch 1,8,32] [--rounds 5] [--seconds 1]
"""

from __future__ import annotations

import argparse
import csv
import datetime
import math
import platform
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.networks import CASES, Case
from convariant.compiler.peak import peak_gflops
from convariant.compiler.peers import ENGINES, Lap, installed, prepare, race

COLUMNS = ("network", "batch", "threads", "engine", "version", "best_ms", "median_ms", "error")


def main() -> None:
    arguments = parse()
    engines = list(installed())
    out = Path("out/bench")
    out.mkdir(parents=True, exist_ok=True)
    rows, lines = [], [machine(), "", header(engines), rule(engines)]
    for name in arguments.networks or CASES:
        for batch in arguments.batch:
            for threads in arguments.threads:
                laps = run(CASES[name], batch, threads, engines, arguments)
                rows += [row(name, batch, threads, lap) for lap in laps]
                lines.append(markdown(name, batch, threads, laps))
                print(lines[-1], flush=True)
                (out / "bench.md").write_text("\n".join(lines) + "\n")
                with (out / "bench.csv").open("w", newline="") as file:
                    csv.writer(file).writerows([COLUMNS, *rows])
    print(f"\n{machine()}\nwritten: {out / 'bench.md'}, {out / 'bench.csv'}")


def parse(words: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "networks", nargs="*", type=known, help=f"{', '.join(CASES)}; all where none is named"
    )
    parser.add_argument("--threads", type=numbers, default=[1, 2])
    parser.add_argument("--batch", type=numbers, default=[1])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0)
    return parser.parse_args(words)


def known(name: str) -> str:
    if name not in CASES:
        raise argparse.ArgumentTypeError(f"no network {name!r}: one of {', '.join(CASES)}")
    return name


def numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(",")]


def run(
    case: Case, batch: int, threads: int, engines: list[str], arguments: argparse.Namespace
) -> list[Lap]:
    with tempfile.TemporaryDirectory() as folder:
        files = prepare(
            case.network(), case.example(batch), Path(folder), [ENGINES[name] for name in engines]
        )
        return race(
            files, engines, threads=threads, rounds=arguments.rounds, seconds=arguments.seconds
        )


def row(name: str, batch: int, threads: int, lap: Lap) -> list[object]:
    version = lap.version or f"failed: {lap.failure}"
    return [name, batch, threads, lap.engine, version, lap.best, lap.median, lap.error]


def header(engines: list[str]) -> str:
    return (
        f"| network | batch | threads | {' | '.join(engines)} | best peer / ours: medians | best |"
    )


def rule(engines: list[str]) -> str:
    return "|---" * (len(engines) + 5) + "|"


def markdown(name: str, batch: int, threads: int, laps: list[Lap]) -> str:
    """Best / median in milliseconds; the last two columns compare medians, and best calls."""
    cells = [
        "failed" if lap.median is None else f"{digits(lap.best)} / {digits(lap.median)}"
        for lap in laps
    ]
    ratios = (ahead([lap.median for lap in laps]), ahead([lap.best for lap in laps]))
    return f"| {name} | {batch} | {threads} | {' | '.join((*cells, *ratios))} |"


def ahead(times: Sequence[float | None]) -> str:
    """The least time of the others by the first, which is ours."""
    ours, *others = times
    peers = [time for time in others if time is not None]
    return f"{min(peers) / ours:.2f}" if ours and peers else "-"


def digits(milliseconds: float) -> str:
    """Three significant digits, as the shortest calls take microseconds: 0.00841, 9.20, 142."""
    return f"{milliseconds:.{max(0, 2 - math.floor(math.log10(milliseconds)))}f}"


def machine() -> str:
    model = next(
        (
            text.partition(":")[2].strip()
            for text in Path("/proc/cpuinfo").read_text().splitlines()
            if text.startswith("model name")
        ),
        platform.machine(),
    )
    versions = ", ".join(f"{name} {engine.version}" for name, engine in installed().items())
    return (
        f"{datetime.date.today()}, {model}, peak {peak_gflops():.0f} GFLOP/s a core; float32, best "
        f"/ median ms; {versions}"
    )


if __name__ == "__main__":
    main()
