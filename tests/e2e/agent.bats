#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# The agent's calls in a guest of its own, with all controllers of cgroup v2.

@test "the agent of a guest: limits, events, devices, clocks, volumes" {
	run tests/protocol/guest.sh "${KILN_TEST_ARCH:-$(uname -m)}"
	echo "$output"
	[ "$status" = 0 ]
}
