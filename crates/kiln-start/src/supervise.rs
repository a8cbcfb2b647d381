//! Children and signals, in one thread: all signals are blocked and asked for one by one, so that
//! nothing happens in a handler.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::environment::Environment;
use crate::system::{self, SIGCHLD, SIGCONT, SIGHUP, SIGINT, SIGKILL, SIGQUIT, SIGTERM};

/// How long something that was told to stop may take before it is killed.
const PATIENCE: Duration = Duration::from_secs(60);

/// How a child ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// With an exit code.
    Code(i32),
    /// By a signal.
    Signal(i32),
}

impl Ended {
    /// From a wait status (`wait(2)`).
    fn of(status: i32) -> Self {
        match status & 0x7f {
            0 => Self::Code((status >> 8) & 0xff),
            signal => Self::Signal(signal),
        }
    }

    /// As shells say it.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Code(code) => u8::try_from(code).unwrap_or(u8::MAX),
            Self::Signal(signal) => crate::code_of_signal(signal),
        }
    }
}

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Code(code) => write!(f, "it ended with code {code}"),
            Self::Signal(signal) => write!(f, "signal {signal} ended it"),
        }
    }
}

/// Holds the children.
pub(crate) struct Supervisor {
    /// Those that were started here and asked for later.
    children: BTreeMap<i32, Option<Ended>>,
    /// The signal that asks this to end.
    asked: Option<i32>,
}

impl Supervisor {
    /// From here on signals wait to be asked for.
    pub(crate) fn new() -> io::Result<Self> {
        system::block_signals()?;
        system::adopt_orphans();
        Ok(Self {
            children: BTreeMap::new(),
            asked: None,
        })
    }

    /// The signal that asked this to end, if one did.
    pub(crate) fn asked_to_stop(&self) -> Option<i32> {
        self.asked
    }

    /// Starts a child.
    pub(crate) fn spawn(&mut self, command: &mut Command) -> io::Result<std::process::Child> {
        system::give_signals(command);
        let child = command.spawn()?;
        self.children.insert(pid_of(&child), None);
        Ok(child)
    }

    /// How a child ended, if it has.
    pub(crate) fn ended(&mut self, pid: i32) -> Option<Ended> {
        self.reap();
        self.children.get(&pid).copied().flatten()
    }

    fn reap(&mut self) {
        while let Some((pid, status)) = system::reap() {
            // Others are orphans, and that they are reaped is all they need.
            if let Some(slot) = self.children.get_mut(&pid) {
                *slot = Some(Ended::of(status));
            }
        }
    }

    /// Waits for a signal, at most so long.
    fn next(&mut self, timeout: Option<Duration>) -> Option<i32> {
        let signal = system::next_signal(timeout);
        self.reap();
        signal.filter(|signal| *signal != SIGCHLD)
    }

    /// Waits a while; ends early when a signal asks for the end.
    pub(crate) fn pause(&mut self, time: Duration) {
        let until = Instant::now() + time;
        while self.asked.is_none() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            let signal = self.next(Some(left));
            self.note(signal);
        }
    }

    fn note(&mut self, signal: Option<i32>) {
        if let Some(signal) = signal.filter(|signal| asks_to_stop(*signal)) {
            self.asked = Some(signal);
        }
    }

    /// Waits for a step's command. A signal that asks for the end ends the command.
    pub(crate) fn wait(&mut self, pid: i32) -> Ended {
        let mut deadline: Option<Instant> = None;
        loop {
            if let Some(ended) = self.ended(pid) {
                self.children.remove(&pid);
                return ended;
            }
            let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                system::send(pid, SIGKILL);
                deadline = None;
                continue;
            }
            let signal = self.next(left);
            self.note(signal);
            if let (Some(asked), None) = (signal.and(self.asked), deadline) {
                system::send(pid, asked);
                deadline = Some(Instant::now() + PATIENCE);
            }
        }
    }

    /// Tells a child to stop and waits for it.
    pub(crate) fn stop(&mut self, pid: i32, signal: i32) -> Ended {
        system::send(pid, signal);
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(ended) = self.ended(pid) {
                self.children.remove(&pid);
                return ended;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                system::send(pid, SIGKILL);
            }
            let signal = self.next(Some(left.max(Duration::from_millis(100))));
            self.note(signal);
        }
    }

    /// Starts the program and is its parent until it ends: gives every signal on.
    pub(crate) fn start_program(
        &mut self,
        arguments: &[OsString],
        environment: &Environment,
    ) -> io::Result<u8> {
        let program = environment.find(&arguments[0])?;
        let mut command = Command::new(program);
        command.arg0(&arguments[0]).args(&arguments[1..]);
        environment.give(&mut command);
        let terminal = system::has_terminal();
        if terminal {
            // A group of its own: what the terminal sends to its foreground group comes to the
            // program once, not twice.
            command.process_group(0);
        }
        let pid = pid_of(&self.spawn(&mut command)?);
        if terminal {
            system::give_terminal(pid);
            // It may have asked for the terminal before it had it.
            system::send(pid, SIGCONT);
        }
        loop {
            if let Some(ended) = self.ended(pid) {
                return Ok(ended.code());
            }
            let job_control = [system::SIGTSTP, system::SIGTTIN, system::SIGTTOU];
            if let Some(signal) = self.next(None) {
                if !job_control.contains(&signal) {
                    system::send(pid, signal);
                }
            }
        }
    }
}

fn asks_to_stop(signal: i32) -> bool {
    [SIGTERM, SIGINT, SIGQUIT, SIGHUP].contains(&signal)
}

/// The process id as the system calls have it.
pub(crate) fn pid_of(child: &std::process::Child) -> i32 {
    // Linux has at most 2^22 of them (proc(5), pid_max).
    i32::try_from(child.id()).unwrap_or(i32::MAX)
}
