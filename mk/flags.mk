# SPDX-License-Identifier: Apache-2.0
#
# Compiler flags of host programs. DEVELOPER=1 (and CI) makes warnings errors;
# a packager with another compiler is not stopped by one. Texts for humans are cut on
# purpose where they do not fit: -Wno-format-truncation.

# $(eval $(call remember,FILE,VARIABLE)): FILE has the value of VARIABLE, and is
# made again when that is another; what was made with the value depends on FILE.
# The comparison is make's own, so that `make -n` shows what is really to do.
.PHONY: remember-force
differs = $(subst x$(strip $(1)),,x$(strip $(2)))$(subst \
	x$(strip $(2)),,x$(strip $(1)))
define remember
$(1): $(if $(call differs,$(file <$(1)),$($(2))),remember-force)
	$$(Q)mkdir -p $$(@D)
	$$(Q)printf '%s\n' $$(call quote,$$($(2))) >$$@
endef

HOSTCC ?= gcc
AR ?= ar
PKG_CONFIG ?= pkg-config

WARNINGS := -Wall -Wextra -Wformat=2 -Wshadow -Wvla -Wundef \
	-Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition \
	-Wdeclaration-after-statement -Wpointer-arith -Wwrite-strings \
	-Wimplicit-fallthrough -Wnull-dereference -Wno-format-truncation
ifneq ($(DEVELOPER)$(CI),)
WARNINGS += -Werror
endif

# -funsigned-char: as on three of the four architectures, so that x86_64 shows
# the same bugs.
# -Ulinux: GNU C predefines it, and a field of the OCI messages has that name.
C_DIALECT := -std=gnu17 -D_GNU_SOURCE -Ulinux -funsigned-char -fno-common \
	-fno-strict-aliasing
HARDENING := -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -fstack-protector-strong \
	-fPIE -ftrivial-auto-var-init=zero
HOST_INCLUDES := -iquote lib -iquote . -iquote $(O)/gen
HOST_CFLAGS := $(C_DIALECT) -O2 -g $(WARNINGS) $(HARDENING) $(HOST_INCLUDES) \
	-ffile-prefix-map=$(CURDIR)/= $(CFLAGS)
HOST_LDFLAGS := -pie -Wl,-z,relro,-z,now,-z,noexecstack $(LDFLAGS)

# The same code for the tests, with its mistakes made loud.
SAN_CFLAGS := $(C_DIALECT) -O1 -g $(WARNINGS) $(HOST_INCLUDES) \
	-fsanitize=address,undefined -fno-sanitize-recover=undefined \
	-fno-omit-frame-pointer $(CFLAGS)
# gcc 12 sees null dereferences in the sanitizer's own branches.
SAN_CFLAGS := $(filter-out -Wnull-dereference,$(SAN_CFLAGS))
SAN_LDFLAGS := -fsanitize=address,undefined
