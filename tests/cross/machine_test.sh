# SPDX-License-Identifier: MIT
# Runs as the first process of the emulated machine of machine.sh: attach, snapshot, sample, run and detach
# as a user would, then kills at many instants, against the demo's service and a target that checks itself.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mount -t tmpfs tmp /tmp
cd /root || exit 1
uname -srm
python3 --version
pymemprof --version

passed=0 failed=0
check() {
	what=$1
	shift
	if "$@"; then
		passed=$((passed + 1)) && echo "ok   $what"
	else
		failed=$((failed + 1)) && echo "FAIL $what"
	fi
}
says() { grep -q "$1" "$2"; }
quiet() { "$@" >/tmp/out 2>&1 || { cat /tmp/out; return 1; }; }
# untouched PID: alive, traced by nobody, nothing of ours in its mappings
untouched() {
	kill -0 "$1" && grep -q '^TracerPid:.0$' "/proc/$1/status" && ! grep -q pymemprof "/proc/$1/maps"
}
# kill_at SECONDS COMMAND…: SIGKILL it after that time
kill_at() {
	after=$1
	shift
	"$@" >/dev/null 2>&1 &
	sleep "$after"
	kill -9 $! 2>/dev/null
	wait $! 2>/dev/null
}
TENTHS="0.1 0.2 0.3 0.4 0.5 0.6 0.7 0.8 0.9"

python3 service.py 3000 >/tmp/service.log 2>&1 &
service=$!
sleep 6
check "doctor sees nothing in the way" quiet pymemprof doctor $service
pymemprof snapshot $service >/tmp/snapshot.txt
check "a snapshot names the type" says feed.Listener /tmp/snapshot.txt
pymemprof attach $service --plain -d 6s -f -o /tmp/a.pmp >/tmp/attach.txt 2>&1
cat /tmp/attach.txt
check "the suspect has type, line and holder" says 'subscribe' /tmp/attach.txt
check "the holder is named" says 'feed.listeners' /tmp/attach.txt
check "afterwards it is as before" untouched $service
for i in 1 2 3 4 5; do
	check "attach $i" quiet pymemprof attach $service --plain --no-snapshot -q -d 300ms -f -o /tmp/b.pmp
done
check "a sample" quiet pymemprof attach $service --plain --no-snapshot --sample 16KiB -d 2s -f -o /tmp/c.pmp
for after in $TENTHS; do
	kill_at "$after" pymemprof attach $service --plain --no-snapshot -q -f -o /tmp/b.pmp
	check "alive after a kill at $after s of an attach" kill -0 $service
done
check "detach takes out what is left" quiet pymemprof detach $service
check "afterwards it is as before" untouched $service
for after in $TENTHS; do
	kill_at "$after" pymemprof snapshot $service -q -f -o /tmp/b.pmp
	check "alive after a kill at $after s of a snapshot" kill -0 $service
done
check "detach finds nothing" quiet pymemprof detach $service
check "afterwards it is as before" untouched $service
kill $service

mkfifo /tmp/words
python3 busy.py </tmp/words >/tmp/busy.log 2>&1 &
busy=$!
exec 9>/tmp/words
sleep 8
check "the busy target is ready" says READY /tmp/busy.log
for i in 1 2 3 4 5; do
	check "attach $i of many threads" quiet pymemprof attach $busy --plain --no-snapshot -q -d 200ms -f -o /tmp/b.pmp
	check "snapshot $i of many threads" quiet pymemprof snapshot $busy --view gc
done
echo check >&9
sleep 6
tail -n 1 /tmp/busy.log
check "it computed right all the time" says '"errors": \[\]' /tmp/busy.log
check "afterwards it is as before" untouched $busy

quiet pymemprof run -q -f -o /tmp/r.pmp -- python3 -c 'kept = [bytearray(100) for _ in range(3000)]'
pymemprof report /tmp/r.pmp --view types >/tmp/run.txt
check "run ends with types" says bytearray /tmp/run.txt

echo "$passed passed, $failed failed"
echo o >/proc/sysrq-trigger
sleep 10
