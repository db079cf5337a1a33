/* SPDX-License-Identifier: MIT */
#include "tests/tracer/stream/fact_log.h"

#include <inttypes.h>
#include <string.h>

static int line(struct fact_log *l, struct err *err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static int line(struct fact_log *l, struct err *err, const char *fmt, ...)
{
	va_list ap;

	if (l->fail_after > 0 && --l->fail_after == 0)
		return err_set(err, ERR_SYS, "the sink is full");
	va_start(ap, fmt);
	(void)buf_vprintf(&l->text, fmt, ap);
	va_end(ap);
	return buf_str(&l->text, "\n");
}

static int on_target(void *ctx, const struct fact_target *f, struct err *err)
{
	return line(ctx, err, "target %d %s %s %s %s %u %" PRIu64 " %" PRIu64 " %u %d %d", f->pid,
		    f->python_version, f->implementation, f->executable, f->arch, f->word_bytes,
		    f->start_unix_ns, f->sample_bytes, f->window_slots, f->tracemalloc_on,
		    f->from_start);
}

static int on_thread(void *ctx, const struct fact_thread *f, struct err *err)
{
	return line(ctx, err, "thread %u tid=%u tstate=%" PRIu64 " '%s'", f->thread, f->tid,
		    f->tstate_id, f->name);
}

static int on_site(void *ctx, const struct fact_site *f, struct err *err)
{
	struct fact_log *l = ctx;

	(void)buf_printf(&l->text, "site %u thread=%u%s", f->site, f->thread,
			 f->truncated ? " truncated" : "");
	for (uint32_t i = 0; i < f->nframes; i++)
		(void)buf_printf(&l->text, " %s@%s:%u(%u)", f->frames[i].function,
				 f->frames[i].file, f->frames[i].line, f->frames[i].first_line);
	return line(l, err, ".");
}

static int on_interval(void *ctx, const struct fact_interval *f, struct err *err)
{
	struct fact_log *l = ctx;

	(void)buf_printf(&l->text, "interval %" PRIu64 "-%" PRIu64, f->from_ns, f->to_ns);
	if (f->waited_ns)
		(void)buf_printf(&l->text, "w%" PRIu64, f->waited_ns);
	for (size_t i = 0; i < f->ndeltas; i++) {
		const struct fact_delta *d = &f->deltas[i];
		(void)buf_printf(&l->text,
				 " %u:+%" PRIu64 "/%" PRIu64 "-%" PRIu64 "/%" PRIu64 "t%" PRIu64
				 "/%" PRIu64,
				 d->site, d->alloc_blocks, d->alloc_bytes, d->free_blocks,
				 d->free_bytes, d->temp_blocks, d->temp_bytes);
	}
	return line(l, err, ".");
}

static int on_tick(void *ctx, const struct fact_tick *f, struct err *err)
{
	return line(ctx, err,
		    "tick %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64,
		    f->at_ns, f->rss_bytes, f->live_bytes, f->live_blocks, f->allocs, f->frees);
}

static int on_event(void *ctx, const struct fact_event *f, struct err *err)
{
	return line(ctx, err,
		    "event %c d%u s%u %" PRIu64 " %" PRIx64 " %" PRIu64 " %" PRIu64, f->kind,
		    f->domain, f->site, f->at_ns, f->addr, f->size, f->blocks);
}

static int on_site_peak(void *ctx, const struct fact_site_peak *f, struct err *err)
{
	return line(ctx, err, "peak %u %" PRIu64 " %" PRIu64, f->site, f->bytes, f->blocks);
}

static int on_block(void *ctx, const struct fact_block *f, struct err *err)
{
	return line(ctx, err, "block %" PRIx64 " %" PRIu64 " w%.4f s%u d%u %" PRIu64, f->addr,
		    f->size, f->weight, f->site, f->domain, f->birth_ns);
}

static int on_test(void *ctx, const struct fact_test *f, struct err *err)
{
	char sites[160] = "";
	size_t n = 0;

	for (uint32_t i = 0; i < f->npeak && n < sizeof sites; i++)
		n += (size_t)snprintf(sites + n, sizeof sites - n, " p%u:%" PRIu64, f->peak[i].site,
				      f->peak[i].bytes);
	for (uint32_t i = 0; i < f->nkept && n < sizeof sites; i++)
		n += (size_t)snprintf(sites + n, sizeof sites - n, " k%u:%" PRIu64, f->kept[i].site,
				      f->kept[i].bytes);
	return line(ctx, err,
		    "test %u %s x%u +%" PRIu64 "/%" PRIu64 " peak %" PRIu64 " left %" PRIu64
		    "/%" PRIu64 " kept %" PRIu64 "/%" PRIu64 " setup %" PRIu64 "^%" PRIu64
		    " call %" PRIu64 "^%" PRIu64 " teardown %" PRIu64 "^%" PRIu64 " at %" PRIu64
		    " for %" PRIu64 "%s",
		    f->test, f->id, f->runs, f->alloc_blocks, f->alloc_bytes, f->peak_bytes,
		    f->left_blocks, f->left_bytes, f->kept_blocks, f->kept_bytes,
		    f->phase[0].alloc_bytes, f->phase[0].peak_bytes, f->phase[1].alloc_bytes,
		    f->phase[1].peak_bytes, f->phase[2].alloc_bytes, f->phase[2].peak_bytes,
		    f->first_ns, f->duration_ns, sites);
}

static int on_note(void *ctx, const struct fact_note *f, struct err *err)
{
	return line(ctx, err, "note %s: %s", f->code, f->text);
}

static int on_totals(void *ctx, const struct fact_totals *f, struct err *err)
{
	return line(ctx, err,
		    "totals +%" PRIu64 "/%" PRIu64 " -%" PRIu64 "/%" PRIu64 " t%" PRIu64 "/%" PRIu64
		    " live %" PRIu64 "/%" PRIu64 " peak %" PRIu64 "/%" PRIu64 "@%" PRIu64
		    " slack %" PRIu64 " foreign %" PRIu64 " for %" PRIu64,
		    f->alloc_blocks, f->alloc_bytes, f->free_blocks, f->free_bytes, f->temp_blocks,
		    f->temp_bytes, f->live_blocks, f->live_bytes, f->peak_blocks, f->peak_bytes,
		    f->peak_at_ns, f->peak_slack_bytes, f->foreign_frees, f->duration_ns);
}

static int on_cost(void *ctx, const struct fact_cost *f, struct err *err)
{
	return line(ctx, err,
		    "cost %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64
		    " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64
		    " %" PRIu64 " %" PRIu64,
		    f->attach_stop_ns, f->detach_stop_ns, f->attach_ns, f->agent_bytes, f->events,
		    f->batches, f->stream_bytes, f->dropped_events, f->offgil_dropped, f->stalls,
		    f->stall_ns, f->tracer_cpu_ns, f->tracer_rss_bytes, f->target_cpu_ns);
}

static int on_finish(void *ctx, enum fact_end end, struct err *err)
{
	return line(ctx, err, "finish %d", end);
}

void fact_log_init(struct fact_log *l)
{
	*l = (struct fact_log){
		.sink = {
			.ctx = l,
			.target = on_target,
			.thread = on_thread,
			.site = on_site,
			.interval = on_interval,
			.tick = on_tick,
			.event = on_event,
			.site_peak = on_site_peak,
			.block = on_block,
			.test = on_test,
			.note = on_note,
			.totals = on_totals,
			.cost = on_cost,
			.finish = on_finish,
		},
	};
}

void fact_log_deinit(struct fact_log *l)
{
	buf_deinit(&l->text);
}

const char *fact_log_text(struct fact_log *l)
{
	const char *s = buf_cstr(&l->text);

	return s ? s : "";
}
