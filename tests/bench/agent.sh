#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
#   agent.sh ARCH
#
# agent-cost in a guest of its own, with $RUNS: see tests/bench/agent_cost.c.
set -euo pipefail
cd "$(dirname "$0")/../.."
O=$(realpath "${O:-build}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat >"$work/cost" <<PROGRAM
#!/bin/bash
exec "$O/tests/bench/agent-cost" "\$KILN_AGENT_SOCKET" "${RUNS:-5}" >"$work/result"
PROGRAM
chmod +x "$work/cost"
KILN_O=$O tests/protocol/guest.sh "$1" "$work/cost" >"$work/log" 2>&1 ||
	{ cat "$work/log" >&2; exit 1; }
cat "$work/result"
