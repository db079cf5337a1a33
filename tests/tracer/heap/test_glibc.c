/* SPDX-License-Identifier: MIT */
/* The oracle is mallinfo2(3) of a child that allocated at random in several threads; and heaps made by hand. */
#include "tracer/heap/glibc.h"

#include <criterion/criterion.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "glibc_image.h"
#include "tests/support/sanitized.h"
#include "tracer/mem/live.h"

#define THREADS 3

static pthread_barrier_t done;

static unsigned next(unsigned *seed)
{
	*seed = *seed * 1103515245u + 12345u;
	return *seed >> 8;
}

static void *churn(void *arg)
{
	unsigned seed = (unsigned)(uintptr_t)arg;
	static __thread void *held[5000];

	for (int i = 0; i < 60000; i++) {
		unsigned slot = next(&seed) % 5000;

		free(held[slot]);
		held[slot] = next(&seed) % 3 ? malloc(next(&seed) % (next(&seed) % 50 ? 700 : 300000)) : NULL;
	}
	pthread_barrier_wait(&done);
	pause();
	return NULL;
}

static pid_t start_child(struct mallinfo2 *ret)
{
	int fd[2];
	pid_t pid;

	cr_assert_eq(pipe(fd), 0);
	pid = fork();
	if (pid == 0) {
		pthread_t t;

		pthread_barrier_init(&done, NULL, THREADS + 1);
		for (uintptr_t i = 1; i <= THREADS; i++)
			pthread_create(&t, NULL, churn, (void *)i);
		pthread_barrier_wait(&done);
		/* As numpy does: the mapping of one block becomes two. */
		char *split = malloc(8 << 20);
		uintptr_t inside = ((uintptr_t)split + 4095) & ~(uintptr_t)4095;

		(void)!madvise((void *)inside, 4 << 20, MADV_HUGEPAGE);
		struct mallinfo2 mi = mallinfo2();
		(void)!write(fd[1], &mi, sizeof mi);
		for (;;)
			pause();
	}
	cr_assert_eq(read(fd[0], ret, sizeof *ret), (ssize_t)sizeof *ret);
	close(fd[0]);
	close(fd[1]);
	return pid;
}

static int sum_chunk(void *ctx, uint64_t addr, uint64_t bytes, bool cached, bool mmapped)
{
	uint64_t *sum = ctx;

	(void)addr;
	sum[mmapped ? 2 : cached ? 1 : 0] += bytes;
	return 0;
}

Test(tracer_heap_glibc, equals_mallinfo2_of_a_threaded_process, .timeout = 30)
{
	struct mallinfo2 mi;
	pid_t pid;
	struct mem_source *mem = NULL;
	struct maps maps;
	struct glibc_heap h;
	struct err err = ERR_INIT;
	uint64_t visited[3] = { 0 }, system = 0, freed = 0, used = 0, cached = 0, walked = 0, fast = 0;
	struct glibc_visit visit = { visited, sum_chunk };

	SKIP_IF_SANITIZED();
	SKIP_IF_VALGRIND("it replaces malloc");
	pid = start_child(&mi);
	cr_assert_eq(live_new(pid, &mem, &err), 0, "%s", err.text);
	cr_assert_eq(maps_read(pid, &maps, &err), 0, "%s", err.text);
	cr_assert_eq(glibc_walk(mem, &maps, NULL, 0, &visit, &h, &err), 0, "%s", err.text);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	cr_assert(h.found, "%s", h.why);
	cr_assert_geq(h.narenas, 2);
	for (size_t i = 0; i < h.narenas; i++) {
		const struct glibc_arena *a = &h.arenas[i];

		cr_expect_eq(a->torn, 0, "arena %zu torn at %#lx", i, a->first_torn.v);
		cr_expect_eq(a->walked_bytes, a->system_bytes, "arena %zu: %lu of %lu", i,
			     a->walked_bytes, a->system_bytes);
		system += a->system_bytes;
		walked += a->walked_bytes;
		freed += a->free_bytes + a->fast_bytes + a->top_bytes;
		used += a->used_bytes;
		cached += a->cached_bytes;
		fast += a->fast_chunks;
		cr_expect_leq(a->largest_free_bytes, a->free_bytes);
	}
	cr_expect_eq(system, mi.arena);
	cr_expect_eq(freed, mi.fordblks, "%lu free, mallinfo2 says %zu", freed, mi.fordblks);
	cr_expect_eq(fast, mi.smblks);
	cr_expect_eq(h.mmapped_chunks, mi.hblks);
	cr_expect_eq(h.mmapped_bytes, mi.hblkhd);
	cr_expect(h.tcache_known);
	cr_expect_eq(visited[0], used);
	cr_expect_eq(visited[1], cached);
	cr_expect_eq(visited[2], h.mmapped_bytes);
	cr_expect_gt(cached, 0);
	glibc_heap_deinit(&h);
	maps_deinit(&maps);
	mem_free(mem);
}

Test(tracer_heap_glibc, says_why_when_there_is_no_glibc)
{
	static struct map_range r[] = { { .start = 0x1000, .end = 0x2000, .path = "/lib/ld-musl-x86_64.so.1" } };
	struct maps maps = { r, 1, NULL };
	struct glibc_heap h;
	struct mem_source *mem = NULL;

	cr_assert_eq(live_new(getpid(), &mem, NULL), 0);
	cr_assert_eq(glibc_walk(mem, &maps, NULL, 0, NULL, &h, NULL), 0);
	cr_assert_not(h.found);
	cr_assert_str_eq(h.why, "the target uses musl libc");
	mem_free(mem);
}

static void expect_image(bool newer)
{
	struct glibc_image i = glibc_image_new(newer);
	uint64_t visited[3] = { 0 };
	const struct glibc_visit all = { visited, sum_chunk };
	struct glibc_heap h;
	struct err err = ERR_INIT;

	cr_assert_eq(glibc_image_walk(&i, &all, &h, &err), 0, "%s", err.text);
	cr_assert(h.found, "%s", h.why);
	cr_assert_eq(h.narenas, 2);
	for (size_t k = 0; k < 2; k++) {
		cr_expect_eq(h.arenas[k].torn, 0, "at %#lx", h.arenas[k].first_torn.v);
		cr_expect_eq(h.arenas[k].walked_bytes, h.arenas[k].system_bytes);
		cr_expect_eq(h.arenas[k].free_bytes, 96);
		cr_expect_eq(h.arenas[k].largest_free_bytes, 96);
	}
	cr_expect(h.tcache_known);
	cr_expect_eq(h.arenas[0].addr.v, i.main_state);
	cr_expect_eq(h.arenas[0].used_bytes, i.tcache_bytes + 64 + 48 + (newer ? 32 + 48 : 80));
	cr_expect_eq(h.arenas[0].cached_bytes, 32);
	cr_expect_eq(h.arenas[0].fast_bytes, newer ? 0 : 32);
	cr_expect_eq(h.arenas[1].addr.v, i.state);
	cr_expect_eq(h.arenas[1].heaps, 2);
	cr_expect_eq(h.mmapped_bytes, GLIBC_IMAGE_MMAPPED);
	cr_expect_eq(visited[2], GLIBC_IMAGE_MMAPPED);
	cr_expect_eq(visited[0], h.arenas[0].used_bytes + h.arenas[1].used_bytes);
	cr_expect_eq(visited[1], 32);
	glibc_heap_deinit(&h);
	glibc_image_free(&i);
}

Test(tracer_heap_glibc, heaps_of_two_arenas_as_2_42_lays_them_out)
{
	expect_image(false);
}

Test(tracer_heap_glibc, heaps_of_two_arenas_as_2_43_lays_them_out)
{
	expect_image(true);
}

Test(tracer_heap_glibc, a_ring_of_heaps_is_walked_once)
{
	struct glibc_image i = glibc_image_new(false);
	struct glibc_heap h;
	struct err err = ERR_INIT;

	fake_mem_put_u64(i.f, GLIBC_IMAGE_OLD + 8, GLIBC_IMAGE_NEW);
	cr_assert_eq(glibc_image_walk(&i, NULL, &h, &err), 0, "%s", err.text);
	cr_assert(h.found);
	cr_expect_eq(h.arenas[1].heaps, 2);
	cr_expect_eq(h.arenas[1].torn, 1);
	cr_expect_lt(fake_mem_reads(i.f), 1000);
	glibc_heap_deinit(&h);
	glibc_image_free(&i);
}
