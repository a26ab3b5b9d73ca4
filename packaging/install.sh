#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# install.sh install|uninstall|list|sources: does what packaging/files.list
# says, for `make install` and its relatives. list prints what is installed,
# without DESTDIR; sources what has to be built before. The environment has the
# variables that the list uses, and COMPONENTS, ARCHES, DESTDIR, INSTALL, RAMDISK
# (empty: this guest has no initrd.img), MODULES.
set -eu
here=$(dirname "$0")
variables=(BINDIR LIBDIR DATADIR MANDIR DOCDIR LICENSEDIR BASHCOMPDIR ZSHCOMPDIR
	FISHCOMPDIR FORMAT O)

die() {
	echo "install: $*" >&2
	exit 1
}

# Sets $1 to the text $2 with its variables replaced. Values may have blanks.
expand() {
	local text=$2 name
	for name in "${variables[@]}"; do
		text=${text//"@$name@"/"${!name}"}
	done
	text=${text//"@ARCH@"/"$arch"}
	[[ $text != *@*@* ]] || die "files.list: unknown variable in '$2'"
	printf -v "$1" '%s' "$text"
}

install_file() {
	if [ "$mode" = notice ] && [ ! -e "$source" ]; then
		echo "install: no '$source', '${dest##*/}' is left out" >&2
		return
	fi
	# Not install -D: that follows a link in place of the file.
	"${INSTALL:-install}" -d -m 755 "$DESTDIR${dest%/*}"
	rm -f "$DESTDIR$dest"
	"${INSTALL:-install}" -m "${mode/notice/644}" "$source" "$DESTDIR$dest"
}

# Folders that have our name, and those below, go with their last file. Others
# stay: they may have been there before.
uninstall_file() {
	local dir=${dest%/*}
	rm -f "$DESTDIR$dest"
	while [[ $dir/ == */kiln* ]]; do
		rmdir "$DESTDIR$dir" 2>/dev/null || break
		dir=${dir%/*}
	done
}

# What this guest does not have: install takes away what an earlier one had.
left_out() {
	case $raw_dest in
	*@FORMAT@*) [ "$FORMAT" = initrd ] ;;
	*/modules.img) [ -z "${MODULES:-}" ] ;;
	*/initrd.img) [ -z "${RAMDISK-initrd.img}" ] ;;
	*) false ;;
	esac
}

each() {
	expand dest "$raw_dest"
	expand source "$raw_source"
	[[ $dest == /* ]] || die "'$dest' is not an absolute path"
	if left_out; then
		case $action in install | uninstall) uninstall_file ;; esac
		return
	fi
	case $action in
	install) install_file ;;
	uninstall) uninstall_file ;;
	list) printf '%s\n' "$dest" ;;
	sources) [ "$mode" = notice ] || printf '%s\n' "$source" ;;
	*) die "what is '$action'?" ;;
	esac
}

[ $# -eq 1 ] || die "usage: install.sh install|uninstall|list|sources"
action=$1
dest='' source='' arch=''
DESTDIR=${DESTDIR:-}
while read -r component mode raw_dest raw_source rest; do
	[[ $component != '#'* && -n $component ]] || continue
	[ -n "$raw_source" ] && [ -z "$rest" ] ||
		die "files.list: not four words: '$component $mode ...'"
	[[ " $COMPONENTS " == *" $component "* ]] || continue
	arch=
	if [ "$component" != guest ]; then
		each
		continue
	fi
	for arch in $ARCHES; do
		each
	done
done <"$here/files.list"
