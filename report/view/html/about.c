/* SPDX-License-Identifier: MIT */
/* What the recording cost, how far it can be believed, what is inside, what the words mean. */
#include <ctype.h>

#include "config.h"
#include "report/view/html/html.h"

void html_cost(struct text *t)
{
	char words[TEXT_COST_MAX];

	if (!text_cost(t->r, words))
		return;
	*words = (char)toupper((unsigned char)*words);
	out_printf(t->out, "<section id=\"s-cost\" data-view=\"summary about\"><h2>Cost</h2><p>%s.</p></section>\n",
		   words);
}

static void carried(struct text *t, const struct html_merged *m)
{
	struct units u;
	if (m->recording_inside)
		out_printf(t->out,
			   "<li>the recording itself (%s) is in this page: pymemprof extract gives it "
			   "back</li>\n",
			   units_bytes(&u, m->recording_bytes));
	else if (m->recording_bytes)
		out_printf(t->out,
			   "<li>the recording itself (%s) does not fit into this page; a larger "
			   "--max-size takes it along</li>\n",
			   units_bytes(&u, m->recording_bytes));
	else
		out_str(t->out, "<li>the recording itself is not in this page: it was not kept (-o "
				"FILE keeps it)</li>\n");
}

void html_limits(struct text *t, const struct html_merged *merged)
{
	const struct totals *s = &t->r->totals;
	struct units a, b;
	out_str(t->out, "<section id=\"s-limits\" data-view=\"summary about\"><h2>Limits</h2><ul>\n");
	for (size_t i = 0; i < s->notes.len; i++) {
		out_str(t->out, "<li><bdi>");
		html_name_str(t, s->notes.at[i].text);
		out_str(t->out, "</bdi></li>\n");
	}
	if (s->notes_dropped)
		out_printf(t->out, "<li>%llu more notes</li>\n",
			   (unsigned long long)s->notes_dropped);
	if (totals_estimated(s))
		out_str(t->out, "<li>sampled: figures marked ~ are estimates</li>\n");
	if (!heaps_last(&t->r->heaps))
		out_str(t->out, "<li>types, the ledger and fragmentation need a snapshot: none in "
				"this recording</li>\n");
	if (merged->places)
		out_printf(t->out,
			   "<li>to keep this page small, %llu places of the flame graph below %.2g %% "
			   "are merged into their callers: %s live, %s allocated. --max-size keeps "
			   "more</li>\n",
			   (unsigned long long)merged->places, merged->share * 100,
			   units_bytes(&a, merged->live_bytes), units_bytes(&b, merged->alloc_bytes));
	else
		out_str(t->out, "<li>nothing was merged or left out of this page</li>\n");
	carried(t, merged);
	out_str(t->out, "<li>values and source lines are never in this page: only names of functions, "
			"files, types and threads, and line numbers</li>\n</ul></section>\n");
}

/* Views of this tool that this page does not have, each with what it would need. */
static void absent(struct text *t, bool compared)
{
	const bool snapshot = heaps_last(&t->r->heaps) != NULL;
	const struct heap_model *m = heaps_last(&t->r->heaps);
	const char *skipped = m && m->holders.known ? m->holders.graph.skipped : "";
	out_str(t->out, "<section id=\"s-absent\" data-view=\"about\"><h2>Not in this page</h2><ul>");
	if (recording_is_snapshot(t->r))
		out_str(t->out, "<li>Leaks, Flame, Sites and Time: they need a recording (attach, run)</li>");
	if (!snapshot)
		out_str(t->out, "<li>Types, the ledger, arenas and Advice: they need a snapshot, which attach takes "
				"unless told not to</li>");
	if (!html_has_holders(t->r)) {
		out_str(t->out, "<li>Holders: they need a snapshot with its graph of references");
		if (skipped && *skipped) {
			out_str(t->out, ": <bdi>");
			html_name_str(t, skipped);
			out_str(t->out, "</bdi>");
		}
		out_str(t->out, "</li>");
	}
	if (!compared)
		out_str(t->out, "<li>Diff: it needs two recordings to compare (pymemprof diff OLD NEW "
				"--format html)</li>");
	out_str(t->out, "<li>Checks: the verdict of pymemprof check is its own report</li>"
			"</ul></section>\n");
}

void html_about(struct text *t, bool compared)
{
	out_str(t->out,
		"<section id=\"s-about\" data-view=\"about\"><h2>What the words mean</h2><dl>"
		"<dt>live</dt><dd>bytes of blocks made since recording began and not freed yet</dd>"
		"<dt>allocated, freed</dt><dd>bytes of all blocks made and given back</dd>"
		"<dt>temporary</dt><dd>made and freed again within a moment: a part of both</dd>"
		"<dt>peak</dt><dd>what each stack held at the instant when all together held most</dd>"
		"<dt>site</dt><dd>a whole Python stack that allocates, innermost function first</dd>"
		"<dt>retained</dt><dd>what would be freed if this went: what nothing else holds</dd>"
		"<dt>range of time</dt><dd>chosen by dragging over the curve: live bytes are those at its end, growth is "
		"the change within it; peak, allocated and temporary stay those of the whole recording</dd>"
		"<dt>growth</dt><dd>median slope of live bytes over the recording</dd>"
		"<dt>KiB, MiB</dt><dd>powers of 1024; the exact figure is shown when you point at one, "
		"and is in the data-v attribute</dd>"
		"<dt>~</dt><dd>an estimate</dd></dl><p>Made by pymemprof " PYMEMPROF_VERSION
		". This page loads nothing, sends nothing and runs only its own script; its policy "
		"forbids the rest.</p></section>\n");
	absent(t, compared);
}

