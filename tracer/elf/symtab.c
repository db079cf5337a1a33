/* SPDX-License-Identifier: MIT */
/*
 * Symbol tables, loaded whole and searched linearly: a few thousand symbols, a dozen names.
 * Counts come from DT_HASH or DT_GNU_HASH, since PT_DYNAMIC does not say how many there are.
 */
#include "tracer/elf/symtab.h"

#include <elf.h>
#include <gelf.h>
#include <stdlib.h>
#include <string.h>

#include "base/own.h"

#define SYMBOLS_MAX (1u << 21)
#define NAMES_BYTES_MAX (256u << 20)
#define DYNAMIC_MAX 1024

struct symtab {
	struct symbol *symbols; /* parallel to name */
	uint32_t *name;		/* offset in names */
	size_t count;
	char *names; /* NUL-terminated as a whole */
	size_t names_bytes;
};

void symtab_free(struct symtab *t)
{
	if (!t)
		return;
	free(t->symbols);
	free(t->name);
	free(t->names);
	free(t);
}

static void symtab_free_p(struct symtab **t)
{
	symtab_free(*t);
}

static int symtab_new(size_t count, size_t names_bytes, struct symtab **ret, struct err *err)
{
	AUTO(symtab_free_p) struct symtab *t = calloc(1, sizeof(*t));

	if (!t)
		return err_nomem(err);
	t->symbols = calloc(count + 1, sizeof(*t->symbols));
	t->name = calloc(count + 1, sizeof(*t->name));
	t->names = calloc(names_bytes + 1, 1);
	t->names_bytes = names_bytes;
	if (!t->symbols || !t->name || !t->names)
		return err_nomem(err);
	*ret = TAKE(t);
	return 0;
}

static void add(struct symtab *t, uint32_t name, uint64_t value, uint64_t bytes, uint8_t info,
		uint16_t shndx)
{
	if (shndx == SHN_UNDEF || name >= t->names_bytes || !name)
		return;
	t->name[t->count] = name;
	t->symbols[t->count++] =
		(struct symbol){ .vaddr = value, .bytes = bytes, .type = ELF64_ST_TYPE(info) };
}

/* What PT_DYNAMIC says, as link-time addresses. */
struct dynamic {
	uint64_t symtab, strtab, strsz, hash, gnu_hash;
};

/*
 * ld.so of glibc replaces addresses in the mapped dynamic section by run-time ones on some
 * architectures (elf/get-dynamic-info.h), and a file never does.
 */
static uint64_t link_time(const struct image *img, uint64_t v)
{
	if (img->fd >= 0 || !img->bias)
		return v;
	for (size_t i = 0; i < img->nsegments; i++)
		if (v - img->segment[i].vaddr < img->segment[i].mem_bytes)
			return v;
	return v - img->bias;
}

static int read_dynamic(struct image *img, struct dynamic *ret, struct err *err)
{
	size_t entry = 2u * img->word_bytes;
	size_t n = img->dynamic_bytes / entry;

	*ret = (struct dynamic){ 0 };
	if (n > DYNAMIC_MAX)
		n = DYNAMIC_MAX;
	for (size_t i = 0; i < n; i++) {
		uint64_t pair[2] = { 0 };
		uint32_t half[2];
		int r = image_read(img, img->dynamic_vaddr + i * entry,
				   img->word_bytes == 8 ? (void *)pair : (void *)half, entry, err);

		if (r < 0)
			return err_wrap(err, r, "dynamic section");
		if (img->word_bytes == 4) {
			pair[0] = half[0];
			pair[1] = half[1];
		}
		if (pair[0] == DT_NULL)
			break;
		if (pair[0] == DT_SYMTAB)
			ret->symtab = link_time(img, pair[1]);
		else if (pair[0] == DT_STRTAB)
			ret->strtab = link_time(img, pair[1]);
		else if (pair[0] == DT_STRSZ)
			ret->strsz = pair[1];
		else if (pair[0] == DT_HASH)
			ret->hash = link_time(img, pair[1]);
		else if (pair[0] == DT_GNU_HASH)
			ret->gnu_hash = link_time(img, pair[1]);
	}
	return 0;
}

/* Number of symbols from DT_GNU_HASH: the highest bucket's chain ends with bit 0 set. */
static int count_gnu(struct image *img, uint64_t at, size_t *ret, struct err *err)
{
	uint32_t head[4], highest = 0; /* nbuckets, symoffset, bloom_size, bloom_shift */
	AUTO_FREE uint32_t *bucket = NULL;
	uint64_t buckets, chains;
	int r = image_read(img, at, head, sizeof(head), err);

	if (r < 0)
		return err_wrap(err, r, "hash table of symbols");
	if (head[0] > SYMBOLS_MAX || head[2] > SYMBOLS_MAX || head[1] > SYMBOLS_MAX)
		return err_set(err, ERR_CORRUPT, "hash table of symbols with absurd sizes");
	buckets = at + sizeof(head) + (uint64_t)head[2] * img->word_bytes;
	chains = buckets + (uint64_t)head[0] * 4;
	bucket = calloc(head[0] + 1u, sizeof(*bucket));
	if (!bucket)
		return err_nomem(err);
	r = image_read(img, buckets, bucket, (size_t)head[0] * 4, err);
	if (r < 0)
		return err_wrap(err, r, "hash table of symbols");
	for (uint32_t i = 0; i < head[0]; i++)
		if (bucket[i] > highest)
			highest = bucket[i];
	if (highest < head[1]) {
		*ret = head[1];
		return 0;
	}
	for (uint64_t i = highest; i < SYMBOLS_MAX; i++) {
		uint32_t h;

		r = image_read(img, chains + (i - head[1]) * 4, &h, sizeof(h), err);
		if (r < 0)
			return err_wrap(err, r, "hash table of symbols");
		if (h & 1) {
			*ret = i + 1;
			return 0;
		}
	}
	return err_set(err, ERR_CORRUPT, "hash table of symbols has no end");
}

static int count_symbols(struct image *img, const struct dynamic *d, size_t *ret, struct err *err)
{
	uint32_t head[2]; /* nbucket, nchain */
	int r;

	if (d->gnu_hash)
		return count_gnu(img, d->gnu_hash, ret, err);
	if (!d->hash)
		return err_set(err, ERR_CORRUPT, "dynamic section without a hash table");
	r = image_read(img, d->hash, head, sizeof(head), err);
	if (r < 0)
		return err_wrap(err, r, "hash table of symbols");
	*ret = head[1];
	return 0;
}

static void add_raw(struct image *img, struct symtab *t, const char *raw, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (img->word_bytes == 8) {
			Elf64_Sym s;

			memcpy(&s, raw + i * sizeof(s), sizeof(s));
			add(t, s.st_name, s.st_value, s.st_size, s.st_info, s.st_shndx);
		} else {
			Elf32_Sym s;

			memcpy(&s, raw + i * sizeof(s), sizeof(s));
			add(t, s.st_name, s.st_value, s.st_size, s.st_info, s.st_shndx);
		}
	}
}

static int load_dynamic(struct image *img, struct symtab **ret, struct err *err)
{
	AUTO(symtab_free_p) struct symtab *t = NULL;
	size_t entry = img->word_bytes == 8 ? sizeof(Elf64_Sym) : sizeof(Elf32_Sym);
	AUTO_FREE char *raw = NULL;
	struct dynamic d;
	size_t n = 0;
	int r = read_dynamic(img, &d, err);

	if (r < 0)
		return r;
	if (!d.symtab || !d.strtab)
		return symtab_new(0, 0, ret, err);
	r = count_symbols(img, &d, &n, err);
	if (r < 0)
		return r;
	if (n > SYMBOLS_MAX || d.strsz > NAMES_BYTES_MAX)
		return err_set(err, ERR_CORRUPT, "symbol table with absurd size");
	r = symtab_new(n, d.strsz, &t, err);
	if (r < 0)
		return r;
	raw = calloc(n + 1, entry);
	if (!raw)
		return err_nomem(err);
	r = image_read(img, d.symtab, raw, n * entry, err);
	if (r == 0)
		r = image_read(img, d.strtab, t->names, d.strsz, err);
	if (r < 0)
		return err_wrap(err, r, "symbol table");
	add_raw(img, t, raw, n);
	*ret = TAKE(t);
	return 0;
}

/* The SHT_SYMTAB section and its strings, or NULLs. */
static void find_symtab(struct image *img, Elf_Data **ret_syms, Elf_Data **ret_names)
{
	Elf_Scn *scn = NULL;

	*ret_syms = *ret_names = NULL;
	while ((scn = elf_nextscn(img->elf, scn))) {
		GElf_Shdr sh;
		Elf_Scn *str;

		if (!gelf_getshdr(scn, &sh) || sh.sh_type != SHT_SYMTAB)
			continue;
		str = elf_getscn(img->elf, sh.sh_link);
		if (!str)
			continue;
		*ret_syms = elf_getdata(scn, NULL);
		*ret_names = elf_getdata(str, NULL);
		return;
	}
}

static int load_static(struct image *img, struct symtab **ret, struct err *err)
{
	AUTO(symtab_free_p) struct symtab *t = NULL;
	Elf_Data *syms = NULL, *names = NULL;
	size_t n;
	int r;

	if (img->fd >= 0)
		find_symtab(img, &syms, &names);
	if (!syms || !names || !syms->d_buf || !names->d_buf || syms->d_type != ELF_T_SYM)
		return symtab_new(0, 0, ret, err);
	n = syms->d_size / (img->word_bytes == 8 ? sizeof(Elf64_Sym) : sizeof(Elf32_Sym));
	if (n > SYMBOLS_MAX || names->d_size > NAMES_BYTES_MAX)
		return err_set(err, ERR_CORRUPT, "symbol table with absurd size");
	r = symtab_new(n, names->d_size, &t, err);
	if (r < 0)
		return r;
	memcpy(t->names, names->d_buf, names->d_size);
	add_raw(img, t, syms->d_buf, n);
	*ret = TAKE(t);
	return 0;
}

static int find(const struct symtab *t, const char *name, struct symbol *ret)
{
	for (size_t i = 0; i < t->count; i++) {
		if (strcmp(t->names + t->name[i], name))
			continue;
		*ret = t->symbols[i];
		return 1;
	}
	return 0;
}

int symtab_dynamic(struct image *img, const char *name, struct symbol *ret, struct err *err)
{
	if (!img->symtab[0]) {
		int r = load_dynamic(img, &img->symtab[0], err);

		if (r < 0)
			return r;
	}
	return find(img->symtab[0], name, ret);
}

int symtab_static(struct image *img, const char *name, struct symbol *ret, struct err *err)
{
	if (!img->symtab[1]) {
		int r = load_static(img, &img->symtab[1], err);

		if (r < 0)
			return r;
	}
	return find(img->symtab[1], name, ret);
}
