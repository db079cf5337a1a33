/* SPDX-License-Identifier: MIT */
/* What the agent is told: complete for every version, and from the right members. */
#include "tracer/cpython/agent_offsets.h"

#include <criterion/criterion.h>

#include "fake_py.h"

TestSuite(tracer_cpython_agent_offsets, .timeout = 10);

Test(tracer_cpython_agent_offsets, what_every_version_has_is_never_absent)
{
	EACH_SHEET(sheet)
	{
		struct agent_offsets o;

		agent_offsets_of(sheet->layout, &o);
		cr_assert(o.tstate_id > 0 && o.tstate_interp > 0 && o.tstate_thread_id > 0 &&
			  o.tstate_frame > 0 && o.frame_previous >= 0 && o.frame_code >= 0 &&
			  o.frame_instr > 0);
		cr_assert(o.code_firstlineno > 0 && o.code_filename > 0 && o.code_name > 0 &&
			  o.code_linetable > 0 && o.unicode_length > 0 && o.unicode_state > 0 &&
			  o.unicode_ascii_data > 0 && o.unicode_compact_data > o.unicode_ascii_data);
		cr_assert(o.bytes_size == 16 && o.bytes_data == 32 && o.ob_type == 8);
		cr_assert_eq(o.frame_owner == PY_ABSENT, sheet->layout->frame_kind == PY_FRAME_OBJECT);
		cr_assert_eq(o.code_adaptive == PY_ABSENT, sheet->layout->frame_kind == PY_FRAME_OBJECT);
		cr_assert_eq(o.cframe_current_frame != PY_ABSENT &&
				     sheet->layout->frame_kind == PY_FRAME_CFRAME,
			     sheet->layout->frame_kind == PY_FRAME_CFRAME);
	}
}

Test(tracer_cpython_agent_offsets, interpreter_is_described_and_nothing_else_touched)
{
	struct fake_py p = fake_py_new(sheet_find(10));
	struct agent_fixed fixed = { .magic = AGENT_MAGIC, .pipe_fd = 77 };

	p.py.tstate_access = PY_TSTATE_GLOBAL;
	p.py.tstate_global = taddr_of(0x1000);
	p.py.thread_id_bias = -64;
	p.py.table[PY_OBJ] = taddr_of(0x2000);
	agent_offsets_fill(&p.py, &fixed);
	cr_assert(fixed.tstate_kind == AGENT_TSTATE_GLOBAL && fixed.tstate_addr == 0x1000 &&
		  fixed.thread_id_bias == -64 && fixed.table_addr[AGENT_OBJ] == 0x2000);
	cr_assert(fixed.frame_kind == AGENT_FRAME_OBJECT && fixed.line_kind == AGENT_LINES_PEP626 &&
		  fixed.lasti_scale == 2);
	cr_assert(fixed.main_interp == p.py.main_interp.v && fixed.code_type == p.py.code_type.v);
	cr_assert(fixed.magic == AGENT_MAGIC && fixed.pipe_fd == 77);
	fake_py_free(&p);
}
