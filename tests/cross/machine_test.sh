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
for i in $(seq 60); do
	says READY /tmp/busy.log && break
	sleep 1
done
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

# A busy program in a full control group of version 2, which machines with version 1 for memory cannot have.
group=/sys/fs/cgroup/full
ended() { sed -n 's/^oom_kill //p' $group/memory.events; }
# room MIB: that much is left to it
room() { echo $(($(cat $group/memory.current) + $1 * 1048576)) >$group/memory.max; }
mount -t cgroup2 none /sys/fs/cgroup
echo +memory >/sys/fs/cgroup/cgroup.subtree_control
check "memory is limited by version 2" mkdir $group
: >/tmp/ids
mkfifo /tmp/nothing
sh -c "echo 0 >$group/cgroup.procs; exec python3 snapshot.py append /tmp/ids 40" </tmp/nothing >/tmp/full.log 2>&1 &
full=$!
exec 8>/tmp/nothing
for i in $(seq 60); do
	says READY /tmp/full.log && break
	sleep 1
done
sleep 2
check "the target in the group is ready" says READY /tmp/full.log
room 6
sleep 3
check "nothing was ended there before" [ "$(ended)" = 0 ]
for i in $(seq 20); do
	quiet pymemprof snapshot $full --format json
	check "snapshot $i without room: read while it stands still" says '"pause_kind":"stopped"' /tmp/out
	check "snapshot $i says why" says 'too little for a copy' /tmp/out
done
room 80
for i in $(seq 5); do
	quiet pymemprof snapshot $full --format json
	check "snapshot $i with room: a copy" says '"pause_kind":"clone"' /tmp/out
done
lines=$(wc -l </tmp/ids)
sleep 1
check "it goes on" [ "$(wc -l </tmp/ids)" -gt "$lines" ]
check "it alone" [ "$(sort -u /tmp/ids | wc -l)" = 1 ]
check "the kernel ended nothing: $(tr '\n' ' ' <$group/memory.events)" [ "$(ended)" = 0 ]
check "afterwards it is as before" untouched $full
kill $full

quiet pymemprof run -q -f -o /tmp/r.pmp -- python3 -c 'kept = [bytearray(100) for _ in range(3000)]'
pymemprof report /tmp/r.pmp --view types >/tmp/run.txt
check "run ends with types" says bytearray /tmp/run.txt

echo "$passed passed, $failed failed"
echo o >/proc/sysrq-trigger
sleep 10
