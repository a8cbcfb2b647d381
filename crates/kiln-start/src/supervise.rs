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

/// How long a server that has served its steps may take to stop before it is killed.
const PATIENCE: Duration = Duration::from_secs(60);
/// After how long what still runs is killed when a signal has asked for the end: engines kill
/// everything after ten seconds, and people want their terminal back before.
const STEP_PATIENCE: Duration = Duration::from_secs(2);
const SERVER_PATIENCE: Duration = Duration::from_secs(4);

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
    /// The signal that asks this to end, and when it came first.
    asked: Option<(i32, Instant)>,
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
        self.asked.map(|(signal, _)| signal)
    }

    /// Starts a step's command or server in a process group of its own: it is stopped with what it
    /// has started, and what a terminal sends to everybody comes only through here.
    pub(crate) fn spawn_step(&mut self, command: &mut Command) -> io::Result<std::process::Child> {
        self.spawn(command.process_group(0))
    }

    /// Starts a child.
    fn spawn(&mut self, command: &mut Command) -> io::Result<std::process::Child> {
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
            let at = self.asked.map_or_else(Instant::now, |(_, at)| at);
            self.asked = Some((signal, at));
        }
    }

    /// Waits for a step's command. A signal that asks for the end ends it and all that it started:
    /// a program that waits for its own children would not end before they do.
    ///
    /// It gets SIGTERM, whichever signal came: that one is the image's way to stop its program.
    pub(crate) fn wait(&mut self, pid: i32) -> Ended {
        let mut told = false;
        loop {
            if let Some(ended) = self.ended(pid) {
                if told {
                    // Others of its group may be left.
                    system::send_to_group(pid, SIGKILL);
                }
                self.children.remove(&pid);
                return ended;
            }
            let mut left = None;
            if let Some((_, at)) = self.asked {
                let time = (at + STEP_PATIENCE).saturating_duration_since(Instant::now());
                if !told {
                    system::send_to_group(pid, SIGTERM);
                    told = true;
                } else if time.is_zero() {
                    system::send_to_group(pid, SIGKILL);
                }
                left = Some(time.max(Duration::from_millis(100)));
            }
            let signal = self.next(left);
            self.note(signal);
        }
    }

    /// Tells a server to stop and waits for it.
    pub(crate) fn stop(&mut self, pid: i32, signal: i32) -> Ended {
        system::send(pid, signal);
        let begun = Instant::now();
        loop {
            if let Some(ended) = self.ended(pid) {
                self.children.remove(&pid);
                return ended;
            }
            let deadline = self
                .asked
                .map_or(begun + PATIENCE, |(_, at)| at + SERVER_PATIENCE);
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                system::send_to_group(pid, SIGKILL);
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
