/* SPDX-License-Identifier: MIT */
/*
 * Accessors for libunwind. Each object's .eh_frame_hdr is found through the program headers in
 * its first mapping; its sorted table is searched by libunwind itself, word by word, in target
 * memory. Bytes from there are hostile: libunwind bounds them, and a lie costs a proof only.
 */
#include "tracer/elf/unwind.h"

#ifdef HAVE_UNWIND

#include <elf.h>
#include <libunwind.h>
#include <string.h>

#define PHDRS_MAX 64

/*
 * Searches a remote table; exported by libunwind for readers like this one (it has no header of
 * its own, see tools/perf/util/unwind-libunwind-local.c in the kernel's tree for another user).
 */
extern int UNW_OBJ(dwarf_search_unwind_table)(unw_addr_space_t as, unw_word_t ip,
					       unw_dyn_info_t *di, unw_proc_info_t *pi,
					       int need_unwind_info, void *arg);

struct walk {
	struct mem_source *mem;
	const struct maps *maps;
	struct stop_regs regs;
	bool guessed;
};

/* Where an object's first mapping is: same file, offset 0, not above the range. */
static const struct map_range *object_head(const struct maps *maps, const struct map_range *range)
{
	while (range > maps->ranges && range->offset) {
		const struct map_range *before = range - 1;

		if (before->inode != range->inode || strcmp(before->path, range->path) != 0)
			return NULL;
		range = before;
	}
	return range;
}

/* Run-time address and size of the program header of this type. */
static bool find_segment(struct mem_source *mem, uint64_t head, uint32_t type, uint64_t *ret_addr,
			 uint64_t *ret_size)
{
	Elf64_Phdr ph[PHDRS_MAX];
	Elf64_Ehdr eh;
	uint64_t first = UINT64_MAX;
	size_t n;

	if (mem_read(mem, taddr_of(head), &eh, sizeof(eh), NULL) < 0 ||
	    memcmp(eh.e_ident, ELFMAG, SELFMAG) != 0 || eh.e_phentsize != sizeof(ph[0]))
		return false;
	n = eh.e_phnum < PHDRS_MAX ? eh.e_phnum : PHDRS_MAX;
	if (mem_read(mem, taddr_of(head + eh.e_phoff), ph, n * sizeof(ph[0]), NULL) < 0)
		return false;
	for (size_t i = 0; i < n; i++)
		if (ph[i].p_type == PT_LOAD && ph[i].p_vaddr - ph[i].p_offset < first)
			first = ph[i].p_vaddr - ph[i].p_offset;
	for (size_t i = 0; i < n; i++) {
		if (ph[i].p_type != type)
			continue;
		*ret_addr = head + ph[i].p_vaddr - first;
		*ret_size = ph[i].p_memsz;
		return true;
	}
	return false;
}

/*
 * .eh_frame_hdr (LSB core, "DWARF extensions"): version 1, then the encodings of frame pointer
 * (pcrel sdata4), count (udata4) and table (datarel sdata4) which every linker writes.
 */
static bool find_table(struct walk *w, uint64_t ip, unw_dyn_info_t *ret)
{
	const struct map_range *range = maps_find(w->maps, taddr_of(ip)), *head;
	struct {
		uint8_t version, frame_enc, count_enc, table_enc;
		int32_t frame;
		uint32_t count;
	} hdr;
	uint64_t at, size;

	head = range ? object_head(w->maps, range) : NULL;
	if (!head || !find_segment(w->mem, head->start, PT_GNU_EH_FRAME, &at, &size) ||
	    mem_read(w->mem, taddr_of(at), &hdr, sizeof(hdr), NULL) < 0)
		return false;
	if (hdr.version != 1 || hdr.count_enc != 0x03 || hdr.table_enc != 0x3b ||
	    hdr.count > size / 8)
		return false;
	*ret = (unw_dyn_info_t){
		.start_ip = range->start,
		.end_ip = range->end,
		.format = UNW_INFO_FORMAT_REMOTE_TABLE,
	};
	ret->u.rti.segbase = at;
	ret->u.rti.table_data = at + sizeof(hdr);
	/* in words, and an entry of two int32_t is one */
	ret->u.rti.table_len = hdr.count;
	return true;
}

static int acc_find_proc_info(unw_addr_space_t as, unw_word_t ip, unw_proc_info_t *pi, int need,
			      void *arg)
{
	struct walk *w = arg;
	unw_dyn_info_t di;
	int r = -UNW_ENOINFO;

	if (find_table(w, ip, &di))
		r = UNW_OBJ(dwarf_search_unwind_table)(as, ip, &di, pi, need, arg);
	/* from here on libunwind may follow frame pointers: a guess */
	if (r < 0 && ip)
		w->guessed = true;
	return r;
}

static void acc_put_unwind_info(unw_addr_space_t as, unw_proc_info_t *pi, void *arg)
{
	(void)as;
	(void)pi;
	(void)arg;
}

static int acc_dyn_info_list(unw_addr_space_t as, unw_word_t *ret, void *arg)
{
	(void)as;
	(void)ret;
	(void)arg;
	return -UNW_ENOINFO;
}

static int acc_mem(unw_addr_space_t as, unw_word_t addr, unw_word_t *value, int write, void *arg)
{
	struct walk *w = arg;

	(void)as;
	if (write || mem_read(w->mem, taddr_of(addr), value, sizeof(*value), NULL) < 0)
		return -UNW_EINVAL;
	return 0;
}

/* Index in NT_PRSTATUS (struct user_regs_struct, struct user_pt_regs), or -1. */
static int register_index(unw_regnum_t reg)
{
#if defined(__x86_64__)
	static const int8_t index[] = {
		[UNW_X86_64_RAX] = 10, [UNW_X86_64_RDX] = 12, [UNW_X86_64_RCX] = 11,
		[UNW_X86_64_RBX] = 5,  [UNW_X86_64_RSI] = 13, [UNW_X86_64_RDI] = 14,
		[UNW_X86_64_RBP] = 4,  [UNW_X86_64_RSP] = 19, [UNW_X86_64_R8] = 9,
		[UNW_X86_64_R9] = 8,   [UNW_X86_64_R10] = 7,  [UNW_X86_64_R11] = 6,
		[UNW_X86_64_R12] = 3,  [UNW_X86_64_R13] = 2,  [UNW_X86_64_R14] = 1,
		[UNW_X86_64_R15] = 0,  [UNW_X86_64_RIP] = 16,
	};

	return reg >= 0 && reg <= UNW_X86_64_RIP ? index[reg] : -1;
#elif defined(__aarch64__)
	return reg >= UNW_AARCH64_X0 && reg <= UNW_AARCH64_PC ? reg - UNW_AARCH64_X0 : -1;
#else
	(void)reg;
	return -1;
#endif
}

static int acc_reg(unw_addr_space_t as, unw_regnum_t reg, unw_word_t *value, int write, void *arg)
{
	const struct walk *w = arg;
	int i = register_index(reg);

	(void)as;
	if (write || i < 0 || (size_t)i >= w->regs.count)
		return -UNW_EBADREG;
	*value = w->regs.word[i];
	return 0;
}

static int acc_fpreg(unw_addr_space_t as, unw_regnum_t reg, unw_fpreg_t *value, int write, void *arg)
{
	(void)as;
	(void)reg;
	(void)value;
	(void)write;
	(void)arg;
	return -UNW_EBADREG;
}

static int acc_resume(unw_addr_space_t as, unw_cursor_t *cursor, void *arg)
{
	(void)as;
	(void)cursor;
	(void)arg;
	return -UNW_EINVAL;
}

static int acc_name(unw_addr_space_t as, unw_word_t addr, char *buf, size_t n, unw_word_t *offset,
		    void *arg)
{
	(void)as;
	(void)addr;
	(void)buf;
	(void)n;
	(void)offset;
	(void)arg;
	return -UNW_ENOINFO;
}

/* Kept across calls by the System V ABI (x86-64, figure 3.4) and AAPCS64 (6.1.1). */
static bool is_kept(int reg)
{
#if defined(__x86_64__)
	return reg == UNW_X86_64_RBX || reg == UNW_X86_64_RBP ||
	       (reg >= UNW_X86_64_R12 && reg <= UNW_X86_64_R15);
#elif defined(__aarch64__)
	return reg >= UNW_AARCH64_X0 + 19 && reg <= UNW_AARCH64_X0 + 29;
#else
	return reg >= 0;
#endif
}

static void read_registers(unw_cursor_t *cursor, bool all, struct unwind_frame *ret)
{
	unw_word_t value;

	for (int reg = 0; reg < UNWIND_REGS_MAX; reg++)
		if (register_index(reg) >= 0 && (all || is_kept(reg)) &&
		    unw_get_reg(cursor, reg, &value) == 0)
			ret->reg[ret->regs++] = value;
}

static bool walk_frames(unw_addr_space_t as, struct walk *w, unwind_frame_fn *fn, void *ctx)
{
	unw_cursor_t cursor;
	unw_word_t ip;
	bool interrupted = false;
	int r;

	if (unw_init_remote(&cursor, as, w) < 0)
		return false;
	for (int n = 0; n < UNWIND_FRAMES_MAX; n++) {
		if (unw_get_reg(&cursor, UNW_REG_IP, &ip) < 0)
			return false;
		struct unwind_frame frame = { .pc = taddr_of(ip) };

		if (n > 0)
			read_registers(&cursor, interrupted, &frame);
		if (ip && !fn(ctx, &frame))
			return false;
		interrupted = unw_is_signal_frame(&cursor) > 0;
		r = unw_step(&cursor);
		if (r <= 0)
			return r == 0 && !w->guessed;
	}
	return false;
}

int unwind_thread(struct stop *s, size_t i, struct mem_source *mem, const struct maps *maps,
		  unwind_frame_fn *fn, void *ctx, bool *ret_whole, struct err *err)
{
	unw_accessors_t accessors = {
		.find_proc_info = acc_find_proc_info,
		.put_unwind_info = acc_put_unwind_info,
		.get_dyn_info_list_addr = acc_dyn_info_list,
		.access_mem = acc_mem,
		.access_reg = acc_reg,
		.access_fpreg = acc_fpreg,
		.resume = acc_resume,
		.get_proc_name = acc_name,
	};
	struct walk w = { .mem = mem, .maps = maps };
	unw_addr_space_t as;
	int r = stop_get_regs(s, i, &w.regs, err);

	if (r < 0)
		return r;
	as = unw_create_addr_space(&accessors, 0);
	if (!as)
		return err_nomem(err);
	*ret_whole = walk_frames(as, &w, fn, ctx);
	unw_destroy_addr_space(as);
	return 0;
}

#else

int unwind_thread(struct stop *s, size_t i, struct mem_source *mem, const struct maps *maps,
		  unwind_frame_fn *fn, void *ctx, bool *ret_whole, struct err *err)
{
	(void)s;
	(void)i;
	(void)mem;
	(void)maps;
	(void)fn;
	(void)ctx;
	(void)err;
	*ret_whole = false;
	return 0;
}

#endif
