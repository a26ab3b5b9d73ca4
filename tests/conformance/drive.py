#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
#
# Runs one suite against one runtime, each test in a process of its own and
# bounded in time, in pid and mount namespaces that take with them whatever it
# leaves. The result is TAP; what a test said goes to a folder of logs.
#
# usage: drive.py SUITE SOURCES RUNTIME OUT.tap [--jobs N] [--timeout S]
#                 [--only REGEX]
import argparse
import concurrent.futures
import os
import pty
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import tty

PYTHON = "/usr/bin/python3"
OUTPUT_MAX = 1 << 20

# The pid namespace's first process reaps; a hybrid cgroup tree is hidden from
# peers that refuse one.
INSIDE = """
umount /sys/fs/cgroup/unified 2>/dev/null
[ -z "$CGROUP2" ] || mount -t cgroup2 conformance /sys/fs/cgroup || exit 99
mount -t tmpfs conformance "$SCRATCH" || exit 99
cd "$SCRATCH" && mkdir tests && ln -s "$INIT" tests/init || exit 99
"$@" &
wait $!
"""


def crun_tests(src):
    """The names that each file of the suite lists in its table."""
    folder = os.path.join(src, "tests")
    for name in sorted(os.listdir(folder)):
        if not re.fullmatch(r"test_\w+\.py", name):
            continue
        code = ("import sys, importlib; sys.path.insert(0, '.'); "
                "m = importlib.import_module(sys.argv[1]); "
                "print('\\n'.join(m.all_tests))")
        out = subprocess.run([PYTHON, "-B", "-c", code, name[:-3]],
                             cwd=folder, capture_output=True, text=True)
        if out.returncode != 0:
            raise SystemExit("drive: %s: %s" % (name, out.stderr))
        for test in out.stdout.split():
            yield name, test


def runc_tests(src):
    folder = os.path.join(src, "tests", "integration")
    for name in sorted(os.listdir(folder)):
        if not name.endswith(".bats"):
            continue
        with open(os.path.join(folder, name), encoding="utf-8") as f:
            for m in re.finditer(r'^@test "(.*)" {$', f.read(), re.M):
                yield name, re.sub(r"\\(.)", r"\1", m.group(1))


def crun_command(src, name, test, env):
    env["RUN_TESTS"] = test
    return [PYTHON, "-B", os.path.join(src, "tests", name)]


def runc_command(src, name, test, env):
    env["RUN_TMP"] = env["SCRATCH"]
    return ["bats", "--tap", "-f", "^" + re.escape(test) + "$",
            os.path.join(src, "tests", "integration", name)]


SUITES = {
    "crun": (crun_tests, crun_command),
    "runc": (runc_tests, runc_command),
}


def verdict(output):
    """What the one test of a run came to; a run without any is a failure."""
    found = re.findall(r"(not ok|ok) 1\b(.*)$", output, re.M)
    if len(found) != 1:
        return "fail", "no result"
    word, rest = found[0]
    if word != "ok":
        return "fail", ""
    m = re.search(r"#\s*skip\b\s*(.*)", rest, re.I)
    if m:
        return "skip", m.group(1).strip("() ")
    return "pass", ""


def run_bounded(argv, env, timeout):
    """Output of ARGV on a terminal of its own, and whether it was too late."""
    master, slave = pty.openpty()
    tty.setraw(slave)
    p = subprocess.Popen(["setsid", "--ctty"] + argv, env=env, stdin=slave,
                         stdout=slave, stderr=slave)
    os.close(slave)
    output = bytearray()

    def collect():
        try:
            while len(output) < OUTPUT_MAX:
                output.extend(os.read(master, 65536))
        except OSError:
            pass  # the last writer is gone

    reader = threading.Thread(target=collect, daemon=True)
    reader.start()
    late = False
    try:
        p.wait(timeout)
    except subprocess.TimeoutExpired:
        late = True
    try:
        os.killpg(p.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    p.wait()
    thaw()
    reader.join(5)
    os.close(master)
    return output.decode("utf-8", "replace"), late


def thaw():
    """One test of crun's freezes a process and gives up when that fails."""
    frozen = "/sys/fs/cgroup/freezer/frozen"
    for _ in range(50):
        try:
            with open(frozen + "/freezer.state", "w", encoding="ascii") as f:
                f.write("THAWED")
            os.rmdir(frozen)
        except FileNotFoundError:
            return
        except OSError:
            time.sleep(0.1)


def run_one(args, name, test):
    scratch = tempfile.mkdtemp(prefix="kiln-conf-")
    env = dict(os.environ, SCRATCH=scratch, TMPDIR=scratch,
               CGROUP2="1" if args.cgroup2 else "",
               PYTHONDONTWRITEBYTECODE="1")
    argv = SUITES[args.suite][1](args.src, name, test, env)
    start = time.monotonic()
    output, late = run_bounded(
        ["unshare", "--mount", "--pid", "--fork", "--kill-child",
         "--mount-proc", "bash", "-c", INSIDE, "conformance"] + argv,
        env, args.timeout)
    shutil.rmtree(scratch, ignore_errors=True)
    what, why = ("fail", "timeout") if late else verdict(output)
    return what, why, time.monotonic() - start, output


def results(args, tests):
    """Of all tests, in their order. One that was too late runs once more, alone:
    a busy host is nobody's failure."""
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        runs = [pool.submit(run_one, args, *t) for t in tests]
        found = [run.result() for run in runs]
    for test, result in zip(tests, found):
        if result[1] == "timeout" and args.jobs > 1:
            result = run_one(args, *test)
        yield test, result


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("suite", choices=sorted(SUITES))
    ap.add_argument("src")
    ap.add_argument("out")
    ap.add_argument("--jobs", type=int, default=1)
    ap.add_argument("--timeout", type=float, default=60)
    ap.add_argument("--cgroup2", action="store_true",
                    help="show a version 2 tree only, as guests have")
    ap.add_argument("--only", default="")
    args = ap.parse_args()
    args.src = os.path.abspath(args.src)
    tests = [t for t in SUITES[args.suite][0](args.src)
             if re.search(args.only, "%s %s" % t)]
    logs = os.path.splitext(args.out)[0] + ".logs"
    os.makedirs(logs, exist_ok=True)
    with open(args.out, "w", encoding="utf-8") as tap:
        print("1..%d" % len(tests), file=tap)
        for i, ((name, test), result) in enumerate(results(args, tests), 1):
            what, why, seconds, output = result
            label = "%s: %s" % (name.rsplit(".", 1)[0], test)
            tail = " # SKIP " + why if what == "skip" else \
                " # " + why if why else ""
            print("%s %d - %s%s" % ("not ok" if what == "fail" else "ok",
                                    i, label, tail), file=tap, flush=True)
            where = re.sub(r"[^A-Za-z0-9_.-]+", "_", label) + ".log"
            with open(os.path.join(logs, where), "w", encoding="utf-8") as f:
                f.write("%s in %.1f s\n%s" % (what, seconds, output))


if __name__ == "__main__":
    main()
