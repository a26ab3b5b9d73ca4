#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# make package-test: builds the Debian packages from the source archives without
# network, checks them with lintian, installs them in a clean chroot and uses
# them there. Speaks TAP. Needs root.
#
# Environment: O, KILN_CACHE, VERSION; PACKAGE_GUESTS: architectures to build
# guests of (default: the host's, and those whose kernel is in the cache);
# PACKAGE_KEEP=1 leaves the chroot.
set -u
cd "$(dirname "$0")/.." || exit
work=$(realpath -m "$O")/package
log=$work/log
host=$(uname -m)
declare -A debian=([x86_64]=amd64 [aarch64]=arm64 [s390x]=s390x [ppc64le]=ppc64el)
declare -A qemu=([x86_64]=x86 [aarch64]=arm [s390x]=misc [ppc64le]=ppc)
source=$work/kiln-$VERSION
chroot=$work/chroot
count=0 failed=0

# A child of make is given make's flags; those of packages are others.
unset MAKEFLAGS MFLAGS MAKEOVERRIDES MAKELEVEL O PREFIX DESTDIR ARCH

say() {
	echo "# $*"
}

# step TEXT COMMAND...: one result. Without one that failed the others cannot be.
step() {
	local text=$1 start=$SECONDS
	shift
	count=$((count + 1))
	if ("$@") >"$log" 2>&1; then
		echo "ok $count - $text ($((SECONDS - start)) s)"
		return 0
	fi
	echo "not ok $count - $text"
	tail -n 40 "$log" | sed 's/^/# /'
	failed=1
	return 1
}
must() {
	step "$@" || finish
}
finish() {
	echo "1..$count"
	exit $failed
}

# In the chroot, with the mounts that programs expect; they go with the shell. Its
# root is a mount, as that of a system is: kiln makes its mounts private.
inside() {
	unshare --mount --fork --pid --kill-child bash -euc '
		mount --make-rprivate /
		mount --bind "$0" "$0"
		mount -t proc proc "$0/proc"
		mount --rbind /sys "$0/sys"
		mount --rbind /dev "$0/dev"
		mount -t tmpfs tmpfs "$0/run"
		exec chroot "$0" env -i HOME=/root LC_ALL=C.UTF-8 TERM=dumb \
			PATH=/usr/sbin:/usr/bin:/sbin:/bin \
			DEBIAN_FRONTEND=noninteractive "$@"' "$chroot" "$@"
}

# By the sources that are shipped: those of the checkout may be further.
choose_guests() {
	local a
	for a in x86_64 aarch64 s390x ppc64le; do
		if [ -n "$PACKAGE_GUESTS" ]; then
			[[ " $PACKAGE_GUESTS " != *" $a "* ]] || guests+=("$a")
		elif ARCH=$a KERNEL_NO_BUILD=1 \
			"$source/osbuilder/kernel-build.sh" "$work/probe" \
			>/dev/null 2>&1; then
			guests+=("$a")
		elif [ "$a" = "$host" ]; then
			say "the kernel of $a is not in the cache, this takes minutes"
			guests+=("$a")
		else
			say "no guest of $a: its kernel is not in the cache" \
				"(PACKAGE_GUESTS=all builds it)"
		fi
	done
	rm -rf "$work/probe"
}

make_sources() {
	make dist "O=$work/out" DEPS=skip
	make vendor "O=$work/out" ARCH=all DEPS=skip
	cp "$work/out/kiln-$VERSION.tar.xz" "$work/kiln_$VERSION.orig.tar.xz"
	cp "$work/out/kiln-$VERSION-vendor.tar.xz" \
		"$work/kiln_$VERSION.orig-vendor.tar.xz"
	tar -C "$work" -xf "$work/kiln_$VERSION.orig.tar.xz"
	mkdir "$source/vendor"
	tar -C "$source/vendor" --strip-components=1 \
		-xf "$work/kiln_$VERSION.orig-vendor.tar.xz"
	cp -r "$source/packaging/debian" "$source/debian"
}

# A cache of its own, so that the store is that of the archive; only kernels,
# which are named by their content, are taken from the user's.
build_packages() {
	local a profiles=''
	for a in x86_64 aarch64 s390x ppc64le; do
		[[ " ${guests[*]} " == *" $a "* ]] ||
			profiles+=" pkg.kiln.no-${debian[$a]}"
	done
	mkdir -p "$work/cache" "$KILN_CACHE/kernel"
	ln -s "$(realpath "$KILN_CACHE/kernel")" "$work/cache/kernel"
	cd "$source" || return
	KILN_CACHE=$work/cache DEB_BUILD_OPTIONS="parallel=$(nproc)" \
		DEB_BUILD_PROFILES="${profiles# }" \
		unshare --net dpkg-buildpackage -us -uc -b
}

check_packages() {
	local a
	[ -f "$(echo "$work"/kiln_"$VERSION"-1_*.deb)" ] || return
	for a in "${guests[@]}"; do
		dpkg-deb -c "$work/kiln-guest-${debian[$a]}_$VERSION-1_all.deb" \
			>"$work/contents" || return
		for f in kernel initrd.img rootfs.erofs.img image.json; do
			grep -q " ./usr/lib/kiln/guests/$a/$f$" \
				"$work/contents" || return
		done
	done
}

# Errors fail; the rest is shown.
lint() {
	lintian --allow-root --fail-on error --tag-display-limit 0 \
		"$work"/kiln_"$VERSION"-1_*.changes >"$work/lintian" 2>&1
	local status=$?
	cat "$work/lintian"
	return $status
}

# Where the host's packages come from, for a suite that it need not be.
sources() {
	apt-get indextargets 'Created-By: Packages' 'Origin: Debian' \
		--format 'deb $(REPO_URI) $(RELEASE) $(COMPONENT)' | sort -u
}

make_chroot() {
	sources >"$work/sources.list"
	[ -s "$work/sources.list" ] || return
	rm -rf --one-file-system "$chroot"
	mmdebstrap --variant=minbase --quiet --include=ca-certificates \
		"$(. /etc/os-release && echo "$VERSION_CODENAME")" \
		"$chroot" "$work/sources.list" || return
	mkdir "$chroot/packages"
	cp "$work"/*.deb "$chroot/packages/"
	# Names are resolved as on the host.
	cp -L /etc/resolv.conf "$chroot/etc/"
	cp /etc/hosts "$chroot/etc/"
}

# The packages, QEMU for each guest by what kiln recommends or by name, and a
# busybox to put into containers.
install_packages() {
	local a names=()
	for a in "${guests[@]}"; do
		names+=("qemu-system-${qemu[$a]}"
			"./packages/kiln-guest-${debian[$a]}_$VERSION-1_all.deb")
	done
	inside apt-get -q update
	inside apt-get -q install -y --no-install-recommends \
		"${names[@]}" busybox-static \
		"./packages/kiln_$VERSION-1_$(dpkg --print-architecture).deb"
}

# What the package says is what is there, and dependencies are complete.
use_programs() {
	inside sh -euxc '
		kiln --version | grep "^kiln version '"$VERSION"'$"
		kiln --help
		kiln config
		kiln-image --help
		test -s /usr/share/man/man8/kiln.8.gz
		test -s /usr/share/kiln/configuration.toml.example
		dpkg --verify kiln'
}

use_image() {
	inside kiln-image inspect "/usr/lib/kiln/guests/$1/rootfs.erofs.img" &&
		inside kiln-image cat "/usr/lib/kiln/guests/$1/initrd.img" \
			/etc/os-release | grep "VERSION_ID=$VERSION"
}

# Of the guest, verified by its hashes.
use_check() {
	inside kiln check "$1" | tee "$work/check" &&
		grep -q "guest .*\* /usr/lib/kiln/guests/$1, Kiln $VERSION, " \
			"$work/check"
}

# Containers hold a busybox of their architecture: another's is the one that
# the sources for guests come with.
use_run() {
	local a=$1 dir=$chroot/srv/$1
	mkdir -p "$dir/rootfs/bin" "$dir/rootfs/proc" "$dir/rootfs/dev" \
		"$dir/rootfs/sys"
	cp "$source/build/$a/sysroot/busybox" "$dir/rootfs/bin/busybox" || return
	ln -sf busybox "$dir/rootfs/bin/uname"
	inside sh -euc '
		cd "/srv/'"$a"'"
		rm -f config.json
		kiln spec
		sed -i -e "s/\"terminal\": *true/\"terminal\": false/" config.json
		sed -zi -e "s|\"args\": *\[[^]]*\]|\"args\": [\"/bin/uname\", \"-m\"]|" \
			config.json
		timeout 300 kiln --config /dev/null run --arch "'"$a"'" demo </dev/null' \
		>"$work/out.$a" || { cat "$work/out.$a"; return 1; }
	cat "$work/out.$a"
	[ "$(cat "$work/out.$a")" = "$a" ]
}

remove_packages() {
	inside sh -euc '
		apt-get -q purge -y "kiln*"
		test -z "$(find / -xdev -name "*kiln*" ! -path "/packages/*" \
			! -path "/var/*" ! -path "/srv/*")"'
}

[ "$(id -u)" = 0 ] || {
	echo "package-test: needs root, to make a chroot" >&2
	exit 1
}
rm -rf --one-file-system "$work"
mkdir -p "$work"
must "source archives are made" make_sources
guests=()
choose_guests
say "guests: ${guests[*]}"
must "packages are built, without network" build_packages
must "packages have what they should" check_packages
step "lintian has no errors" lint && sed 's/^/# /' "$work/lintian"
must "a clean chroot is made" make_chroot
must "packages are installed in it" install_packages
step "programs run in it" use_programs
for a in "${guests[@]}"; do
	step "the images of $a are read" use_image "$a"
	step "kiln check finds the guest of $a" use_check "$a"
	step "kiln run boots $a" use_run "$a"
done
step "packages are removed, and leave nothing" remove_packages
[ -n "${PACKAGE_KEEP:-}" ] || rm -rf --one-file-system "$chroot"
finish
