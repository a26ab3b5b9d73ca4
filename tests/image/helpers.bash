# SPDX-License-Identifier: Apache-2.0
# Shared by the tests of images.

image_setup() {
	top=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
	out=$(realpath -m "${KILN_O:-${O:-build}}")
	tool=$out/host/kiln-image
	work=$BATS_TEST_TMPDIR
	[ -x "$tool" ] || skip "kiln-image is not built"
	unset SOURCE_DATE_EPOCH
}

# A manifest with one of each kind of file, sizes around a block, a directory of
# several blocks and a file that huge pages can map: sample DIR, with the data
# in DIR.
sample() {
	mkdir -p "$1"
	local i
	for i in 0 1 4095 4096 4097 70000 2097160; do
		awk -v n="$i" 'BEGIN { for (i = 0; i < n; i++)
			printf "%c", 33 + (i * 7 + int(i / 4096)) % 90 }' >"$1/$i"
	done
	{
		echo 'dir / mode=0751'
		echo 'dir /proc mode=0555'
		echo 'dir /sticky mode=01777 uid=3 gid=4'
		for i in 0 1 4095 4096 4097 70000 2097160; do
			echo "file /files/$i source=$i mode=0640 gid=70000"
		done
		for ((i = 0; i < 400; i++)); do
			echo "link /many/-a-name-of-some-length-$i ../files/$i"
		done
		echo 'file /+before-the-dots content="x\n"'
	} >"$1/sample.manifest"
}

# What kiln-image lists, without its head and without what only it knows.
listing() {
	"$tool" inspect "$1" | grep -E '^(dir|file|link|char|block|fifo) ' |
		sed -E 's/ dax=[a-z]+//'
}
