//! The steps, one after the other. The first that fails ends the container, with a message that
//! names it.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use kiln_script::{Action, Case, Condition, Step, Test};

use crate::environment::Environment;
use crate::supervise::{Ended, Supervisor, pid_of};
use crate::{Stop, files, say, system, user, wait, whole};

/// How long to wait between two tries.
const BETWEEN: Duration = Duration::from_millis(200);

/// Does steps.
pub(crate) struct Runner<'a> {
    supervisor: &'a mut Supervisor,
    environment: &'a mut Environment,
    /// The place of the step that is done: its number, and those of the blocks around it.
    place: Vec<usize>,
    /// Servers that run meanwhile.
    servers: Vec<(i32, String)>,
}

impl<'a> Runner<'a> {
    pub(crate) fn new(supervisor: &'a mut Supervisor, environment: &'a mut Environment) -> Self {
        Self {
            supervisor,
            environment,
            place: Vec::new(),
            servers: Vec::new(),
        }
    }

    /// Does steps in order.
    pub(crate) fn run(&mut self, steps: &[Step]) -> Result<(), Stop> {
        for (index, step) in steps.iter().enumerate() {
            self.place.push(index + 1);
            let done = self.step(step);
            self.place.pop();
            done?;
        }
        Ok(())
    }

    fn step(&mut self, step: &Step) -> Result<(), Stop> {
        if let Some(signal) = self.supervisor.asked_to_stop() {
            return Err(Stop::Signal(signal));
        }
        let place: Vec<String> = self.place.iter().map(usize::to_string).collect();
        let named = |message: String| {
            // The innermost step has said where.
            if message.starts_with("step ") {
                message
            } else {
                format!(
                    "step {} ({}): {message}",
                    place.join("."),
                    step.action.describe()
                )
            }
        };
        let outcome = match self.holds(&step.when) {
            Ok(false) => Ok(()),
            Ok(true) => self.action(&step.action),
            Err(message) => Err(message.into()),
        };
        outcome.map_err(|stop| match stop {
            Stop::Failed(message) => Stop::Failed(named(message)),
            signal @ Stop::Signal(_) => signal,
        })
    }

    fn holds(&self, conditions: &[Condition]) -> Result<bool, String> {
        for condition in conditions {
            let is = match &condition.test {
                Test::Set(name) => self
                    .environment
                    .get(name)
                    .is_some_and(|value| !value.is_empty()),
                Test::Equals(name, value) => {
                    self.environment.get(name).unwrap_or_default()
                        == self.environment.fill(value)?
                }
                Test::Exists(path) => Path::new(&self.environment.fill(path)?).exists(),
            };
            if is != condition.wanted {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn action(&mut self, action: &Action) -> Result<(), Stop> {
        let environment = &mut *self.environment;
        match action {
            Action::Default { name, value } => {
                if environment.get(name).is_none_or(|value| value.is_empty()) {
                    let value = environment.fill(value)?;
                    environment.set(name, &value);
                }
            }
            Action::Secret { name } => secret(name, environment)?,
            Action::Unset { name } => environment.unset(name),
            Action::Refuse { message } => return Err(Stop::Failed(environment.fill(message)?)),
            Action::Writable {
                path,
                mode,
                own,
                note,
            } => {
                let note = environment.fill(note)?;
                files::writable(&environment.fill(path)?, *mode, *own, &note)?;
            }
            Action::File {
                path,
                mode,
                append,
                content,
            } => {
                let content = environment.fill(content)?;
                files::write(&environment.fill(path)?, *mode, *append, &content)?;
            }
            Action::Remove { path } => files::remove(&environment.fill(path)?)?,
            Action::Fill {
                from,
                to,
                mode,
                keep_unknown,
            } => {
                let (from, to) = (environment.fill(from)?, environment.fill(to)?);
                files::fill(&from, &to, *mode, *keep_unknown, environment)?;
            }
            Action::Account {
                name,
                home,
                folder,
                library,
            } => {
                let folder = environment.fill(folder)?;
                let library = &environment.fill(library)?;
                account(
                    name,
                    &environment.fill(home)?,
                    &folder,
                    library,
                    environment,
                )?;
            }
            Action::WaitTcp { address, timeout } => {
                let address = environment.fill(address)?;
                self.until(*timeout, &mut |_| wait::tcp(&address).map(|_| ()))?;
            }
            Action::WaitHttp {
                url,
                status,
                timeout,
            } => {
                let url = environment.fill(url)?;
                self.until(*timeout, &mut |_| match wait::http(&url)? {
                    answer if answer == *status => Ok(()),
                    answer => Err(format!("it answers with status {answer}, not {status}")),
                })?;
            }
            Action::WaitRun { command, timeout } => {
                let command = environment.fill_all(command)?;
                self.until(*timeout, &mut |runner| match runner.command(
                    &command,
                    None,
                    Stdio::null(),
                )? {
                    Ended::Code(0) => Ok(()),
                    ended => Err(ended.to_string()),
                })?;
            }
            Action::Run {
                command,
                words,
                input,
            } => self.run_command(command, words.as_deref(), input.as_deref())?,
            Action::Once { path, steps } => {
                if !Path::new(&environment.fill(path)?).exists() {
                    self.run(steps)?;
                }
            }
            Action::Whole { path, last, steps } => self.whole(path, last, steps)?,
            Action::User { name } => user::become_user(name, environment)?,
            Action::Serve {
                command,
                signal,
                steps,
            } => self.serve(
                command,
                i32::try_from(*signal).unwrap_or(system::SIGTERM),
                steps,
            )?,
            Action::Each { folder, cases } => self.each(folder, cases)?,
        }
        Ok(())
    }

    /// Tries until it works, or the time is over, or somebody asks for the end.
    fn until(
        &mut self,
        seconds: u32,
        attempt: &mut dyn FnMut(&mut Self) -> Result<(), String>,
    ) -> Result<(), Stop> {
        let deadline = Instant::now() + Duration::from_secs(seconds.into());
        loop {
            let Err(reason) = attempt(self) else {
                return Ok(());
            };
            if let Some(signal) = self.supervisor.asked_to_stop() {
                return Err(Stop::Signal(signal));
            }
            self.check_servers()?;
            if Instant::now() >= deadline {
                return Err(format!("no answer within {seconds} s: {reason}").into());
            }
            self.supervisor.pause(BETWEEN);
        }
    }

    fn check_servers(&mut self) -> Result<(), Stop> {
        for (pid, program) in &self.servers {
            if let Some(ended) = self.supervisor.ended(*pid) {
                return Err(format!("`{program}` is gone: {ended}").into());
            }
        }
        Ok(())
    }

    /// Runs a command to its end.
    fn command(
        &mut self,
        words: &[String],
        input: Option<&str>,
        output: Stdio,
    ) -> Result<Ended, String> {
        let mut command = self.prepare(words)?;
        command.stdout(output);
        command.stdin(if input.is_some() {
            Stdio::piped()
        } else {
            Stdio::null()
        });
        let fail = |error: std::io::Error| cannot_start(words, &error);
        let mut child = self.supervisor.spawn_step(&mut command).map_err(fail)?;
        if let (Some(text), Some(mut pipe)) = (input, child.stdin.take()) {
            // A command that does not read its input to the end says so by how it ends.
            let _ = pipe.write_all(text.as_bytes());
        }
        Ok(self.supervisor.wait(pid_of(&child)))
    }

    fn prepare(&self, words: &[String]) -> Result<Command, String> {
        let Some((program, arguments)) = words.split_first() else {
            return Err("the command is empty".to_owned());
        };
        let place = self.environment.find(program.as_ref());
        let mut command = Command::new(place.map_err(|error| cannot_start(words, &error))?);
        std::os::unix::process::CommandExt::arg0(&mut command, program);
        command.args(arguments);
        self.environment.give_step(&mut command);
        Ok(command)
    }

    fn run_command(
        &mut self,
        command: &[String],
        words: Option<&str>,
        input: Option<&str>,
    ) -> Result<(), Stop> {
        let mut command = self.environment.fill_all(command)?;
        if let Some(value) = words.and_then(|name| self.environment.get(name)) {
            command.extend(split_words(&value)?);
        }
        let input = input
            .map(|input| self.environment.fill(input))
            .transpose()?;
        let ended = self.command(&command, input.as_deref(), Stdio::inherit())?;
        if let Some(signal) = self.supervisor.asked_to_stop() {
            return Err(Stop::Signal(signal));
        }
        match ended {
            Ended::Code(0) => Ok(()),
            ended => Err(format!("`{}` failed: {ended}", command[0]).into()),
        }
    }

    fn serve(&mut self, command: &[String], signal: i32, steps: &[Step]) -> Result<(), Stop> {
        let words = self.environment.fill_all(command)?;
        let mut command = self.prepare(&words)?;
        command.stdin(Stdio::null());
        let child = self
            .supervisor
            .spawn_step(&mut command)
            .map_err(|error| cannot_start(&words, &error))?;
        let pid = pid_of(&child);
        self.servers.push((pid, words[0].clone()));
        let outcome = self.run(steps);
        self.servers.pop();
        let ended = self.supervisor.stop(pid, signal);
        outcome?;
        if let Some(signal) = self.supervisor.asked_to_stop() {
            return Err(Stop::Signal(signal));
        }
        match ended {
            Ended::Code(0) => Ok(()),
            ended => Err(format!("`{}` did not stop cleanly: {ended}", words[0]).into()),
        }
    }

    fn whole(&mut self, path: &str, last: &str, steps: &[Step]) -> Result<(), Stop> {
        let path = self.environment.fill(path)?;
        let Some(work) = whole::begin(&path, last)? else {
            return Ok(());
        };
        let before = self.environment.set_for_steps("FOLDER", work.place());
        let outcome = self.run(steps);
        self.environment.restore_for_steps("FOLDER", before);
        outcome?;
        Ok(work.finish()?)
    }

    fn each(&mut self, folder: &str, cases: &[Case]) -> Result<(), Stop> {
        let folder = self.environment.fill(folder)?;
        for file in files::files_of(&folder)? {
            let Some(case) = cases.iter().find(|case| file.ends_with(&case.suffix)) else {
                say(&format!("`{file}` is passed over"));
                continue;
            };
            if case.steps.is_empty() {
                continue;
            }
            say(&format!("doing `{file}`"));
            let before = self.environment.set_for_steps("FILE", &file);
            let outcome = self.run(&case.steps);
            self.environment.restore_for_steps("FILE", before);
            outcome?;
        }
        Ok(())
    }
}

fn cannot_start(words: &[String], error: &std::io::Error) -> String {
    let program = words.first().map_or("", String::as_str);
    format!("`{program}` cannot be started: {error}")
}

/// `NAME` from the file that `NAME_FILE` names. One line end at its end is not part of it, as in
/// `$(< file)`.
fn secret(name: &str, environment: &mut Environment) -> Result<(), String> {
    let pointer = format!("{name}_FILE");
    let Some(path) = environment.get(&pointer).filter(|path| !path.is_empty()) else {
        return Ok(());
    };
    if environment.get(name).is_some_and(|value| !value.is_empty()) {
        return Err(format!(
            "both {name} and {pointer} are set (but are exclusive): keep one of them"
        ));
    }
    let text = files::read_text(&path).map_err(|error| format!("{pointer}: {error}"))?;
    let text = text.trim_end_matches(['\n', '\r']);
    if text.contains('\0') {
        return Err(format!("{pointer}: `{path}` holds a NUL"));
    }
    environment.set(name, text);
    environment.unset(&pointer);
    Ok(())
}

/// A name for a uid that has none.
fn account(
    name: &str,
    home: &str,
    folder: &str,
    library: &str,
    environment: &mut Environment,
) -> Result<(), String> {
    let (uid, gid) = system::identity();
    let known = |path: &str, id: u32| -> (bool, String) {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let id = id.to_string();
        let found = text
            .lines()
            .any(|line| line.split(':').nth(2) == Some(id.as_str()));
        (found, text)
    };
    let (has_user, mut users) = known("/etc/passwd", uid);
    let (has_group, mut groups) = known("/etc/group", gid);
    if has_user {
        return Ok(());
    }
    if users
        .lines()
        .any(|line| line.split(':').next() == Some(name))
    {
        users = users
            .lines()
            .filter(|line| line.split(':').next() != Some(name))
            .map(|line| format!("{line}\n"))
            .collect();
    }
    users.push_str(&format!("{name}:x:{uid}:{gid}::{home}:/usr/sbin/nologin\n"));
    if !has_group {
        groups.push_str(&format!("{name}-{gid}:x:{gid}:\n"));
    }
    let (passwd, group) = (format!("{folder}/passwd"), format!("{folder}/group"));
    files::write(&passwd, 0o644, false, &users)?;
    files::write(&group, 0o644, false, &groups)?;
    environment.set_for_steps("NSS_WRAPPER_PASSWD", &passwd);
    environment.set_for_steps("NSS_WRAPPER_GROUP", &group);
    environment.set_for_steps("LD_PRELOAD", library);
    Ok(())
}

/// The words of a text, apart by blanks, with `'…'` and `"…"` as quotes and nothing else special.
fn split_words(text: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for letter in text.chars() {
        match (quote, letter) {
            (Some(open), _) if letter == open => quote = None,
            (None, '\'' | '"') => {
                quote = Some(letter);
                word.get_or_insert_with(String::new);
            }
            (None, _) if letter.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_with(String::new).push(letter),
        }
    }
    if quote.is_some() {
        return Err(format!("a quote in `{text}` is not closed"));
    }
    words.extend(word);
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_apart_by_blanks() {
        assert_eq!(split_words("").unwrap(), Vec::<String>::new());
        assert_eq!(
            split_words(" -k --x='a b'  \"\" c\"d\"e ").unwrap(),
            ["-k", "--x=a b", "", "cde"]
        );
        assert!(split_words("a 'b").is_err());
    }
}
