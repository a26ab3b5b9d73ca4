# SPDX-License-Identifier: Apache-2.0
# Shared by the tests of what is installed and shipped.

package_setup() {
	top=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
	cd "$top"
	out=$(realpath -m "${KILN_O:-${O:-build}}")
	# A make of its own: nothing of the one that runs the tests.
	unset MAKEFLAGS MFLAGS MAKEOVERRIDES MAKELEVEL SOURCE_DATE_EPOCH O \
		PREFIX DESTDIR COMPONENTS
}

# build DIR: an output folder with the host programs that were built, and small
# stand-ins for the guest of s390x.
build() {
	mkdir -p "$1/s390x"
	cp -a "$out/host" "$out/gen" "$1/"
	rm -rf "$1/host/kiln-agent-test"
	printf '\0%.0s' {1..4096} >"$1/s390x/kernel"
	echo initrd >"$1/s390x/initrd.img"
	echo image >"$1/s390x/rootfs.erofs.img"
	echo '{}' >"$1/s390x/image.json"
}

# run_make DIR ARG...: make with output in DIR and the stand-ins as they are.
run_make() {
	local o=$1 f
	shift
	set -- "$@" O="$o" ARCH=s390x DEPS=skip
	for f in kernel initrd.img rootfs.erofs.img image.json; do
		set -- "$@" -o "$o/s390x/$f"
	done
	make "$@"
}

# Verbs that PROGRAM's help lists.
verbs() {
	"$1" --help | sed -nE 's/^  ([a-z][a-z-]*) .*/\1/p'
}

# Options that the help of PROGRAM [VERB] lists.
options() {
	"$@" --help | sed -nE 's/^ {2,6}(-[A-Za-z], )?(--[a-z0-9-]+).*/\2/p'
}
