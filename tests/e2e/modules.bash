# SPDX-License-Identifier: Apache-2.0
#
# Guests that load modules: made here (modules.bats), and with MODULES=1
# (tests/modules).

# Runs the command $1 in a guest that is to load the modules $2, a TOML list.
with_modules() {
	printf '[agent.kiln]\nkernel_modules = %s\n' "$2" >"$WORK/config.toml"
	command_is "$1"
	run timeout 60 "$KILN" --config "$WORK/config.toml" --root "$STATE" \
		run --arch "$ARCH" --bundle "$BUNDLE" c1
	echo "$output"
}

# own_guest FOLDER: a copy of the guest that a test may damage.
own_guest() {
	mkdir "$WORK/guests"
	cp -a "$1/$ARCH" "$WORK/guests/$ARCH"
	export KILN_GUESTS=$WORK/guests
}

# Another byte where the image of modules first has the text $1.
damage_modules() {
	local image=$KILN_GUESTS/$ARCH/modules.img at
	at=$(grep -obaF -m1 "$1" "$image" | cut -d: -f1 | head -n 1)
	printf X | dd of="$image" bs=1 seek="$at" conv=notrunc status=none
}
