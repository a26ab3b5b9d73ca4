// SPDX-License-Identifier: Apache-2.0
/* Device addresses of the host and device events of the kernel. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/device/device.h"
#include "agent/device/vfio.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	char *text = malloc(n + 1);
	struct scsi_address scsi;
	struct ccw_address ccw;
	struct pci_path pci;
	struct vfio_option vfio;
	struct ap_address ap;
	struct uevent ev;

	if (!text)
		return 0;
	memcpy(text, data, n);
	text[n] = '\0';
	if (!pci_path_parse(text, &pci))
		assert(pci.n && pci.n <= PCI_PATH_DEPTH_MAX);
	if (!ccw_address_parse(text, &ccw))
		assert(ccw.ssid < 4);
	(void)scsi_address_parse(text, &scsi);
	if (!ap_address_parse(text, &ap))
		assert(ap.card < 256 && ap.domain < 65536);
	if (!vfio_option_parse(text, &vfio))
		assert(strlen(vfio.host) == VFIO_PCI_ADDRESS_LEN);
	if (!uevent_parse(text, (uint32_t)n, &ev))
		assert(ev.action && *ev.devpath == '/');
	free(text);
	return 0;
}
