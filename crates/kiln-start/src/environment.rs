//! The variables that the program and the steps' commands get.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::PathBuf;
use std::process::Command;

use kiln_script::Template;

/// Variables for the program, and some more that only commands of steps get.
#[derive(Clone, Debug, Default)]
pub(crate) struct Environment {
    variables: BTreeMap<OsString, OsString>,
    for_steps: BTreeMap<OsString, OsString>,
}

impl Environment {
    /// What this process was given.
    pub(crate) fn of_process() -> Self {
        Self {
            variables: std::env::vars_os().collect(),
            for_steps: BTreeMap::new(),
        }
    }

    /// The value of a variable where it is text.
    pub(crate) fn get(&self, name: &str) -> Option<String> {
        let value = self
            .for_steps
            .get(OsStr::new(name))
            .or_else(|| self.variables.get(OsStr::new(name)));
        value.and_then(|value| value.to_str()).map(str::to_owned)
    }

    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.variables.insert(name.into(), value.into());
    }

    pub(crate) fn unset(&mut self, name: &str) {
        self.variables.remove(OsStr::new(name));
        self.for_steps.remove(OsStr::new(name));
    }

    /// Sets a variable for the commands of steps only; gives what it was for them before.
    pub(crate) fn set_for_steps(&mut self, name: &str, value: &str) -> Option<OsString> {
        self.for_steps.insert(name.into(), value.into())
    }

    /// Makes a variable for the commands of steps what it was before.
    pub(crate) fn restore_for_steps(&mut self, name: &str, before: Option<OsString>) {
        match before {
            Some(value) => self.for_steps.insert(name.into(), value),
            None => self.for_steps.remove(OsStr::new(name)),
        };
    }

    /// A template, filled.
    pub(crate) fn fill(&self, template: &str) -> Result<String, String> {
        Template::parse(template)
            .and_then(|template| template.fill(&|name| self.get(name)))
            .map_err(|error| error.to_string())
    }

    /// Templates, filled.
    pub(crate) fn fill_all(&self, templates: &[String]) -> Result<Vec<String>, String> {
        templates
            .iter()
            .map(|template| self.fill(template))
            .collect()
    }

    /// Gives a command the program's variables.
    pub(crate) fn give(&self, command: &mut Command) {
        command.env_clear().envs(&self.variables);
    }

    /// Gives a command of a step its variables.
    pub(crate) fn give_step(&self, command: &mut Command) {
        command
            .env_clear()
            .envs(&self.variables)
            .envs(&self.for_steps);
    }

    /// A program by its path, or by its name in `PATH`.
    pub(crate) fn find(&self, program: &OsStr) -> io::Result<PathBuf> {
        if program.as_encoded_bytes().contains(&b'/') {
            return Ok(program.into());
        }
        let path = self
            .get("PATH")
            .unwrap_or_else(|| kiln_script::PROGRAMS.to_owned());
        path.split(':')
            .filter(|folder| !folder.is_empty())
            .map(|folder| PathBuf::from(folder).join(program))
            .find(|place| place.is_file())
            .ok_or_else(|| {
                io::Error::new(
                    io::ErrorKind::NotFound,
                    format!("it is not in PATH ({path})"),
                )
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steps_get_hides_the_programs_variables_and_gives_them_back() {
        let mut environment = Environment::default();
        environment.set("FOLDER", "/data");
        let outer = environment.set_for_steps("FOLDER", "/outer");
        let inner = environment.set_for_steps("FOLDER", "/inner");
        assert_eq!(environment.get("FOLDER").as_deref(), Some("/inner"));
        environment.restore_for_steps("FOLDER", inner);
        assert_eq!(environment.get("FOLDER").as_deref(), Some("/outer"));
        environment.restore_for_steps("FOLDER", outer);
        assert_eq!(environment.get("FOLDER").as_deref(), Some("/data"));
    }
}
