#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Runs $CMD (default: an interactive shell) in a container of $ARCH with the
# root file system $ROOTFS, by $KILN.
set -eu
[ -d "$ROOTFS" ] || { echo "kiln: ROOTFS=$ROOTFS: no such directory" >&2; exit 1; }

# Text as the inside of a JSON string.
json() {
	local s=$1
	s=${s//\\/\\\\} s=${s//\"/\\\"} s=${s//$'\n'/\\n} s=${s//$'\t'/\\t}
	printf '%s' "$s"
}

bundle=$(mktemp -d)
id=run-$$
trap '"$KILN" delete --force "$id" >/dev/null 2>&1 || true; rm -rf "$bundle"' EXIT
"$KILN" spec --bundle "$bundle"
terminal=false
[ -t 0 ] && [ -t 1 ] && terminal=true
if [ -n "$CMD" ]; then
	args="\"/bin/sh\", \"-c\", \"$(json "$CMD")\""
else
	args='"/bin/sh"'
fi
# Text as the replacement of sed's s|||. Not by ${//}: & there means another
# thing to every other version of bash.
sed_text() {
	sed 's/[&|\\]/\\&/g' <<<"$1"
}

# The template is ours: its root path, terminal and args stand on lines known.
sed -z -i \
	-e "s|\"terminal\": *[a-z]*|\"terminal\": $terminal|" \
	-e "s|\"args\": *\[[^]]*\]|\"args\": [$(sed_text "$args")]|" \
	-e "s|\"path\": *\"rootfs\"|\"path\": \"$(sed_text "$(json "$(realpath "$ROOTFS")")")\"|" \
	-e 's|"readonly": *true|"readonly": false|' \
	"$bundle/config.json"
set +e
"$KILN" run --arch "$ARCH" --bundle "$bundle" "$id"
