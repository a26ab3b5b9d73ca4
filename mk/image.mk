# SPDX-License-Identifier: Apache-2.0
#
# What boots: initial ramdisk and root filesystem image of each architecture,
# and image.json that describes them. Both come from rootfs/$(PROFILE).manifest
# by our own tool; no root, no mount, the same bytes each time.
# Debian packages may lie below the manifest, a folder of the user's above it.

DEPS_image := gcc libc6-dev libjson-c-dev libssl-dev libzstd-dev liblz4-dev \
	libext2fs-dev

# The time of every file, unless the caller sets one.
SOURCE_DATE_EPOCH ?= 1704067200
export SOURCE_DATE_EPOCH

AGENT_PROTOCOL := 0.0.1

# How the root image is laid out (docs/dax.md); pseries' NVDIMMs need labels.
# With VERITY=1 it has a tree of hashes.
LAYOUT ?= plain
VERITY ?=

# COMPRESS=lz4hc makes a smaller erofs, which DAX cannot map.
COMPRESS ?=
ifneq ($(COMPRESS),)
ifneq ($(FORMAT) $(COMPRESS),erofs lz4hc)
$(error COMPRESS=$(COMPRESS): only FORMAT=erofs is compressed so, by lz4hc)
endif
endif
image_layout = $(if $(filter ppc64le,$(1)),$(LAYOUT:pmem=papr),$(LAYOUT))

IMAGE_SRCS := $(addprefix osbuilder/,\
	cmd_build.c cmd_customize.c cmd_cve.c cmd_explain.c cmd_measure.c cmd_read.c \
	changes.c cmd_sbom.c cmd_sign.c compose.c condition.c cpio.c cve.c diff.c \
	digest.c edit.c erofs_pack.c erofs_read.c erofs_unpack.c \
	erofs_write.c erofs_xattr.c ext4_read.c ext4_write.c ext4_xattr.c fileio.c \
	firmware.c fs.c gpt.c guest_json.c identity.c image.c json_write.c kbuild.c launch.c \
	layers.c layout.c layout_json.c main.c manifest.c meta.c nvdimm.c \
	options.c options_evidence.c overlay.c provenance.c reach.c report.c \
	sbom.c sbom_cyclonedx.c sbom_spdx.c sbom_text.c sehdr.c sign.c \
	squashfs_read.c squashfs_stream.c squashfs_write.c symbols.c tar.c \
	tar_sparse.c tree.c uuid.c verify_files.c verity.c vmsa.c words.c xattr.c zstd.c)
IMAGE_LIBS := -lzstd -llz4 -lcrypto -ljson-c -lext2fs -lcom_err
$(call host_program,kiln-image,$(IMAGE_SRCS),$(IMAGE_LIBS))

image_tool := $(O)/host/kiln-image
image_manifests := $(wildcard rootfs/*.manifest rootfs/systemd/*)

# A profile is rootfs/NAME.manifest, or a manifest anywhere (PROFILE=./my.manifest);
# with .packages and .cmdline beside it if need be.
profile_file := $(if $(findstring /,$(PROFILE)),$(patsubst \
	%.manifest,%,$(PROFILE)),rootfs/$(PROFILE))
profile_name := $(notdir $(profile_file))
ifeq ($(wildcard $(profile_file).manifest),)
$(error PROFILE=$(PROFILE): there is no $(profile_file).manifest)
endif

# Debian packages that the root is to have, those of the profile among them; of
# the release SUITE (the host's). What apt finds to be needed stands in
# PACKAGES_LOCKS/<arch>/rootfs.lock, and is not looked for again. OVERLAY is a
# folder to lay over all, or a tar archive.
PACKAGES ?=
SUITE ?=
PACKAGES_LOCKS ?= $(O)
OVERLAY ?=
image_packages := $(sort $(PACKAGES) $(shell sed 's/\#.*//' \
	$(profile_file).packages 2>/dev/null))
image_tars := $(KILN_CACHE)/tars

include mk/busybox.mk
overlay_sum := $(if $(OVERLAY),$(shell find '$(OVERLAY)' -printf \
	'%P %y %m %n %s %T@ %l\n' | LC_ALL=C sort | sha256sum | cut -c1-16))

# FORMAT=initrd: the ramdisk is all there is. Else it is made beside the image,
# unless there are packages in it, which are too much for memory.
image_fs = $(if $(filter initrd,$(FORMAT)),,$(O)/$(1)/rootfs.$(FORMAT).img)
image_initrd := $(if $(and $(image_packages),\
	$(filter-out initrd,$(FORMAT))),,initrd.img)
image_modules := $(if $(MODULES),modules.img)
image_features := $(FORMAT) $(COMPRESS) \
	$(if $(filter erofs ext4,$(FORMAT)$(COMPRESS)),dax) \
	$(if $(VERITY),verity)
image_vars := PROFILE=$(PROFILE) VERSION=$(VERSION) EPOCH=$(SOURCE_DATE_EPOCH) \
	FORMAT=$(FORMAT) COMPRESS=$(COMPRESS) LAYOUT=$(LAYOUT) VERITY=$(VERITY) \
	PACKAGES=$(image_packages) SUITE=$(SUITE) OVERLAY=$(OVERLAY) $(overlay_sum) \
	$(image_modules)
packages_vars := $(SUITE) $(image_packages)

.PHONY: image initrd rootfs packages-lock

define package_rules
$$(eval $$(call remember,$$(O)/$(1)/rootfs.wanted,packages_vars))

$$(PACKAGES_LOCKS)/$(1)/rootfs.lock: $$(O)/$(1)/rootfs.wanted
	$$(Q)KILN_SUITE='$$(SUITE)' osbuilder/resolve-packages.sh $(1) $$@ \
		$$(image_packages)
	$$(Q)touch $$@

$$(O)/$(1)/rootfs.packages: $$(PACKAGES_LOCKS)/$(1)/rootfs.lock \
		osbuilder/fetch-guest-packages.sh osbuilder/unpack-packages.sh
	$$(if $$(V),,@echo '  FETCH   $$@')
	$$(Q)KILN_SUITE='$$(SUITE)' KILN_LOCK='$$<' \
		osbuilder/fetch-guest-packages.sh $(1) $$@
	$$(Q)osbuilder/unpack-packages.sh $$@ '$$(image_tars)'
	$$(Q)touch $$@
endef
$(foreach a,$(if $(image_packages),$(ALL_ARCHES)),\
	$(eval $(call package_rules,$(a))))

packages-lock:
	$(if $(image_packages),,$(error PACKAGES or a profile with packages is needed))
	$(Q)set -e; for a in $(ARCHES); do \
		KILN_UPDATE=1 KILN_SUITE='$(SUITE)' osbuilder/resolve-packages.sh \
			$$a '$(PACKAGES_LOCKS)'/$$a/rootfs.lock $(image_packages); \
	done

define image_rules
# A change of these on the command line is a change of the input.
$$(eval $$(call remember,$$(O)/$(1)/image.vars,image_vars))

image_in_$(1) := $$(image_tool) $$(image_manifests) $(profile_file).manifest \
	$$(O)/$(1)/kiln-agent $$(call guest_ready,$(1)) $$(O)/$(1)/image.vars \
	$(if $(busybox_wanted),$$(call busybox_small,$(1))) \
	$(if $(image_packages),$$(O)/$(1)/rootfs.packages)
image_args_$(1) = --manifest $(profile_file).manifest \
	--var ARCH=$(1) --var PROFILE=$(profile_name) --var VERSION=$$(VERSION) \
	--var ROOTFS=$$(abspath rootfs) \
	--var AGENT=$$(abspath $$(O)/$(1)/kiln-agent) \
	--var BUSYBOX=$$(abspath $$(call guest_sysroot,$(1))/busybox) \
	--var BUSYBOX_SMALL=$$(abspath $$(call busybox_small,$(1))) \
	$(if $(image_packages),--packages $$(O)/$(1)/rootfs.packages \
		--tars $$(image_tars)) \
	$(if $(OVERLAY),--overlay '$(OVERLAY)')

$$(O)/$(1)/initrd.img: $$(image_in_$(1))
	$$(if $$(V),,@echo '  INITRD  $$@')
	$$(Q)$$(image_tool) initrd $$(image_args_$(1)) --output $$@

$$(O)/$(1)/rootfs.%.img: $$(image_in_$(1))
	$$(if $$(V),,@echo '  IMAGE   $$@')
	$$(Q)$$(image_tool) image --format $$* $$(image_args_$(1)) --output $$@ \
		--layout $$(call image_layout,$(1)) $$(if $$(VERITY),--verity) \
		$$(if $$(COMPRESS),--compress $$(COMPRESS))
	$$(Q)rm -f $$(@:.img=.verity)
	$$(if $$(VERITY),$$(Q)$$(image_tool) verity $$@ >$$(@:.img=.verity))

# Of its own bytes only: no agent and no profile is in it.
$$(O)/$(1)/modules.img: $$(O)/$(1)/modules.tar rootfs/modules.manifest $$(image_tool)
	$$(if $$(V),,@echo '  IMAGE   $$@')
	$$(Q)$$(image_tool) image --format erofs --manifest rootfs/modules.manifest \
		--overlay $$< --output $$@ --layout plain --verity

# Every file with its origin: package, line of a manifest, overlay.
$$(O)/$(1)/files.json: $$(image_in_$(1))
	$$(Q)$$(image_tool) tree --format json $$(image_args_$(1)) >$$@

image_cmdlines_$(1) := $$(wildcard arch/generic/cmdline) arch/$(1)/cmdline \
	$$(wildcard $(profile_file).cmdline)

# Files of ours that the bytes depend on.
image_sources_$(1) := $$(sort $$(image_manifests) $(profile_file).manifest \
	$$(image_cmdlines_$(1)) \
	$(if $(busybox_wanted),rootfs/busybox.config $(busybox_lock)) \
	rootfs/packages.lock)

# All of the kernel's files: of those that nobody asked for make does not know
# the time, and takes them away where the recipe fails or is interrupted.
$$(O)/$(1)/image.json: $$(addprefix $$(O)/$(1)/,$$(kernel_files)) \
		$$(addprefix $$(O)/$(1)/,$$(image_initrd)) \
		$$(call image_fs,$(1)) $$(O)/$(1)/files.json \
		$$(addprefix $$(O)/$(1)/,$(image_modules)) \
		$$(image_cmdlines_$(1))
	$$(if $$(V),,@echo '  JSON    $$@')
	$$(Q)$$(image_tool) manifest --arch $(1) --profile $(profile_name) \
		--release $$(VERSION) --agent-protocol $$(AGENT_PROTOCOL) \
		$$(addprefix --cmdline ,$$(image_cmdlines_$(1))) \
		--kernel-json $$(O)/$(1)/kernel.json \
		$$(addprefix --inputs ,$$(wildcard \
			$$(call guest_sysroot,$(1))/manifest)) \
		$(if $(image_packages),--inputs $$(O)/$(1)/rootfs.packages) \
		$(if $(busybox_wanted),--inputs $$(O)/$(1)/busybox.packages) \
		$$(addprefix --feature ,$$(image_features)) \
		$$(foreach f,$$(image_sources_$(1)),--made-of $$(f)) \
		--tool "gcc=$$$$($$(call musl_cc,$(1)) -dumpfullversion)" \
		$$(foreach f,kernel kernel.zst $$(image_initrd) \
			$$(notdir $$(call image_fs,$(1))) $(image_modules) \
			kiln-agent files.json,\
			--artifact $$(f)=$$(O)/$(1)/$$(f)) --output $$@
	$(if $(image_initrd),,$$(Q)rm -f $$(O)/$(1)/initrd.img)
	$(if $(image_modules),,$$(Q)rm -f $$(O)/$(1)/modules.img $$(O)/$(1)/modules.tar)
endef
$(foreach a,$(ALL_ARCHES),$(eval $(call image_rules,$(a))))

initrd: $(foreach a,$(ARCHES),$(O)/$(a)/initrd.img)
rootfs: $(foreach a,$(ARCHES),$(call image_fs,$(a)))
image: $(foreach a,$(ARCHES),$(O)/$(a)/image.json)
