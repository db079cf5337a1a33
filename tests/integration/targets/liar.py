# SPDX-License-Identifier: MIT
"""A program that lies about its memory: liar.py LIE. Says "ready" and keeps still, or goes on.

Each lie forges what a reader from outside believes only after looking, by writing over live
objects. Nothing that was written over is touched again by the program itself: the lies which
hold still wait in pause() of libc, the others allocate in a loop. x86-64, every version.
"""
import array
import bisect
import collections
import ctypes
import gc
import os
import sys
import threading
import time

V = sys.version_info[:2]
LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.mmap.restype = LIBC.malloc.restype = ctypes.c_void_p
LIBC.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t] + [ctypes.c_int] * 3 + [ctypes.c_long]
LIBC.malloc.argtypes = [ctypes.c_size_t]
LIBC.free.argtypes = [ctypes.c_void_p]
LIBC.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
TUPLE_ITEMS = 32 if V >= (3, 14) else 24
BILLION = 10 ** 9
kept = []


def peek(at):
    return ctypes.c_uint64.from_address(at).value


def poke(at, value):
    ctypes.c_uint64.from_address(at).value = value & (1 << 64) - 1


def poke8(at, value):
    ctypes.c_uint8.from_address(at).value = value


def keep(thing):
    kept.append(thing)
    return id(thing)


def nowhere(size):
    """Address space that is there and costs nothing until it is written to."""
    for shrink in range(12):
        at = LIBC.mmap(None, size >> shrink, 3, 0x4022, -1, 0)  # private, anonymous, no reserve
        if at != ctypes.c_void_p(-1).value:
            return at, size >> shrink
    raise SystemExit('no address space')


def hold():
    print('ready', flush=True)
    while True:
        LIBC.pause()


def busy():
    """Allocate in new places for as long as anybody looks."""
    print('ready', flush=True)
    ring = collections.deque(maxlen=1000)
    while True:
        ring.append([object()])
        time.sleep(0.0002)


# --- containers ---------------------------------------------------------------------------

def billion():
    """10^9 elements where there are three."""
    poke(keep([1, 2, 3]) + 16, BILLION)
    at = keep([4, 5, 6])
    poke(at + 16, BILLION)
    poke(at + 32, BILLION)
    poke(keep((7, 8, 9)) + 16, BILLION)
    poke(keep(b'bytes' * 9) + 16, 1 << 62)
    poke(keep('text' * 9) + 16, 1 << 39)
    poke(keep(bytearray(b'x' * 9)) + 16, 1 << 61)
    poke(keep(10 ** 30) + 16, -1 if V < (3, 12) else -8)
    poke(keep(collections.deque([1, 2])) + 16, BILLION)
    poke(keep({1, 2, 3}) + 32, (1 << 40) - 1)
    hold()


def sparse():
    """A list, a tuple, a set and a dict of as many items as address space has room for."""
    at, size = nowhere(1 << 44)
    for n, thing in enumerate((keep([1, 2]), keep([3, 4]), keep([5, 6]))):
        poke(thing + 24, at + n * 4096)
        poke(thing + 16, size // 8 - 1024)
        poke(thing + 32, size // 8 - 1024)
    table = keep({'x', 'y'})
    poke(table + 32, (1 << 38) - 1)
    poke(table + 40, at)
    big = at + size // 2 & ~15
    real = keep((1, 2))
    for offset in range(0, TUPLE_ITEMS, 8):
        poke(big + offset, peek(real + offset))
    poke(big + 16, size // 32)
    holder = keep([None, None])
    poke(peek(holder + 24), big)
    hold()


def dicts():
    """Keys that say they have room for 2^255, for 2^40 and for more than they have."""
    for log2, entries, usable in ((255, 8, 5), (40, 1 << 40, 0), (3, 1 << 62, 1 << 62), (3, -1, -1)):
        keys = peek(keep({'a%d' % log2: 1, entries: 2}) + 32)
        if V < (3, 11):
            poke(keys + 8, 1 << log2 if log2 < 63 else -1)
            poke(keys + 24, usable)
            poke(keys + 32, entries)
        else:
            poke8(keys + 8, log2)
            poke8(keys + 9, log2)
            poke(keys + 16, usable)
            poke(keys + 24, entries)
    at, size = nowhere(1 << 40)
    forged = keep({'b': 1})
    keys = peek(forged + 32)
    for offset in range(0, 256, 8):
        poke(at + offset, peek(keys + offset))
    if V < (3, 11):
        poke(at + 8, 1 << 33)
        poke(at + 32, 1 << 32)
    else:
        poke8(at + 8, 33)
        poke8(at + 9, 35)
        poke(at + 24, 1 << 32)
    poke(forged + 32, at)
    hold()


def circles():
    """Lists whose next is themselves: the collector's, a deque's, weak references', malloc's."""
    class Linked:
        pass
    things = [[i] for i in range(100)]
    keep(things)
    one = keep([1])
    gc.disable()
    poke(one - 16, one - 16)                    # gc next
    poke(id(things[50]) - 16, id(things[10]) - 16)
    queue = keep(collections.deque(range(1000)))
    block = peek(queue + 24)
    poke(block + 65 * 8, block)                 # rightlink
    poke(block, block)
    target = Linked()
    kept.append(target)
    import weakref
    references = [weakref.ref(target, lambda _: None) for _ in range(3)]
    for reference in references:
        keep(reference)
        for offset in range(16, 64, 8):
            if peek(id(reference) + offset) in map(id, references):
                poke(id(reference) + offset, id(reference))
    chunks = [LIBC.malloc(200) for _ in range(4)]
    for chunk in chunks:
        LIBC.free(chunk)
    for chunk in chunks:
        poke(chunk, (chunk >> 12) ^ chunk)      # tcache: next, mangled
    hold()


def malloc():
    """Chunks of glibc's heap whose sizes are none."""
    for size in (0, 1, 8, 1 << 60, -1, 0x21, (1 << 32) + 1):
        chunk = LIBC.malloc(3000)
        poke(chunk - 8, size)
        kept.append(chunk)
    hold()


def pools():
    """Heads of pymalloc's pools that say what cannot be, lists of free blocks in circles."""
    mask = ~((16384 if V >= (3, 10) else 4096) - 1)
    rare = [bytes(360) for _ in range(2000)]    # a size nobody else here asks for
    kept.append(rare)
    seen = sorted({id(x) & mask for x in rare})
    for n, pool in enumerate(seen[1:-1][:8]):
        block = pool + 48
        if n == 0:
            poke(block, block)
            poke(pool + 8, block)               # freeblock: a circle
        elif n == 1:
            ctypes.c_uint32.from_address(pool).value = 0xffffffff   # ref.count
        elif n == 2:
            ctypes.c_uint32.from_address(pool + 36).value = 0xfffffff0  # szidx
        elif n == 3:
            ctypes.c_uint32.from_address(pool + 40).value = 0xfffffff0  # nextoffset
        elif n == 4:
            poke(pool + 8, 8)
        elif n == 5:
            poke(pool + 16, pool)               # nextpool
        elif n == 6:
            ctypes.c_uint32.from_address(pool + 32).value = 0xffffffff  # arenaindex
    hold()


def counts():
    """Reference counts that are none."""
    things = [object() for _ in range(1000)]
    kept.append(things)
    for n, thing in enumerate(things):
        poke(id(thing), (0, -1, 1 << 31, (1 << 63) - 1, 1 << 40)[n % 5])
    hold()


# --- types --------------------------------------------------------------------------------

def forge(source, count, stride=1024):
    """Copies of a type object in memory of their own."""
    at, _ = nowhere(count * stride)
    head = ctypes.string_at(id(source) - 16, 16 + type.__basicsize__)
    for n in range(count):
        ctypes.memmove(at + n * stride, head, min(len(head), stride))
    return [at + n * stride + 16 for n in range(count)]


def instances(types):
    things = [object() for _ in types]
    kept.append(things)
    for thing, kind in zip(things, types):
        poke(id(thing) + 8, kind)


def types():
    """Sizes, names and ancestors of types that cannot be."""
    class Victim:
        pass
    kept.append(Victim)
    forged = forge(Victim, 40)
    name, _ = nowhere(10 << 20)
    ctypes.memset(name, ord('N'), (10 << 20) - 1)
    absurd = [0, -1, 1, 1 << 20, (1 << 20) + 1, 1 << 62, -(1 << 63), 65536]
    for n, kind in enumerate(forged):
        value = absurd[n // 8 + n % 8 - 8 if n // 8 + n % 8 >= 8 else n // 8 + n % 8]
        field = (32, 40, 288, 208, 256)[n % 5]  # basicsize itemsize dictoffset weaklist base
        poke(kind + field, value)
        if n % 7 == 0:
            poke(kind + 24, name)
            poke(kind + 168, peek(kind + 168) & ~0x200)     # no heap type: the name counts
    poke(forged[1] + 256, forged[1])            # its own base
    poke(forged[2] + 256, forged[3])
    poke(forged[3] + 256, forged[2])
    poke(forged[4] + 8, forged[4])              # its own type
    poke(forged[5] + 8, forged[6])
    poke(forged[6] + 8, forged[5])
    poke(forged[7] + 24, 8)                     # a name nowhere
    instances(forged * 10)
    hold()


def many_types():
    """A hundred thousand types nobody made, each with an instance."""
    class Victim:
        pass
    kept.append(Victim)
    instances(forge(Victim, 100000, 1024))
    hold()


def chain():
    """A type with a hundred thousand ancestors."""
    class Victim:
        pass
    kept.append(Victim)
    forged = forge(Victim, 100000, 1024)
    for one, other in zip(forged, forged[1:]):
        poke(one + 256, other)
    instances(forged[:1000])
    hold()


# --- names, and what runs -----------------------------------------------------------------

EVIL = '\x1b]0;title\x07\x1b[2J\r\n</script><img src=x>\u202e=cmd|'


def names():
    """Ten megabytes of name for a class, a module, a function, a file and a thread."""
    long = EVIL + 'n' * (10 << 20)
    kind = type(long, (), {'__module__': long, '__slots__': ()})
    kept.append([kind() for _ in range(1000)])

    def work():
        return [[object()] for _ in range(10)]
    if V >= (3, 8):
        more = {'co_qualname': long} if V >= (3, 11) else {}
        work.__code__ = work.__code__.replace(co_name=long, co_filename=long, **more)
    threading.Thread(target=lambda: time.sleep(1000), name=long, daemon=True).start()
    LIBC.prctl(15, b'\x1b[2J\n\r</a>', 0, 0, 0)
    print('ready', flush=True)
    while True:
        kept.append(work())
        time.sleep(0.001)


def lines():
    """Ten megabytes of line table, and one that ends in the middle."""
    def work():
        return [[object()] for _ in range(10)]

    def other():
        return [[object()] for _ in range(10)]
    field = 'co_linetable' if V >= (3, 10) else 'co_lnotab'
    for f, table in ((work, b'\xff' * (10 << 20)), (other, b'\xff\xff\xff')):
        f.__code__ = f.__code__.replace(**{field: table})
    print('ready', flush=True)
    while True:
        kept.append([work(), other()])
        time.sleep(0.001)


def long_lines():
    """Waits in code whose line table is a gigabyte of address space."""
    at, _ = nowhere(1 << 40)
    table = hold.__code__.co_linetable if V >= (3, 10) else hold.__code__.co_lnotab
    ctypes.memmove(at, id(table), sys.getsizeof(table))
    poke(at + 16, 1 << 30)
    code = id(hold.__code__)
    poke(next(code + o for o in range(16, 256, 8) if peek(code + o) == id(table)), at)
    hold()


def code():
    """Code objects whose names are numbers, nothing, or end nowhere. The interpreter would crash
    at the first look at one, and so does an agent in it: they do not run."""
    made = []
    for n in range(4):
        space = {}
        exec('def work():\n    return [[object()] for _ in range(10)]', space)
        made.append(space['work'])
    for f, lie in zip(made[1:], (id(7), 8, id(BILLION))):
        at, true = id(f.__code__), (id(f.__code__.co_name), id(f.__code__.co_filename))
        for offset in range(16, 256, 8):
            if peek(at + offset) in true:
                poke(at + offset, lie)
    busy()


def frames():
    """The stack's bottom frame was called by its top frame."""
    gc.disable()

    def deeper(n):
        if n:
            return deeper(n - 1)
        top, bottom = sys._getframe(), None
        frame = top
        while frame:
            bottom, frame = frame, frame.f_back
        if V < (3, 11):
            poke(id(bottom) + 24, id(top))      # f_back
        else:
            inner, outer = peek(id(top) + 24), peek(id(bottom) + 24)    # f_frame
            previous = next(o for o in range(0, 80, 8)
                            if peek(inner + o) == peek(id(top.f_back) + 24))
            poke(outer + previous, inner)
        print('ready', flush=True)
        ring = collections.deque(maxlen=1000)
        while True:
            ring.append([object()])
            LIBC.usleep(200)
    deeper(10)


def threads():
    """A thread state whose next is itself."""
    state = ctypes.pythonapi.PyThreadState_Get
    state.restype = ctypes.c_void_p
    at = state()
    poke(at + 8, at)
    hold()


# --- what pymemprof left here, and what others wrote down -----------------------------------

SCRIBBLER = r'''
import os, random, struct, sys, time
pid, how, r = os.getppid(), sys.argv[1], random.Random(1)
def noise(n):
    return bytes(r.getrandbits(8) for _ in range(n))
def words(n):
    return struct.pack('<%dQ' % n, *[r.choice([0, 1, 2, 3, 4, 5, -1, 1 << 62, 0x317374504d50 | 4 << 48]) & (1 << 64) - 1
                                     if r.random() < .3 else r.getrandbits(r.randrange(1, 65)) for _ in range(n)])
def record():
    kind = r.randrange(6)
    if kind == 5:
        n = r.randrange(1, 40)
        return struct.pack('<QQ', 5 | r.randrange(10) << 8 | n << 16, r.getrandbits(64)) + words(n - 1)[8:]
    return struct.pack('<QQ', r.getrandbits(44) << 3 | kind, r.getrandbits(34))[:8 if kind in (1, 4) else 16]
def batch(serial):
    body = b''.join(record() for _ in range(r.randrange(1, 500)))
    size = r.choice([0, 8, 72, 81, 65544, 1 << 31, (1 << 32) - 8]) if how == 'sizes' else 80 + len(body)
    head = struct.pack('<QIIQQQQQQQQ', 0x317374504d50 | 4 << 48, size, serial, 0, 1 << 40, *[r.getrandbits(60)] * 6)
    return head[:80] + body
def mapping():
    rows = [row.split() for row in open('/proc/%d/maps' % pid)]
    at = next((i for i, row in enumerate(rows) if 'memfd:pymemprof' in ' '.join(row)), None)
    if at is None:
        return []
    parts = [int(n, 16) for n in rows[at][0].split('-')]
    return [(parts[0] - 131072, 65536), (parts[0] - 65536, 4096), (parts[0], parts[1] - parts[0])]
def pipe():
    for n in os.listdir('/proc/%d/fd' % pid):
        path = '/proc/%d/fd/%s' % (pid, n)
        if int(n) > 2 and os.readlink(path).startswith('pipe:'):
            return os.open(path, os.O_WRONLY | os.O_NONBLOCK)
    return -1
serial = 0
while os.getppid() == pid:
    try:
        if how == 'memory':
            with open('/proc/%d/mem' % pid, 'r+b', 0) as f:
                for start, size in mapping():
                    for _ in range(50):
                        f.seek(start + r.randrange(size // 8) * 8)
                        f.write(words(r.randrange(1, 512)))
        else:
            to = pipe()
            while to >= 0:
                os.write(to, batch(serial) if how != 'noise' else noise(4096) if r.random() < .5 else words(512))
                serial += 1
    except (OSError, ValueError):
        pass
    if how != 'memory' and 'to' in globals() and to >= 0:
        os.close(to)
        to = -1
    time.sleep(.002)
'''


def beside(how):
    """Another process writes to what is ours in this one, which does not touch it: the agent here would crash it."""
    import subprocess
    subprocess.Popen([sys.executable, '-c', SCRIBBLER, how])
    hold()


def agents_memory():
    beside('memory')


def pipe_noise():
    beside('noise')


def pipe_batches():
    beside('batches')


def pipe_sizes():
    beside('sizes')


def orphan():
    """Half an agent, and one of another kind, that nobody put here."""
    for head in (2, 8192):
        at = LIBC.mmap(None, 1 << 20, 3, 0x22, -1, 0)
        for offset in (0, 60 * 1024):
            poke(at + offset, 0x746e656761504d50)
            for n in range(8, head, 8):
                poke(at + offset + n, (4, at, 1 << 62, -1, at + offset, 0)[n // 8 % 6])
        for n in range(60 * 1024 + 8, 60 * 1024 + 96, 8):
            poke(at + n, at)
        LIBC.mprotect(ctypes.c_void_p(at), 1 << 20, 5)
    hold()


def tables_of_traces():
    """Where tracemalloc keeps its traces: what may be the table, in the interpreter's own data."""
    import tracemalloc
    tracemalloc.start(1)
    kept.append([bytearray(50) for _ in range(20000)])
    rows = [row.split() for row in open('/proc/self/maps')]
    memory = os.open('/proc/self/mem', os.O_RDONLY)
    sizes = {1 << n for n in range(13, 22)}
    found, last, near = [], 0, [(int(a, 16), int(b, 16)) for a, b in (row[0].split('-') for row in rows if 'w' in row[1])]
    for row in rows:
        start, end = (int(n, 16) for n in row[0].split('-'))
        name = row[5] if len(row) > 5 else ''
        ours, last = 'python' in name or (not name and start == last), end
        if not ours or 'w' not in row[1] or end - start > 16 << 20:
            last = end if 'python' in name else 0
            continue
        for at in set(array.array('Q', os.pread(memory, end - start, start))):
            n = bisect.bisect(near, (at, 1 << 64)) - 1
            if at % 8 == 0 and n >= 0 and at < near[n][1] - 64:
                try:
                    one, other = (int.from_bytes(os.pread(memory, 8, at + o), 'little') for o in (0, 8))
                except OSError:
                    continue
                if 15000 < one < 1 << 20 and other in sizes:
                    found.append((at, 0))
                elif 15000 < other < 1 << 20 and one in sizes:
                    found.append((at, 8))
    return [(at, at + first, at + 8 - first, at + 16) for at, first in found]


LATER = '''
import os, sys, time
parent, how, elsewhere = os.getppid(), sys.argv[1], int(sys.argv[2])
while not open('/proc/%d/stat' % parent).read().rpartition(')')[2].startswith(' S'):
    time.sleep(.01)
time.sleep(.1)
with open('/proc/%d/mem' % parent, 'r+b', 0) as f:
    def peek(at):
        f.seek(at)
        return int.from_bytes(f.read(8), 'little')
    def poke(at, value):
        f.seek(at)
        f.write(value.to_bytes(8, 'little'))
    for entries, buckets, place in zip(*[iter(map(int, sys.argv[3:]))] * 3):
        try:
            at, n = peek(place), peek(buckets)
            for bucket in range(n if how == 'circle' else 0):
                first = peek(at + 8 * bucket)
                if first:
                    poke(first, (first, 8, at)[bucket % 3])
            poke(entries, 1 << 35)
            if how == 'sparse':
                poke(buckets, 1 << 36)
                poke(place, elsewhere)
        except (OSError, ValueError, OverflowError):
            pass
os.write(1, b'ready\\n')
'''


def lie_later(how):
    """Another process does it when this one waits: it allocates no more, for tracemalloc would believe it."""
    import subprocess
    at, _ = nowhere(1 << 40)
    tables = tables_of_traces()
    if not tables:
        raise SystemExit('no table found')
    kept.append(subprocess.Popen([sys.executable, '-c', LATER, how, str(at), *[str(n) for t in tables for n in t[1:]]]))
    while True:
        LIBC.pause()


def traces_sparse():
    """Its table of traces has room for 2^36, which is there and empty."""
    lie_later('sparse')


def traces_circle():
    """Each chain of its table of traces ends where it began, or nowhere."""
    lie_later('circle')


def interpreters():
    """An interpreter whose next is itself."""
    get = ctypes.pythonapi.PyInterpreterState_Head
    get.restype = ctypes.c_void_p
    if V < (3, 13):
        poke(get(), get())
    hold()


def files():
    """Mapped files that say they are libpython, with heads that are none, and names to be shown."""
    import tempfile
    folder = tempfile.mkdtemp(prefix='\x1b[2J\n<a>')
    real = open(sys.executable, 'rb').read(4096)
    for n, name in enumerate(('libpython3.14.so.1.0', 'libpython3.11.so.1.0 (deleted)', 'python3.13', 'libc.so.6')):
        path = os.path.join(folder, name)
        with open(path, 'wb') as f:
            f.write(real[:24] + b'\xff' * (8 * n + 16) + real[40 + 8 * n:] if n < 3 else real)
            f.truncate(1 << 30)
        fd = os.open(path, os.O_RDWR)
        for prot in (1, 5, 3):
            LIBC.mmap(None, 1 << 20, prot, 2, fd, 0)
        os.close(fd)
        os.unlink(path)
    os.rmdir(folder)
    hold()


def moving():
    """Three threads which map, unmap and split memory all the while."""
    def churn(size):
        while True:
            at = [LIBC.mmap(None, size, 3, 0x22, -1, 0) for _ in range(50)]
            for n, a in enumerate(at):
                if n % 2:
                    LIBC.mprotect(ctypes.c_void_p(a + 4096), 4096, 1)
            for a in at:
                LIBC.munmap(a, size)
    for size in (16384, 65536, 1 << 20):
        threading.Thread(target=churn, args=(size,), daemon=True).start()
    busy()


def many_maps():
    """As many mappings as the kernel allows, half of them with a file's name of 200 bytes."""
    for n in range(60000):
        at = LIBC.mmap(None, 8192, 3, 0x22, -1, 0)
        if at == ctypes.c_void_p(-1).value:
            break
        LIBC.mprotect(ctypes.c_void_p(at), 4096, 1)
    hold()


def offsets():
    """The table of offsets at the head of the runtime is not this interpreter's (3.13 on)."""
    at = ctypes.addressof(ctypes.c_char.in_dll(ctypes.pythonapi, '_PyRuntime'))
    if ctypes.string_at(at, 8) == b'xdebugpy':
        for n in range(4, 40, 3):
            poke(at + n * 8, (1 << 40) + n)
    hold()


def offsets_near():
    """Offsets which are wrong by a word or two."""
    at = ctypes.addressof(ctypes.c_char.in_dll(ctypes.pythonapi, '_PyRuntime'))
    if ctypes.string_at(at, 8) == b'xdebugpy':
        for n in range(5, 70):
            if 0 < peek(at + n * 8) < 4096:
                poke(at + n * 8, peek(at + n * 8) + 8)
    hold()


LIES = [f for f in (billion, sparse, dicts, circles, malloc, pools, counts, types, many_types, chain, names,
                    lines, long_lines, code, frames, threads, interpreters, agents_memory, pipe_noise, pipe_batches,
                    pipe_sizes, orphan, traces_sparse, traces_circle, files, moving, many_maps, offsets, offsets_near)]

if __name__ == '__main__':
    if sys.argv[1] == '--list':
        print(*[f.__name__ for f in LIES])
    else:
        next(f for f in LIES if f.__name__ == sys.argv[1])()
