# SPDX-License-Identifier: Apache-2.0

PREFIX ?= /usr/local
BINDIR ?= $(PREFIX)/bin
LIBDIR ?= $(PREFIX)/lib
INSTALL ?= install
guest_files = kernel initrd.img rootfs.$(FORMAT).img image.json

# Installs what has been built for ARCH; builds it first where it is missing.
.PHONY: install uninstall dist
install: runtime image
	$(Q)$(INSTALL) -d '$(DESTDIR)$(BINDIR)'
	$(Q)$(INSTALL) -m 755 $(O)/host/kiln $(O)/host/kiln-image \
		'$(DESTDIR)$(BINDIR)'
	$(Q)for a in $(ARCHES); do \
		$(INSTALL) -d '$(DESTDIR)$(LIBDIR)/kiln/guests/'$$a; \
		for f in $(guest_files); do \
			$(INSTALL) -m 644 $(O)/$$a/$$f \
				'$(DESTDIR)$(LIBDIR)/kiln/guests/'$$a; \
		done; \
	done

uninstall:
	$(Q)rm -f '$(DESTDIR)$(BINDIR)/kiln' '$(DESTDIR)$(BINDIR)/kiln-image'
	$(Q)rm -rf '$(DESTDIR)$(LIBDIR)/kiln'

# The committed tree, with fixed order, owner and time.
dist:
	$(Q)mkdir -p $(O)
	$(Q)git archive --prefix=kiln-$(VERSION)/ HEAD | \
		xz -9 >$(O)/kiln-$(VERSION).tar.xz
	@echo $(O)/kiln-$(VERSION).tar.xz
