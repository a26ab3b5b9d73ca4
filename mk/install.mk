# SPDX-License-Identifier: Apache-2.0
#
# Where things go, and putting them there. packaging/files.list says what is
# installed; these variables are what it and the recipes of packaging/ are
# written in. They are those of the GNU conventions, but for one: the
# configuration is in /etc with every PREFIX, where a host's administrator
# looks for it.

PREFIX ?= /usr/local
BINDIR ?= $(PREFIX)/bin
LIBDIR ?= $(PREFIX)/lib
DATADIR ?= $(PREFIX)/share
SYSCONFDIR ?= /etc
MANDIR ?= $(DATADIR)/man
DOCDIR ?= $(DATADIR)/doc/kiln
LICENSEDIR ?= $(DATADIR)/licenses
BASHCOMPDIR ?= $(DATADIR)/bash-completion/completions
ZSHCOMPDIR ?= $(DATADIR)/zsh/site-functions
FISHCOMPDIR ?= $(DATADIR)/fish/vendor_completions.d
INSTALL ?= install

# host: programs, their completions and documents; guest: what VMs of ARCH
# boot. MAN=no leaves out the man pages, and the tool that makes them.
COMPONENTS ?= host guest
MAN ?= yes
$(if $(strip $(COMPONENTS)),,$(error COMPONENTS= is empty; of host and guest one or both))
$(if $(filter-out host guest,$(COMPONENTS)),$(error \
	COMPONENTS=$(COMPONENTS): of host and guest one or both))
install_parts = $(COMPONENTS) \
	$(if $(filter host,$(COMPONENTS)),$(if $(filter no,$(MAN)),,man))

DEPS_man := scdoc
MAN_PAGES := $(patsubst docs/man/%.scd,$(O)/man/%,$(wildcard docs/man/*.scd))

quote = '$(subst ','\'',$(1))'
install_vars := BINDIR LIBDIR DATADIR MANDIR DOCDIR LICENSEDIR BASHCOMPDIR \
	ZSHCOMPDIR FISHCOMPDIR FORMAT O ARCHES DESTDIR INSTALL
install_run = env $(foreach v,$(install_vars),$(v)=$(call quote,$($(v)))) \
	RAMDISK=$(image_initrd) \
	COMPONENTS='$(strip $(install_parts))' packaging/install.sh

# Installs what has been built; builds what is missing (mk/package.mk).
.PHONY: install uninstall install-list man
install:
	$(Q)$(install_run) install

# With the variables that it was installed with.
uninstall:
	$(Q)$(install_run) uninstall

install-list:
	@$(install_run) list

# The pages have the date of SOURCE_DATE_EPOCH.
man: $(MAN_PAGES)
$(O)/man/%: docs/man/%.scd VERSION
	$(Q)mkdir -p $(@D)
	$(Q)sed 's/@VERSION@/$(VERSION)/g' $< | scdoc >$@

# Two objects have paths compiled in; they are made again when those change,
# and only they.
install_paths = $(PREFIX) $(LIBDIR) $(SYSCONFDIR)
$(eval $(call remember,$(O)/install.vars,install_paths))
$(foreach v,host san,$(addprefix $(O)/$(v)/obj/runtime/,guest.o config.o)): \
	$(O)/install.vars
