/* SPDX-License-Identifier: MIT */
/*
 * The writing half of pmp.h. Facts collect in one buffer per section kind and go out together
 * at the end of every interval, in an order that defines things before they are used. Knows
 * files and pipes; refuses to know where facts come from.
 */
#include "tracer/stream/pmp.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

#include "base/own.h"
#include "base/strtab.h"
#include "tracer/stream/pmp_format.h"
#include "tracer/stream/pmp_heap.h"

#define PENDING_BYTES_MAX (1u << 20) /* flush earlier than the interval's end beyond this */
#define DELTAS_PER_SECTION 65536u
#define BLOCKS_PER_SECTION 65536u
#define DEFLATE_MIN_BYTES 96u /* smaller payloads are stored as they are */
#define LEVEL_SMALL 6	      /* zlib level of what is written once an interval */
#define LEVEL_BULK 1	      /* of events and blocks: the tracer's CPU is the scarce thing */

/* Rows of one kind waiting for the next flush. */
struct pending {
	struct buf rows;
	uint32_t count;
};

struct pmp_writer {
	struct fact_sink sink;
	char *path; /* NULL: standard output */
	bool force, regular, created;
	int fd;
	int failed; /* sticky code */
	struct err why;
	struct buf out; /* finished sections, not written yet */
	uint64_t written;
	struct strtab *strings;
	uint32_t strings_sent;
	struct pending strs, threads, sites, notes, ticks, events, peaks, blocks, tests;
	struct buf scratch, packed;
	/* what rows are coded against, reset with each section */
	uint64_t event_at, event_addr, tick_at, block_addr;
	uint32_t peak_site;
	struct {
		uint32_t *words; /* function, file, line, first line of each frame */
		uint32_t nframes;
		size_t cap;
	} last_site;
	struct pmp_heap heap;
};

/* --- the file ---------------------------------------------------------------------------- */

static int fail(struct pmp_writer *w, int code, struct err *err)
{
	if (w->failed == 0) {
		w->failed = code;
		if (err)
			w->why = *err;
		else
			err_set(&w->why, code, "cannot write");
	} else if (err) {
		*err = w->why;
	}
	return w->failed;
}

/* write(2) of all n bytes; a pipe without a reader is an errno here, never a signal. */
static int write_all(int fd, const uint8_t *p, size_t n)
{
	sigset_t pipe_set, old;
	int sys = 0;

	sigemptyset(&pipe_set);
	sigaddset(&pipe_set, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &pipe_set, &old);
	while (n > 0 && sys == 0) {
		ssize_t k = write(fd, p, n);

		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0) {
			sys = errno;
			break;
		}
		p += k;
		n -= (size_t)k;
	}
	if (sys == EPIPE && !sigismember(&old, SIGPIPE)) {
		struct timespec none = { 0 };
		sigtimedwait(&pipe_set, NULL, &none);
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return sys;
}

static const char *name_of(const struct pmp_writer *w)
{
	return w->path ? w->path : "standard output";
}

/*
 * A device or a pipe, perhaps by a link such as /dev/stdout. A link to a file, or to nothing, is
 * none: it is replaced, and what it points to is left alone.
 */
static bool is_special(const char *path, const struct stat *at)
{
	struct stat st;

	if (!S_ISLNK(at->st_mode))
		return !S_ISREG(at->st_mode);
	return stat(path, &st) == 0 && !S_ISREG(st.st_mode);
}

static int create(struct pmp_writer *w, struct err *err)
{
	struct stat st;

	if (!w->path) {
		w->fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
		if (w->fd < 0)
			return err_sys(err, errno, "standard output");
		w->created = true;
		return 0;
	}
	bool exists = lstat(w->path, &st) == 0;
	if (exists && w->force && is_special(w->path, &st)) {
		w->fd = open(w->path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
	} else {
		if (exists && w->force && unlink(w->path) < 0)
			return err_sys(err, errno, "%s", w->path);
		w->fd = open(w->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	}
	if (w->fd < 0)
		return err_sys(err, errno, "%s", w->path);
	w->regular = fstat(w->fd, &st) == 0 && S_ISREG(st.st_mode);
	w->created = true;
	return 0;
}

static int write_out(struct pmp_writer *w, struct err *err)
{
	if (w->failed)
		return fail(w, w->failed, err);
	if (w->out.failed)
		return fail(w, err_nomem(err), err);
	if (!w->created) {
		int r = create(w, err);
		if (r < 0)
			return fail(w, r, err);
	}
	int sys = write_all(w->fd, w->out.bytes, w->out.len);
	if (sys) {
		struct err local = ERR_INIT, *e = err ? err : &local;
		int code;

		/* Half a section helps nobody: give the space back, keep what was good. */
		if (w->regular && ftruncate(w->fd, (off_t)w->written) < 0)
			sys = sys ? sys : errno;
		if (sys == EPIPE) {
			code = err_hint(e,
					err_set(e, ERR_GONE, "%s: the reader went away", name_of(w)),
					"output-closed");
		} else {
			code = err_sys(e, sys, "%s", name_of(w));
			if (sys == ENOSPC || sys == EDQUOT || sys == EFBIG)
				err_hint(e, code, "disk-full");
		}
		return fail(w, code, e);
	}
	w->written += w->out.len;
	buf_clear(&w->out);
	return 0;
}

static void put_header(struct pmp_writer *w)
{
	uint8_t zero[12] = { 0 };
	size_t at = w->out.len;

	(void)buf_put(&w->out, PMP_MAGIC, PMP_MAGIC_BYTES);
	(void)buf_u16(&w->out, PMP_VERSION_MAJOR);
	(void)buf_u16(&w->out, PMP_VERSION_MINOR);
	(void)buf_u32(&w->out, PMP_HEADER_BYTES);
	(void)buf_put(&w->out, zero, sizeof zero);
	if (!w->out.failed)
		(void)buf_u32(&w->out, (uint32_t)crc32(0, w->out.bytes + at,
						       PMP_HEADER_BYTES - sizeof(uint32_t)));
}

/* Append one section to w->out. */
static int put_section(struct pmp_writer *w, unsigned kind, const void *payload, size_t bytes,
		       int level, struct err *err)
{
	const uint8_t *stored = payload;
	size_t n = bytes;
	unsigned flags = 0;

	if (bytes > PMP_SECTION_BYTES_MAX)
		return fail(w, err_set(err, ERR_UNSUPPORTED, "a section of %zu bytes", bytes), err);
	if (bytes >= DEFLATE_MIN_BYTES) {
		uLongf packed = compressBound((uLong)bytes);

		buf_clear(&w->packed);
		if (buf_reserve(&w->packed, packed) < 0 ||
		    compress2(w->packed.bytes, &packed, payload, (uLong)bytes, level) != Z_OK)
			return fail(w, err_nomem(err), err);
		if (packed < bytes) {
			stored = w->packed.bytes;
			n = packed;
			flags = PMP_DEFLATED;
		}
	}
	size_t at = w->out.len;
	(void)buf_u32(&w->out, PMP_SECTION_MARK);
	(void)buf_u16(&w->out, (uint16_t)kind);
	(void)buf_u16(&w->out, (uint16_t)flags);
	(void)buf_u32(&w->out, (uint32_t)n);
	(void)buf_u32(&w->out, (uint32_t)bytes);
	(void)buf_u32(&w->out, (uint32_t)crc32(0, stored, (uInt)n));
	if (!w->out.failed)
		(void)buf_u32(&w->out, (uint32_t)crc32(0, w->out.bytes + at,
						       PMP_SECTION_HEAD_BYTES - sizeof(uint32_t)));
	(void)buf_put(&w->out, stored, n);
	return w->out.failed ? fail(w, err_nomem(err), err) : 0;
}

/* Count and rows of one kind as a section; nothing when there are none. */
static int put_pending(struct pmp_writer *w, unsigned kind, struct pending *p, int level,
		       struct err *err)
{
	if (p->count == 0)
		return 0;
	if (p->rows.failed)
		return fail(w, err_nomem(err), err);
	buf_clear(&w->scratch);
	(void)buf_uvarint(&w->scratch, p->count);
	(void)buf_put(&w->scratch, p->rows.bytes, p->rows.len);
	if (w->scratch.failed)
		return fail(w, err_nomem(err), err);
	buf_clear(&p->rows);
	p->count = 0;
	return put_section(w, kind, w->scratch.bytes, w->scratch.len, level, err);
}

/* Everything that waits, definitions first. */
static int put_all_pending(struct pmp_writer *w, struct err *err)
{
	int r = put_pending(w, PMP_STRINGS, &w->strs, LEVEL_SMALL, err);

	if (r == 0)
		r = put_pending(w, PMP_THREADS, &w->threads, LEVEL_SMALL, err);
	if (r == 0)
		r = put_pending(w, PMP_SITES, &w->sites, LEVEL_SMALL, err);
	if (r == 0)
		r = put_pending(w, PMP_NOTES, &w->notes, LEVEL_SMALL, err);
	if (r == 0)
		r = put_pending(w, PMP_TICKS, &w->ticks, LEVEL_SMALL, err);
	if (r == 0)
		r = put_pending(w, PMP_EVENTS, &w->events, LEVEL_BULK, err);
	if (r == 0)
		r = put_pending(w, PMP_PEAKS, &w->peaks, LEVEL_SMALL, err);
	if (r == 0)
		r = put_pending(w, PMP_BLOCKS, &w->blocks, LEVEL_BULK, err);
	if (r == 0)
		r = put_pending(w, PMP_TESTS, &w->tests, LEVEL_SMALL, err);
	w->last_site.nframes = 0;
	w->event_at = w->event_addr = w->tick_at = w->block_addr = 0;
	w->peak_site = 0;
	return r;
}

static int flush_all(struct pmp_writer *w, struct err *err)
{
	int r = put_all_pending(w, err);

	return r < 0 ? r : write_out(w, err);
}

/* A row was added: write early when much waits, so no buffer grows with the recording. */
static int row_added(struct pmp_writer *w, struct pending *p, struct err *err)
{
	if (w->failed)
		return fail(w, w->failed, err);
	p->count++;
	return p->rows.len > PENDING_BYTES_MAX || p->rows.failed ? flush_all(w, err) : 0;
}

/* --- facts ------------------------------------------------------------------------------- */

static int on_target(void *ctx, const struct fact_target *f, struct err *err)
{
	struct pmp_writer *w = ctx;
	struct buf *b = &w->scratch;

	if (w->failed)
		return fail(w, w->failed, err);
	buf_clear(b);
	(void)buf_uvarint(b, (uint64_t)(uint32_t)f->pid);
	pmp_put_str(b, f->python_version);
	pmp_put_str(b, f->implementation);
	pmp_put_str(b, f->executable);
	pmp_put_str(b, f->arch);
	(void)buf_uvarint(b, f->word_bytes);
	(void)buf_uvarint(b, f->start_unix_ns);
	(void)buf_uvarint(b, f->sample_bytes);
	(void)buf_uvarint(b, f->window_slots);
	(void)buf_uvarint(b, (f->tracemalloc_on ? 1u : 0u) | (f->from_start ? 2u : 0u));
	if (b->failed)
		return fail(w, err_nomem(err), err);
	int r = put_section(w, PMP_TARGET, b->bytes, b->len, LEVEL_SMALL, err);
	return r < 0 ? r : write_out(w, err);
}

static int on_thread(void *ctx, const struct fact_thread *f, struct err *err)
{
	struct pmp_writer *w = ctx;
	struct buf *b = &w->threads.rows;

	(void)buf_uvarint(b, f->thread);
	(void)buf_uvarint(b, f->tid);
	(void)buf_uvarint(b, f->tstate_id);
	pmp_put_str(b, f->name);
	return row_added(w, &w->threads, err);
}

static int string_id(struct pmp_writer *w, const char *s, uint32_t *ret, struct err *err)
{
	int r = strtab_add_str(w->strings, s ? s : "", ret, err);

	if (r < 0)
		return fail(w, r, err);
	if (*ret > w->strings_sent) {
		w->strings_sent = *ret;
		(void)buf_uvarint(&w->strs.rows, *ret);
		pmp_put_str(&w->strs.rows, s);
		w->strs.count++;
	}
	return 0;
}

/* Numbers of a site's frames, four words each, into a fresh array in *ret. */
static int frame_words(struct pmp_writer *w, const struct fact_site *f, uint32_t **ret,
		       struct err *err)
{
	uint32_t *words = malloc((f->nframes ? f->nframes : 1) * 4 * sizeof *words);

	if (!words)
		return fail(w, err_nomem(err), err);
	for (uint32_t i = 0; i < f->nframes; i++) {
		uint32_t *q = words + (size_t)i * 4;
		int r = string_id(w, f->frames[i].function, &q[0], err);
		if (r == 0)
			r = string_id(w, f->frames[i].file, &q[1], err);
		if (r < 0) {
			free(words);
			return r;
		}
		q[2] = f->frames[i].line;
		q[3] = f->frames[i].first_line;
	}
	*ret = words;
	return 0;
}

static int on_site(void *ctx, const struct fact_site *f, struct err *err)
{
	struct pmp_writer *w = ctx;
	struct buf *b = &w->sites.rows;
	uint32_t *words = NULL, shared = 0, last = w->last_site.nframes;

	if (w->failed)
		return fail(w, w->failed, err);
	int r = frame_words(w, f, &words, err);
	if (r < 0)
		return r;
	/* Stacks grow at the inner end: only what differs from the site before is written. */
	while (shared < f->nframes && shared < last &&
	       memcmp(words + (size_t)(f->nframes - 1 - shared) * 4,
		      w->last_site.words + (size_t)(last - 1 - shared) * 4, 16) == 0)
		shared++;
	(void)buf_uvarint(b, f->site);
	(void)buf_uvarint(b, f->thread);
	(void)buf_u8(b, f->truncated ? 1 : 0);
	(void)buf_uvarint(b, shared);
	(void)buf_uvarint(b, f->nframes - shared);
	for (uint32_t i = 0; i < f->nframes - shared; i++) {
		const uint32_t *q = words + (size_t)i * 4;
		(void)buf_uvarint(b, q[0]);
		(void)buf_uvarint(b, q[1]);
		(void)buf_uvarint(b, q[3]);
		(void)buf_svarint(b, (int64_t)q[2] - (int64_t)q[3]);
	}
	free(w->last_site.words);
	w->last_site.words = words;
	w->last_site.nframes = f->nframes;
	return row_added(w, &w->sites, err);
}

static int put_deltas(struct pmp_writer *w, const struct fact_interval *f, size_t first, size_t n,
		      struct err *err)
{
	struct buf *b = &w->scratch;
	uint32_t site = 0;

	buf_clear(b);
	(void)buf_uvarint(b, f->from_ns);
	(void)buf_uvarint(b, f->to_ns - f->from_ns);
	(void)buf_u8(b, first + n < f->ndeltas ? 1 : 0);
	(void)buf_uvarint(b, n);
	for (size_t i = first; i < first + n; i++) {
		const struct fact_delta *d = &f->deltas[i];
		(void)buf_svarint(b, (int64_t)d->site - (int64_t)site);
		(void)buf_uvarint(b, d->alloc_blocks);
		(void)buf_uvarint(b, d->alloc_bytes);
		(void)buf_uvarint(b, d->free_blocks);
		(void)buf_uvarint(b, d->free_bytes);
		(void)buf_uvarint(b, d->temp_blocks);
		(void)buf_uvarint(b, d->temp_bytes);
		site = d->site;
	}
	(void)buf_uvarint(b, f->waited_ns);
	if (b->failed)
		return fail(w, err_nomem(err), err);
	return put_section(w, PMP_INTERVAL, b->bytes, b->len, LEVEL_SMALL, err);
}

static int on_interval(void *ctx, const struct fact_interval *f, struct err *err)
{
	struct pmp_writer *w = ctx;
	size_t first = 0;

	if (w->failed)
		return fail(w, w->failed, err);
	int r = put_all_pending(w, err);
	do {
		size_t n = f->ndeltas - first;

		if (r < 0)
			return r;
		if (n > DELTAS_PER_SECTION)
			n = DELTAS_PER_SECTION;
		r = put_deltas(w, f, first, n, err);
		first += n;
	} while (first < f->ndeltas);
	return r < 0 ? r : write_out(w, err);
}

static int on_tick(void *ctx, const struct fact_tick *f, struct err *err)
{
	struct pmp_writer *w = ctx;
	struct buf *b = &w->ticks.rows;

	(void)buf_svarint(b, (int64_t)(f->at_ns - w->tick_at));
	w->tick_at = f->at_ns;
	(void)buf_uvarint(b, f->rss_bytes);
	(void)buf_uvarint(b, f->live_bytes);
	(void)buf_uvarint(b, f->live_blocks);
	(void)buf_uvarint(b, f->allocs);
	(void)buf_uvarint(b, f->frees);
	return row_added(w, &w->ticks, err);
}

static int on_event(void *ctx, const struct fact_event *f, struct err *err)
{
	struct pmp_writer *w = ctx;
	struct buf *b = &w->events.rows;
	unsigned kind = f->kind == 'a' ? 0 : f->kind == 'f' ? 1 : 2;

	(void)buf_u8(b, (uint8_t)(kind | f->domain << 2));
	(void)buf_svarint(b, (int64_t)(f->at_ns - w->event_at));
	(void)buf_uvarint(b, f->site);
	(void)buf_svarint(b, (int64_t)(f->addr - w->event_addr));
	(void)buf_uvarint(b, f->size);
	if (kind == 2)
		(void)buf_uvarint(b, f->blocks);
	w->event_at = f->at_ns;
	w->event_addr = f->addr;
	return row_added(w, &w->events, err);
}

static int on_note(void *ctx, const struct fact_note *f, struct err *err)
{
	struct pmp_writer *w = ctx;

	pmp_put_str(&w->notes.rows, f->code);
	pmp_put_str(&w->notes.rows, f->text);
	return row_added(w, &w->notes, err);
}

static int on_site_peak(void *ctx, const struct fact_site_peak *f, struct err *err)
{
	struct pmp_writer *w = ctx;
	struct buf *b = &w->peaks.rows;

	(void)buf_svarint(b, (int64_t)f->site - (int64_t)w->peak_site);
	(void)buf_uvarint(b, f->bytes);
	(void)buf_uvarint(b, f->blocks);
	w->peak_site = f->site;
	return row_added(w, &w->peaks, err);
}

static int on_block(void *ctx, const struct fact_block *f, struct err *err)
{
	struct pmp_writer *w = ctx;
	struct buf *b = &w->blocks.rows;
	bool weighted = f->weight != 1.0;
	uint64_t bits;

	(void)buf_svarint(b, (int64_t)(f->addr - w->block_addr));
	(void)buf_uvarint(b, f->size);
	(void)buf_uvarint(b, f->site);
	(void)buf_u8(b, (uint8_t)(f->domain | (weighted ? 0x80 : 0)));
	(void)buf_uvarint(b, f->birth_ns);
	if (weighted) {
		memcpy(&bits, &f->weight, sizeof bits);
		(void)buf_u64(b, bits);
	}
	w->block_addr = f->addr;
	int r = row_added(w, &w->blocks, err);
	return r == 0 && w->blocks.count >= BLOCKS_PER_SECTION ? flush_all(w, err) : r;
}

static int on_test(void *ctx, const struct fact_test *f, struct err *err)
{
	struct pmp_writer *w = ctx;

	pmp_put_test(&w->tests.rows, f);
	return row_added(w, &w->tests, err);
}

/* A section that is nothing but varints. */
static int put_varints(struct pmp_writer *w, unsigned kind, const uint64_t *v, size_t n,
		       struct err *err)
{
	int r = w->failed ? fail(w, w->failed, err) : put_all_pending(w, err);

	if (r < 0)
		return r;
	buf_clear(&w->scratch);
	for (size_t i = 0; i < n; i++)
		(void)buf_uvarint(&w->scratch, v[i]);
	if (w->scratch.failed)
		return fail(w, err_nomem(err), err);
	r = put_section(w, kind, w->scratch.bytes, w->scratch.len, LEVEL_SMALL, err);
	return r < 0 ? r : write_out(w, err);
}

static int on_totals(void *ctx, const struct fact_totals *f, struct err *err)
{
	const uint64_t v[] = {
		f->alloc_blocks, f->alloc_bytes, f->free_blocks,      f->free_bytes,
		f->temp_blocks,	 f->temp_bytes,	 f->peak_bytes,	      f->peak_blocks,
		f->peak_at_ns,	 f->peak_slack_bytes, f->foreign_frees, f->duration_ns,
	};

	return put_varints(ctx, PMP_TOTALS, v, sizeof v / sizeof *v, err);
}

static int on_cost(void *ctx, const struct fact_cost *f, struct err *err)
{
	const uint64_t v[] = {
		f->attach_stop_ns, f->detach_stop_ns, f->attach_ns,	 f->agent_bytes,
		f->events,	   f->batches,	      f->stream_bytes,	 f->dropped_events,
		f->offgil_dropped, f->stalls,	      f->stall_ns,	 f->tracer_cpu_ns,
		f->tracer_rss_bytes, f->target_cpu_ns, f->pause_ns,	 f->pause_total_ns,
		f->pause_kind,	   f->pause_retries,  f->snapshot_ns,
		f->first_event_ns, f->rss_peak_bytes,
	};

	return put_varints(ctx, PMP_COST, v, sizeof v / sizeof *v, err);
}

static int on_finish(void *ctx, enum fact_end end, struct err *err)
{
	const uint64_t v[] = { (uint64_t)end };

	return put_varints(ctx, PMP_END, v, 1, err);
}

/* --- the writer -------------------------------------------------------------------------- */

/* Is path usable? The file is created later; what is known to fail is refused now. */
static int check_path(const char *path, bool force, struct err *err)
{
	struct stat st;

	if (lstat(path, &st) == 0) {
		if (S_ISDIR(st.st_mode))
			return err_set(err, ERR_USAGE, "%s is a directory", path);
		if (!force)
			return err_hint(err, err_set(err, ERR_USAGE, "%s exists already", path),
					"file-exists");
		return 0;
	}
	if (errno != ENOENT)
		return err_hint(err, err_sys(err, errno, "cannot create %.180s", path), "cannot-create");
	AUTO_FREE char *dir = strdup(path);
	if (!dir)
		return err_nomem(err);
	char *slash = strrchr(dir, '/');
	if (slash)
		slash[slash == dir ? 1 : 0] = '\0';
	if (access(slash ? dir : ".", W_OK | X_OK) < 0)
		return err_hint(err, err_sys(err, errno, "cannot create %.180s", path), "cannot-create");
	return 0;
}

static void set_sink(struct pmp_writer *w, bool events)
{
	w->sink = (struct fact_sink){
		.ctx = w,
		.target = on_target,
		.thread = on_thread,
		.site = on_site,
		.interval = on_interval,
		.tick = on_tick,
		.event = events ? on_event : NULL,
		.site_peak = on_site_peak,
		.block = on_block,
		.test = on_test,
		.note = on_note,
		.totals = on_totals,
		.cost = on_cost,
		.finish = on_finish,
	};
	pmp_heap_init(&w->heap, w, &w->sink);
}

struct pmp_heap *pmp_writer_heap(void *ctx)
{
	return &((struct pmp_writer *)ctx)->heap;
}

static void writer_free(struct pmp_writer *w)
{
	struct pending *all[] = { &w->strs,   &w->threads, &w->sites, &w->notes,
				  &w->ticks, &w->events,  &w->peaks, &w->blocks,
				  &w->tests };

	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		buf_deinit(&all[i]->rows);
	buf_deinit(&w->out);
	buf_deinit(&w->scratch);
	buf_deinit(&w->packed);
	pmp_heap_deinit(&w->heap);
	strtab_free(w->strings);
	free(w->last_site.words);
	free(w->path);
	free(w);
}

int pmp_writer_new(const struct pmp_options *options, struct pmp_writer **ret, struct err *err)
{
	bool to_stdout = strcmp(options->path, "-") == 0;

	if (!to_stdout) {
		int r = check_path(options->path, options->force, err);
		if (r < 0)
			return r;
	}
	struct pmp_writer *w = calloc(1, sizeof *w);
	if (!w)
		return err_nomem(err);
	w->fd = -1;
	w->force = options->force;
	set_sink(w, options->events);
	w->path = to_stdout ? NULL : strdup(options->path);
	int r = to_stdout || w->path ? strtab_new(&w->strings, err) : err_nomem(err);
	if (r < 0) {
		writer_free(w);
		return r;
	}
	put_header(w);
	*ret = w;
	return 0;
}

const struct fact_sink *pmp_writer_sink(struct pmp_writer *w)
{
	return &w->sink;
}

uint64_t pmp_writer_bytes(const struct pmp_writer *w)
{
	return w->written;
}

int pmp_writer_section(struct pmp_writer *w, unsigned kind, const void *payload, size_t bytes,
		       struct err *err)
{
	if (w->failed)
		return fail(w, w->failed, err);
	int r = put_all_pending(w, err);
	if (r == 0)
		r = put_section(w, kind, payload, bytes, LEVEL_BULK, err);
	return r < 0 ? r : write_out(w, err);
}

int pmp_writer_close(struct pmp_writer *w, struct err *err)
{
	int r = 0;

	if (!w)
		return 0;
	if (w->created || w->failed)
		r = w->failed ? fail(w, w->failed, err) : flush_all(w, err);
	if (w->fd >= 0 && close(w->fd) < 0 && r == 0)
		r = err_sys(err, errno, "%s", name_of(w));
	/* Not even its beginning could be written: nobody needs that. */
	if (w->failed && w->regular && w->written == 0)
		(void)unlink(w->path);
	writer_free(w);
	return r;
}
