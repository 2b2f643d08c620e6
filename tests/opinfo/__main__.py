"""Compares operators of PyTorch's database and prints what differs: `python -m tests.opinfo add nn.functional.* -v`."""

import argparse
import fnmatch

from .comparing import compare
from .database import DTYPES, operators, torch


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.opinfo", description=__doc__)
    parser.add_argument("names", nargs="*", help="operators, with * for any text; all by default")
    parser.add_argument("--dtype", choices=DTYPES, help="only this dtype")
    parser.add_argument("--failures", type=int, default=3, help="how many failures of each are printed")
    chosen = parser.parse_args()
    compared = failed = 0
    for name, entry in operators().items():
        if chosen.names and not any(fnmatch.fnmatch(name, p) or fnmatch.fnmatch(entry.name, p) for p in chosen.names):
            continue
        for dtype in DTYPES:
            if getattr(torch, dtype) not in entry.dtypes or chosen.dtype not in (None, dtype):
                continue
            tally = compare(name, entry, dtype)
            compared += tally.compared
            failed += len(tally.failures)
            state = f"{len(tally.failures)} DIFFER" if tally.failures else "ok"
            print(f"{name:45} {dtype:8} {tally.compared:5} compared {tally.left_out:4} left out  {state}", flush=True)
            for failure in tally.failures[: chosen.failures]:
                print("   ", failure.replace("\n\n", "\n").replace("\n", "\n    ")[:1500])
    print(f"{compared} samples agree, {failed} differ")


main()
