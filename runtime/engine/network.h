// SPDX-License-Identifier: Apache-2.0
#ifndef ENGINE_NETWORK_H
#define ENGINE_NETWORK_H

#include "runtime/engine/engine.h"
#include "runtime/vmm/vmm.h"

/*
 * The network of a sandbox, from the container's namespace on the host to the
 * guest's interfaces. One of it a sandbox; see runtime/net/net.h for how.
 */
struct network;

/* Why a VM with a card is not saved. */
#define NETWORK_UNSAVABLE                                                      \
	"it has a network card, whose connections lead to this network "       \
	"namespace: create it in one without links"

/*
 * Looks at the network namespace of C, the first container of SB, once the
 * host's hooks have filled it, and makes what the VM's cards are joined to.
 * Notes it in the journal before. DONE is called once, maybe at once.
 */
void network_prepare(struct sandbox *sb, struct container *c,
		     engine_done_fn done, void *arg);

/* Gives SPEC a card for each link, and spare ones. The strings are the
 * network's. */
void network_add_cards(struct network *net, struct vm_spec *spec);

/* The VM has what it needs: our descriptors would only keep the taps alive. */
void network_close_taps(struct network *net);

/* Tells the guest, now and when the namespace has changed; its cards are where
 * LAYOUT says. DONE is called once, unless the agent's connection ends. */
void network_configure(struct sandbox *sb, const struct vm_layout *layout,
		       engine_done_fn done, void *arg);

/* The guest's questions to NET_NEAR_HOST are answered. NULL is fine. */
bool network_has_resolver(const struct network *net);

/* The guest is gone: the namespace is let go of. NULL is fine. */
void network_stop(struct network *net);

/* NULL is fine. */
void network_free(struct network *net);

#endif
