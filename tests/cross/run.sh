#!/bin/sh
# SPDX-License-Identifier: MIT
# Compile all of tracer/ for aarch64, link the agent, and run under qemu what needs no other process:
# the signal frames, and the agent against its model. ptrace(2) is not there in qemu's user mode, so
# stopping, remote calls and injection are only compiled here.
# usage: run.sh SOURCE_ROOT SCRATCH_FOLDER BUILD_ROOT; CC_AARCH64 and QEMU_AARCH64 choose other tools.
set -eu
root=$1
out=$2
build=$3
cc=${CC_AARCH64:-aarch64-linux-gnu-gcc}
qemu=${QEMU_AARCH64:-qemu-aarch64-static}
command -v "$cc" >/dev/null || { echo "SKIP: no $cc"; exit 77; }
command -v "$qemu" >/dev/null || qemu=qemu-aarch64
command -v "$qemu" >/dev/null || { echo "SKIP: no qemu-aarch64-static"; exit 77; }

flags="-std=gnu17 -O2 -g -Wall -Wextra -Werror -Wshadow -Wno-missing-field-initializers -Wno-format-truncation
	-D_GNU_SOURCE -I$root"
mkdir -p "$out/objects"

# The agent: agent.lds refuses to link what has relocations or does not fit.
"$cc" -std=gnu17 -O2 -ffreestanding -fpie -fvisibility=hidden -fno-stack-protector \
	-mgeneral-regs-only -mno-outline-atomics -fno-tree-loop-distribute-patterns \
	-fno-asynchronous-unwind-tables -fno-unwind-tables -fno-plt -fno-builtin-memset \
	-fno-builtin-memcpy -fno-lto -Wall -Wextra -Werror -Wshadow -I"$root" -nostdlib -pie \
	-Wl,--no-dynamic-linker -Wl,--build-id=none -Wl,-T,"$root/tracer/agent/agent.lds" \
	-Wl,--no-warn-rwx-segments -o "$out/agent.elf" "$root/tracer/agent/blob.c"

# Headers of libelf and zlib are the same for every processor; libunwind's are not.
for source in "$root"/base/*.c "$root"/tracer/*.c "$root"/tracer/process/*.c "$root"/tracer/mem/*.c \
	"$root"/tracer/elf/*.c "$root"/tracer/cpython/*.c "$root"/tracer/heap/*.c \
	"$root"/tracer/stream/*.c "$root"/tracer/agent/in*.c "$root"/tracer/agent/re*.c; do
	"$cc" $flags -I"$build" -I"$build/tracer/agent" -I"$build/tracer/cpython" -idirafter /usr/include -c "$source" \
		-o "$out/objects/$(echo "${source#"$root"/}" | tr / -).o"
done

"$cc" $flags -static -o "$out/check_process" "$root/tests/cross/check_process.c" \
	"$out"/objects/tracer-process-arch*.o "$out"/objects/tracer-process-maps.c.o \
	"$out"/objects/tracer-process-procfs.c.o "$out"/objects/tracer-process-undo.c.o \
	"$out"/objects/base-err.c.o
"$qemu" "$out/check_process"

"$cc" $flags -DAGENT_HOSTED -mgeneral-regs-only -c "$root/tracer/agent/blob.c" -o "$out/agent_hosted.o"
"$cc" $flags -static -o "$out/agent_model" "$root"/tests/tracer/agent/model*.c \
	"$root/tests/tracer/agent/fake_python.c" "$root/tests/tracer/agent/replay.c" \
	"$out/agent_hosted.o" -lm
"$qemu" "$out/agent_model" 12
