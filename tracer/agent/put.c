/* SPDX-License-Identifier: MIT */
/*
 * Records into the batch, the batch into the pipe. Owns the two policies: what happens when the
 * pipe is full, and that a tracer or a descriptor that went away is noticed without the program
 * ever noticing. Refuses to know what a record means.
 */
#include "tracer/agent/lane.h"

#define HEAD_WORDS (sizeof(struct stream_batch) / 8)
#define HELLO_WORDS (1 + sizeof(struct stream_hello) / 8)

enum put_end { PUT_SENT, PUT_LATER, PUT_GONE };

void put_pass(uint32_t why)
{
	GATE->why_pass = why;
	__atomic_store_n(&GATE->mode, AGENT_MODE_PASS, __ATOMIC_RELEASE);
}

/*
 * write(2) which never lets a SIGPIPE reach the program: blocked meanwhile, and taken back unless
 * one was pending before. Ours only when the descriptor is still the pipe we were given.
 */
static long write_quietly(const void *buf, size_t n)
{
	const struct agent_fixed *fx = &agent_fixed;
	const uint64_t sigpipe = 1ull << (SYS_SIGPIPE - 1);
	const struct sys_timespec now = { 0, 0 };
	uint64_t old = 0, pending = 0, dev, ino;
	long r;

	sys_sigprocmask(SYS_SIG_BLOCK, &sigpipe, &old);
	/* unblocked before means not pending before: it would have been delivered */
	if (old & sigpipe)
		sys_sigpending(&pending);
	if (sys_fstat(fx->pipe_fd, &dev, &ino) || dev != fx->pipe_dev || ino != fx->pipe_ino)
		r = -SYS_EBADF;
	else
		r = sys_write(fx->pipe_fd, buf, n);
	if (r == -SYS_EPIPE && !(pending & sigpipe))
		sys_sigtimedwait(&sigpipe, &now);
	sys_sigprocmask(SYS_SIG_SETMASK, &old, NULL);
	return r;
}

/* Wait for room within *left_ns. False: the time is used up. */
static bool wait_for_room(uint64_t *left_ns)
{
	struct sys_timespec t = { (int64_t)(*left_ns / 1000000000),
				  (int64_t)(*left_ns % 1000000000) };
	uint64_t rest;

	if (!*left_ns)
		return false;
	PUB->stalls++;
	sys_ppoll_out(agent_fixed.pipe_fd, &t);
	rest = (uint64_t)t.sec * 1000000000 + (uint64_t)t.nsec;
	if (rest > *left_ns)
		rest = *left_ns;
	PUB->stall_ns += *left_ns - rest;
	*left_ns = rest;
	return true;
}

/* Send the rest of the batch; patient: follow the user's policy, else only try. */
static enum put_end send_rest(bool patient)
{
	struct agent_cold *c = COLD;
	uint64_t total = (uint64_t)LANE->out_len * 8;
	uint64_t left_ns = (uint64_t)agent_fixed.stall_limit_ms * 1000000;

	while (c->out_sent < total) {
		long r = write_quietly((const char *)agent_state.out + c->out_sent,
				       total - c->out_sent);

		if (r > 0) {
			c->out_sent += (uint32_t)r;
		} else if (r == -SYS_EAGAIN) {
			if (!patient || agent_fixed.on_full == AGENT_FULL_DROP ||
			    !wait_for_room(&left_ns))
				return PUT_LATER;
		} else if (r != -SYS_EINTR) {
			put_pass(r == -SYS_EBADF ? AGENT_WHY_BADFD : AGENT_WHY_EPIPE);
			return PUT_GONE;
		}
	}
	/* a reader of the end subtracts bytes_written from what it got, while out_len is not 0 */
	lane_order();
	LANE->out_len = 0;
	lane_order();
	PUB->bytes_written += total;
	return PUT_SENT;
}

static void close_head(void)
{
	struct stream_batch *b = (struct stream_batch *)agent_state.out;
	struct agent_lane *l = LANE;

	b->magic = STREAM_MAGIC | (uint64_t)AGENT_ABI_VERSION << 48;
	b->bytes = l->out_len * 8;
	b->serial = COLD->batch_serial;
	b->ticks_written = sys_ticks();
	b->allocs = PUB->allocs;
	b->frees = PUB->frees + PUB->cancelled;
	b->cancelled = PUB->cancelled;
	b->reserved = 0;
	b->dropped_events = PUB->dropped_events;
	b->window_peak_bytes = l->window_peak;
	l->window_peak = l->window_bytes;
}

/* True when the buffer is free for a new batch. */
static bool send_batch(bool patient)
{
	struct agent_cold *c = COLD;

	if (LANE->out_end) {
		close_head();
		c->out_sent = 0;
		lane_order();
		LANE->out_end = 0; /* from here on the head is right */
		lane_order();
		c->batch_serial++;
	}
	switch (send_rest(patient)) {
	case PUT_SENT:
		c->dropping = 0;
		return true;
	case PUT_LATER:
		c->dropping = 1;
		c->retry_at = sys_ticks() + agent_fixed.ticks_per_ms;
		return false;
	case PUT_GONE:
		c->dropping = 1;
		c->retry_at = UINT64_MAX;
		return false;
	}
	return false;
}

static void put_hello(uint64_t *at)
{
	const struct agent_fixed *fx = &agent_fixed;
	struct stream_hello *h = (struct stream_hello *)(at + 1);

	at[0] = STREAM_META | STREAM_HELLO << 8 | (uint64_t)HELLO_WORDS << 16;
	h->abi_version = AGENT_ABI_VERSION;
	h->domains = AGENT_DOMAINS;
	h->cookie = fx->cookie;
	h->sample_bytes = fx->sample_bytes;
	h->window = fx->window;
	h->max_frames = fx->max_frames;
}

uint64_t *put_reserve_slow(uint32_t words)
{
	struct agent_lane *l = LANE;
	struct agent_cold *c = COLD;
	uint32_t at = HEAD_WORDS;

	if (l->out_len + words <= l->out_end)
		return &agent_state.out[l->out_len];
	if (c->dropping && sys_ticks() < c->retry_at)
		return NULL;
	if (l->out_len && !send_batch(!c->dropping))
		return NULL;
	((struct stream_batch *)agent_state.out)->ticks_open = sys_ticks();
	if (!c->hello_sent) {
		put_hello(&agent_state.out[at]);
		at += HELLO_WORDS;
	}
	lane_order();
	c->hello_sent = 1;
	/* in lockstep batches are short; a long record still has one of its own */
	l->out_end = at + words > agent_fixed.batch_words ? at + words : agent_fixed.batch_words;
	lane_order();
	l->out_len = at;
	return &agent_state.out[at];
}

void put_flush(void)
{
	bool waits = COLD->dropping;

	if (LANE->out_len > HEAD_WORDS && (!waits || sys_ticks() >= COLD->retry_at))
		send_batch(!waits);
}

static uint64_t *temp_record(uint32_t serial, uint64_t temps)
{
	uint64_t *at = put_reserve(2);

	if (!at) {
		/* a young block's birth and death are lost together */
		PUB->dropped_events += 2 * AGENT_TEMPS_BLOCKS(temps);
		PUB->dropped_bytes += AGENT_TEMPS_BYTES(temps);
		return NULL;
	}
	at[0] = STREAM_TEMP | (uint64_t)serial << 32;
	at[1] = temps;
	PUB->cancelled += AGENT_TEMPS_BLOCKS(temps);
	return at;
}

void put_temp(uint32_t serial, uint64_t size)
{
	if (temp_record(serial, AGENT_TEMPS_ONE(size)))
		put_commit(2);
}

void put_temps(struct agent_site *site)
{
	uint64_t index = (uint64_t)(site - agent_state.sites);

	if (!site->temps)
		return;
	if (temp_record(site->serial, site->temps)) {
		COLD->moving = (index + 1) | (uint64_t)(LANE->out_len + 2) << 32;
		lane_order();
		site->temps = 0;
		put_commit(2);
		COLD->moving = 0;
	}
	site->temps = 0;
}
