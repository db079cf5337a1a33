/* SPDX-License-Identifier: MIT */
/* The list of panes, and nothing else. */
#include "report/tui/rows.h"

#include "report/tui/state.h"

const struct tui_pane *tui_pane(unsigned id)
{
	static const struct tui_pane *const panes[TUI_PANES] = {
		[TUI_GROWTH] = &tui_growth, [TUI_TYPES] = &tui_types,	[TUI_SITES] = &tui_sites,
		[TUI_HOLDERS] = &tui_holders, [TUI_MEMORY] = &tui_memory, [TUI_ADVICE] = &tui_advice,
	};

	return panes[id < TUI_PANES ? id : 0];
}
