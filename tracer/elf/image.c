/* SPDX-License-Identifier: MIT */
/*
 * Opening the right file for a mapping and reading it by link-time address. libelf parses the
 * headers; every count and offset is checked against a bound before it is used.
 */
#include "tracer/elf/image.h"

#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <libelf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/own.h"
#include "tracer/elf/symtab.h"
#include "tracer/process/procfs.h"

#define HEAD_BYTES 4096	 /* ELF header and program headers lie here in every linker's output */
#define PAGE_BYTES 4096u /* the least; offsets are compared after rounding down to it */

void image_free(struct image *img)
{
	if (!img)
		return;
	symtab_free(img->symtab[0]);
	symtab_free(img->symtab[1]);
	if (img->elf)
		elf_end(img->elf);
	if (img->fd >= 0)
		close(img->fd);
	free(img->head);
	free(img);
}

static void image_free_p(struct image **img)
{
	image_free(*img);
}

static enum image_machine machine_of(unsigned e_machine)
{
	if (e_machine == EM_X86_64)
		return IMAGE_X86_64;
	if (e_machine == EM_AARCH64)
		return IMAGE_AARCH64;
	if (e_machine == EM_ARM)
		return IMAGE_ARM;
	return IMAGE_OTHER;
}

static int add_segment(struct image *img, const GElf_Phdr *ph, struct err *err)
{
	struct image_segment *s;

	if (img->nsegments == IMAGE_SEGMENTS_MAX)
		return err_set(err, ERR_CORRUPT, "more than %d loadable segments",
			       IMAGE_SEGMENTS_MAX);
	if (ph->p_filesz > ph->p_memsz || ph->p_vaddr + ph->p_memsz < ph->p_vaddr ||
	    ph->p_offset + ph->p_filesz < ph->p_offset || ph->p_offset > INT64_MAX)
		return err_set(err, ERR_CORRUPT, "loadable segment with absurd bounds");
	s = &img->segment[img->nsegments++];
	*s = (struct image_segment){
		.vaddr = ph->p_vaddr,
		.mem_bytes = ph->p_memsz,
		.offset = ph->p_offset,
		.file_bytes = ph->p_filesz,
		.readable = ph->p_flags & PF_R,
		.writable = ph->p_flags & PF_W,
		.executable = ph->p_flags & PF_X,
	};
	return 0;
}

/* img->elf is set: read the header and the program headers. */
static int parse_headers(struct image *img, struct err *err)
{
	GElf_Ehdr eh;
	size_t n = 0;

	if (elf_kind(img->elf) != ELF_K_ELF || !gelf_getehdr(img->elf, &eh))
		return err_set(err, ERR_UNSUPPORTED, "not an ELF object");
	if (eh.e_ident[EI_DATA] != ELFDATA2LSB)
		return err_set(err, ERR_UNSUPPORTED, "big-endian ELF object");
	if (eh.e_type != ET_EXEC && eh.e_type != ET_DYN)
		return err_set(err, ERR_UNSUPPORTED, "ELF object is no program and no library");
	img->machine = machine_of(eh.e_machine);
	img->word_bytes = eh.e_ident[EI_CLASS] == ELFCLASS32 ? 4 : 8;
	img->fixed_address = eh.e_type == ET_EXEC;
	img->program = img->fixed_address;
	img->entry = eh.e_entry;
	if (elf_getphdrnum(img->elf, &n) || n > 4096)
		return err_set(err, ERR_CORRUPT, "bad program header table");
	for (size_t i = 0; i < n; i++) {
		GElf_Phdr ph;
		int r = 0;

		if (!gelf_getphdr(img->elf, (int)i, &ph))
			return err_set(err, ERR_CORRUPT, "bad program header %zu", i);
		if (ph.p_type == PT_LOAD)
			r = add_segment(img, &ph, err);
		if (r < 0)
			return r;
		if (ph.p_type == PT_INTERP)
			img->program = true;
		if (ph.p_type == PT_DYNAMIC) {
			img->dynamic_vaddr = ph.p_vaddr;
			img->dynamic_bytes = ph.p_memsz;
		}
	}
	if (!img->nsegments)
		return err_set(err, ERR_CORRUPT, "no loadable segment");
	return 0;
}

static int image_new(struct image **ret, struct err *err)
{
	struct image *img = calloc(1, sizeof(*img));

	if (elf_version(EV_CURRENT) == EV_NONE) {
		free(img);
		return err_set(err, ERR_UNSUPPORTED, "libelf is too old");
	}
	if (!img)
		return err_nomem(err);
	img->fd = -1;
	*ret = img;
	return 0;
}

int image_open_fd(int fd, struct image **ret, struct err *err)
{
	AUTO_CLOSE int owned = fd;
	AUTO(image_free_p) struct image *img = NULL;
	int r = image_new(&img, err);

	if (r < 0)
		return r;
	img->fd = TAKE_FD(owned);
	img->elf = elf_begin(img->fd, ELF_C_READ, NULL);
	if (!img->elf)
		return err_set(err, ERR_UNSUPPORTED, "not an ELF object: %s", elf_errmsg(-1));
	r = parse_headers(img, err);
	if (r < 0)
		return r;
	*ret = TAKE(img);
	return 0;
}

int image_open_mem(struct mem_source *mem, taddr header, struct image **ret, struct err *err)
{
	AUTO(image_free_p) struct image *img = NULL;
	int r = image_new(&img, err);
	int64_t got;

	if (r < 0)
		return r;
	img->mem = mem;
	img->head = calloc(1, HEAD_BYTES);
	if (!img->head)
		return err_nomem(err);
	got = mem_read_some(mem, header, img->head, HEAD_BYTES);
	if (got < 0)
		return err_set(err, (int)got, "ELF header");
	if (got < (int64_t)sizeof(Elf32_Ehdr))
		return err_fault(err, taddr_add(header, got), "ELF header");
	img->elf = elf_memory(img->head, (size_t)got);
	if (!img->elf)
		return err_set(err, ERR_UNSUPPORTED, "not an ELF object: %s", elf_errmsg(-1));
	r = parse_headers(img, err);
	if (r < 0)
		return r;
	img->bias = header.v - (img->segment[0].vaddr - img->segment[0].offset);
	*ret = TAKE(img);
	return 0;
}

/* Are the file's first bytes those which are mapped? Nothing relocates an ELF header. */
static bool same_bytes(int fd, struct mem_source *mem, const struct map_range *first)
{
	char file[HEAD_BYTES], mapped[HEAD_BYTES];
	ssize_t n = pread(fd, file, sizeof(file), 0);
	int64_t m;

	if (n <= 0)
		return false;
	if (first->offset != 0)
		return true; /* the header is not mapped: nothing to compare */
	m = mem_read_some(mem, taddr_of(first->start), mapped, sizeof(mapped));
	if (m < (int64_t)EI_NIDENT)
		return false;
	return !memcmp(file, mapped, (size_t)(m < n ? m : n));
}

/* Lowest range of the same file as range: where its header is. */
static const struct map_range *first_range(const struct maps *maps, const struct map_range *range)
{
	const struct map_range *best = range;

	for (size_t i = 0; i < maps->count; i++) {
		const struct map_range *m = &maps->ranges[i];

		if (m->inode == range->inode && m->dev_major == range->dev_major &&
		    m->dev_minor == range->dev_minor && !strcmp(m->path, range->path) &&
		    m->offset == 0 && m->start <= range->start && m->start > 0 &&
		    (best == range || m->start > best->start))
			best = m;
	}
	return best;
}

static int open_regular(const char *path)
{
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return -1;
	return TAKE_FD(fd);
}

/* The file behind first as a descriptor, or −1. */
static int open_mapped(pid_t pid, struct mem_source *mem, const struct map_range *first)
{
	AUTO_CLOSE int fd = -1;
	char exe[32];

	if (pid < 0) {
		fd = open_regular(first->path);
		return fd >= 0 && same_bytes(fd, mem, first) ? TAKE_FD(fd) : -1;
	}
	if (!procfs_open_map(pid, first, &fd, NULL) && same_bytes(fd, mem, first))
		return TAKE_FD(fd);
	snprintf(exe, sizeof(exe), "/proc/%d/exe", (int)pid);
	if (fd >= 0)
		close(TAKE_FD(fd));
	fd = open_regular(exe);
	return fd >= 0 && same_bytes(fd, mem, first) ? TAKE_FD(fd) : -1;
}

/* Run-time minus link-time address, from the segment whose file offset the range shows. */
static bool find_bias(struct image *img, const struct map_range *range)
{
	for (size_t i = 0; i < img->nsegments; i++) {
		const struct image_segment *s = &img->segment[i];
		uint64_t page = ~(uint64_t)(PAGE_BYTES - 1);

		if (!s->file_bytes || range->offset < (s->offset & page) ||
		    range->offset >= s->offset + s->file_bytes)
			continue;
		img->bias = range->start - ((s->vaddr & page) + (range->offset - (s->offset & page)));
		return true;
	}
	return false;
}

int image_open(pid_t pid, struct mem_source *mem, const struct maps *maps,
	       const struct map_range *range, struct image **ret, struct err *err)
{
	const struct map_range *first = first_range(maps, range);
	AUTO(image_free_p) struct image *img = NULL;
	AUTO_CLOSE int fd = open_mapped(pid, mem, first);
	int r;

	if (fd < 0) {
		if (first->offset != 0)
			return err_set(err, ERR_UNSUPPORTED, "its file cannot be opened");
		return image_open_mem(mem, taddr_of(first->start), ret, err);
	}
	r = image_open_fd(TAKE_FD(fd), &img, err);
	if (r < 0)
		return r;
	img->mem = NULL;
	if (!find_bias(img, first))
		return err_set(err, ERR_CORRUPT, "mapping at file offset %#llx matches no segment",
			       (unsigned long long)first->offset);
	*ret = TAKE(img);
	return 0;
}

/* The segment holding vaddr, and how many of n bytes it can give. */
static const struct image_segment *segment_at(const struct image *img, uint64_t vaddr, size_t *n)
{
	for (size_t i = 0; i < img->nsegments; i++) {
		const struct image_segment *s = &img->segment[i];

		if (vaddr < s->vaddr || vaddr - s->vaddr >= s->mem_bytes)
			continue;
		if (*n > s->mem_bytes - (vaddr - s->vaddr))
			*n = s->mem_bytes - (vaddr - s->vaddr);
		return s;
	}
	return NULL;
}

static int read_file(struct image *img, const struct image_segment *s, uint64_t vaddr, char *buf,
		     size_t n, struct err *err)
{
	uint64_t in = vaddr - s->vaddr;
	size_t have = in < s->file_bytes ? s->file_bytes - in : 0;
	size_t want = n < have ? n : have;

	memset(buf + want, 0, n - want);
	for (size_t done = 0; done < want;) {
		ssize_t r = pread(img->fd, buf + done, want - done,
				  (off_t)(s->offset + in + done));

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return err_sys(err, errno, "read ELF file");
		if (r == 0)
			return err_fault(err, taddr_of(vaddr + done), "ELF file is cut short");
		done += (size_t)r;
	}
	return 0;
}

int image_read(struct image *img, uint64_t vaddr, void *buf, size_t n, struct err *err)
{
	while (n) {
		size_t part = n;
		const struct image_segment *s = segment_at(img, vaddr, &part);
		int r;

		if (!s)
			return err_fault(err, taddr_of(vaddr), "address in no segment of the ELF object");
		if (img->fd >= 0)
			r = read_file(img, s, vaddr, buf, part, err);
		else
			r = mem_read(img->mem, taddr_of(vaddr + img->bias), buf, part, err);
		if (r < 0)
			return r;
		buf = (char *)buf + part;
		vaddr += part;
		n -= part;
	}
	return 0;
}
