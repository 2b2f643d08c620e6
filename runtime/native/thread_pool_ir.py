"""LLVM IR of the thread pool: `thread_pool_ir()` defines `tracegraph_parallel` and the loop of a worker thread.

It is written in IR so that it needs no C compiler, works on every platform through CPython's own portable threads and
locks, costs about a microsecond per region, hands out chunks as threads become free, and never blocks on a busy pool.
"""

from typing import TYPE_CHECKING

from tracegraph.runtime.lazy import LazyModule

if TYPE_CHECKING:
    import llvmlite.binding as llvm
else:
    llvm = LazyModule("llvmlite.binding")

CHUNKS_PER_THREAD = 4
_PAUSE = {"x86_64": "pause", "aarch64": "yield", "arm64": "yield"}

_TEXT = """
; The thread pool: one caller at a time shares the chunks of one job with the workers.
;
; Pool block (64-byte lines, zeroed by the owner, never freed):
;      0  i32 taken by a caller         4  i32 number of threads, the caller included
;      8  i64 pauses that a worker makes before it begins to yield its core
;     16  i64 pauses and yields that it makes before it sleeps
;     64  i64 epoch: grows with each job that workers shall look at
;    128  ptr kernel   136 ptr table   144 i64 lo   152 i64 hi   160 i64 chunk size   168 i64 number of chunks
;    192  i64 next chunk
;    256  i64 workers inside the job; the top bit is set while no job is open
;    384  per worker, 64 bytes each: i32 sleeping; at 8 ptr to the CPython lock it sleeps on; at 16 ptr to the pool;
;         at 24 i64 epoch at its start; at 32 i32 its number, from 1 on; at 36 i32 the system's number of its thread

declare i32 @PyThread_acquire_lock(ptr, i32)
declare void @PyThread_release_lock(ptr)
declare i32 @tracegraph_yield()

define internal void @pause() alwaysinline {
  <pause>
  ret void
}

; Take chunks of the open job until none is left.
define internal void @run_chunks(ptr %pool) {
entry:
  %job = getelementptr i8, ptr %pool, i64 128
  %kernel = load ptr, ptr %job
  %table_at = getelementptr i8, ptr %pool, i64 136
  %table = load ptr, ptr %table_at
  %lo_at = getelementptr i8, ptr %pool, i64 144
  %lo = load i64, ptr %lo_at
  %hi_at = getelementptr i8, ptr %pool, i64 152
  %hi = load i64, ptr %hi_at
  %size_at = getelementptr i8, ptr %pool, i64 160
  %size = load i64, ptr %size_at
  %count_at = getelementptr i8, ptr %pool, i64 168
  %count = load i64, ptr %count_at
  %next = getelementptr i8, ptr %pool, i64 192
  br label %take
take:
  %chunk = atomicrmw add ptr %next, i64 1 monotonic
  %left = icmp slt i64 %chunk, %count
  br i1 %left, label %work, label %done
work:
  %skip = mul i64 %chunk, %size
  %start = add i64 %lo, %skip
  %full = add i64 %start, %size
  %over = icmp sgt i64 %full, %hi
  %stop = select i1 %over, i64 %hi, i64 %full
  call void %kernel(i64 %start, i64 %stop, ptr %table)
  br label %take
done:
  ret void
}

; What a worker thread runs, for ever: argument is the address of its own record; record[16] holds the pool.
define void @tracegraph_worker(ptr %record) {
entry:
  %pool_at = getelementptr i8, ptr %record, i64 16
  %pool = load ptr, ptr %pool_at
  %seen_at = getelementptr i8, ptr %record, i64 24
  %first = load i64, ptr %seen_at
  %lock_at = getelementptr i8, ptr %record, i64 8
  %lock = load ptr, ptr %lock_at
  %epoch_at = getelementptr i8, ptr %pool, i64 64
  %inside_at = getelementptr i8, ptr %pool, i64 256
  %pauses_at = getelementptr i8, ptr %pool, i64 8
  %patience_at = getelementptr i8, ptr %pool, i64 16
  <note thread>
  br label %wait
wait:
  %seen = phi i64 [ %first, %entry ], [ %now, %leave ], [ %now, %stay_out ], [ %seen, %woken ], [ %seen, %stay_awake ]
  %pauses = load atomic i64, ptr %pauses_at monotonic, align 8
  %patience = load atomic i64, ptr %patience_at monotonic, align 8
  br label %spin
spin:
  %turn = phi i64 [ 0, %wait ], [ %turn_next, %hold ], [ %turn_next, %give_way ]
  %now = load atomic i64, ptr %epoch_at acquire, align 8
  %changed = icmp ne i64 %now, %seen
  br i1 %changed, label %join, label %idle
idle:
  %turn_next = add i64 %turn, 1
  %tired = icmp sgt i64 %turn_next, %patience
  br i1 %tired, label %sleep, label %spin_on
spin_on:
  %long = icmp sgt i64 %turn_next, %pauses
  br i1 %long, label %give_way, label %hold
hold:
  call void @pause()
  br label %spin
give_way:
  %yielded = call i32 @tracegraph_yield()
  br label %spin
sleep:
  %unused = atomicrmw xchg ptr %record, i32 1 seq_cst
  %late = load atomic i64, ptr %epoch_at seq_cst, align 8
  %missed = icmp ne i64 %late, %seen
  br i1 %missed, label %stay_awake_try, label %block
stay_awake_try:
  %was = atomicrmw xchg ptr %record, i32 0 seq_cst
  %ours = icmp eq i32 %was, 1
  br i1 %ours, label %stay_awake, label %block
stay_awake:
  br label %wait
block:
  %got = call i32 @PyThread_acquire_lock(ptr %lock, i32 1)
  br label %woken
woken:
  br label %wait
join:
  %index_at = getelementptr i8, ptr %record, i64 32
  %index = load i32, ptr %index_at
  %limit_at = getelementptr i8, ptr %pool, i64 4
  %limit = load atomic i32, ptr %limit_at monotonic, align 4
  %wanted = icmp slt i32 %index, %limit
  br i1 %wanted, label %enter, label %stay_out
stay_out:
  br label %wait
enter:
  %before = atomicrmw add ptr %inside_at, i64 1 seq_cst
  %closed = icmp slt i64 %before, 0
  br i1 %closed, label %leave, label %work
work:
  call void @run_chunks(ptr %pool)
  br label %leave
leave:
  %after = atomicrmw sub ptr %inside_at, i64 1 seq_cst
  br label %wait
}

; Run kernel(lo, hi, table) in chunks of at least `grain` rows; alone when the pool is taken, single or the range small.
define internal void @run_region(ptr %pool, ptr %kernel, i64 %lo, i64 %hi, i64 %grain_given, ptr %table) {
entry:
  %rows = sub i64 %hi, %lo
  %empty = icmp sle i64 %rows, 0
  br i1 %empty, label %done, label %size
size:
  %positive = icmp sgt i64 %grain_given, 0
  %grain = select i1 %positive, i64 %grain_given, i64 1
  %threads_at = getelementptr i8, ptr %pool, i64 4
  %threads32 = load atomic i32, ptr %threads_at monotonic, align 4
  %threads = sext i32 %threads32 to i64
  %fit = sdiv i64 %rows, %grain
  %most = mul i64 %threads, <chunks per thread>
  %fewer = icmp slt i64 %fit, %most
  %wanted = select i1 %fewer, i64 %fit, i64 %most
  %several = icmp sgt i64 %wanted, 1
  %company = icmp sgt i64 %threads, 1
  %worth = and i1 %several, %company
  br i1 %worth, label %enter, label %alone
enter:
  %try = cmpxchg ptr %pool, i32 0, i32 1 acquire monotonic
  %entered = extractvalue { i32, i1 } %try, 1
  br i1 %entered, label %publish, label %alone
alone:
  call void %kernel(i64 %lo, i64 %hi, ptr %table)
  br label %done
publish:
  %rounded = add i64 %rows, %wanted
  %rounded_less = sub i64 %rounded, 1
  %chunk = sdiv i64 %rounded_less, %wanted
  %chunk_up = add i64 %rows, %chunk
  %chunk_up_less = sub i64 %chunk_up, 1
  %count = sdiv i64 %chunk_up_less, %chunk
  %job = getelementptr i8, ptr %pool, i64 128
  store ptr %kernel, ptr %job
  %table_at = getelementptr i8, ptr %pool, i64 136
  store ptr %table, ptr %table_at
  %lo_at = getelementptr i8, ptr %pool, i64 144
  store i64 %lo, ptr %lo_at
  %hi_at = getelementptr i8, ptr %pool, i64 152
  store i64 %hi, ptr %hi_at
  %size_at = getelementptr i8, ptr %pool, i64 160
  store i64 %chunk, ptr %size_at
  %count_at = getelementptr i8, ptr %pool, i64 168
  store i64 %count, ptr %count_at
  %next = getelementptr i8, ptr %pool, i64 192
  store atomic i64 0, ptr %next monotonic, align 8
  %inside_at = getelementptr i8, ptr %pool, i64 256
  %opened = atomicrmw and ptr %inside_at, i64 9223372036854775807 seq_cst
  %epoch_at = getelementptr i8, ptr %pool, i64 64
  %epoch = atomicrmw add ptr %epoch_at, i64 1 seq_cst
  br label %wake
wake:
  %worker = phi i64 [ 1, %publish ], [ %worker_next, %wake_next ]
  %more = icmp slt i64 %worker, %threads
  br i1 %more, label %look, label %share
look:
  %record_offset = mul i64 %worker, 64
  %records = getelementptr i8, ptr %pool, i64 320
  %record = getelementptr i8, ptr %records, i64 %record_offset
  %sleeping = load atomic i32, ptr %record seq_cst, align 4
  %asleep = icmp ne i32 %sleeping, 0
  br i1 %asleep, label %claim, label %wake_next
claim:
  %was = atomicrmw xchg ptr %record, i32 0 seq_cst
  %still = icmp eq i32 %was, 1
  br i1 %still, label %release, label %wake_next
release:
  <steer>
  %lock_at = getelementptr i8, ptr %record, i64 8
  %lock = load ptr, ptr %lock_at
  call void @PyThread_release_lock(ptr %lock)
  br label %wake_next
wake_next:
  %worker_next = add i64 %worker, 1
  br label %wake
share:
  call void @run_chunks(ptr %pool)
  %closed = atomicrmw or ptr %inside_at, i64 -9223372036854775808 seq_cst
  br label %gather
gather:
  %turn = phi i64 [ 0, %share ], [ %turn_next, %hold ], [ 0, %give_way ]
  %inside = load atomic i64, ptr %inside_at acquire, align 8
  %all_out = icmp eq i64 %inside, -9223372036854775808
  br i1 %all_out, label %finish, label %busy
busy:
  %turn_next = add i64 %turn, 1
  %long = icmp sgt i64 %turn_next, 2000
  br i1 %long, label %give_way, label %hold
hold:
  call void @pause()
  br label %gather
give_way:
  %yielded = call i32 @tracegraph_yield()
  br label %gather
finish:
  store atomic i32 0, ptr %pool release, align 4
  br label %done
done:
  ret void
}

define void @tracegraph_parallel(ptr %kernel, i64 %lo, i64 %hi, i64 %grain, ptr %table) {
  call void @run_region(ptr @tracegraph_pool, ptr %kernel, i64 %lo, i64 %hi, i64 %grain, ptr %table)
  ret void
}
@tracegraph_pool = external global i8

; Pause and yield so many times, for measuring how long that takes.
define void @tracegraph_idle(i64 %pauses, i64 %yields) {
entry:
  br label %test_pause
test_pause:
  %turn = phi i64 [ 0, %entry ], [ %turn_next, %hold ]
  %more = icmp slt i64 %turn, %pauses
  br i1 %more, label %hold, label %test_yield
hold:
  call void @pause()
  %turn_next = add i64 %turn, 1
  br label %test_pause
test_yield:
  %round = phi i64 [ 0, %test_pause ], [ %round_next, %give_way ]
  %again = icmp slt i64 %round, %yields
  br i1 %again, label %give_way, label %done
give_way:
  %yielded = call i32 @tracegraph_yield()
  %round_next = add i64 %round, 1
  br label %test_yield
done:
  ret void
}
"""


# Linux tends to wake a worker on the core of its waker, where it waits until the whole region is done. So a sleeper
# may wake anywhere but there. The mask has room for 1024 cores.
_STEERING = """
declare i32 @gettid()
declare i32 @sched_getcpu()
declare i32 @sched_getaffinity(i32, i64, ptr)
declare i32 @sched_setaffinity(i32, i64, ptr)
declare i64 @llvm.vector.reduce.or.v16i64(<16 x i64>)

define internal void @note_thread(ptr %record) {
  %thread = call i32 @gettid()
  %thread_at = getelementptr i8, ptr %record, i64 36
  store atomic i32 %thread, ptr %thread_at monotonic, align 4
  ret void
}

define internal void @keep_off_my_core(ptr %record) noinline {
entry:
  %mask = alloca <16 x i64>
  store <16 x i64> zeroinitializer, ptr %mask
  %asked = call i32 @sched_getaffinity(i32 0, i64 128, ptr %mask)
  %core = call i32 @sched_getcpu()
  %refused = icmp slt i32 %asked, 0
  %outside = icmp ugt i32 %core, 1023
  %unknown = or i1 %refused, %outside
  br i1 %unknown, label %done, label %clear
clear:
  %word = lshr i32 %core, 6
  %word_at = getelementptr i64, ptr %mask, i32 %word
  %wide = zext i32 %core to i64
  %place = and i64 %wide, 63
  %bit = shl i64 1, %place
  %others = xor i64 %bit, -1
  %old = load i64, ptr %word_at
  %new = and i64 %old, %others
  store i64 %new, ptr %word_at
  %all = load <16 x i64>, ptr %mask
  %any = call i64 @llvm.vector.reduce.or.v16i64(<16 x i64> %all)
  %single = icmp eq i64 %any, 0
  br i1 %single, label %done, label %steer
steer:
  %thread_at = getelementptr i8, ptr %record, i64 36
  %thread = load atomic i32, ptr %thread_at monotonic, align 4
  %set = call i32 @sched_setaffinity(i32 %thread, i64 128, ptr %mask)
  br label %done
done:
  ret void
}
"""
STEERING_SYMBOLS = ("gettid", "sched_getcpu", "sched_getaffinity", "sched_setaffinity")


def thread_pool_ir(*, steering: bool) -> str:
    """The IR for this machine, whose processor decides how a waiting thread pauses.

    With `steering` the process must have the functions `STEERING_SYMBOLS`.
    """
    architecture = str(llvm.get_process_triple()).split("-")[0]
    pause = _PAUSE.get(architecture)
    replacements = {
        "<pause>": f'call void asm sideeffect "{pause}", "~{{memory}}"()' if pause else "",
        "<chunks per thread>": str(CHUNKS_PER_THREAD),
        "<note thread>": "call void @note_thread(ptr %record)" if steering else "",
        "<steer>": "call void @keep_off_my_core(ptr %record)" if steering else "",
    }
    text = _TEXT
    for placeholder, instruction in replacements.items():
        text = text.replace(placeholder, instruction)
    return text + (_STEERING if steering else "")
