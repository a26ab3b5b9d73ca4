// SPDX-License-Identifier: Apache-2.0
/*
 * A host's CreateContainer, UpdateInterface or UpdateRoutes, as far as the agent
 * goes before it acts: the checks of a specification, what is taken from its
 * annotations, mount options, the program for devices, seccomp's filter, and
 * the addresses of interfaces and routes.
 */
#include <assert.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cgroup.h"
#include "agent/devgroup.h"
#include "agent/extras.h"
#include "agent/idmap.h"
#include "agent/mount.h"
#include "agent/net.h"
#include "agent/policy.h"
#include "agent/rpc.h"
#include "agent/spec.h"
#include "agent/sysctl.h"
#include "agent/sysfilter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char policy_text[] =
	"deny CreateContainer OCI.Process.Args[*]=*rm* \n"
	"allow CreateContainer storages[*].driver=virtio-fs "
	"OCI.Annotations[*].key=a* OCI.Linux.Resources.Memory.Limit!=5\n"
	"default allow\n";

static void look_at_resources(const Grpc__LinuxResources *r)
{
	static struct bpf_insn program[DEVGROUP_INSNS_MAX];
	struct err e;
	size_t n;

	if (!r)
		return;
	if (!devgroup_build(r->devices, r->n_devices, program, &n, &e))
		assert(n && n <= DEVGROUP_INSNS_MAX);
	if (r->memory)
		(void)cgroup_swap_of_memsw(r->memory->swap, r->memory->limit);
	if (r->cpu)
		assert(cgroup_weight_of_shares(r->cpu->shares) <= 10000);
	if (r->blockio)
		assert(cgroup_weight_of_blkio(r->blockio->weight) <= 10000);
}

/* libseccomp's part is not ours to try, and slow: few calls are enough. */
static void look_at_seccomp(const Grpc__LinuxSeccomp *s)
{
	struct sysfilter *filter = NULL;
	struct err e;

	if (!s || s->n_syscalls > 8 || s->n_architectures > 2)
		return;
	if (!sysfilter_new(s, 1, &filter, &e))
		sysfilter_free(filter);
}

static void look_at_spec(const Grpc__Spec *s)
{
	static struct mount_options options;
	char path[CGROUP_PATH_MAX], name[SYSCTL_PATH_MAX];
	struct extras extras;
	struct err e;
	size_t i;

	if (spec_check(s, &e) < 0)
		return;
	(void)extras_parse(s, &extras, &e);
	for (i = 0; i < s->n_mounts; i++)
		(void)mount_options_parse(&options, s->mounts[i]->options,
					  s->mounts[i]->n_options);
	(void)cgroup_path(s->linux->cgroupspath, "id", path);
	(void)mount_propagation(s->linux->rootfspropagation);
	for (i = 0; i < s->linux->n_sysctl; i++)
		(void)sysctl_path(s->linux->sysctl[i]->key, ~0u, name);
	look_at_resources(s->linux->resources);
	look_at_seccomp(s->linux->seccomp);
}

static void look_at_interface(const Types__Interface *i)
{
	struct net_address a;
	uint8_t mac[NET_MAC_SIZE];
	char text[NET_ADDRESS_TEXT_MAX];
	size_t k;

	if (!i)
		return;
	(void)net_mac_parse(i->hwaddr, mac);
	(void)net_name_is_valid(i->name);
	for (k = 0; k < i->n_ipaddresses; k++) {
		if (net_address_parse_mask(i->ipaddresses[k]->address,
					   i->ipaddresses[k]->mask, &a) < 0)
			continue;
		assert(a.prefix <= 8 * net_address_size(a.family));
		net_address_format(&a, text);
	}
}

static void look_at_routes(const Grpc__Routes *r)
{
	struct net_address a;
	size_t i;

	for (i = 0; r && i < r->n_routes; i++) {
		(void)net_address_parse(r->routes[i]->dest, &a);
		(void)net_address_parse(r->routes[i]->gateway, &a);
		(void)net_address_parse(r->routes[i]->source, &a);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const ProtobufCMessageDescriptor *const kinds[] = {
		&grpc__create_container_request__descriptor,
		&grpc__update_interface_request__descriptor,
		&grpc__update_routes_request__descriptor,
		&grpc__update_container_request__descriptor,
	};
	static const char *const names[] = {
		"CreateContainer", "UpdateInterface", "UpdateRoutes",
		"UpdateContainer",
	};
	static struct policy *policy;
	ProtobufCMessage *m;
	unsigned int kind;
	struct err e;

	if (!policy && policy_parse(policy_text, rpc_methods, rpc_nmethods,
				    &policy, &e) < 0)
		abort();
	if (!size)
		return 0;
	kind = *data % 4;
	m = proto_unpack(kinds[kind], size - 1, data + 1);
	if (!m)
		return 0;
	(void)policy_check(policy, names[kind], m, &e);
	if (kind == 0)
		look_at_spec(((Grpc__CreateContainerRequest *)m)->oci);
	else if (kind == 1)
		look_at_interface(((Grpc__UpdateInterfaceRequest *)m)->interface);
	else if (kind == 2)
		look_at_routes(((Grpc__UpdateRoutesRequest *)m)->routes);
	else
		look_at_resources(((Grpc__UpdateContainerRequest *)m)->resources);
	proto_free(m);
	return 0;
}
