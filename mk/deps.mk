# SPDX-License-Identifier: Apache-2.0
#
# What the host needs. The packages of the goals at hand are made sure of
# before anything is built: a missing makefile is made and read first, then
# make starts over, so no rule has to depend on it. DEPS=skip only checks.

DEPS_base := gcc make pkg-config libc6-dev protobuf-c-compiler \
	libprotobuf-c-dev libjson-c-dev libssl-dev libzstd-dev \
	libnl-route-3-dev zstd xz-utils
DEPS_run := qemu-system-common busybox-static \
	$(foreach a,$(ARCHES),$(QEMU_PKG_$(a)))
# Beside Kiln in the same run.
DEPS_bench := runc iperf3
DEPS_test := attr libcmocka-dev bats libseccomp-dev erofs-utils cpio jq procps \
	util-linux uidmap passwd iproute2 iputils-ping scdoc zsh fish $(foreach a,$(ALL_ARCHES),$(QEMU_PKG_$(a))) \
	cryptsetup-bin e2fsprogs fakeroot fdisk squashfs-tools distcc python3 podman catatonit

# Goals that need none of it, and those that are content with host programs.
deps_none := help clean uninstall dist vendor install-list features
deps_host := runtime man $(if $(filter guest,$(COMPONENTS)),,install)
deps_goals := $(filter-out $(deps_none),$(or $(MAKECMDGOALS),all))
DEPS_WANT := $(if $(deps_goals),\
	$(sort $(DEPS_base) $(DEPS_image) \
	$(if $(filter man install,$(deps_goals)),\
		$(if $(filter man,$(deps_goals) $(install_parts)),$(DEPS_man))) \
	$(if $(filter-out $(deps_host),$(deps_goals)),\
		$(DEPS_guest) $(DEPS_agent) $(DEPS_kernel) \
		$(foreach a,$(ARCHES),$(DEPS_kernel_$(a)))) \
	$(if $(filter package-test,$(deps_goals)),$(DEPS_package)) \
	$(if $(filter feature-%,$(deps_goals)),$(DEPS_run) $(DEPS_feature_test)) \
	$(if $(filter run bench,$(deps_goals)),$(DEPS_run)) \
	$(if $(filter bench,$(deps_goals)),$(DEPS_bench)) \
	$(if $(filter cross-ci,$(deps_goals)),$(DEPS_run) $(DEPS_cross)) \
	$(if $(filter fs-test,$(deps_goals)),$(DEPS_run) $(DEPS_storage)) \
	$(if $(filter fuzz% check deps,$(deps_goals)),$(DEPS_fuzz)) \
	$(if $(filter check% repro bench soak chaos deps test% golden e2e package-test,\
		$(deps_goals)),\
		$(DEPS_run) $(DEPS_test) \
		$(foreach a,$(filter-out $(HOST_ARCH),$(ALL_ARCHES)),\
			$(DEPS_kernel_$(a)) $(guest_gcc_$(a))))))

.PHONY: deps
deps: ;

# make -n shall change nothing, yet makes makefiles all the same.
deps_dry := $(findstring n,$(make_letters))
ifneq ($(if $(deps_dry),,$(strip $(DEPS_WANT))),)
deps_key := $(shell echo '$(DEPS) $(DEPS_WANT)' | sha256sum | cut -c1-16)
include $(O)/deps-$(deps_key).mk
$(O)/deps-$(deps_key).mk: mk/deps.sh mk/packages.tsv
	@mkdir -p $(@D) || { echo "kiln: O=DIR builds in another folder" >&2; exit 1; }
	@DEPS='$(DEPS)' mk/deps.sh $(DEPS_WANT) >&2
	@touch $@
endif
