# SPDX-License-Identifier: Apache-2.0
#
# What says of a guest what it is made of and how: SBOMs and provenance, beside
# image.json and made of it; and signatures, where there is a key
# (docs/evidence.md).

# An Ed25519 key in PEM: `make image SIGN_KEY=key.pem` signs image.json and the
# provenance.
SIGN_KEY ?=
# Who builds, as a URI: whoever signs says who that is.
BUILDER_ID ?=

evidence_files := sbom.spdx.json sbom.cdx.json provenance.json \
	$(if $(SIGN_KEY),image.json.sig provenance.dsse.json)
evidence_params = --param format=$(FORMAT) --param layout=$(LAYOUT) \
	--param verity=$(if $(VERITY),true,false) \
	--param source_date_epoch=$(SOURCE_DATE_EPOCH) \
	$(if $(BUILDER_ID),--builder '$(BUILDER_ID)')

.PHONY: sbom provenance evidence
define evidence_rules
sbom_args_$(1) = --image-json $$(O)/$(1)/image.json --licences rootfs/licences \
	$$$$(test ! -e $$(O)/$(1)/kernel.sources || \
		echo --sources $$(O)/$(1)/kernel.sources) \
	--file initrd.img=$$(O)/$(1)/initrd.img \
	$$(addprefix --file $$(notdir $$(call image_fs,$(1)))=,\
		$$(call image_fs,$(1))) \
	$(if $(MODULES),--file modules.img=$$(O)/$(1)/modules.img) \
	--origin busybox-static=$$(call guest_sysroot,$(1))/busybox

$$(O)/$(1)/sbom.spdx.json: $$(O)/$(1)/image.json rootfs/licences
	$$(if $$(V),,@echo '  SBOM    $$@')
	$$(Q)$$(image_tool) sbom --format spdx $$(sbom_args_$(1)) --output $$@
$$(O)/$(1)/sbom.cdx.json: $$(O)/$(1)/image.json rootfs/licences
	$$(if $$(V),,@echo '  SBOM    $$@')
	$$(Q)$$(image_tool) sbom --format cyclonedx $$(sbom_args_$(1)) \
		--output $$@

provenance_args_$(1) = --image-json $$(O)/$(1)/image.json $$(evidence_params) \
	$$(foreach f,image.json sbom.spdx.json sbom.cdx.json,\
		--file $$(f)=$$(O)/$(1)/$$(f))
$$(O)/$(1)/provenance.json: $$(O)/$(1)/image.json $$(O)/$(1)/sbom.spdx.json \
		$$(O)/$(1)/sbom.cdx.json
	$$(if $$(V),,@echo '  JSON    $$@')
	$$(Q)$$(image_tool) provenance $$(provenance_args_$(1)) --output $$@
$$(O)/$(1)/provenance.dsse.json: $$(O)/$(1)/provenance.json $$(SIGN_KEY)
	$$(if $$(V),,@echo '  SIGN    $$@')
	$$(Q)$$(image_tool) provenance $$(provenance_args_$(1)) \
		--key '$$(SIGN_KEY)' --output $$@
$$(O)/$(1)/image.json.sig: $$(O)/$(1)/image.json $$(SIGN_KEY)
	$$(if $$(V),,@echo '  SIGN    $$@')
	$$(Q)$$(image_tool) sign --key '$$(SIGN_KEY)' $$<
endef
$(foreach a,$(ALL_ARCHES),$(eval $(call evidence_rules,$(a))))

sbom: $(foreach a,$(ARCHES),$(O)/$(a)/sbom.spdx.json $(O)/$(a)/sbom.cdx.json)
provenance: $(foreach a,$(ARCHES),$(O)/$(a)/provenance.json)
evidence: $(foreach a,$(ARCHES),$(addprefix $(O)/$(a)/,$(evidence_files)))
image: evidence
