"""Draw for all functions in turn, and print what broke its promise."""

import faulthandler
import sys
import time
from collections import Counter

from marketsai_lite.running.output import print_anything
from tests.edges.attempt import SECONDS, attempt
from tests.edges.cases import CASES, SLOW


def main(seed, draws):
    print_anything()
    cases = list(CASES.items()) * 20 + list(SLOW.items())
    counts, wrong = Counter(), Counter()
    slowest = Counter()
    for k in range(draws):
        name, (function, draw) = cases[k % len(cases)]
        faulthandler.dump_traceback_later(SECONDS, exit=True)
        start = time.perf_counter()
        found = attempt(function, draw, [seed, k])
        slowest[name] = max(slowest[name], time.perf_counter() - start)
        faulthandler.cancel_dump_traceback_later()
        counts[found if found in ("result", "refused") else "wrong"] += 1
        if found not in ("result", "refused"):
            wrong[name] += 1
            if wrong[name] <= 3:
                print(f"{name} at [{seed}, {k}]: {found}", flush=True)
    print(dict(counts), dict(wrong), [(n, round(s, 2)) for n, s in slowest.most_common(6)])
    return bool(wrong)


if __name__ == "__main__":
    faulthandler.enable()
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2])))
