#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
#   kernel-hardening.sh [--format text|json] ARCH...
#
# Judges the guest kernels of ARCH, as they are configured here, by
# kernel/hardening. KERNEL_CONFIG=file judges that configuration instead. Exits
# 1 if anything fails without a justification, or if a justification is one of
# nothing; the latter only for what we configure, not for what users add.
set -euo pipefail
top=$(cd "$(dirname "$0")/.." && pwd)
tables=${KERNEL_HARDENING:-$top/kernel/hardening}
json=0
case ${1:-} in
--format=json) json=1 && shift ;;
--format=text) shift ;;
--format)
	case ${2:-} in
	json) json=1 ;;
	text) ;;
	*) echo "kernel: --format text or json" >&2 && exit 2 ;;
	esac
	shift 2
	;;
esac
[ $# -gt 0 ] || { echo "usage: kernel-hardening.sh [--format json] ARCH..." >&2; exit 2; }

strict=1
[ -z "${KERNEL_CONFIG:-}${FEATURES:-}" ] || strict=0
status=0 sep='['
for arch in "$@"; do
	config=${KERNEL_CONFIG:-$(ARCH=$arch "$top/osbuilder/kernel-config.sh" path)}
	[ $json = 0 ] || printf '%s\n' "$sep"
	sep=,
	awk -v arch="$arch" -v json=$json -v strict=$strict \
		-f "$top/osbuilder/kernel-hardening.awk" "$config" \
		<(cat "$top/arch/generic/cmdline" "$top/arch/$arch/cmdline") \
		"$tables/expected.tsv" "$tables/accepted.tsv" || status=1
done
[ $json = 0 ] || printf '\n]\n'
exit $status
