#!/bin/sh
# SPDX-License-Identifier: MIT
# Compile tracer/process for aarch64 and run the parts that need no other process under qemu.
# usage: run.sh SOURCE_ROOT SCRATCH_FOLDER; CC_AARCH64 and QEMU_AARCH64 choose other tools.
set -eu
root=$1
out=$2
cc=${CC_AARCH64:-aarch64-linux-gnu-gcc}
qemu=${QEMU_AARCH64:-qemu-aarch64-static}
command -v "$cc" >/dev/null || { echo "SKIP: no $cc"; exit 77; }
command -v "$qemu" >/dev/null || qemu=qemu-aarch64
command -v "$qemu" >/dev/null || { echo "SKIP: no qemu-aarch64-static"; exit 77; }

flags="-std=gnu17 -O2 -g -Wall -Wextra -Werror -Wshadow -Wno-missing-field-initializers -D_GNU_SOURCE"
mkdir -p "$out"
for source in "$root"/tracer/process/*.c "$root"/base/err.c; do
	"$cc" $flags -I"$root" -c "$source" -o "$out/$(basename "$source" .c).o"
done
"$cc" $flags -I"$root" -static -o "$out/check_process" "$root/tests/cross/check_process.c" \
	"$out"/arch.o "$out"/arch_aarch64.o "$out"/arch_x86_64.o "$out"/maps.o "$out"/procfs.o \
	"$out"/undo.o "$out"/err.o
"$qemu" "$out/check_process"
