#!/bin/sh
# SPDX-License-Identifier: MIT
# The built program on another processor, by hand: tests/cross/machine.sh [SECONDS]
#
# Unpacks Debian's arm64 packages into a cache folder, cross-compiles pymemprof against them, and starts
# Debian's arm64 kernel on an emulated machine whose whole disk is that folder with machine_test.sh in it.
# Ends with "N passed, N failed". Needs root, qemu-system-arm, cpio and gcc-aarch64-linux-gnu, and takes some
# ten minutes: every instruction is emulated. No network in the machine. SECONDS bounds its life (1200).
set -eu

source=$(cd "$(dirname "$0")/../.." && pwd)
cache=${PYMEMPROF_MACHINE:-${XDG_CACHE_HOME:-$HOME/.cache}/pymemprof/arm64}
seconds=${1:-1200}
PACKAGES=python3,linux-image-arm64,libelf-dev,libunwind-dev,zlib1g-dev,libjansson-dev,libncurses-dev

for tool in debootstrap dpkg-deb qemu-system-aarch64 aarch64-linux-gnu-gcc cpio meson; do
	command -v $tool >/dev/null || { echo "machine: no $tool"; exit 77; }
done
mkdir -p "$cache"

# The packages, unpacked and not configured: nothing of theirs is run here.
if [ ! -e "$cache/root/usr/bin/python3" ]; then
	rm -rf "$cache/root"
	debootstrap --foreign --arch=arm64 --variant=minbase --include=$PACKAGES bookworm "$cache/root" \
		"$("$source/tools/interpreters" --mirror)" >"$cache/debootstrap.log" 2>&1
	for package in "$cache"/root/var/cache/apt/archives/*.deb; do
		dpkg-deb -x "$package" "$cache/root"
	done
fi

cat >"$cache/cross.ini" <<END
[binaries]
c = ['aarch64-linux-gnu-gcc', '--sysroot=$cache/root']
ar = 'aarch64-linux-gnu-ar'
strip = 'aarch64-linux-gnu-strip'
objcopy = 'aarch64-linux-gnu-objcopy'
pkgconfig = 'pkg-config'
[properties]
sys_root = '$cache/root'
pkg_config_libdir = ['$cache/root/usr/lib/aarch64-linux-gnu/pkgconfig', '$cache/root/usr/share/pkgconfig']
[host_machine]
system = 'linux'
cpu_family = 'aarch64'
cpu = 'aarch64'
endian = 'little'
END
build=$cache/build-$(printf %s "$source" | cksum | cut -d ' ' -f 1) # of this checkout, not of another
[ -e "$build/build.ninja" ] ||
	meson setup --cross-file "$cache/cross.ini" -Dtests=disabled "$build" "$source" >"$cache/setup.log"
meson compile -C "$build" >"$cache/compile.log"

# The first file system of the machine, in memory: what Python and the program need, and the test.
rm -rf "$cache/disk"
cp -a "$cache/root" "$cache/disk"
(
	cd "$cache/disk"
	rm -rf boot lib/modules usr/lib/modules var/cache usr/share/doc usr/share/locale usr/share/man usr/include \
		debootstrap usr/lib/aarch64-linux-gnu/*.a
	cp "$build/cli/pymemprof" usr/bin/
	cp "$source"/tools/demo-service/*.py "$source/tests/integration/targets/busy.py" \
		"$source/tests/integration/targets/snapshot.py" "$source/tests/cross/machine_test.sh" root/
	printf '%s\n' '#!/bin/sh' 'exec sh /root/machine_test.sh' >init
	chmod +x init
	find . | cpio -o -H newc 2>/dev/null | gzip -1 >"$cache/disk.gz"
)
timeout "$seconds" qemu-system-aarch64 -M virt -cpu cortex-a72 -smp 2 -m 2048 -net none -nographic -no-reboot \
	-kernel "$cache"/root/boot/vmlinuz-* -initrd "$cache/disk.gz" \
	-append "console=ttyAMA0 rdinit=/init panic=-1 quiet" </dev/null | tr -d '\r' | tee "$cache/machine.log"
grep -q '^[0-9]* passed, 0 failed$' "$cache/machine.log"
