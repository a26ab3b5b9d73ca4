#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
#
# What kiln-image says of a guest: what it is made of, how it was made, who says
# so, what it attests to.

load helpers

setup() {
	image_setup
	mkdir "$work/guest"
	cd "$work/guest"
	guest
}

# A guest of small files, with an agent that is in its ramdisk.
guest() {
	echo agent >kiln-agent
	echo box >box
	echo kernel >kernel
	printf 'file /init source=kiln-agent mode=0755\nfile /box source=box\nfile /etc/x content="x"\nlink /y x\n' >m
	"$tool" initrd --manifest m --output initrd.img
	"$tool" image --manifest m --output rootfs.erofs.img
	cat >kernel.json <<-'E'
		{"release": "6.12.1-kiln", "compiler": "gcc (Debian) 12.2.0",
		 "source": {"package": "linux-source-6.12", "sha256": "aa",
			"version": "6.12.1-1"},
		 "patches": [{"name": "1.patch", "sha256": "bb"}]}
	E
	h=$(printf '%064d' 7)
	cat >inputs <<-E
		deb musl-dev amd64 1.2.3-1 $h musl-dev.deb
		deb linux-libc-dev amd64 6.1-1 $h linux-libc-dev.deb
		deb busybox-static amd64 1:1.35+1 $h busybox.deb
		src protobuf-c source 1.4-1 $h protobuf-c.orig.tar
		src protobuf-c source 1.4-1 $h protobuf-c.debian.tar
	E
	printf '%s  %s\n' "$h" init/main.c "$h" 'lib/a "b.c' >sources
	args=()
	for f in kernel initrd.img rootfs.erofs.img kiln-agent; do
		args+=(--artifact "$f=$f")
	done
	"$tool" manifest --arch x86_64 --profile minimal --release 0.1 \
		--kernel-json kernel.json --inputs inputs --made-of m \
		--tool gcc=12.2.0 "${args[@]}" --output image.json
}

sbom() {
	"$tool" sbom --format "$1" --image-json image.json --sources sources \
		--licences "$top/rootfs/licences" --origin busybox-static=box \
		--file initrd.img=initrd.img \
		--file rootfs.erofs.img=rootfs.erofs.img --output -
}

provenance() {
	"$tool" provenance --image-json image.json --file image.json=image.json \
		--param format=erofs "$@"
}

keys() {
	openssl genpkey -algorithm ed25519 -out key.pem
	openssl pkey -in key.pem -pubout -out pub.pem
}

@test "image.json has files and tools that determine the bytes" {
	[ "$(jq -r .tools.gcc image.json)" = 12.2.0 ]
	[ "$(jq -r '.sources[] | .name + " " + .sha256' image.json)" = \
		"m $(sha256sum m | cut -d' ' -f1)" ]
}

@test "SPDX: every part is there, related to another one" {
	sbom spdx >s
	[ "$(jq -r '.spdxVersion, .dataLicense, .SPDXID' s | xargs)" = \
		'SPDX-2.3 CC0-1.0 SPDXRef-DOCUMENT' ]
	[ "$(jq -r .creationInfo.created s)" = 2024-01-01T00:00:00Z ]
	for p in kiln-guest-x86_64 linux linux-source-6.12 1.patch kiln-agent \
		musl-dev linux-libc-dev protobuf-c protobuf-c.orig.tar libgcc \
		busybox-static initrd.img rootfs.erofs.img init/main.c; do
		jq -e --arg p $p '[.packages[] | select(.name == $p)] |
			length == 1' s || { echo "no $p"; false; }
	done
	# Identifiers are of one part each, and none else is referred to.
	jq -e '[.packages[], .files[] | .SPDXID] as $i |
		($i | length) == ($i | unique | length) and
		all($i[]; test("^SPDXRef-[A-Za-z0-9.-]+$")) and
		([.relationships[] | .spdxElementId, .relatedSpdxElement] -
			$i == ["SPDXRef-DOCUMENT"])' s
	# What SPDX asks of each.
	jq -e 'all(.packages[]; .name and .downloadLocation and
		(.filesAnalyzed == (.packageVerificationCode != null)))' s
	jq -e 'all(.files[]; [.checksums[].algorithm] == ["SHA1", "SHA256"])' s
	jq -e '[.files[].fileName] == ["./box", "./etc/x", "./init",
		"./box", "./etc/x", "./init"]' s
	sha=$(sha1sum box | cut -d' ' -f1)
	jq -e --arg s "$sha" '.files[0].checksums[0].checksumValue == $s' s
}

@test "SPDX: relations, licences and origins are right" {
	sbom spdx >s
	relation() {
		jq -r --arg t "$1" '([.packages[], .files[] |
			{(.SPDXID): (.name // .fileName)}] | add) as $n |
			.relationships[] | select(.relationshipType == $t) |
			$n[.spdxElementId] + " " + $n[.relatedSpdxElement]' s
	}
	relation STATIC_LINK | sort | diff - <(printf 'kiln-agent %s\n' \
		libgcc musl-dev protobuf-c)
	[ "$(relation BUILD_DEPENDENCY_OF)" = 'linux-libc-dev kiln-agent' ]
	[ "$(relation PATCH_FOR)" = '1.patch linux-source-6.12' ]
	relation GENERATED_FROM | sort -u | diff - <(printf '%s\n' \
		'./box busybox-static' './init kiln-agent' 'linux init/main.c' \
		'linux lib/a "b.c' 'linux linux-source-6.12' \
		'protobuf-c protobuf-c.debian.tar' \
		'protobuf-c protobuf-c.orig.tar')
	[ "$(jq -r '.packages[] | select(.name == "musl-dev") |
		.licenseDeclared, .externalRefs[].referenceLocator' s | xargs)" = \
		'MIT pkg:deb/debian/musl-dev@1.2.3-1?arch=amd64' ]
	jq -r '.packages[] | select(.name == "busybox-static") |
		.externalRefs[].referenceLocator' s |
		grep -xF 'pkg:deb/debian/busybox-static@1:1.35%2B1?arch=amd64'
	jq -r '.packages[] | select(.name == "linux") |
		.externalRefs[].referenceLocator' s |
		grep -xF 'cpe:2.3:o:linux:linux_kernel:6.12.1:*:*:*:*:*:*:*'
	# The code of a package: SHA-1 of its files' sorted SHA-1.
	[ "$(jq -r '.packages[] | select(.name == "initrd.img") |
		.packageVerificationCode.packageVerificationCodeValue' s)" = \
		"$(sha1sum kiln-agent box <(printf x) | cut -d' ' -f1 | sort |
			tr -d '\n' | sha1sum | cut -d' ' -f1)" ]
}

@test "CycloneDX: the same parts, files inside theirs" {
	sbom cyclonedx >c
	jq -e '.bomFormat == "CycloneDX" and .specVersion == "1.5" and
		(.serialNumber | test("^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$"))' c
	jq -e '[.components[] | select(.name == "linux") | .components[].name] ==
		["init/main.c", "lib/a \"b.c"]' c
	jq -e '[.components[] | select(.name == "initrd.img") |
		.components[].name] == ["/box", "/etc/x", "/init"]' c
	jq -e '[.. | .["bom-ref"]? // empty] as $r | ($r | length) ==
		($r | unique | length) and
		([.dependencies[] | .ref, (.dependsOn // [])[]] - $r == [])' c
	jq -e '.components[] | select(.name == "libgcc") | .licenses ==
		[{"expression": "GPL-3.0-or-later WITH GCC-exception-3.1"}]' c
	# Both name the same.
	diff <(jq -r '[.. | .name? // empty] | .[]' c | grep -v '^/' | sort -u |
		grep -vx kiln-image) \
		<(sbom spdx | jq -r '.packages[].name' | sort -u)
}

@test "what is linked into the agent is what the licences say" {
	# Libraries of mk/agent.mk, and the C library and libgcc.
	sed -n 's/^AGENT_LIBS := //p' "$top/mk/agent.mk" | tr ' ' '\n' |
		sed 's/^-l//; s/^seccomp$/libseccomp/' | sort >want
	printf '%s\n' libgcc musl-dev >>want
	awk -F'\t' '$3 == "linked" { print $1 }' "$top/rootfs/licences" | sort |
		diff - <(sort want)
	# Each package of the lock has a line.
	for p in $(awk '/^(deb|src) / { print $2 }' "$top/rootfs/packages.lock" |
		sort -u); do
		grep -q "^$p$(printf '\t')" "$top/rootfs/licences" ||
			{ echo "no $p"; false; }
	done
}

@test "evidence is the same elsewhere and later, and names neither" {
	sbom spdx >a
	sbom cyclonedx >b
	provenance --output c
	mkdir -p "$work/else/where"
	cp ./* "$work/else/where"
	here=$PWD
	cd "$work/else/where"
	(
		umask 077
		export TZ=Asia/Tokyo LC_ALL=C
		sbom spdx | cmp - "$here/a"
		sbom cyclonedx | cmp - "$here/b"
		provenance --output - | cmp - "$here/c"
	)
	run grep -F "$work" a b c
	[ "$status" -eq 1 ]
	# Other content has another name.
	sed -i s/init/inet/ sources
	[ "$(sbom spdx | jq .documentNamespace)" != \
		"$(jq .documentNamespace "$here/a")" ]
}

@test "a bad list of sources is an error" {
	echo 'nonsense' >>sources
	run sbom spdx
	[ "$status" -eq 1 ]
	[[ $output == *"'sources': no hash and path: 'nonsense'"* ]]
}

@test "provenance names what came out and what went in" {
	provenance --output p --builder https://example.org/b
	[ "$(jq -r '._type, .predicateType' p | xargs)" = \
		'https://in-toto.io/Statement/v1 https://slsa.dev/provenance/v1' ]
	jq -r '.subject[] | .digest.sha256 + "  " + .name' p | sha256sum -c
	[ "$(jq '.subject | length' p)" = 5 ]
	jq -e '.predicate.buildDefinition.externalParameters ==
		{"arch": "x86_64", "profile": "minimal", "format": "erofs"}' p
	jq -r '.predicate.buildDefinition.resolvedDependencies[] | .name' p |
		diff - <(printf '%s\n' linux-source-6.12 1.patch musl-dev.deb \
			linux-libc-dev.deb busybox.deb protobuf-c.orig.tar \
			protobuf-c.debian.tar m)
	[ "$(jq -r .predicate.runDetails.builder.id p)" = \
		https://example.org/b ]
	[ "$(jq -r .predicate.runDetails.builder.version.gcc p)" = 12.2.0 ]
}

@test "a signature is openssl's, and verified by either" {
	keys
	"$tool" sign --key key.pem image.json
	openssl pkeyutl -verify -pubin -inkey pub.pem -rawin -in image.json \
		-sigfile image.json.sig
	"$tool" verify --key pub.pem image.json
	openssl pkeyutl -sign -inkey key.pem -rawin -in image.json |
		cmp - image.json.sig
	cd /
	"$tool" verify --key "$work/guest/pub.pem" "$work/guest/image.json"
}

@test "an envelope is DSSE's" {
	keys
	provenance --key key.pem --output e
	"$tool" verify --key pub.pem e
	jq -r .payload e | base64 -d >payload
	provenance --output - | cmp - payload
	type=$(jq -r .payloadType e)
	[ "$type" = application/vnd.in-toto+json ]
	{
		printf 'DSSEv1 %d %s %d ' ${#type} "$type" \
			"$(stat -c %s payload)"
		cat payload
	} >pae
	jq -r '.signatures[0].sig' e | base64 -d >sig
	openssl pkeyutl -verify -pubin -inkey pub.pem -rawin -in pae -sigfile sig
	[ "$(jq -r '.signatures[0].keyid' e)" = "$(openssl pkey -pubin \
		-in pub.pem -outform der | sha256sum | cut -d' ' -f1)" ]
}

refused() {
	run "$tool" verify --key "${key:-pub.pem}" "$@"
	echo "$output"
	[ "$status" -eq 1 ]
}

@test "what is not as it was signed is refused" {
	keys
	openssl genpkey -algorithm ed25519 | openssl pkey -pubout -out other.pem
	refused image.json
	[[ $output == *"image.json.sig': No such file"* ]]
	"$tool" sign --key key.pem image.json
	provenance --key key.pem --output e
	key=other.pem refused image.json
	[[ $output == *"not that of this key"* ]]
	key=other.pem refused e
	[[ $output == *"not that of this key"* ]]
	cp kernel kept
	echo more >>kernel
	refused image.json
	[[ $output == *"kernel: CHANGED"*"1 of 4 files"* ]]
	refused e
	[[ $output == *"kernel: CHANGED"*"1 of 5 files"* ]]
	rm kernel
	refused image.json
	[[ $output == *"kernel: MISSING"* ]]
	"$tool" verify --key pub.pem --ignore-missing image.json
	mv kept kernel
	"$tool" verify --key pub.pem image.json e
	sed -i s/minimal/maximal/ image.json
	refused image.json
	[[ $output == *"the file was changed"* ]]
	refused e
	[[ $output == *"image.json: CHANGED"* ]]
	jq -c '.payload |= (.[0:-8] + "AAAAAAAA")' e >f
	refused f
	head -c 63 image.json.sig >short
	mv short image.json.sig
	refused image.json
	[[ $output == *"is no signature"* ]]
}

@test "a signed name is that of a file beside, nothing else" {
	keys
	for name in ../guest/kernel /etc/passwd .. ''; do
		jq --arg n "$name" '.artifacts[0].name = $n' image.json >j.json
		"$tool" sign --key key.pem j.json
		refused j.json
		[[ $output == *"is no name of a file beside it"* ]]
	done
	echo '{"artifacts": []}' >j.json
	"$tool" sign --key key.pem j.json
	refused j.json
	[[ $output == *"names no files"* ]]
	mkdir empty
	cp image.json empty
	"$tool" sign --key key.pem empty/image.json
	refused --ignore-missing empty/image.json
	[[ $output == *"none of its files is there"* ]]
}

@test "other keys are refused" {
	keys
	openssl genpkey -algorithm rsa -pkeyopt rsa_keygen_bits:1024 -out rsa.pem
	run "$tool" sign --key rsa.pem image.json
	[ "$status" -eq 1 ]
	[[ $output == *"is no Ed25519 key"* ]]
	openssl pkey -in key.pem -aes256 -passout pass:x -out locked.pem
	run "$tool" sign --key locked.pem image.json </dev/null
	[ "$status" -eq 1 ]
	[[ $output == *"without passphrase"* ]]
	run "$tool" sign --key pub.pem image.json
	[ "$status" -eq 1 ]
	run "$tool" sign image.json
	[ "$status" -eq 1 ]
	[[ $output == *"'--key' is missing"* ]]
	[ ! -e image.json.sig ]
}

@test "no file takes the place of a device" {
	mknod null c 1 3 2>/dev/null || mkfifo null
	if [ -p null ]; then
		timeout 10 cat null >read &
		sbom spdx >want
		"$tool" sbom --image-json image.json --output null
		wait
		[ -p null ] && [ -s read ]
	else
		"$tool" sbom --image-json image.json --output null
		[ -c null ]
	fi
}

# A firmware without a table: two pages.
@test "measure says what it cannot compute" {
	head -c 8192 /dev/zero >fw
	run "$tool" measure --tee sev --firmware fw
	[ "$status" -eq 0 ]
	[[ $output == *"launch_digest: $(sha256sum fw | cut -d' ' -f1)"* ]]
	[[ $output == *"measurement: not computed"* ]]
	for t in 'sev --kernel kernel' 'sev-es' 'snp' 'tdx'; do
		run "$tool" measure --tee $t --firmware fw
		[ "$status" -eq 1 ]
		[[ $output == *"the firmware"* ]]
	done
	run "$tool" measure --tee se --kernel fw
	[ "$status" -eq 1 ]
	[[ $output == *"no image for Secure Execution"* ]]
	for o in '--tee cca' '--tee snp --vcpu-type Xeon' '--tee snp --vcpus 0x' \
		'--tee snp --firmware-hash 00' '--tee sev --vmm x' \
		'--tee snp --initrd kernel' '--tee snp --format x'; do
		run "$tool" measure --firmware fw $o
		[ "$status" -eq 1 ]
	done
}

@test "an image for Secure Execution shows its header, a kernel what it lacks" {
	{
		head -c 4096 /dev/zero
		printf 'IBMSecEx\0\0\001\0\0\0\002\020'
		head -c 16 /dev/zero
		printf '\0\0\0\0\0\0\0\001\0\0\0\0\0\0\0\020\0\0\0\0\0\0\0\011'
		head -c 168 /dev/zero
		head -c 64 /dev/zero | tr '\0' a
		head -c 64 /dev/zero | tr '\0' b
		head -c 64 /dev/zero | tr '\0' c
		head -c 80 /dev/zero | tr '\0' k
		head -c 16 /dev/zero
	} >se
	printf '%016d' 0 | tr 0 t >>se
	"$tool" measure --tee se --kernel se --format json >j
	jq -e '.header_offset == 4096 and .encrypted_pages == 9 and
		(.pld | test("^(61){64}$")) and (.ald | test("^(62){64}$")) and
		(.tld | test("^(63){64}$")) and
		(.host_key_sha256 | length == 1 and
			(.[0] | test("^(6b){32}$")))' j || {
		jq . j
		false
	}
}

@test "the files of an image are those of files.json, in every format" {
	sample in
	echo 'node /dev/x b 259 70000 mode=0640' >>in/sample.manifest
	echo 'file "/a \"b\" \x01" content=x' >>in/sample.manifest
	echo 'file /a/implied/file content=x' >>in/sample.manifest
	printf '%s\n' 'link /symlink x xattr=trusted.a=b' 'hardlink /zz /symlink' \
		>>in/sample.manifest
	m=(--manifest in/sample.manifest)
	"$tool" tree --format json "${m[@]}" >files.json
	"$tool" initrd "${m[@]}" --output i.img
	"$tool" image "${m[@]}" --layout pmem --output e.img
	"$tool" image "${m[@]}" --compress lz4hc --output z.img
	for f in ext4 squashfs; do
		"$tool" image "${m[@]}" --format $f --output $f.img
	done
	"$tool" verify --manifest files.json i.img e.img z.img ext4.img \
		squashfs.img >said
	[ "$(grep -c 'files right$' said)" = 5 ]
	# One bit of a mapped file, which dm-verity would not see.
	at=$("$tool" inspect --format json e.img |
		jq '.offset + (.files[] | select(.path == "/files/70000").offset)')
	printf '\0' | dd of=e.img bs=1 seek=$((at + 1)) conv=notrunc status=none
	run "$tool" verify --manifest files.json e.img
	[ "$status" = 1 ]
	[ "${lines[0]}" = '/files/70000: CHANGED: sha256' ]
	[[ "${lines[1]}" == *"e.img': 1 of "*" files are not as listed" ]]
}

@test "what is missing, too many or of another owner is told" {
	printf '%s\n' 'file /a content=1' 'file /b content=2' \
		'link /l a' 'node /n c 1 3' 'dir /d' >m
	"$tool" tree --format json --manifest m >files.json
	printf '%s\n' 'file /a content=1 uid=7 mode=0600' 'file /c content=2' \
		'link /l b' 'node /n c 1 5' 'file /d content=""' >m
	"$tool" image --manifest m --output e.img
	run "$tool" verify --manifest files.json e.img
	[ "$status" = 1 ]
	printf '%s\n' '/a: CHANGED: mode, uid' '/c: NOT LISTED' \
		'/d: CHANGED: type, mode, size, sha256' \
		'/l: CHANGED: target' '/n: CHANGED: minor' '/b: MISSING' |
		diff - <(sed '$d' <<<"$output")
	for bad in '' '{}' '[' '{"files": [{}]}' \
		'{"files": [{"path": "/a"}, {"path": "/a"}]}'; do
		echo "$bad" >bad.json
		run "$tool" verify --manifest bad.json e.img
		[ "$status" = 1 ]
		[ "${#lines[@]}" = 1 ]
	done
	run "$tool" verify --manifest files.json --key x e.img
	[ "$status" = 1 ]
}

# Access lists are not read, but seen.
@test "an attribute that nobody listed is told, of whatever name space" {
	echo 'file /a content=1 xattr=user.q=z' >m
	"$tool" tree --format json --manifest m >files.json
	for name in user.x system.odd; do
		"$tool" image --format ext4 --manifest m --output e.img
		"$tool" verify --manifest files.json e.img
		debugfs -w -R "ea_set /a $name abc" e.img
		run "$tool" verify --manifest files.json e.img
		echo "$output"
		[ "$status" = 1 ]
		case $name in
		user.x) [ "${lines[0]}" = '/a: CHANGED: xattrs' ] ;;
		*) [ "${lines[0]}" = '/a: CHANGED: other_xattrs' ] ;;
		esac
	done
}
