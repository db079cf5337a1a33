/* SPDX-License-Identifier: MIT */
/*
 * The contract between the injected agent and the tracer: where things lie in the agent's
 * mapping, and what travels through the pipe. Included by both sides; freestanding (only
 * <stdint.h>). Every change bumps AGENT_ABI_VERSION.
 *
 * The mapping is AGENT_MAP_BYTES long. Three parts, which meet at multiples of the largest page
 * size (64 KiB on aarch64), so each has its own protection; only the pages in use are ever
 * resident, and those are AGENT_RESIDENT_MAX at most:
 *   r-xp  0                     blob text + rodata, begins with agent_head
 *         AGENT_FIXED_OFFSET    struct agent_fixed: constant once the hooks are live, and kept
 *                               by fork, so a child can still call through
 *   rw-p  AGENT_GATE_OFFSET     struct agent_gate, MADV_WIPEONFORK: in a forked child it reads as
 *                               zeros, which means "call through, say nothing"
 *   rw-s  AGENT_STATE_OFFSET    struct agent_state (agent/state.h): a memfd the tracer holds too,
 *                               so that it can read what is left after any death; MADV_DONTFORK.
 *                               Where that cannot be had: rw-p, MADV_WIPEONFORK.
 * A forked child has no state at all: nothing may look at it before the gate was seen open.
 */
#ifndef PYMEMPROF_TRACER_AGENT_ABI_H
#define PYMEMPROF_TRACER_AGENT_ABI_H

#include <stdint.h>

#define AGENT_ABI_VERSION 4
#define AGENT_MAGIC 0x746e656761504d50ull /* "PMPagent" */
#define AGENT_MAP_BYTES (576 * 1024)
#define AGENT_RESIDENT_MAX (512 * 1024)
#define AGENT_FIXED_OFFSET (60 * 1024)
#define AGENT_GATE_OFFSET (64 * 1024)
#define AGENT_STATE_OFFSET (128 * 1024)

/* --- domains and functions of a PyMemAllocatorEx table (Include/cpython/pymem.h, 3.4+) --- */
enum agent_domain { AGENT_RAW = 0, AGENT_MEM = 1, AGENT_OBJ = 2, AGENT_DOMAINS = 3 };
enum agent_func { AGENT_MALLOC = 0, AGENT_CALLOC, AGENT_REALLOC, AGENT_FREE, AGENT_FUNCS };

/* How the agent finds the thread state of the calling thread. */
enum agent_tstate_kind {
	AGENT_TSTATE_GLOBAL = 1,    /* ≤3.11: word at tstate_addr is the GIL holder's */
	AGENT_TSTATE_TLS_FIXED = 2, /* 3.12+: word at thread pointer + tstate_tls_offset */
	AGENT_TSTATE_TLS_DTV = 3,   /* 3.12+: dtv[tstate_tls_module] + tstate_tls_offset */
};

enum agent_frame_kind {
	AGENT_FRAME_OBJECT = 1,   /* ≤3.10: PyFrameObject chain, f_lasti index */
	AGENT_FRAME_CFRAME = 2,   /* 3.11, 3.12: tstate->cframe->current_frame, prev_instr */
	AGENT_FRAME_CURRENT = 3,  /* 3.13: tstate->current_frame, instr_ptr */
	AGENT_FRAME_STACKREF = 4, /* 3.14+: executable carries tag bits */
};

enum agent_line_kind {
	AGENT_LINES_LNOTAB = 1,   /* ≤3.9 */
	AGENT_LINES_PEP626 = 2,   /* 3.10 */
	AGENT_LINES_LOCATIONS = 3 /* 3.11+ */
};

/* First bytes of the blob. Hook entry points are offsets from it. */
struct agent_head {
	uint64_t magic;
	uint32_t abi_version;
	uint32_t text_bytes;
	uint32_t hook[AGENT_DOMAINS][AGENT_FUNCS];
};

struct agent_table_copy {
	uint64_t ctx;
	uint64_t func[AGENT_FUNCS]; /* malloc, calloc, realloc, free as found */
};

/* Offsets of what the agent reads in its own process; -1: absent in this version. */
struct agent_offsets {
	int32_t tstate_id, tstate_interp, tstate_thread_id, tstate_frame; /* frame, cframe or current_frame */
	int32_t cframe_current_frame;
	int32_t frame_previous, frame_code, frame_instr, frame_owner; /* f_back… in ≤3.10; instr = f_lasti, prev_instr or instr_ptr */
	int32_t code_firstlineno, code_filename, code_name, code_linetable, code_adaptive, code_firsttraceable;
	int32_t unicode_length, unicode_state, unicode_ascii_data, unicode_compact_data;
	int32_t unicode_kind_shift, unicode_ascii_shift, unicode_compact_shift; /* bits inside state */
	int32_t bytes_size, bytes_data;
	int32_t ob_type;
	int32_t frame_locals, code_locals; /* first local variable; how many there are (32 bits) */
	int32_t interp_gil; /* 3.12+: PyInterpreterState.ceval.gil; -1: there is one GIL */
};

enum agent_on_full { AGENT_FULL_BLOCK = 0, AGENT_FULL_DROP = 1 };

/* Written once by the tracer, then read-only. */
struct agent_fixed {
	uint64_t magic;
	uint32_t abi_version;
	uint32_t bytes;
	uint64_t map_base, map_bytes, text_bytes, gate_addr, state_addr;
	uint64_t cookie;	       /* identity of this attach; also in the stream's hello */
	uint64_t table_addr[AGENT_DOMAINS]; /* where the tables are in the interpreter */
	struct agent_table_copy original[AGENT_DOMAINS];
	uint64_t hook[AGENT_DOMAINS][AGENT_FUNCS]; /* absolute addresses of our functions */
	uint32_t tstate_kind, frame_kind, line_kind, lasti_scale; /* lasti_scale: bytes per lasti unit (1 or 2) */
	uint64_t tstate_addr;
	int64_t tstate_tls_offset;
	uint64_t tstate_tls_module;
	int64_t thread_id_bias; /* tstate.thread_id − thread pointer, for "is this the GIL holder" */
	uint64_t main_interp;
	uint64_t finalizing_addr; /* word that names the thread taking the interpreter down; 0: not looked at */
	uint64_t code_type; /* &PyCode_Type: anything else in a frame is skipped */
	struct agent_offsets off;
	int32_t pipe_fd;
	uint32_t on_full;	 /* enum agent_on_full */
	uint32_t stall_limit_ms; /* block: longest wait for one batch before dropping begins */
	uint32_t window;	 /* slots of the cancel window: power of two, 0 = off, ≤ AGENT_WINDOW_MAX */
	uint32_t window_max_bytes; /* larger blocks never wait in the window */
	uint32_t max_frames;	 /* ≤ AGENT_FRAMES_MAX; deeper stacks lose their outermost frames */
	uint64_t sample_bytes;	 /* 0: exact; else mean bytes between samples */
	uint64_t seed;
	uint64_t pipe_dev, pipe_ino; /* checked by fstat before each write: the program may have closed ours */
	uint64_t flush_ticks;	 /* cycle-counter ticks after which a partly filled buffer is written */
	uint64_t ticks_per_ms;	 /* cycle-counter ticks per millisecond, about */
	/*
	 * The calling thread's state without a branch: word at
	 * tstate_base + (thread pointer & tstate_tp_mask). Unused for AGENT_TSTATE_TLS_DTV.
	 */
	uint64_t tstate_base, tstate_tp_mask;
	uint64_t main_gil;	 /* interpreters with another GIL are not the lane's business; 0: one GIL */
	/* who attached: the start time (/proc/PID/stat field 22) tells it from a reused pid */
	int32_t tracer_pid;
	int32_t target_pid;
	uint64_t tracer_start;
	uint32_t mode;		 /* value agent_gate.mode is set to when the hooks go live */
	uint32_t shared;	 /* 1: the state is the memfd */
	uint32_t batch_words;	 /* a batch is sent when it has so many, ≤ AGENT_OUT_WORDS */
	uint32_t reserved;
};

#define AGENT_FRAMES_MAX 256
#define AGENT_WINDOW_MAX 2048

/* Values of agent_gate.mode. Zero must be the harmless one (fork wipes the page to zero). */
enum agent_mode {
	AGENT_MODE_PASS = 0,   /* call through; also after EPIPE, EBADF, fork */
	AGENT_MODE_RECORD = 1, /* one GIL: its holder is the only writer */
	AGENT_MODE_LOCKED = 2, /* several GILs: a spin lock guards everything */
};

/*
 * agent_gate.mode is one word: enum agent_mode in its low byte, these above. The hooks compare
 * the whole word with AGENT_MODE_RECORD: anything unusual costs the usual case nothing.
 */
#define AGENT_MODE_MASK 0xffu
#define AGENT_GATE_SIDE 0x100u	  /* the side queue is not empty */
#define AGENT_GATE_FRESH 0x200u	  /* nothing was recorded yet */
#define AGENT_GATE_CAREFUL 0x400u /* the originals call the tables again in their own ways */
#define AGENT_GATE_SAMPLE 0x800u  /* sample_bytes is not 0 */

enum agent_why_pass { AGENT_WHY_NONE = 0, AGENT_WHY_EPIPE = 1, AGENT_WHY_BADFD = 2, AGENT_WHY_TOLD = 3,
		      AGENT_WHY_FINAL = 4 /* the program's work is done; its thread waits for us */ };

/* What a forked child still has, as zeros. The tracer writes it with all threads stopped. */
struct agent_gate {
	uint32_t mode, why_pass;
	int32_t pipe_made[2]; /* where pipe2 puts its answer, so that a cleaner can find it; 0, 0: not yet */
	char share_name[32];  /* of the memfd: a cleaner knows a descriptor left open by its link */
};

/*
 * First words of the state: a fixed place the tracer may read at any time. Counters only ever
 * grow.
 */
struct agent_public {
	uint64_t allocs;		  /* calls seen by the hooks */
	uint64_t frees;			  /* those of blocks that did not die inside the window */
	uint64_t cancelled;		  /* blocks that did, as far as the stream was told */
	uint64_t bytes_written;
	uint64_t dropped_events, dropped_bytes;
	uint64_t stalls, stall_ns;
	uint64_t offgil_dropped;	  /* side-queue overflow */
	uint64_t stack_truncated;
	uint64_t sample_bytes_now;
};

/* --- the stream: little-endian 64-bit words, in batches, each ONE write ≤ 64 KiB ---------- */

#define STREAM_MAGIC 0x317374504d50ull /* low 48 bits of a batch head */

/*
 * struct stream_batch, then `bytes - sizeof` bytes of records. A write may be split by the
 * pipe, so a reader reassembles by `bytes`. ticks is the cycle counter (rdtsc / cntvct_el0)
 * when the batch was opened resp. written; the tracer calibrates it against CLOCK_MONOTONIC.
 */
struct stream_batch {
	uint64_t magic;	     /* STREAM_MAGIC | (uint64_t)version << 48 */
	uint32_t bytes;	     /* of the whole batch, multiple of 8 */
	uint32_t serial;     /* 0, 1, 2 …: a gap is loss */
	uint64_t ticks_open, ticks_written;
	uint64_t allocs;    /* calls until then */
	uint64_t frees;	    /* those the stream was told of, cancelled ones included */
	uint64_t cancelled; /* blocks that died inside the window and the stream was told of */
	uint64_t reserved;
	uint64_t dropped_events;
	uint64_t window_peak_bytes; /* most bytes that waited in the window during this batch */
};

/*
 * A record's first word has its kind in bits 0–2. Addresses are multiples of 8 and below 2^48.
 *
 * FREE   1 word   addr | kind
 * ALLOC  2 words  addr | kind | size << 48 (0xffff: a third word holds the size)
 *                 word 2: site (bits 0–31) | domain << 32 | flags << 40
 *                 flags bit 0: sampled (third word present too when size = 0xffff)
 *                 bits 48–63: the agent's own, without meaning for a reader
 * TEMP   2 words  kind | site << 32 ; blocks (bits 0–23) | bytes << 24 (as agent_site.temps)
 *                 `blocks` blocks of `bytes` in all were allocated at site and died in the window
 * UNFREE 1 word   addr | kind: the realloc announced by the last FREE of addr failed; it lives on
 * META   n words  kind | type << 8 | words << 16 (whole record), then a struct below
 *
 * One address's records are in program order. ALLOC of an address always precedes its FREE;
 * a FREE without an ALLOC concerns a block from before the attach.
 */
enum stream_kind { STREAM_FREE = 1, STREAM_ALLOC = 2, STREAM_TEMP = 3, STREAM_UNFREE = 4, STREAM_META = 5 };

#define STREAM_KIND_MASK 7ull
#define STREAM_ADDR_MASK 0x0000fffffffffff8ull

enum stream_meta {
	STREAM_HELLO = 1,  /* first record of the first batch: struct stream_hello */
	STREAM_CODE = 2,   /* struct stream_code + bytes */
	STREAM_STACK = 3,  /* struct stream_stack + frames: defines a site */
	STREAM_THREAD = 4, /* struct stream_thread: defines a thread serial */
	STREAM_SAMPLE = 5, /* struct stream_sample: sampling interval from here on */
	STREAM_RESET = 6,  /* no payload: all code, stack and thread serials start again at 1 */
	STREAM_LABEL = 7,  /* struct stream_label + text: what the program does from here on */
	STREAM_FINAL = 8,  /* no payload: the interpreter is about to take itself down; nothing follows */
};

struct stream_hello {
	uint32_t abi_version, domains;
	uint64_t cookie;
	uint64_t sample_bytes;
	uint32_t window, max_frames;
};

/* Name and file follow, each padded to 8 bytes. Bytes are as CPython stores them: kind 1, 2 or 4 bytes per character. */
struct stream_code {
	uint32_t serial; /* code reference used by stacks; a serial is defined once between RESETs */
	int32_t firstlineno;
	uint16_t name_chars, file_chars; /* longer ones keep their last characters (file) or first (name) */
	uint8_t name_kind, file_kind;	 /* 1 (ASCII or Latin-1), 2, 4 */
	uint16_t flags;
};

/* nframes words follow, innermost first: code serial (bits 0–31) | line << 32 (line 0: unknown). */
struct stream_stack {
	/*
	 * Serial of this (thread, stack) pair; defined once between RESETs. The agent forgets: the
	 * same pair may come again under another serial, and readers join them by content.
	 */
	uint32_t site;
	uint32_t thread; /* thread serial, 0: a thread without a Python thread state */
	uint32_t nframes;
	uint32_t flags;  /* bit 0: outermost frames are missing */
};

struct stream_thread {
	uint32_t serial, tid;
	uint64_t tstate_id, interp_id_or_addr;
};

struct stream_sample {
	uint64_t sample_bytes;
};

/*
 * The program says what it is busy with: the text pytest is about to put into PYTEST_CURRENT_TEST
 * ("tests/test_a.py::test_b[1] (call)"), read from a local variable. Everything recorded before is
 * in the stream before it, and from the first label on no block waits in the cancel window, so that
 * peaks between labels are exact. No text: busy with nothing in particular.
 */
struct stream_label {
	uint64_t ticks;
	uint32_t chars; /* padded to 8 bytes; longer texts lose their middle */
	uint16_t kind;	/* bytes per character: 1, 2, 4 */
	uint16_t flags;
};

#define AGENT_LABEL_CHARS 1024

#endif
