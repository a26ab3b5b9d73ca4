#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
#
# Shows the results of a suite as a table and what differs from what is
# expected: lines of "pass|fail|skip|either NAME", what does not pass with
# " # REASON". "either" is for what the speed of the host decides.
#
# usage: compare.py SUITE FOLDER EXPECTED [--update]
import os
import re
import sys


def read_tap(path):
    results = {}
    with open(path, encoding="utf-8") as f:
        for line in f:
            m = re.match(r"(not ok|ok) \d+ - (.*?)(?: # (.*))?$",
                         line.rstrip("\n"))
            if m:
                skipped = (m[3] or "").startswith("SKIP")
                results[m[2]] = ("skip" if skipped else
                                 "pass" if m[1] == "ok" else "fail")
    return results


def read_expected(path):
    expected = {}
    if not os.path.exists(path):
        return expected
    with open(path, encoding="utf-8") as f:
        for number, line in enumerate(f, 1):
            line = line.rstrip("\n")
            if not line or line.startswith("#"):
                continue
            m = re.fullmatch(r"(pass|fail|skip|either) (.*?)(?: # (.+))?", line)
            if not m or (m[1] != "pass" and not m[3]):
                raise SystemExit("%s:%d: not 'RESULT NAME # REASON'"
                                 % (path, number))
            expected[m[2]] = (m[1], m[3] or "")
    return expected


def count(results, what):
    return sum(r == what for r in results.values())


def print_table(suite, runs):
    # Engines are no runtimes: theirs is runc.
    own = suite if suite in ("crun", "runc") else "runc"
    print("\n%-15s %-8s %6s %6s %6s" % ("suite", "runtime", "pass", "fail",
                                       "skip"))
    for name, results in runs.items():
        print("%-15s %-8s %6d %6d %6d"
              % (suite, own if name == "peer" else name,
                 count(results, "pass"), count(results, "fail"),
                 count(results, "skip")))
    peer = {t for t, r in runs["peer"].items() if r == "pass"}
    both = sum(runs["kiln"].get(t) == "pass" for t in peer)
    if peer:
        print("of what %s passes, kiln passes %d of %d: %.1f %%"
              % (own, both, len(peer), 100.0 * both / len(peer)))


def differences(results, expected):
    for name, result in results.items():
        want = expected.get(name, ("nothing", ""))[0]
        if result != want and (want != "either" or result == "skip"):
            yield "%s: %s, expected %s" % (name, result, want)
    for name in expected:
        if name not in results:
            yield "%s: not run" % name


def update(path, results, expected):
    with open(path, "w", encoding="utf-8") as f:
        for name, result in results.items():
            want, reason = expected.get(name, ("", ""))
            reason = reason or "to be looked at"
            if want == "either":
                result = want
            f.write("%s %s%s\n" % (result, name, "" if result == "pass"
                                   else " # " + reason))


def main():
    suite, folder, path = sys.argv[1:4]
    runs = {}
    for name in ("peer", "runc", "kiln"):
        tap = os.path.join(folder, "%s.%s.tap" % (suite, name))
        if os.path.exists(tap):
            runs[name] = read_tap(tap)
    expected = read_expected(path)
    print_table(suite, runs)
    if "--update" in sys.argv[4:]:
        update(path, runs["kiln"], expected)
        return 0
    found = list(differences(runs["kiln"], expected))
    for line in found:
        print("  " + line)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
