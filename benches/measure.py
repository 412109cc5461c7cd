#!/usr/bin/env python3
"""Measures tightfit, floors and peers on generated logs in one run, and writes the tables of docs/performance.md.

    benches/measure.py [--bytes N] [--large N] [--slow N] [--callers N] [--runs R] [--work DIR] [--tightfit FILE] [--write]

Needs cargo, and from Debian g++, libdeflate-dev and libsimdjson-dev. Peers come from PyPI into an environment of this script's own.
The commands of a table take turns, --runs times each; a figure is the median of its runs. CPU seconds are user and system time with all
threads and children; memory is peak resident memory. All tools run in one thread where not said otherwise, and every tool that counts
must find the same records and groups. Logs are made once per size and kept in --work. Without --write the tables are printed alone.
"""

import argparse
import json
import os
import pathlib
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time
import venv

ROOT = pathlib.Path(__file__).resolve().parent.parent
BEGIN, END = "<!-- measured: benches/measure.py --write -->", "<!-- end of measured -->"
PINS = ["duckdb==2.0.0", "chdb==4.4.0", "polars==2.1.0", "trailscraper==0.10.0"]
FINAL = "2099-12-31"


class Run:
    """What one command took: CPU and wall seconds, peak memory in MB."""

    def __init__(self, cpu, wall, peak):
        self.cpu, self.wall, self.peak = cpu, wall, peak


def once(command, said):
    """Runs a command; gives what it took, and leaves what it printed in the file `said`."""
    with open(said, "w+", encoding="utf-8") as out, tempfile.TemporaryFile("w+") as errors:
        begun = time.monotonic()
        process = subprocess.Popen([str(part) for part in command], stdout=out, stderr=errors)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - begun
        process.returncode = code = os.waitstatus_to_exitcode(status)
        # Of tightfit: 3 is a verdict that is not clean, 4 findings, 5 a recording with holes; the work was done.
        if code not in (0, 3, 4, 5):
            errors.seek(0)
            sys.exit(f"{command} ended with {code}: {errors.read()[-2000:]}")
    return Run(usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss / 1024)


class Lab:
    """Tools and logs."""

    def __init__(self, chosen):
        self.chosen, self.work, self.runs = chosen, chosen.work.resolve(), chosen.runs
        self.work.mkdir(parents=True, exist_ok=True)
        target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release"
        wanted = ["--example", "generate-log"] + ([] if chosen.tightfit else ["--bin", "tightfit"])
        subprocess.run(["cargo", "build", "--locked", "--release", *wanted], cwd=ROOT, check=True)
        self.tightfit = chosen.tightfit or target / "tightfit"
        self.generator = target / "examples/generate-log"
        self.floors = self.work / "floors"
        build = ["g++", "-O3", "-march=native", "-std=c++17", "-o", self.floors, ROOT / "benches/floors/floors.cpp", "-ldeflate", "-lsimdjson"]
        subprocess.run(build, check=True)
        self.bin = self.work / "peers" / "bin"
        self.install()

    def install(self):
        ready = self.work / "peers" / "ready"
        if ready.exists() and ready.read_text() == "\n".join(PINS):
            return
        venv.create(self.work / "peers", with_pip=True, clear=True)
        subprocess.run([self.bin / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PINS], check=True)
        ready.write_text("\n".join(PINS))

    def log(self, kind, size, *more):
        """A generated log, made where it is not there yet."""
        path = self.work / "-".join([kind, str(size), *(word.strip("-") for word in more)])
        if kind == "audit":
            path = path.with_name(path.name + ".jsonl")
        if not path.exists():
            half = path.with_name("half-" + path.name)
            subprocess.run(["rm", "-rf", half], check=True)
            subprocess.run([self.generator, kind, "--bytes", str(size), *more, "--out", half], check=True)
            half.rename(path)
        return path

    def peer(self, tool, kind, path):
        return [self.bin / "python", ROOT / "benches/peers.py", tool, kind, path]

    def profile(self, path, jobs=1, out="profile.parquet"):
        return [self.tightfit, "profile", path, "--cluster", "bench=*", "--jobs", jobs, "--out", self.work / out, "--quiet"]

    def measure(self, commands, runs=None):
        """Medians of each command; they take turns, so that a noisy minute falls on all."""
        taken = {name: [] for name in commands}
        counts = set()
        for _ in range(runs or self.runs):
            for name, command in commands.items():
                said = self.work / "said"
                taken[name].append(once(command, said))
                counts |= {found.group() for found in re.finditer(r"[1-9]\d* records, [1-9]\d* groups", said.read_text(errors="replace"))}
        if len(counts) > 1:
            sys.exit(f"the tools disagree: {sorted(counts)}")
        middle = lambda rows, field: statistics.median(getattr(row, field) for row in rows)
        return {name: Run(*(middle(rows, field) for field in ("cpu", "wall", "peak"))) for name, rows in taken.items()}


class Goals:
    """The table of what is to be reached: each row with what was measured, in words."""

    def __init__(self, avx512):
        self.avx512, self.rows = avx512, []

    def pick(self, pair):
        """Of (AVX-512 figure, AVX2 figure), this machine's; a single figure holds for both."""
        return pair[0 if self.avx512 else 1] if isinstance(pair, tuple) else pair

    def add(self, work, measured, reach, stretch, unit, least=False):
        """A row; `least` where more is better."""
        reach, stretch = self.pick(reach), self.pick(stretch)
        met = lambda bound: bound is not None and (measured >= bound if least else measured <= bound)
        word = "stretch met" if met(stretch) else "met" if met(reach) else "**not met**"
        sign = "≥" if least else "≤"
        spell = lambda figure: "" if figure is None else f"{sign} {figure:,g}{unit}"
        digits = f"{measured:,.0f}" if measured >= 100 else f"{measured:.3g}"
        self.rows.append(f"| {work} | {digits}{unit} | {spell(reach)} | {spell(stretch)} | {word} |")

    def table(self):
        return "\n".join(["| work | measured | reach | stretch | |", "|---|---:|---:|---:|---|", *self.rows]) + "\n"


def table(title, megabytes, figures):
    lines = [f"| {title} | CPU s | MB per CPU s | peak MB |", "|---|---:|---:|---:|"]
    for name, run in figures.items():
        lines.append(f"| {name} | {run.cpu:.2f} | {megabytes / run.cpu:.0f} | {run.peak:.0f} |")
    return "\n".join(lines) + "\n"


def cloudtrail(lab, goals):
    """CloudTrail against the floors and the peers. trailscraper's time grows faster than its log: it has a smaller one."""
    trail, slow = lab.log("cloudtrail", lab.chosen.bytes), lab.log("cloudtrail", lab.chosen.slow)
    files = sorted(trail.iterdir())
    megabytes = lab.chosen.bytes / 1e6
    figures = lab.measure({
        "inflate alone (libdeflate)": [lab.floors, "inflate", *files],
        "libdeflate + simdjson On-Demand, four columns": [lab.floors, "trail", *files],
        "**tightfit profile**": lab.profile(trail),
        "chdb, four columns": lab.peer("chdb", "trail", trail),
        "DuckDB, four columns": lab.peer("duckdb", "trail", trail),
        "polars (Python), four columns": lab.peer("polars", "trail", trail),
    })
    tool = f"'{lab.bin}/trailscraper'"
    scraped = f"{tool} select --log-dir '{slow}' --to {FINAL} > '{lab.work}/selected.json' && {tool} generate < '{lab.work}/selected.json'"
    alone = lab.measure({"trailscraper": ["sh", "-c", scraped]}, runs=1)["trailscraper"]
    rate = lab.chosen.slow / 1e6 / alone.cpu
    inflate, simdjson, ours, chdb, duckdb, _ = figures.values()
    goals.add("CloudTrail → profile, CPU against inflate alone", ours.cpu / inflate.cpu, (2.0, 2.6), (1.6, 2.1), "x")
    goals.add("against libdeflate + simdjson, four columns", ours.cpu / simdjson.cpu, (1.0, 1.3), (0.75, 1.0), "x")
    goals.add("faster than DuckDB", duckdb.cpu / ours.cpu, 7, 9, "x", least=True)
    goals.add("faster than chdb", chdb.cpu / ours.cpu, 5, 7, "x", least=True)
    goals.add(f"faster than trailscraper (on {lab.chosen.slow / 1e6:g} MB)", megabytes / ours.cpu / rate, 150, 200, "x", least=True)
    row = f"| trailscraper select + generate, on {lab.chosen.slow / 1e6:g} MB | {alone.cpu:.2f} | {rate:.1f} | {alone.peak:.0f} |\n"
    return table("CloudTrail .json.gz", megabytes, figures) + row


def kubernetes(lab, goals):
    audit = lab.log("audit", lab.chosen.bytes)
    figures = lab.measure({
        "simdjson iterate_many, four columns": [lab.floors, "audit", audit],
        "**tightfit profile**": lab.profile(audit),
        "chdb, four columns": lab.peer("chdb", "audit", audit),
        "DuckDB, four columns": lab.peer("duckdb", "audit", audit),
        "polars (Python), four columns": lab.peer("polars", "audit", audit),
    })
    simdjson, ours, _, duckdb, _ = figures.values()
    goals.add("Kubernetes audit → profile, CPU against simdjson iterate_many", ours.cpu / simdjson.cpu, 0.8, 0.6, "x")
    goals.add("faster than DuckDB", duckdb.cpu / ours.cpu, 2, 2.5, "x", least=True)
    return table("Kubernetes audit JSON lines", lab.chosen.bytes / 1e6, figures)


def ourselves(lab, goals):
    """Threads, verify, generate from a profile of many, start to end."""
    trail = lab.log("cloudtrail", lab.chosen.bytes)
    policies, many = lab.work / "policies", lab.work / "many.parquet"
    # A record is 2 kB at most and an identity makes six calls at least once.
    crowd = lab.log("cloudtrail", lab.chosen.callers * 12_000, "--callers", str(lab.chosen.callers))
    once([lab.tightfit, "generate", trail, "--out", policies, "--quiet"], lab.work / "said")
    once([lab.tightfit, "profile", crowd, "--out", many, "--quiet"], lab.work / "said")
    figures = lab.measure({
        "profile, one thread": lab.profile(trail),
        "profile, two threads": lab.profile(trail, 2, "two.parquet"),
        "verify, one thread": [lab.tightfit, "verify", trail, "--policies", policies, "--jobs", 1, "--quiet"],
        f"generate from a profile of {lab.chosen.callers:,} identities": [
            lab.tightfit, "generate", many, "--out", lab.work / "many", "--quiet"],
    })
    if (lab.work / "profile.parquet").read_bytes() != (lab.work / "two.parquet").read_bytes():
        sys.exit("two threads wrote another profile than one")
    one, two, verify, generate = figures.values()
    figures["--help, start to end"] = start = lab.measure({"help": [lab.tightfit, "--help"]}, runs=max(21, lab.runs))["help"]
    goals.add("two threads against one, wall", one.wall / two.wall, 1.8, None, "x", least=True)
    goals.add("verify, CPU against profile", verify.cpu / one.cpu, 2.0, 1.3, "x")
    goals.add(f"generate from a profile of {lab.chosen.callers:,} identities, CPU", generate.cpu, 2.0, 1.0, " s")
    goals.add("`tightfit --help`, start to end, wall", start.wall * 1000, 10, 5, " ms")
    lines = ["| tightfit | CPU s | wall s | peak MB |", "|---|---:|---:|---:|"]
    lines += [f"| {name} | {run.cpu:.3f} | {run.wall:.3f} | {run.peak:.0f} |" for name, run in figures.items()]
    return "\n".join(lines) + "\n"


def memory(lab, goals):
    """Peak memory of `profile` on logs of growing size, with object keys and session names without bound; one run each."""
    sizes = [lab.chosen.bytes] + ([lab.chosen.large] if lab.chosen.large else [])
    lines = ["| profile, two threads | decompressed | CPU s | peak MB |", "|---|---:|---:|---:|"]
    peaks = {}

    def add(name, size, path):
        run = once(lab.profile(path, 2, "memory.parquet"), lab.work / "said")
        peaks[name, size] = run.peak
        lines.append(f"| {name} | {size / 1e9:g} GB | {run.cpu:.2f} | {run.peak:.0f} |")
        goals.add(f"peak memory, {name}, {size / 1e9:g} GB", run.peak, 256, 128, " MB")

    for size in sizes:
        add("a trail of .json.gz", size, lab.log("cloudtrail", size))
    if lab.chosen.large:
        one, other = sorted(peaks.values())
        goals.add("the large trail's peak against the small one's", other / one, 1.2, None, "x")
    add("one .json.gz", lab.chosen.bytes, lab.log("cloudtrail", lab.chosen.bytes, "--single"))
    lines_size = lab.chosen.large // 2 or lab.chosen.bytes
    add("one JSON-lines file", lines_size, lab.log("audit", lines_size))
    return "\n".join(lines) + "\n"


def decisions(lab, goals):
    """`decide` alone, as criterion finds it: nanoseconds of one call, in one thread."""
    ran = subprocess.run(["cargo", "bench", "--locked", "--bench", "replay", "--", "decide", "--noplot"], cwd=ROOT, capture_output=True, text=True)
    if ran.returncode:
        sys.exit(f"the bench failed: {ran.stderr[-2000:]}")
    base = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "criterion/decide"
    for name, words in (("iam-50-statements", "decisions per CPU second, IAM, 50 statements"), ("rbac-50-rules", "decisions per CPU second, RBAC, 50 rules")):
        told = json.loads((base / name / "new/estimates.json").read_text())
        goals.add(words, 1e9 / told["median"]["point_estimate"], 1e6, 5e6, "", least=True)


def machine():
    """The machine in words, and whether it has AVX-512."""
    about = pathlib.Path("/proc/cpuinfo").read_text()
    flags = set(next((line for line in about.splitlines() if line.startswith("flags")), "").split())
    model = next((line.split(":", 1)[1].strip() for line in about.splitlines() if line.startswith("model name")), platform.processor())
    simd = "AVX-512" if "avx512bw" in flags else "AVX2" if "avx2" in flags else "neither AVX2 nor AVX-512"
    gigabytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    return f"{model}, {os.cpu_count()} processors, {simd}, {gigabytes:.0f} GB of memory, Linux {platform.release()}", simd == "AVX-512"


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--bytes", type=int, default=2_000_000_000, help="of each log, before compression")
    options.add_argument("--large", type=int, default=0, help="of the large trail whose peak memory is compared; half of it for JSON lines")
    options.add_argument("--slow", type=int, default=20_000_000, help="of trailscraper's log")
    options.add_argument("--callers", type=int, default=10_000, help="identities of the stored profile that `generate` reads")
    options.add_argument("--runs", type=int, default=5)
    options.add_argument("--work", type=pathlib.Path, default=ROOT / "target/measure", help="generated logs and peers are kept here")
    options.add_argument("--tightfit", type=pathlib.Path, help="a binary that is there already")
    options.add_argument("--no-decide", action="store_true", help="leave out `decide` alone, which builds the benches")
    options.add_argument("--write", action="store_true", help="put the tables into docs/performance.md")
    chosen = options.parse_args()
    described, avx512 = machine()
    goals = Goals(avx512)
    lab = Lab(chosen)
    tables = [cloudtrail(lab, goals), kubernetes(lab, goals), ourselves(lab, goals), memory(lab, goals)]
    if not chosen.no_decide:
        decisions(lab, goals)
    size = f"{chosen.bytes / 1e9:g} GB" if chosen.bytes >= 1e9 else f"{chosen.bytes / 1e6:g} MB"
    head = (f"{described}. Each log is {size} before compression; medians of {chosen.runs} runs that took turns "
            f"(memory and trailscraper: one run); {', '.join(pin.replace('==', ' ') for pin in PINS)}.\n")
    text = "\n".join([head, goals.table(), *tables])
    print(text)
    if chosen.write:
        page = ROOT / "docs/performance.md"
        before, rest = page.read_text(encoding="utf-8").split(BEGIN, 1)
        page.write_text(f"{before}{BEGIN}\n\n{text}\n{END}{rest.split(END, 1)[1]}", encoding="utf-8")


if __name__ == "__main__":
    main()
