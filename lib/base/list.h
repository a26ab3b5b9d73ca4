// SPDX-License-Identifier: Apache-2.0
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <stdbool.h>

#include "macros.h"

/* An intrusive doubly linked ring; the head is a node that holds no object. */
struct list {
	struct list *next, *prev;
};

#define LIST_INIT(name) {&(name), &(name)}

static inline void list_init(struct list *l)
{
	l->next = l->prev = l;
}

static inline bool list_empty(const struct list *l)
{
	return l->next == l;
}

/* Adds NODE before HEAD, that is, as the last of the ring. */
static inline void list_append(struct list *head, struct list *node)
{
	node->prev = head->prev;
	node->next = head;
	head->prev->next = node;
	head->prev = node;
}

/* Unlinks NODE, which may be unlinked already. */
static inline void list_del(struct list *node)
{
	node->prev->next = node->next;
	node->next->prev = node->prev;
	list_init(node);
}

#define list_entry(node, T, member) container_of(node, T, member)

#define list_foreach(pos, head)                                                \
	for ((pos) = (head)->next; (pos) != (head); (pos) = (pos)->next)

/* As list_foreach(), POS may be unlinked and freed in the body. */
#define list_foreach_safe(pos, tmp, head)                                      \
	for ((pos) = (head)->next, (tmp) = (pos)->next; (pos) != (head);       \
	     (pos) = (tmp), (tmp) = (pos)->next)

#endif
