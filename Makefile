# SPDX-License-Identifier: Apache-2.0
#
# Kiln: guest operating systems, and containers in them. `make help` lists the
# targets. The graph is one: each file in mk/ owns the rules of its subject.

ALL_ARCHES := x86_64 aarch64 s390x ppc64le
HOST_ARCH := $(shell uname -m)
ARCH ?= $(HOST_ARCH)
ARCHES := $(if $(filter all,$(ARCH)),$(ALL_ARCHES),$(ARCH))
unknown := $(or $(filter-out $(ALL_ARCHES),$(ARCHES)),$(if $(strip $(ARCHES)),,none))
ifneq ($(unknown),)
other_names := amd64=x86_64 x86-64=x86_64 arm64=aarch64 ppc64el=ppc64le powerpc64le=ppc64le
$(error ARCH=$(ARCH): no such architecture here; one of $(ALL_ARCHES) or \
	all$(foreach u,$(unknown),$(if $(filter $(u)=%,$(other_names)),; $(u) is \
	$(patsubst $(u)=%,%,$(filter $(u)=%,$(other_names))))))
endif

O ?= build
KILN_CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/kiln
PROFILE ?= minimal
FORMAT ?= erofs
VERSION := $(shell cat VERSION)

# 0 and no are what they say, not merely something.
$(foreach v,V VERITY MODULES DEVELOPER DISTCC ICECC,$(if $(filter 0 no n,$($(v))),\
	$(eval override $(v) :=)))
$(foreach v,O FORMAT PROFILE,$(if $(strip $($(v))),,$(error $(v)= is empty)))

# make has no names with spaces, neither has Kbuild; scripts change directory.
$(foreach v,CURDIR O KILN_CACHE,$(if $(word 2,$($(v))),\
	$(error $(v)='$($(v))': a path with spaces does not work here)))
override KILN_CACHE := $(abspath $(KILN_CACHE))
Q := $(if $(V),,@)
export KILN_CACHE

.DELETE_ON_ERROR:
.SUFFIXES:
# The options of one letter that make was called with: n is in them for make -n.
make_letters := $(filter-out -%,$(firstword $(MAKEFLAGS)))
MAKEFLAGS += --no-builtin-rules --no-print-directory
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c

.PHONY: all help clean
all: runtime image

include $(foreach a,$(ALL_ARCHES),arch/$(a)/arch.mk)
include mk/flags.mk
include mk/install.mk
include mk/arch.mk
include mk/host.mk
include mk/guest.mk
include mk/kernel.mk
include mk/agent.mk
include mk/image.mk
include mk/evidence.mk
include mk/features.mk
include mk/run.mk
include mk/chaos.mk
include mk/soak.mk
include mk/fuzz.mk
include mk/test.mk
include mk/conformance.mk
include mk/cross.mk
include mk/storage.mk
include mk/package.mk
include mk/deps.mk

help:
	@printf '%s\n' \
	'Kiln $(VERSION): make TARGET [ARCH=$(subst $() ,|,$(ALL_ARCHES))|all] [VARIABLE=...]' '' \
	'  deps          install what the build and the tests need (Debian, Ubuntu)' \
	'  kernel        guest kernel         -> $(O)/<arch>/{kernel,kernel.zst,kernel.config}' \
	'  agent         guest agent          -> $(O)/<arch>/kiln-agent' \
	'  rootfs        root file system image -> $(O)/<arch>/rootfs.$(FORMAT).img' \
	'  initrd        initial ramdisk      -> $(O)/<arch>/initrd.img' \
	'  image         all four, and $(O)/<arch>/image.json; SIGN_KEY=key.pem signs' \
	'  sbom          what a guest is made of -> $(O)/<arch>/sbom.{spdx,cdx}.json' \
	'  provenance    how it was made      -> $(O)/<arch>/provenance.json' \
	'  runtime       host programs        -> $(O)/host/{kiln,kiln-image}' \
	'  all           runtime and image' \
	'  run           run CMD in a container in a VM of ARCH (default: a shell);' \
	'                ROOTFS=dir (default: Debian busybox of that architecture)' \
	'  toolbox       programs for `kiln shell` -> $(O)/<arch>/toolbox' \
	'  check         every test; VMs of all four architectures under emulation' \
	'  check-quick   the tests that need neither a kernel nor a VM; also: test' \
	'  conformance   suites of crun, runc and of Podman and Docker commands (root);' \
	'                SUITES="crun runc podman podman-rootless docker"' \
	'  cross-ci      build and test a C project on Debian roots of ARCH by Podman (root)' \
	'  fs-test       stress-ng and fio on files by 9p and virtio-fs, beside runc (root)' \
	'  chaos         kill everything at every step, then ROUNDS=200 by chance in' \
	'                VMs of ARCH (SEED=); nothing may be left' \
	'  soak          30 sandboxes at once, 300 in sequence, in VMs of ARCH' \
	'  fuzz-smoke    fuzz every decoder, FUZZ_SECONDS (30) each' \
	'  repro         build twice under different conditions and compare' \
	'  bench         boot phases, sizes and memory -> $(O)/bench.{json,txt}' \
	'  features      what kernels can have besides (FEATURES="nfs ..."): state, cost' \
	'  feature-test  kernel of ARCH with FEATURES (default: all), booted, probed' \
	'  modules-test  guest of ARCH with modules, and sandboxes that load some' \
	'  explain-config  where SYMBOL of the kernel comes from, how to get it' \
	'  cve           what the CVE records in CVE_DATA mean for the kernels' \
	'  budget        ceilings of size, symbols, instructions; UPDATE=1 sets them' \
	'  kernel-update moves the pinned source to what apt offers, shows symbols' \
	'  kernel-hardening  what a hardened kernel is expected to be; FORMAT=json' \
	'  menuconfig    edit the kernel configuration of ARCH' \
	'  savedefconfig write the edit back to the fragments' \
	'  man           man pages            -> $(O)/man/' \
	'  install       to DESTDIR PREFIX (/usr/local); uninstall; MAN=no;' \
	'                COMPONENTS=host|guest, docs/packagers.md has the rest' \
	'  dist          source archive       -> $(O)/kiln-$(VERSION).tar.xz' \
	'  vendor        packages for guests of ARCH, for builds without network' \
	'                -> $(O)/kiln-$(VERSION)-vendor.tar.xz' \
	'  package-test  build the Debian packages, check, install, use them (root)' \
	'  clean         remove $(O); the cache $(KILN_CACHE) stays' '' \
	'Variables: ARCH O V=1 DEPS=skip PROFILE=minimal|debug|debug-small|distro|systemd|FILE FEATURES= MODULES=1' \
	'  FORMAT= COMPRESS= LAYOUT= VERITY=1 PACKAGES= SUITE= OVERLAY= KERNEL_TARBALL= KERNEL_SRC=' \
	'  SOURCE_DATE_EPOCH= KILN_CACHE= CMD= ROOTFS= DESTDIR= PREFIX='

clean:
	$(Q)rm -rf '$(O)'
