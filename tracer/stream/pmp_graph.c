/* SPDX-License-Identifier: MIT */
/*
 * Section 85: a piece of the heap graph. Numbers of what an edge leads to are written as
 * distances, addresses as differences, so that deflate has little left to do. Knows the spelling
 * only; whether the pieces fit together is for who puts them together to check.
 */
#include <stdlib.h>
#include <string.h>

#include "base/own.h"
#include "tracer/stream/pmp_format.h"
#include "tracer/stream/pmp_heap.h"

#define NODE_BYTES_MIN 4 /* address, type, bytes, degree */
#define EDGE_BYTES_MIN 3 /* distance, kind, name */

int pmp_graph_edges(void *ctx, const struct fact_heap_edges *f, struct err *err)
{
	struct pmp_heap *h = pmp_writer_heap(ctx);
	AUTO_BUF struct buf b = BUF_INIT;
	uint64_t before = 0, e = 0;
	int r = pmp_heap_flush(h, err); /* the heap and the names come first */

	if (r < 0)
		return r;
	(void)buf_uvarint(&b, f->node);
	(void)buf_uvarint(&b, f->count);
	(void)buf_uvarint(&b, f->nedges);
	for (uint32_t i = 0; i < f->count; i++) {
		(void)buf_svarint(&b, (int64_t)(f->addr[i] - before));
		before = f->addr[i];
		(void)buf_uvarint(&b, f->type[i]);
		(void)buf_uvarint(&b, f->own_bytes[i]);
		if (!f->addr[i]) {
			(void)buf_uvarint(&b, f->name[i]);
			(void)buf_uvarint(&b, f->where[i]);
		}
		(void)buf_uvarint(&b, f->degree[i]);
		for (uint32_t k = 0; k < f->degree[i]; k++, e++) {
			(void)buf_svarint(&b, (int64_t)f->to[e] - (int64_t)(f->node + i));
			(void)buf_uvarint(&b, f->edge[e]);
			(void)buf_uvarint(&b, f->edge_name[e]);
		}
	}
	if (b.failed)
		return err_nomem(err);
	return pmp_writer_section(h->w, PMP_HEAP_EDGES, b.bytes, b.len, err);
}

/* Arrays of one piece while it is read. */
struct piece {
	uint64_t *addr, *own_bytes;
	uint32_t *type, *name, *where, *degree, *to, *edge_name;
	uint8_t *edge;
};

static void piece_deinit(struct piece *p)
{
	free(p->addr);
	free(p->own_bytes);
	free(p->type);
	free(p->name);
	free(p->where);
	free(p->degree);
	free(p->to);
	free(p->edge_name);
	free(p->edge);
}

static int piece_init(struct piece *p, size_t n, size_t edges)
{
	p->addr = calloc(n + 1, sizeof *p->addr);
	p->own_bytes = calloc(n + 1, sizeof *p->own_bytes);
	p->type = calloc(n + 1, sizeof *p->type);
	p->name = calloc(n + 1, sizeof *p->name);
	p->where = calloc(n + 1, sizeof *p->where);
	p->degree = calloc(n + 1, sizeof *p->degree);
	p->to = calloc(edges + 1, sizeof *p->to);
	p->edge_name = calloc(edges + 1, sizeof *p->edge_name);
	p->edge = calloc(edges + 1, 1);
	return p->addr && p->own_bytes && p->type && p->name && p->where && p->degree && p->to &&
			       p->edge_name && p->edge ?
		       0 :
		       ERR_NOMEM;
}

/* The edges of one object; false when they contradict the counts. */
static bool get_edges(struct cursor *c, struct piece *p, uint32_t node, uint32_t degree,
		      uint64_t at, uint64_t nedges)
{
	if (degree > nedges - at)
		return false;
	for (uint64_t e = at; e < at + degree; e++) {
		int64_t to = (int64_t)node, away = cursor_svarint(c);
		uint64_t edge = cursor_bounded(c, UINT8_MAX);

		p->edge_name[e] = pmp_get_u32(c);
		if (c->failed || away <= -to || away > UINT32_MAX - to)
			return false;
		to += away;
		p->to[e] = (uint32_t)to;
		p->edge[e] = edge < FACT_EDGES ? (uint8_t)edge : FACT_EDGE_NONE;
	}
	return true;
}

int pmp_graph_read(struct pmp_reader *r, struct cursor *c, struct err *err)
{
	AUTO(piece_deinit) struct piece p = { 0 };
	uint32_t node = pmp_get_u32(c);
	size_t n = pmp_get_count(c, NODE_BYTES_MIN), edges = pmp_get_count(c, EDGE_BYTES_MIN);
	uint64_t before = 0, e = 0;

	if (c->failed || node == 0 || n > UINT32_MAX - node)
		return 1;
	if (piece_init(&p, n, edges) < 0)
		return err_nomem(err);
	for (size_t i = 0; i < n; i++) {
		p.addr[i] = before += (uint64_t)cursor_svarint(c);
		p.type[i] = pmp_get_u32(c);
		p.own_bytes[i] = cursor_uvarint(c);
		if (!p.addr[i]) {
			p.name[i] = pmp_get_u32(c);
			p.where[i] = pmp_get_u32(c);
		}
		p.degree[i] = pmp_get_u32(c);
		if (c->failed || !get_edges(c, &p, node + (uint32_t)i, p.degree[i], e, edges))
			return 1;
		e += p.degree[i];
	}
	if (e != edges)
		return 1;
	struct fact_heap_edges f = {
		.node = node,
		.count = (uint32_t)n,
		.addr = p.addr,
		.type = p.type,
		.own_bytes = p.own_bytes,
		.name = p.name,
		.where = p.where,
		.degree = p.degree,
		.nedges = edges,
		.to = p.to,
		.edge = p.edge,
		.edge_name = p.edge_name,
	};

	return r->sink->heap_edges ? r->sink->heap_edges(r->sink->ctx, &f, err) : 0;
}
