# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Instructions that a guest executes until its agent is ready, counted by
# QEMU's -icount: one instruction a nanosecond of the guest's clock, so that the
# figure does not depend on the host. Sourced.

# icount_wrappers DIR: puts into DIR a QEMU of each architecture that counts, to
# be found before the real one.
icount_wrappers() {
	local arch real
	mkdir -p "$1"
	for arch in x86_64 aarch64 s390x ppc64; do
		real=$(command -v "qemu-system-$arch" || true)
		[ -n "$real" ] || continue
		cat >"$1/qemu-system-$arch" <<-WRAPPER
		#!/bin/bash
		args=()
		for a in "\$@"; do
			case \$a in
			# Its clock then has the rate of its instructions.
			*tsc_early_khz=*) a=\$(sed "s/tsc_early_khz=[0-9]*/tsc_early_khz=1000000/" <<<"\$a") ;;
			esac
			args+=("\$a")
		done
		case " \$* " in
		*" -kernel "*) exec $real -icount shift=0,sleep=off "\${args[@]}" ;;
		*) exec $real "\$@" ;;
		esac
		WRAPPER
		chmod +x "$1/qemu-system-$arch"
	done
}

# icount_ready CONSOLE: the figure, from what the supervisor kept of the console;
# 0 if the guest has not booted.
icount_ready() {
	local ready
	ready=$(tr -d '\0' <"$1" | sed -n 's/.*kiln-agent: ready [^ ]* after \([0-9.]*\) s.*/\1/p' |
		tail -n 1)
	awk -v s="${ready:-0}" 'BEGIN {printf "%d", s * 1e9}'
}
