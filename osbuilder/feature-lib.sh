# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Kernel features, kernel/configs/features/NAME.config: what they are called,
# which others they bring along, which architecture can have them. Sourced by
# kernel-lib.sh and features.sh, which define die, top and config_dir.
#
# A feature's first line is "# summary". What is not for the prover stands in
# lines "#% KEY VALUE":
#   with NAME...         other features that this one includes
#   not ARCH: reason     this architecture cannot have it
#   boot WORDS           kernel parameters that its probe must be booted with
#   note ARCH: text      what the probe can show on this architecture
#   base                 every guest has it; the name is accepted all the same
#   last                 read behind the others: what it appends must come last

# shellcheck disable=SC2154
feature_dir=$config_dir/features

feature_file() {
	printf '%s/%s.config' "$feature_dir" "$1"
}

feature_names() {
	local f
	for f in "$feature_dir"/*.config; do
		[ -f "$f" ] || continue
		f=${f##*/}
		printf '%s\n' "${f%.config}"
	done
}

feature_summary() {
	sed -n '1s/^# *//p' "$(feature_file "$1")"
}

# feature_key NAME KEY: the values, one a line.
feature_key() {
	sed -n "s/^#% $2 *//p" "$(feature_file "$1")"
}

# feature_of_arch NAME KEY ARCH: what stands behind "KEY ARCH: ".
feature_of_arch() {
	feature_key "$1" "$2" | sed -n "s/^$3: *//p"
}

# The name that is the fewest edits away from $1, if it is close at all.
feature_nearest() {
	feature_names | awk -v want="$1" '
		function min(a, b) { return a < b ? a : b }
		function distance(a, b,   i, j, d, n, m) {
			n = length(a); m = length(b)
			for (i = 0; i <= n; i++) d[i, 0] = i
			for (j = 0; j <= m; j++) d[0, j] = j
			for (i = 1; i <= n; i++)
				for (j = 1; j <= m; j++)
					d[i, j] = min(min(d[i - 1, j], d[i, j - 1]) + 1,
						d[i - 1, j - 1] + (substr(a, i, 1) != \
							substr(b, j, 1)))
			return d[n, m]
		}
		{
			cost = distance(want, $1)
			# A beginning is a hint of its own: "wire" for wireguard.
			if (index($1, want) == 1 && cost > 1) cost = 1
			if (!best || cost < best_cost) { best = $1; best_cost = cost }
		}
		END { if (best && best_cost <= 1 + length(want) / 3) print best }'
}

feature_unknown() {
	local near
	near=$(feature_nearest "$1")
	die "FEATURES: no feature '$1'${near:+; did you mean '$near'?}" \
		"(make features lists them)"
}

# Adds feature $1 and what it includes to features, each once.
feature_add() {
	local name=$1 reason other
	[[ $name =~ ^[a-z0-9][a-z0-9-]*$ ]] && [ -f "$(feature_file "$name")" ] ||
		feature_unknown "$name"
	[[ " ${features[*]} " != *" $name "* ]] || return 0
	reason=$(feature_of_arch "$name" not "$ARCH")
	[ -z "$reason" ] ||
		die "FEATURES: $ARCH cannot have '$name': $reason"
	for other in $(feature_key "$name" with); do
		# A union does without the parts that an architecture lacks.
		[ -n "$(feature_of_arch "$other" not "$ARCH")" ] ||
			feature_add "$other"
	done
	features+=("$name")
}

# "NAME" or "~NAME": what is to be read last sorts behind all letters.
feature_rank() {
	if grep -q '^#% last$' "$(feature_file "$1")"; then
		printf '~%s\n' "$1"
	else
		printf '%s\n' "$1"
	fi
}

# Sets features to the list in $1, unions resolved, in the order of names but
# for those that are to be last. "all" is every feature that the architecture
# can have.
features_setup() {
	local name
	features=()
	for name in ${1//,/ }; do
		if [ "$name" != all ]; then
			feature_add "$name"
			continue
		fi
		for name in $(feature_names); do
			[ -n "$(feature_of_arch "$name" not "$ARCH")" ] ||
				feature_add "$name"
		done
	done
	[ ${#features[@]} -eq 0 ] ||
		mapfile -t features < <(for name in "${features[@]}"; do
			feature_rank "$name"
		done | LC_ALL=C sort | tr -d '~')
}
