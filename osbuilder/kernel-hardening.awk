# SPDX-License-Identifier: Apache-2.0
#
# Judges a kernel's configuration and command line by what is expected of it.
#
#   awk -v arch=ARCH -v json=0|1 -v strict=0|1 -f kernel-hardening.awk \
#	CONFIG CMDLINE expected.tsv accepted.tsv
#
# Exits 1 on a failure that accepted.tsv does not justify, and, if strict, on a
# justification that nothing needs any more.

BEGIN { FS = "\t" }

FNR == 1 { file++ }
file > 2 && (/^#/ || /^$/) { next }

# The configuration: what is not there is n.
file == 1 && /^CONFIG_/ {
	eq = index($0, "=")
	config[substr($0, 8, eq - 8)] = substr($0, eq + 1)
	next
}
file == 1 { next }

# The command line, one parameter a line.
file == 2 && /^[^#]/ {
	sub(/[ \t].*/, "")
	eq = index($0, "=")
	name = eq ? substr($0, 1, eq - 1) : $0
	param[name] = eq ? substr($0, eq + 1) : ""
	given[name] = 1
	next
}
file == 2 { next }

function broken(what) {
	printf "%s:%d: %s: %s\n", FILENAME, FNR, what, $0 >"/dev/stderr"
	bad = 1
	exit 2
}

# Whether a row is about this architecture.
function ours(list) {
	return list == "all" || index("," list ",", "," arch ",")
}

file == 3 {
	if (NF != 4)
		broken("not four columns")
	if (ours($3)) {
		symbol[++n] = $1
		expected[n] = $2
		why[n] = $4
	}
	next
}

file == 4 {
	if (NF != 3)
		broken("not three columns")
	if (ours($2)) {
		if ($1 in excuse)
			broken("a second justification")
		excuse[$1] = $3
	}
	next
}

# Whether the parameter is as expected; sets got.
function judge_param(name, want) {
	got = name in given ? (param[name] == "" ? "given" : param[name]) \
		: "not given"
	if (want == "-")
		return !(name in given)
	if (want ~ /^-/)
		return got != substr(want, 2)
	return got == want
}

# Whether the symbol is as expected; sets got.
function judge(name, want) {
	got = name in config ? config[name] : "n"
	if (want ~ /^>=/)
		return got + 0 >= substr(want, 3) + 0
	if (want ~ /^~/)
		return got ~ "[\",]" substr(want, 2) "[\",]"
	if (want == "?y")
		return 1
	return got == want
}

function quote(s) {
	gsub(/[\\"]/, "\\\\&", s)
	return "\"" s "\""
}

function report(state, i, key, note) {
	if (!json) {
		printf "%-10s %-40s %-12s %s%s\n", state, key,
			expected[i], why[i], state == "OK" ? "" : \
			"; is " got (note == "" ? "" : ": " note)
		return
	}
	printf "%s\n    {\"symbol\": %s, \"expected\": %s, \"is\": %s, " \
		"\"state\": \"%s\", \"reason\": %s", sep, quote(key),
		quote(expected[i]), quote(got), state, quote(why[i])
	if (note != "")
		printf ", \"justification\": %s", quote(note)
	printf "}"
	sep = ","
}

END {
	if (bad)
		exit 2
	if (json)
		printf "{\n  \"arch\": \"%s\",\n  \"checks\": [", arch
	for (i = 1; i <= n; i++) {
		key = symbol[i]
		if (key ~ /^cmdline:/)
			good = judge_param(substr(key, 9), expected[i])
		else
			good = judge(key, expected[i])
		# LSM is asked about its words: the word is part of the name.
		name = expected[i] ~ /^~/ ? key expected[i] : key
		if (good) {
			ok++
			report("OK", i, name, "")
		} else if (name in excuse) {
			used[name] = 1
			accepted++
			report("FAIL", i, name, excuse[name])
		} else {
			open++
			report("FAIL", i, name, "")
		}
	}
	for (name in excuse)
		if (!(name in used))
			stale[++stales] = name
	if (json)
		printf "\n  ],\n  \"ok\": %d, \"fail\": %d, \"unjustified\": %d\n}",
			ok, accepted + open, open
	else
		printf "%s: %d OK, %d FAIL, of which %d without justification\n",
			arch, ok, accepted + open, open
	for (i = 1; strict && i <= stales; i++)
		printf "%s: %s: justified in accepted.tsv, but not failing\n",
			arch, stale[i] >"/dev/stderr"
	exit open + (strict ? stales : 0) > 0
}
