/* SPDX-License-Identifier: MIT */
/* The model as a program of its own: for other architectures under an emulator, and long runs. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/tracer/agent/model.h"

int main(int argc, char **argv)
{
	uint64_t runs = argc > 1 ? strtoull(argv[1], NULL, 10) : 20;
	uint64_t first = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;

	for (uint64_t seed = first; seed < first + runs; seed++) {
		char why[8192];
		const struct model_options o = {
			.kind = (enum agent_frame_kind)(1 + seed % 4),
			.ops = 20000,
			.seed = seed,
			.window = seed % 5 ? 32u << seed % 5 : 0,
			.max_frames = seed % 3 ? 256 : 4,
			.depth = seed % 7 ? 12 : 700,
			.codes = 4 + (uint32_t)(seed % 40),
			.code_churn = seed % 2 ? 50 : 0,
			.flush_ticks = seed % 3 ? 1u << 18 : UINT64_MAX / 2,
			.mode = seed % 11 ? 0 : AGENT_GATE_CAREFUL,
			.offgil = seed % 2 == 0,
		};

		if (model_run(&o, why, sizeof(why))) {
			printf("seed %llu: %.600s\n", (unsigned long long)seed, why);
			return 1;
		}
	}
	printf("%llu runs\n", (unsigned long long)runs);
	return 0;
}
