/* SPDX-License-Identifier: MIT */
/*
 * The agent's read-write memory, all of it but the gate: what its parts remember between two
 * calls. The tracer includes this too, to fetch what is left at the end (residual.h). Every byte
 * starts as zero and is touched only when used, so a quiet agent is a few pages.
 *
 * The process may be killed between any two instructions, and what is here then is read as its
 * last words. So what counts is committed by one store, after everything it speaks of
 * (lane_order): a block waits once slot.addr is written, a record counts once out_len is past
 * it. A block that leaves the window is in the stream first, and the reader knows it by being
 * the stream's very last record (residual.c).
 */
#ifndef PYMEMPROF_TRACER_AGENT_STATE_H
#define PYMEMPROF_TRACER_AGENT_STATE_H

#include "tracer/agent/abi.h"

#define AGENT_SITES 4096	    /* known (thread, stack) pairs: sets of AGENT_SITE_WAYS */
#define AGENT_SITE_WAYS 2
#define AGENT_STACK_MAX (2 * AGENT_FRAMES_MAX) /* cached frames of the current thread */
#define AGENT_CODES 2048	    /* known code objects; at 3/4 everything is forgotten (RESET) */
#define AGENT_CODE_BITS 16384	    /* pre-filter in front of them */
#define AGENT_LINES 4096	    /* recently described instructions */
#define AGENT_LEAVES 128		    /* innermost ones, with their sites */
#define AGENT_LEAVES_PER_BIT (AGENT_LEAVES / 64)
#define AGENT_SAMPLE_PAGES 4096	    /* pre-filter in front of the live sampled blocks */
#define AGENT_THREADS 64
#define AGENT_SIDE 1024		    /* calls of threads without the GIL, waiting for the lane */
#define AGENT_INSIDE 64		    /* threads inside a hook without being the lane */
#define AGENT_OUT_WORDS 4096	    /* one batch: 32 KiB */
#define AGENT_SAMPLES 16384	    /* live sampled blocks */
#define AGENT_NAME_CHARS 256	    /* of a function name: the first ones */
#define AGENT_FILE_CHARS 512	    /* of a file name: the last ones */

/*
 * A block in the window: the two words of the ALLOC record it becomes when it leaves, with the
 * index of its site in the second one's upper bits.
 */
struct agent_slot {
	uint64_t block; /* address | STREAM_ALLOC | size << 48; 0: free */
	uint64_t place; /* a site's word | domain << 32 */
};

#define AGENT_SLOT_BLOCK(addr, size) ((uint64_t)(addr) | STREAM_ALLOC | (uint64_t)(size) << 48)
#define AGENT_SLOT_ADDR(block) ((block) & STREAM_ADDR_MASK)
#define AGENT_SLOT_SIZE(block) ((block) >> 48)
/* A site's word: serial (bits 0–31) | index << 48. Never 0. */
#define AGENT_SITE_WORD(serial, index) ((uint64_t)(serial) | (uint64_t)(index) << 48)
#define AGENT_PLACE_SERIAL(place) ((uint32_t)(place))
#define AGENT_PLACE_DOMAIN(place) ((uint32_t)((place) >> 32 & 0xff))
#define AGENT_PLACE_SITE(place) ((uint32_t)((place) >> 48 & (AGENT_SITES - 1)))

/*
 * One known site and the blocks of it that were born and died in the window since the last TEMP:
 * blocks (bits 0–23) | bytes << 24, one word, so that no death can come between the two.
 */
struct agent_site {
	uint64_t hash;
	uint64_t temps;
	uint32_t serial; /* 0: unused */
	uint32_t reserved;
	uint64_t leaves; /* which of agent_state.leaves may call for it: bit n for AGENT_LEAVES_PER_BIT from there */
};

#define AGENT_TEMPS_BLOCKS(t) ((t) & 0xffffff)
#define AGENT_TEMPS_BYTES(t) ((t) >> 24)
#define AGENT_TEMPS_ONE(size) (1 | (uint64_t)(size) << 24)
/* Allocations after which counters are sent even if it is not time yet: no site can overflow. */
#define AGENT_TEMPS_MAX (1u << 23)

/*
 * A frame of the cached stack; entry 1 is the outermost, entry 0 a sentinel whose `frame` is what
 * entry 1's previous pointer must be and whose `hash` is the thread's. In two halves: each event
 * looks at the first ones of all frames.
 */
struct agent_frame {
	uint64_t frame;
	uint64_t instr; /* see stack.c; identifies code and instruction */
};

struct agent_frame_place {
	uint64_t hash;	/* of everything from the outermost frame to this one */
	uint32_t code;	/* code serial, 0: a frame nobody is shown */
	uint32_t line;
};

/* An innermost instruction seen lately, what it calls for: nothing needs to be hashed or found. */
struct agent_leaf {
	uint64_t instr;	 /* 0: free */
	uint64_t parent; /* hash of the frames below */
	struct agent_frame_place at;
	uint64_t site;	 /* a site's word */
	uint64_t reserved;
};

struct agent_code {
	uint64_t addr; /* 0: free */
	uint32_t serial, reserved;
};

struct agent_line {
	uint64_t instr; /* 0: free */
	uint32_t code, line;
};

struct agent_thread {
	uint64_t tstate_id, interp;
	uint32_t serial; /* 0: unused */
	uint32_t tid;
};

/* word: address | kind (bits 0–2) | domain << 48, as in the stream. */
struct agent_side_event {
	uint64_t word;
	uint64_t size;
};

#define AGENT_UNTOLD_FRAME 1u /* the reader could not be told of one of its frames */
#define AGENT_UNTOLD_LABEL 2u /* one of them may know a new label (label.c) */

/* Everything a call of the GIL holder usually touches, in the fewest cache lines. */
struct agent_lane {
	uint64_t tstate, tp;	 /* of the last caller; tstate 0: a thread without one */
	uint64_t inside;	 /* thread pointer while an original runs: its raw calls are its own */
	uint64_t nested_free;	 /* block an obj or mem original frees or moves: its raw free is nested */
	uint64_t tstate_id;
	uint64_t window_limit;	 /* sizes from here on do not wait; 0: the window is off */
	uint64_t window_mask;
	uint64_t window_bytes, window_peak;
	uint32_t depth;		 /* entries of the cached stack, 0: none */
	uint64_t site;		 /* word of the cached stack's site; 0: not known */
	uint32_t untold;	 /* AGENT_UNTOLD_…: the cached stack wants another look */
	uint64_t tick_at;	 /* agent_public.allocs at the next look at the clock */
	uint32_t period;	 /* allocations from one look to the next */
	uint32_t in_realloc;	 /* a block is moved, and its owner has the old address still */
	uint64_t sample_left;	 /* bytes until the next sample */
	uint32_t out_len;	 /* words in `out`, head included; 0: no batch open */
	uint32_t out_end;	 /* words that may be there; 0: none open, or it waits to be sent */
};

struct agent_cold {
	uint64_t last_flush;	 /* ticks */
	uint64_t last_allocs;	 /* agent_public.allocs at the last flush */
	/*
	 * A TEMP on its way: index of its site + 1 | out_len once its record counts << 32. Between
	 * the site's word becoming 0 and this becoming 0, out_len tells whether it does.
	 */
	uint64_t moving;
	uint64_t last_clock;
	uint64_t retry_at;	 /* ticks; while a batch cannot be sent and new events are dropped */
	uint32_t out_sent;	 /* bytes of the batch the pipe took already */
	uint32_t dropping;
	uint32_t batch_serial;
	uint32_t hello_sent;
	uint32_t next_site, next_code, next_thread; /* last serial given out */
	uint32_t codes_used;
	uint32_t thread_serial;	 /* of the lane's thread, 0: not looked up */
	uint32_t samples_used;
	uint32_t label_code;	 /* serial of the function that knows the label; 0: not seen */
	uint32_t final;		 /* the interpreter takes itself down, as the reader was told */
	uint32_t reserved;
	uint32_t truncated;	 /* the cached stack lacks its outermost frames */
	uint64_t label_frame;	 /* its frame in the cached stack */
	uint64_t label;		 /* hash of the text last sent; 0: none */
	uint64_t thread_seed;
	uint64_t main_gil;	 /* when agent_fixed did not know it */
	uint64_t samples_limit;	 /* used entries at which the interval doubles */
	uint64_t random;
	uint32_t side_lock;	 /* guards side, inside, side_head, side_tail */
	uint32_t big_lock;	 /* AGENT_MODE_LOCKED: guards everything */
	uint32_t side_head, side_tail; /* tail − head events wait */
	uint32_t inside_strays;	 /* threads in `inside` that are not at their home */
	uint64_t side_moved;	 /* the last sample such a thread began to move: its FREE is sent */
};

struct agent_state {
	struct agent_public pub;
	struct agent_lane lane __attribute__((aligned(64)));
	struct agent_cold cold __attribute__((aligned(64)));
	uint64_t inside[AGENT_INSIDE]; /* thread pointers */
	struct agent_thread threads[AGENT_THREADS];
	uint64_t code_bits[AGENT_CODE_BITS / 64];
	uint16_t sample_pages[AGENT_SAMPLE_PAGES]; /* sampled blocks and code objects there */
	uint64_t scratch[AGENT_STACK_MAX]; /* a stack being sent; frame addresses being walked */
	struct agent_frame stack[AGENT_STACK_MAX + 1] __attribute__((aligned(64)));
	struct agent_frame_place places[AGENT_STACK_MAX + 1];
	struct agent_leaf leaves[AGENT_LEAVES] __attribute__((aligned(64)));
	uint64_t out[AGENT_OUT_WORDS] __attribute__((aligned(64)));
	struct agent_side_event side[AGENT_SIDE];
	union {
		struct agent_slot window[AGENT_WINDOW_MAX];
		uint64_t samples[AGENT_SAMPLES]; /* with sample_bytes: addresses, 0 free */
	} __attribute__((aligned(64)));
	struct agent_code codes[AGENT_CODES];
	struct agent_line lines[AGENT_LINES];
	struct agent_site sites[AGENT_SITES];
};

_Static_assert(sizeof(struct agent_head) + 0 <= 4096, "the head fits its page");
_Static_assert(sizeof(struct agent_fixed) <= 4096, "agent_fixed is one page");
_Static_assert(AGENT_STATE_OFFSET + sizeof(struct agent_state) <= AGENT_MAP_BYTES,
	       "the state fits the mapping");
_Static_assert(AGENT_GATE_OFFSET + 4096 + sizeof(struct agent_state) + 4095 <= AGENT_RESIDENT_MAX,
	       "the target pays 512 KiB at most");
_Static_assert(AGENT_OUT_WORDS * 8 <= 64 * 1024, "a batch is one write of at most 64 KiB");
_Static_assert(AGENT_SITES <= 4096, "a slot has 12 bits for the site index");

#endif
