/* SPDX-License-Identifier: MIT */
/*
 * ELF core files as a memory source. Segment and note tables are read with libelf and are
 * hostile: every count is bounded, segments are sorted and overlaps dropped. Layouts of the
 * notes: core(5), Linux include/uapi/linux/elfcore.h (struct elf_prstatus), fs/binfmt_elf.c
 * (NT_FILE, since 3.7).
 */
#include "tracer/mem/core.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cursor.h"
#include "base/own.h"
#include "base/vec.h"

#define CORE_SEGMENTS_MAX (1u << 20)
#define CORE_NOTES_BYTES_MAX (256ull << 20)
#define CORE_THREADS_MAX (1u << 16)
#define CORE_FILES_MAX (1u << 18)
#define CORE_PROBE_BYTES 4096

struct core_segment {
	uint64_t start, end;	/* addresses */
	uint64_t offset, bytes; /* in the core file; bytes ≤ end − start */
	uint32_t flags;
};

/* One mapped file range of NT_FILE: [start, end) shows `path` from byte `offset`. */
struct core_file {
	uint64_t start, end, offset;
	char *path;
	int fd; /* −1: not opened yet, −2: absent or another build */
};

#define COMPRESSION_MAX 32 /* of a file system */

struct core {
	struct mem_source src; /* first: the source is the core */
	int fd;
	uint64_t file_bytes, missing_bytes;
	size_t missing_files;
	uint16_t machine;
	pid_t pid;
	char *sysroot;
	struct core_segments VEC(struct core_segment) segments;
	struct core_files VEC(struct core_file) files;
	struct core_threads_ VEC(struct core_thread) threads;
	struct maps maps;
};

static int by_start(const void *a, const void *b)
{
	const struct core_segment *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

static int file_by_start(const void *a, const void *b)
{
	const struct core_file *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

static const struct core_segment *segment_at(const struct core *c, uint64_t addr)
{
	size_t lo = 0, hi = c->segments.len;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (c->segments.at[mid].end <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < c->segments.len && c->segments.at[lo].start <= addr ? &c->segments.at[lo] : NULL;
}

static struct core_file *file_at(const struct core *c, uint64_t addr)
{
	size_t lo = 0, hi = c->files.len;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (c->files.at[mid].end <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < c->files.len && c->files.at[lo].start <= addr ? &c->files.at[lo] : NULL;
}

/* pread until n bytes, end of file or an error; the number of bytes read, never negative. */
static size_t pread_all(int fd, void *buf, size_t n, uint64_t offset)
{
	size_t done = 0;

	while (done < n && offset + done <= INT64_MAX) {
		ssize_t r = pread(fd, (char *)buf + done, n - done, (off_t)(offset + done));

		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			break;
		done += (size_t)r;
	}
	return done;
}

/* Bytes the core itself holds at addr, at most n. */
static size_t read_dumped(const struct core *c, const struct core_segment *s, uint64_t addr,
			  void *buf, size_t n)
{
	uint64_t into = addr - s->start;

	if (into >= s->bytes)
		return 0;
	if (n > s->bytes - into)
		n = (size_t)(s->bytes - into);
	return pread_all(c->fd, buf, n, s->offset + into);
}

/*
 * Is the file on disk the one that was mapped? Its first page was mapped somewhere too, and the
 * kernel dumps ELF headers by default (coredump_filter bit 4), with the build id: that page must be
 * there and agree. Later pages may be read-only and yet relocated (PT_GNU_RELRO).
 */
static bool same_build(const struct core *c, const char *path, int fd)
{
	bool proved = false;

	for (size_t i = 0; i < c->files.len; i++) {
		const struct core_file *f = &c->files.at[i];
		const struct core_segment *s = segment_at(c, f->start);
		char dumped[CORE_PROBE_BYTES], disk[CORE_PROBE_BYTES];
		size_t got;

		if (strcmp(f->path, path) != 0 || f->offset != 0 || !s || s->flags & PF_W)
			continue;
		got = read_dumped(c, s, f->start, dumped, sizeof dumped);
		if (got == 0)
			continue;
		if (pread_all(fd, disk, got, f->offset) != got || memcmp(dumped, disk, got) != 0)
			return false;
		proved = true;
	}
	return proved;
}

/* The file at root + its path when it is the one that was mapped, else -2. */
static int open_below(const struct core *c, const char *root, const struct core_file *f)
{
	char path[PATH_MAX];
	int n = snprintf(path, sizeof path, "%s%s", root, f->path), fd;
	struct stat st;

	if (n <= 0 || (size_t)n >= sizeof path)
		return -2;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return -2;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && same_build(c, f->path, fd))
		return fd;
	close(fd);
	return -2;
}

/* The kernel names files as the process saw them, gcore as whoever ran it did: both are tried. */
static void open_file(struct core *c, struct core_file *f)
{
	f->fd = open_below(c, c->sysroot, f);
	if (f->fd < 0 && *c->sysroot)
		f->fd = open_below(c, "", f);
	if (f->fd == -2)
		c->missing_files++;
}

static size_t read_file(struct core *c, uint64_t addr, uint64_t end, void *buf, size_t n)
{
	struct core_file *f = file_at(c, addr);

	if (!f)
		return 0;
	if (f->fd == -1)
		open_file(c, f);
	if (f->fd < 0)
		return 0;
	if (end > f->end)
		end = f->end;
	if (n > end - addr)
		n = (size_t)(end - addr);
	return pread_all(f->fd, buf, n, f->offset + (addr - f->start));
}

static int64_t core_read(struct mem_source *src, taddr addr, void *buf, size_t n)
{
	struct core *c = (struct core *)src;
	size_t done = 0;

	while (done < n) {
		uint64_t at = addr.v + done;
		const struct core_segment *s = segment_at(c, at);
		size_t want, got;

		if (!s)
			break;
		want = n - done < s->end - at ? n - done : (size_t)(s->end - at);
		got = read_dumped(c, s, at, (char *)buf + done, want);
		if (got == 0 && !(s->flags & PF_W))
			got = read_file(c, at, s->end, (char *)buf + done, want);
		if (got == 0)
			break;
		done += got;
	}
	return (int64_t)done;
}

static void core_ops_free(struct mem_source *src)
{
	(void)src; /* the source lives and dies with its core */
}

static const struct mem_ops core_ops = { .read = core_read, .free = core_ops_free };

static int add_segment(struct core *c, const GElf_Phdr *ph, struct err *err)
{
	struct core_segment s = { .start = ph->p_vaddr,
				  .offset = ph->p_offset,
				  .bytes = ph->p_filesz < ph->p_memsz ? ph->p_filesz : ph->p_memsz,
				  .flags = ph->p_flags };

	if (ph->p_memsz == 0)
		return 0;
	if (__builtin_add_overflow(ph->p_vaddr, ph->p_memsz, &s.end))
		return err_set(err, ERR_CORRUPT, "core segment at %#llx wraps around",
			       (unsigned long long)ph->p_vaddr);
	if (s.offset > c->file_bytes) {
		c->missing_bytes += s.bytes;
		s.bytes = 0;
	} else if (s.bytes > c->file_bytes - s.offset) {
		c->missing_bytes += s.bytes - (c->file_bytes - s.offset);
		s.bytes = c->file_bytes - s.offset;
	}
	return vec_push(&c->segments, s) < 0 ? err_nomem(err) : 0;
}

/* Sort, and drop whatever overlaps an earlier segment: an honest core has no overlaps. */
static void settle_segments(struct core *c)
{
	size_t kept = 0;

	qsort(c->segments.at, c->segments.len, sizeof *c->segments.at, by_start);
	for (size_t i = 0; i < c->segments.len; i++) {
		if (kept && c->segments.at[i].start < c->segments.at[kept - 1].end)
			continue;
		c->segments.at[kept++] = c->segments.at[i];
	}
	c->segments.len = kept;
}

/* struct elf_prstatus on LP64: pr_pid at 32, pr_reg at 112 (Linux include/linux/elfcore.h). */
static int note_prstatus(struct core *c, struct cursor *d, struct err *err)
{
	struct core_thread t = { 0 };
	uint64_t reg[34] = { 0 };
	size_t nregs = c->machine == EM_X86_64 ? 27 : 34;

	cursor_seek(d, 32);
	t.tid = (pid_t)cursor_u32(d);
	cursor_seek(d, 112);
	for (size_t i = 0; i < nregs; i++)
		reg[i] = cursor_u64(d);
	if (cursor_check(d, "NT_PRSTATUS", err) < 0)
		return ERR_CORRUPT;
	if (c->machine == EM_X86_64) { /* sys/user.h: rip 16, rsp 19, fs_base 21 */
		t.pc = taddr_of(reg[16]);
		t.sp = taddr_of(reg[19]);
		t.tp = taddr_of(reg[21]);
	} else {
		t.sp = taddr_of(reg[31]);
		t.pc = taddr_of(reg[32]);
	}
	if (c->threads.len >= CORE_THREADS_MAX)
		return err_set(err, ERR_CORRUPT, "core file claims more than %u threads",
			       CORE_THREADS_MAX);
	if (c->threads.len == 0)
		c->pid = t.tid; /* the kernel writes the crashing thread first; see note_prpsinfo */
	return vec_push(&c->threads, t) < 0 ? err_nomem(err) : 0;
}

/* struct elf_prpsinfo on LP64: pr_pid at 24 is the thread group leader's. */
static int note_prpsinfo(struct core *c, struct cursor *d, struct err *err)
{
	pid_t pid;

	cursor_seek(d, 24);
	pid = (pid_t)cursor_u32(d);
	if (cursor_check(d, "NT_PRPSINFO", err) < 0)
		return ERR_CORRUPT;
	if (pid > 0)
		c->pid = pid;
	return 0;
}

/* count, page size, count × {start, end, offset in pages}, then count paths, each with its NUL. */
static int note_file(struct core *c, struct cursor *d, const char *bytes, size_t len,
		     struct err *err)
{
	uint64_t count = cursor_u64(d), page = cursor_u64(d);
	size_t name = 16 + (size_t)count * 24;

	if (count > CORE_FILES_MAX || name > len || page == 0 || page > (1u << 20))
		return err_set(err, ERR_CORRUPT, "NT_FILE note: absurd counts");
	for (uint64_t i = 0; i < count; i++) {
		struct core_file f = { .start = cursor_u64(d), .fd = -1 };
		const char *nul = memchr(bytes + name, 0, len - name);

		f.end = cursor_u64(d);
		f.offset = cursor_u64(d) * page;
		if (!nul || f.end <= f.start)
			return err_set(err, ERR_CORRUPT, "NT_FILE note: entry %llu is broken",
				       (unsigned long long)i);
		f.path = strdup(bytes + name);
		if (!f.path)
			return err_nomem(err);
		name = (size_t)(nul - bytes) + 1;
		if (vec_push(&c->files, f) < 0) {
			free(f.path);
			return err_nomem(err);
		}
	}
	return cursor_check(d, "NT_FILE", err);
}

static int read_note(struct core *c, uint32_t type, const char *desc, size_t len, struct err *err)
{
	struct cursor d = cursor_of(desc, len);

	switch (type) {
	case NT_PRSTATUS:
		return note_prstatus(c, &d, err);
	case NT_PRPSINFO:
		return note_prpsinfo(c, &d, err);
	case NT_FILE:
		return note_file(c, &d, desc, len, err);
	case NT_ARM_TLS: /* belongs to the NT_PRSTATUS before it */
		if (c->machine == EM_AARCH64 && c->threads.len && len >= 8)
			c->threads.at[c->threads.len - 1].tp = taddr_of(cursor_u64(&d));
		return 0;
	}
	return 0;
}

static int read_notes(struct core *c, Elf *elf, const GElf_Phdr *ph, struct err *err)
{
	Elf_Data *data;
	size_t at = 0;

	if (ph->p_filesz == 0)
		return 0;
	if (ph->p_filesz > CORE_NOTES_BYTES_MAX || ph->p_offset > c->file_bytes ||
	    ph->p_filesz > c->file_bytes - ph->p_offset)
		return err_set(err, ERR_CORRUPT,
			       "core notes lie outside the file: it was cut off (gcore writes them last)");
	data = elf_getdata_rawchunk(elf, (int64_t)ph->p_offset, ph->p_filesz, ELF_T_NHDR);
	if (!data)
		return err_set(err, ERR_CORRUPT, "core notes: %s", elf_errmsg(-1));
	while (at < data->d_size) {
		GElf_Nhdr nh;
		size_t name_at, desc_at;
		size_t next = gelf_getnote(data, at, &nh, &name_at, &desc_at);

		if (next == 0)
			break;
		int r = read_note(c, nh.n_type, (const char *)data->d_buf + desc_at, nh.n_descsz, err);
		if (r < 0)
			return r;
		at = next;
	}
	return 0;
}

/*
 * gcore leaves out the segments of files nobody changed, text among them; the kernel keeps them
 * empty. Make the two alike. Which of them were executable gcore does not say.
 */
static int add_files_left_out(struct core *c, struct err *err)
{
	size_t known = c->segments.len, k = 0;

	for (size_t i = 0; i < c->files.len; i++) {
		const struct core_file *f = &c->files.at[i];
		struct core_segment s = { .start = f->start, .end = f->end, .flags = PF_R | PF_X };

		while (k < known && c->segments.at[k].end <= f->start)
			k++;
		if (f->start < f->end && (k == known || c->segments.at[k].start >= f->end) &&
		    vec_push(&c->segments, s) < 0)
			return err_nomem(err);
	}
	if (c->segments.len > known)
		settle_segments(c);
	return 0;
}

static int build_maps(struct core *c, struct err *err)
{
	size_t names = 1, at = 1;

	for (size_t i = 0; i < c->files.len; i++)
		names += strlen(c->files.at[i].path) + 1;
	c->maps.ranges = calloc(c->segments.len ? c->segments.len : 1, sizeof *c->maps.ranges);
	c->maps.names = calloc(names, 1);
	if (!c->maps.ranges || !c->maps.names)
		return err_nomem(err);
	for (size_t i = 0; i < c->segments.len; i++) {
		const struct core_segment *s = &c->segments.at[i];
		const struct core_file *f = file_at(c, s->start);
		struct map_range *m = &c->maps.ranges[c->maps.count++];

		*m = (struct map_range){ .start = s->start, .end = s->end, .path = c->maps.names };
		m->flags = (s->flags & PF_R ? MAP_R : 0u) | (s->flags & PF_W ? MAP_W : 0u) |
			   (s->flags & PF_X ? MAP_X : 0u);
		if (!f)
			continue;
		m->offset = f->offset + (s->start - f->start);
		m->inode = 1; /* a file; its number is not in the core */
		/* ranges and files are both sorted: each path is stored once per file entry */
		if (i && c->maps.ranges[i - 1].inode && file_at(c, c->segments.at[i - 1].start) == f) {
			m->path = c->maps.ranges[i - 1].path;
			continue;
		}
		m->path = memcpy(c->maps.names + at, f->path, strlen(f->path) + 1);
		at += strlen(f->path) + 1;
	}
	return 0;
}

static int read_headers(struct core *c, Elf *elf, struct err *err)
{
	GElf_Ehdr eh;
	size_t count;

	if (elf_kind(elf) != ELF_K_ELF || !gelf_getehdr(elf, &eh))
		return err_hint(err, err_set(err, ERR_CORRUPT, "not an ELF file"), "not-a-core");
	if (eh.e_type != ET_CORE)
		return err_hint(err, err_set(err, ERR_UNSUPPORTED, "an ELF file, but not a core dump"),
				"not-a-core");
	if (eh.e_ident[EI_CLASS] != ELFCLASS64 || eh.e_ident[EI_DATA] != ELFDATA2LSB ||
	    (eh.e_machine != EM_X86_64 && eh.e_machine != EM_AARCH64))
		return err_set(err, ERR_UNSUPPORTED,
			       "core of another machine: only 64-bit x86-64 and aarch64 are read");
	c->machine = eh.e_machine;
	if (elf_getphdrnum(elf, &count) < 0 || count == 0 || count > CORE_SEGMENTS_MAX)
		return err_set(err, ERR_CORRUPT, "core file without a usable segment table");
	for (size_t i = 0; i < count; i++) {
		GElf_Phdr ph;
		int r = 0;

		if (!gelf_getphdr(elf, (int)i, &ph))
			return err_set(err, ERR_CORRUPT, "core segment %zu: %s", i, elf_errmsg(-1));
		if (ph.p_type == PT_NOTE)
			r = read_notes(c, elf, &ph, err);
		else if (ph.p_type == PT_LOAD)
			r = add_segment(c, &ph, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static void elf_end_p(Elf **elf)
{
	if (*elf)
		elf_end(*elf);
}

static void core_free_p(struct core **c)
{
	core_free(*c);
}

static int load(struct core *c, struct err *err)
{
	AUTO(elf_end_p) Elf *elf = NULL;

	if (elf_version(EV_CURRENT) == EV_NONE)
		return err_set(err, ERR_UNSUPPORTED, "libelf: %s", elf_errmsg(-1));
	elf = elf_begin(c->fd, ELF_C_READ, NULL);
	if (!elf)
		return err_set(err, ERR_CORRUPT, "libelf: %s", elf_errmsg(-1));
	int r = read_headers(c, elf, err);
	if (r < 0)
		return r;
	if (c->segments.len == 0)
		return err_set(err, ERR_CORRUPT, "core file holds no memory");
	settle_segments(c);
	if (c->files.len)
		qsort(c->files.at, c->files.len, sizeof *c->files.at, file_by_start);
	r = add_files_left_out(c, err);
	return r < 0 ? r : build_maps(c, err);
}

int core_open(const char *path, const char *sysroot, struct core **ret, struct err *err)
{
	AUTO(core_free_p) struct core *c = calloc(1, sizeof *c);
	struct stat st;
	int r;

	if (!c)
		return err_nomem(err);
	c->fd = -1;
	c->src = (struct mem_source){ .ops = &core_ops, .word_bytes = 8 };
	c->sysroot = strdup(sysroot ? sysroot : "");
	if (!c->sysroot)
		return err_nomem(err);
	c->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (c->fd < 0 || fstat(c->fd, &st) < 0)
		return err_sys(err, errno, "%s", path);
	if (!S_ISREG(st.st_mode))
		return err_hint(err, err_set(err, ERR_UNSUPPORTED, "%s: not a regular file", path),
				"not-a-core");
	c->file_bytes = (uint64_t)st.st_size;
	r = load(c, err);
	if (r < 0)
		return err_wrap(err, r, "%s", path);
	*ret = TAKE(c);
	return 0;
}

void core_free(struct core *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->files.len; i++) {
		if (c->files.at[i].fd >= 0)
			close(c->files.at[i].fd);
		free(c->files.at[i].path);
	}
	vec_deinit(&c->files);
	vec_deinit(&c->segments);
	vec_deinit(&c->threads);
	free(c->maps.ranges);
	free(c->maps.names);
	free(c->sysroot);
	if (c->fd >= 0)
		close(c->fd);
	free(c);
}

struct mem_source *core_source(struct core *c)
{
	return &c->src;
}

const struct maps *core_maps(const struct core *c)
{
	return &c->maps;
}

const struct core_thread *core_threads(const struct core *c, size_t *ret_count)
{
	*ret_count = c->threads.len;
	return c->threads.at;
}

pid_t core_pid(const struct core *c)
{
	return c->pid;
}

const char *core_arch(const struct core *c)
{
	return c->machine == EM_X86_64 ? "x86_64" : "aarch64";
}

uint64_t core_bytes(const struct core *c)
{
	struct stat st;
	uint64_t most = fstat(c->fd, &st) == 0 ? (uint64_t)st.st_blocks * 512 * COMPRESSION_MAX :
						 UINT64_MAX;

	return c->file_bytes < most ? c->file_bytes : most;
}

uint64_t core_missing_bytes(const struct core *c)
{
	return c->missing_bytes;
}

size_t core_missing_files(const struct core *c)
{
	return c->missing_files;
}
