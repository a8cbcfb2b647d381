//! The few system calls that the standard library has no words for. Linux, 64 bit.

#![expect(
    unsafe_code,
    reason = "signals, waiting for any child and the terminal are only reachable through libc, and a start program of one small file takes no crate for a dozen functions"
)]

use std::ffi::{CString, c_char, c_int, c_ulong, c_void};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

pub(crate) const SIGHUP: i32 = 1;
pub(crate) const SIGINT: i32 = 2;
pub(crate) const SIGQUIT: i32 = 3;
pub(crate) const SIGKILL: i32 = 9;
pub(crate) const SIGTERM: i32 = 15;
pub(crate) const SIGCHLD: i32 = 17;
pub(crate) const SIGCONT: i32 = 18;
pub(crate) const SIGTSTP: i32 = 20;
pub(crate) const SIGTTIN: i32 = 21;
pub(crate) const SIGTTOU: i32 = 22;

/// `sigset_t`: 1024 bits, in both C libraries.
#[repr(C)]
struct SignalSet([u64; 16]);

#[repr(C)]
struct Timespec {
    seconds: i64,
    nanoseconds: i64,
}

const SIG_SETMASK: c_int = 2;
const WNOHANG: c_int = 1;
const PR_SET_CHILD_SUBREAPER: c_int = 36;
const W_OK: c_int = 2;
const X_OK: c_int = 1;
const LOCK_EX: c_int = 2;
const LOCK_NB: c_int = 4;

unsafe extern "C" {
    fn sigfillset(set: *mut SignalSet) -> c_int;
    fn pthread_sigmask(how: c_int, set: *const SignalSet, old: *mut SignalSet) -> c_int;
    fn sigtimedwait(set: *const SignalSet, info: *mut c_void, timeout: *const Timespec) -> c_int;
    fn waitpid(pid: c_int, status: *mut c_int, options: c_int) -> c_int;
    fn kill(pid: c_int, signal: c_int) -> c_int;
    fn prctl(option: c_int, argument: c_ulong, ...) -> c_int;
    fn getuid() -> u32;
    fn getgid() -> u32;
    fn isatty(descriptor: c_int) -> c_int;
    fn tcsetpgrp(descriptor: c_int, group: c_int) -> c_int;
    fn setgroups(size: usize, list: *const u32) -> c_int;
    fn setgid(gid: u32) -> c_int;
    fn setuid(uid: u32) -> c_int;
    fn flock(descriptor: c_int, operation: c_int) -> c_int;
    fn access(path: *const c_char, mode: c_int) -> c_int;
}

fn all_signals() -> SignalSet {
    let mut set = SignalSet([0; 16]);
    // SAFETY: `set` is a whole `sigset_t`.
    unsafe { sigfillset(&mut set) };
    set
}

/// Holds back every signal that can be: they are then asked for with [`next_signal`].
pub(crate) fn block_signals() -> io::Result<()> {
    let set = all_signals();
    // SAFETY: the set is initialised; the old mask is not asked for.
    match unsafe { pthread_sigmask(SIG_SETMASK, &set, std::ptr::null_mut()) } {
        0 => Ok(()),
        error => Err(io::Error::from_raw_os_error(error)),
    }
}

/// Has a command begin with no signal held back: a child inherits what is held back here.
pub(crate) fn give_signals(command: &mut std::process::Command) {
    let release = || {
        let none = SignalSet([0; 16]);
        // SAFETY: an empty set is all zeros; the old mask is not asked for.
        match unsafe { pthread_sigmask(SIG_SETMASK, &none, std::ptr::null_mut()) } {
            0 => Ok(()),
            error => Err(io::Error::from_raw_os_error(error)),
        }
    };
    // SAFETY: between fork and exec only `pthread_sigmask` is called, which is async-signal-safe
    // (signal-safety(7)); nothing is allocated.
    unsafe { std::os::unix::process::CommandExt::pre_exec(command, release) };
}

/// The next signal, or none within the time; `None` waits for ever.
pub(crate) fn next_signal(timeout: Option<Duration>) -> Option<i32> {
    let set = all_signals();
    let limit = timeout.map(|timeout| Timespec {
        seconds: i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX),
        nanoseconds: i64::from(timeout.subsec_nanos()),
    });
    let limit = limit.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
    // SAFETY: set and limit live until the call returns; no information is asked for.
    let signal = unsafe { sigtimedwait(&set, std::ptr::null_mut(), limit) };
    (signal > 0).then_some(signal)
}

/// A child that ended, with its wait status.
pub(crate) fn reap() -> Option<(i32, i32)> {
    let mut status = 0;
    // SAFETY: `status` is an int that the call may write.
    let pid = unsafe { waitpid(-1, &mut status, WNOHANG) };
    (pid > 0).then_some((pid, status))
}

/// Sends a signal to a process.
pub(crate) fn send(pid: i32, signal: i32) {
    // SAFETY: takes numbers only. That the process is gone already is no error here.
    unsafe { kill(pid, signal) };
}

/// Orphans below this process become its children even where it is not PID 1.
pub(crate) fn adopt_orphans() {
    let on: c_ulong = 1;
    // SAFETY: takes numbers only; PID 1 has them anyway, so that a refusal does no harm.
    unsafe { prctl(PR_SET_CHILD_SUBREAPER, on) };
}

/// The uid and gid that this runs as.
pub(crate) fn identity() -> (u32, u32) {
    // SAFETY: these calls take nothing and cannot fail.
    unsafe { (getuid(), getgid()) }
}

/// Sends a signal to every process of a group.
pub(crate) fn send_to_group(group: i32, signal: i32) {
    // The group is that of a child, which has it for its number: never 0 or 1, which would be others.
    if group > 1 {
        send(-group, signal);
    }
}

/// Becomes another user, with one group.
pub(crate) fn become_user(uid: u32, gid: u32) -> io::Result<()> {
    let done = |code: c_int| match code {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    };
    // The groups first: after the user has changed nobody may change them.
    // SAFETY: the list is one number that lives until the call returns.
    done(unsafe { setgroups(1, &gid) })?;
    // SAFETY: takes a number only.
    done(unsafe { setgid(gid) })?;
    // SAFETY: takes a number only.
    done(unsafe { setuid(uid) })
}

/// Takes the lock of an open file or directory; false where somebody else has it. It ends with the
/// descriptor. File systems without locks (flock(2), NFS) have nobody hold one.
pub(crate) fn lock(file: &std::fs::File) -> bool {
    // SAFETY: the descriptor is open as long as `file` is borrowed.
    let code = unsafe { flock(file.as_raw_fd(), LOCK_EX | LOCK_NB) };
    code == 0 || io::Error::last_os_error().kind() != io::ErrorKind::WouldBlock
}

/// Gives the terminal, if standard input is one, to a process group.
pub(crate) fn give_terminal(group: i32) {
    // SAFETY: takes numbers only. A refusal leaves the terminal as it is.
    unsafe {
        if isatty(0) == 1 {
            tcsetpgrp(0, group);
        }
    }
}

/// Whether standard input is a terminal.
pub(crate) fn has_terminal() -> bool {
    // SAFETY: takes a number only.
    unsafe { isatty(0) == 1 }
}

/// Whether a directory can be written and entered: the kernel's own answer, with read-only file
/// systems and access lists in it.
pub(crate) fn check_writable(path: &Path) -> io::Result<()> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    // SAFETY: the path ends with NUL and lives until the call returns.
    match unsafe { access(path.as_ptr(), W_OK | X_OK) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
