/* SPDX-License-Identifier: MIT */
/*
 * A program that notices when it is disturbed: it checks its registers, its red zone, its signal
 * masks, its system calls and its data all the time, under a fast timer. Descriptor 3 is the
 * shared page; the argument chooses what it does.
 */
#include <alloca.h>
#include <errno.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "victim_page.h"

/* However the test ends, no victim and no runaway copy of one lives longer than this. */
#define LIFE_NS 100000000000u

static struct victim_page *page;
static uint64_t death_ns;

static void wrong(unsigned line, long value)
{
	unsigned none = 0;

	if (atomic_compare_exchange_strong(&page->error_line, &none, line))
		atomic_store(&page->error_value, value);
	atomic_fetch_add(&page->errors, 1);
}

#define CHECK(what, value)                                                                         \
	do {                                                                                       \
		if (!(what))                                                                       \
			wrong(__LINE__, (long)(value));                                            \
	} while (0)

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static bool running(void)
{
	return !atomic_load_explicit(&page->stop, memory_order_relaxed) && now_ns() < death_ns;
}

static void block_all(void)
{
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, NULL);
}

/* The thread's mask as it is, compared with what it set. */
static void check_mask(bool blocked)
{
	sigset_t now;

	CHECK(pthread_sigmask(SIG_SETMASK, NULL, &now) == 0, errno);
	CHECK(sigismember(&now, SIGUSR1) == blocked, blocked);
	CHECK(sigismember(&now, SIGTERM) == blocked, blocked);
}

/* Values that live in vector registers for the whole loop. */
static void check_vectors(void)
{
	typedef double lanes __attribute__((vector_size(32)));
	lanes a = { 1, 2, 3, 4 }, b = { 5, 6, 7, 8 }, step = { 1, 1, 1, 1 };

	for (int i = 0; i < 4000; i++) {
		a += step;
		b -= step;
		__asm__ volatile("" : "+m"(step));
	}
	for (int i = 0; i < 4; i++) {
		CHECK(a[i] == i + 1 + 4000.0, i);
		CHECK(b[i] == i + 5 - 4000.0, i);
	}
}

#if defined(__x86_64__)
/* Upper halves too: what a signal frame without the extended state would lose. */
static void check_wide_vectors(uint64_t seed)
{
	uint64_t in[8], out[8];
	bool very_wide = __builtin_cpu_supports("avx512f");

	if (!__builtin_cpu_supports("avx"))
		return;
	for (int i = 0; i < 8; i++)
		out[i] = in[i] = seed + (uint64_t)i;
	if (very_wide)
		__asm__ volatile("vmovdqu64 (%0), %%zmm30\n\t"
				 "mov $2000, %%rcx\n\t"
				 "1: dec %%rcx\n\t"
				 "jnz 1b\n\t"
				 "vmovdqu64 %%zmm30, (%1)\n\t"
				 :
				 : "r"(in), "r"(out)
				 : "rcx", "memory", "cc");
	else
		__asm__ volatile("vmovdqu (%0), %%ymm14\n\t"
				 "mov $2000, %%rcx\n\t"
				 "1: dec %%rcx\n\t"
				 "jnz 1b\n\t"
				 "vmovdqu %%ymm14, (%1)\n\t"
				 "vzeroupper\n\t"
				 :
				 : "r"(in), "r"(out)
				 : "rcx", "memory", "cc", "xmm14");
	CHECK(memcmp(in, out, very_wide ? 64 : 32) == 0, very_wide);
}

/* Words below the stack pointer, written and compared with nothing in between but time. */
static void check_red_zone(uint64_t seed)
{
	uint64_t bad = 0;

	__asm__ volatile("mov $2000, %%rcx\n\t"
			 "mov %1, -8(%%rsp)\n\t"
			 "mov %1, -64(%%rsp)\n\t"
			 "mov %1, -120(%%rsp)\n\t"
			 "mov %1, -128(%%rsp)\n\t"
			 "movq %1, %%xmm15\n\t"
			 "1: dec %%rcx\n\t"
			 "jnz 1b\n\t"
			 "mov -8(%%rsp), %%rdx\n\t"
			 "xor %1, %%rdx\n\t"
			 "or %%rdx, %0\n\t"
			 "mov -64(%%rsp), %%rdx\n\t"
			 "xor %1, %%rdx\n\t"
			 "or %%rdx, %0\n\t"
			 "mov -120(%%rsp), %%rdx\n\t"
			 "xor %1, %%rdx\n\t"
			 "or %%rdx, %0\n\t"
			 "mov -128(%%rsp), %%rdx\n\t"
			 "xor %1, %%rdx\n\t"
			 "or %%rdx, %0\n\t"
			 "movq %%xmm15, %%rdx\n\t"
			 "xor %1, %%rdx\n\t"
			 "or %%rdx, %0\n\t"
			 : "+r"(bad)
			 : "r"(seed)
			 : "rcx", "rdx", "xmm15", "memory", "cc");
	CHECK(bad == 0, bad);
}
#else
static void check_wide_vectors(uint64_t seed)
{
	(void)seed;
}

static void check_red_zone(uint64_t seed)
{
	(void)seed;
}
#endif

static uint64_t digest(uint64_t seed)
{
	uint64_t h = seed;

	for (int i = 0; i < 5000; i++)
		h = (h ^ (uint64_t)i) * 0x9e3779b97f4a7c15u + (h >> 29);
	return h;
}

static void *compute(void *beat)
{
	uint64_t expected = digest(7);

	block_all();
	for (uint64_t i = 1; running(); i++) {
		CHECK(digest(7) == expected, i);
		check_red_zone(i * 0x0101010101010101u);
		check_vectors();
		check_wide_vectors(i * 0x1000001u);
		check_mask(true);
		atomic_fetch_add((atomic_ulong *)beat, 1);
	}
	return NULL;
}

/* A call that must end by its time limit: EINTR is counted, anything else is wrong. */
static void expect_timeout(bool timed_out, uint64_t began, uint64_t least_ns, unsigned line)
{
	if (timed_out && now_ns() - began + 100000 < least_ns)
		wrong(line, (long)(now_ns() - began));
	if (!timed_out && errno == EINTR)
		atomic_fetch_add(&page->interrupted, 1);
	else if (!timed_out)
		wrong(line, errno);
}

static void *sleep_often(void *beat)
{
	int word = 0;

	block_all();
	while (running()) {
		struct timespec two = { .tv_nsec = 2000000 };
		uint64_t began = now_ns();

		expect_timeout(nanosleep(&two, NULL) == 0, began, 2000000, __LINE__);
		began = now_ns();
		expect_timeout(poll(NULL, 0, 2) == 0, began, 2000000, __LINE__);
		began = now_ns();
		expect_timeout(syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, &two, NULL, 0) < 0 &&
				       errno == ETIMEDOUT,
			       began, 2000000, __LINE__);
		check_mask(true);
		atomic_fetch_add((atomic_ulong *)beat, 1);
	}
	return NULL;
}

static int numbers[2];

static void *write_numbers(void *beat)
{
	block_all();
	for (uint32_t i = 0; running(); i++) {
		CHECK(write(numbers[1], &i, sizeof(i)) == sizeof(i), errno);
		if (i % 8 == 0)
			nanosleep(&(struct timespec){ .tv_nsec = 500000 }, NULL);
		atomic_fetch_add((atomic_ulong *)beat, 1);
	}
	close(numbers[1]);
	return NULL;
}

static void *read_numbers(void *beat)
{
	uint32_t got, expected = 0;
	ssize_t n;

	block_all();
	while ((n = read(numbers[0], &got, sizeof(got))) == sizeof(got)) {
		CHECK(got == expected, got);
		expected++;
		atomic_fetch_add((atomic_ulong *)beat, 1);
	}
	CHECK(n == 0, errno);
	return NULL;
}

static void *short_life(void *arg)
{
	CHECK(digest(3) == *(uint64_t *)arg, 0);
	return NULL;
}

/* Threads are born and die all the time. */
static void *breed(void *beat)
{
	uint64_t expected = digest(3);

	block_all();
	while (running()) {
		pthread_t t[2];

		for (int i = 0; i < 2; i++)
			CHECK(pthread_create(&t[i], NULL, short_life, &expected) == 0, i);
		for (int i = 0; i < 2; i++)
			pthread_join(t[i], NULL);
		atomic_fetch_add((atomic_ulong *)beat, 1);
	}
	return NULL;
}

static void *wait_for_events(void *unused)
{
	int ep = epoll_create1(0), p[2];
	struct epoll_event e = { .events = EPOLLIN };

	(void)unused;
	block_all();
	if (pipe(p) < 0 || epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &e) < 0)
		return NULL;
	while (running())
		if (epoll_wait(ep, &e, 1, -1) < 0 && errno == EINTR)
			atomic_fetch_add(&page->epoll_interrupted, 1);
	return NULL;
}

static void on_tick(int sig)
{
	int saved = errno;

	(void)sig;
	check_vectors();
	atomic_fetch_add(&page->ticks, 1);
	errno = saved;
}

static void on_queued(int sig)
{
	(void)sig;
	atomic_fetch_add(&page->queued, 1);
}

static void set_handlers(unsigned timer_us)
{
	struct sigaction sa = { .sa_handler = on_tick, .sa_flags = SA_RESTART };
	struct itimerval every = { { 0, (suseconds_t)timer_us }, { 0, (suseconds_t)timer_us } };

	sigaction(SIGALRM, &sa, NULL);
	sa.sa_handler = on_queued;
	sigaction(SIGRTMIN, &sa, NULL);
	if (timer_us)
		setitimer(ITIMER_REAL, &every, NULL);
}

/* Everything at once; the main thread computes and takes the timer's signals. */
static void busy(unsigned timer_us)
{
	void *(*const workers[])(void *) = { compute,	   sleep_often, write_numbers,
					     read_numbers, breed,	compute };
	pthread_t t[sizeof(workers) / sizeof(*workers)], waiter;
	stack_t before = { 0 }, now = { 0 };
	char *alt = malloc(65536);
	uint64_t expected = digest(11);

	before.ss_sp = alt;
	before.ss_size = 65536;
	sigaltstack(&before, NULL);
	CHECK(pipe(numbers) == 0, errno);
	set_handlers(timer_us);
	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++)
		pthread_create(&t[i], NULL, workers[i], (void *)&page->beats[i + 1]);
	pthread_create(&waiter, NULL, wait_for_events, NULL);
	atomic_store(&page->ready, 1);
	for (uint64_t i = 1; running(); i++) {
		CHECK(digest(11) == expected, i);
		check_red_zone(i * 0x0101010101010101u);
		check_vectors();
		check_wide_vectors(i * 0x1000001u);
		check_mask(false);
		sigaltstack(NULL, &now);
		CHECK(now.ss_sp == before.ss_sp && now.ss_size == before.ss_size, now.ss_flags);
		if (i % 64 == 0) {
			struct timespec one = { .tv_nsec = 1000000 };

			clock_nanosleep(CLOCK_MONOTONIC, 0, &one, NULL);
		}
		atomic_fetch_add(&page->beats[0], 1);
	}
	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++)
		pthread_join(t[i], NULL);
	_exit(0);
}

/* One thread that computes where its stack ends so far; it was large before, and has never been larger. */
static __attribute__((noinline)) void at_the_edge(size_t bytes)
{
	volatile char *room = alloca(bytes);
	uint64_t expected = digest(11);

	room[0] = 1;
	atomic_store(&page->ready, 1);
	for (uint64_t i = 1; running(); i++) {
		CHECK(digest(11) == expected && room[0] == 1, i);
		check_red_zone(i * 0x0101010101010101u);
		atomic_fetch_add(&page->beats[0], 1);
	}
	_exit(0);
}

/* One thread in one long relative sleep. */
static void sleeper(void)
{
	struct timespec time = { .tv_nsec = 700000000 };
	uint64_t began;
	long r;

	atomic_store(&page->ready, 1);
	began = now_ns();
	r = nanosleep(&time, NULL) < 0 ? -errno : 0;
	atomic_store(&page->sleep_ns, now_ns() - began);
	atomic_store(&page->sleep_result, r);
	atomic_store(&page->ready, 2);
	while (running())
		usleep(100000);
}

static uint64_t last_ns; /* of the last round; 0: there was none */

/* The longest time between two rounds is how long we stood still, as seen from inside. */
static void note_gap(void)
{
	uint64_t now = now_ns();

	if (last_ns && now - last_ns > atomic_load(&page->gap_ns))
		atomic_store(&page->gap_ns, now - last_ns);
	last_ns = now;
}

/* What the kernel takes for a copy that nobody watches. */
static void copy_oneself(void)
{
	uint64_t begin = now_ns();
	pid_t pid = (pid_t)syscall(SYS_clone, 0, 0, 0, 0, 0);

	if (pid == 0)
		syscall(SYS_exit_group, 0);
	begin = now_ns() - begin;
	waitpid(pid, NULL, __WALL);
	last_ns = 0;
	atomic_store(&page->fork_ns, begin);
}

/* Every pid that ever runs the loop enters itself: two of them are a disaster. */
static void copies(size_t megabytes)
{
	size_t size = megabytes << 20;

	if (size) {
		char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		madvise(p, size, MADV_NOHUGEPAGE);
		for (size_t i = 0; i < size; i += 4096)
			p[i] = (char)i;
	}
	set_handlers(1000);
	atomic_store(&page->ready, 1);
	while (running()) {
		unsigned pid = (unsigned)syscall(SYS_getpid);

		for (size_t i = 0; i < sizeof(page->copies) / sizeof(*page->copies); i++) {
			unsigned none = 0;

			if (atomic_load(&page->copies[i]) == pid ||
			    atomic_compare_exchange_strong(&page->copies[i], &none, pid))
				break;
		}
		atomic_fetch_add(&page->beats[0], 1);
		note_gap();
		if (atomic_exchange(&page->fork_asked, 0))
			copy_oneself();
	}
	_exit(0);
}

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "busy";

	if (strcmp(mode, "nobody") == 0 &&
	    (setrlimit(RLIMIT_NPROC, &(struct rlimit){ 0, 0 }) < 0 ||
	     setresuid(65534, 65534, 65534) < 0))
		return 1;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	death_ns = now_ns() + LIFE_NS;
	page = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE, MAP_SHARED, 3, 0);
	if (page == MAP_FAILED)
		return 1;
	if (strcmp(mode, "busy") == 0)
		busy(1000);
	else if (strcmp(mode, "quiet") == 0)
		busy(0);
	else if (strcmp(mode, "edge") == 0)
		at_the_edge(argc > 2 ? (size_t)atol(argv[2]) : 0);
	else if (strcmp(mode, "sleeper") == 0)
		sleeper();
	else if (strcmp(mode, "nobody") == 0)
		copies(0);
	else if (strcmp(mode, "copies") == 0)
		copies(argc > 2 ? (size_t)atol(argv[2]) : 0);
	return 0;
}
